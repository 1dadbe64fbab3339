/**
 * Intervals of keys in order, for finding those that overlap a given one.
 *
 * A treap: a binary tree ordered by start and, among equal starts, by serial, that is a heap by
 * random priorities, which keeps it about 2 ln n deep whatever the order of insertion. Each node
 * knows how far its subtree reaches, so that a search turns back where nothing can overlap.
 * Insertion and removal take O(log n) steps, a search O(log n + what it finds).
 *
 * The priorities come from a generator with a fixed seed: the same calls make the same tree.
 */

import { must } from "../base/assert.ts";

/** The keys from `start` up to, not including, `end`; or the one key that is both. */
export interface Interval {
  readonly start: string;
  /** Undefined: to the last of all keys. */
  readonly end: string | undefined;
  /** Tells intervals of one start apart. */
  readonly serial: number;
}

interface Node<T> {
  readonly item: T;
  readonly priority: number;
  /** The greatest end in the subtree. */
  reach: string | undefined;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
}

export class IntervalTree<T extends Interval> {
  #root: Node<T> | undefined = undefined;
  #random = 0x9e3779b9;

  insert(item: T): void {
    const priority = this.#nextPriority();
    const node = { item, priority, reach: item.end, left: undefined, right: undefined };
    this.#root = insert(this.#root, node);
  }

  remove(item: T): void {
    this.#root = remove(must(this.#root, "what is removed was inserted"), item);
  }

  /** Visits, in order, what overlaps the range, until `visit` returns false. Says if it ended. */
  visitOverlaps(start: string, end: string | undefined, visit: (item: T) => boolean): boolean {
    return visitOverlaps(this.#root, start, end, visit);
  }

  /** Xorshift, of period 2^32 - 1. */
  #nextPriority(): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return this.#random;
  }
}

function insert<T extends Interval>(root: Node<T> | undefined, node: Node<T>): Node<T> {
  if (root === undefined) return node;
  if (isBefore(node.item, root.item)) {
    root.left = insert(root.left, node);
    return root.priority < root.left.priority ? rotateRight(root, root.left) : refresh(root);
  }
  root.right = insert(root.right, node);
  return root.priority < root.right.priority ? rotateLeft(root, root.right) : refresh(root);
}

function remove<T extends Interval>(root: Node<T>, item: T): Node<T> | undefined {
  if (root.item === item) return merge(root.left, root.right);
  if (isBefore(item, root.item)) {
    root.left = remove(must(root.left, "what is removed was inserted"), item);
  } else {
    root.right = remove(must(root.right, "what is removed was inserted"), item);
  }
  return refresh(root);
}

/** Joins two trees, all of the first before all of the second. */
function merge<T extends Interval>(
  left: Node<T> | undefined,
  right: Node<T> | undefined,
): Node<T> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority < right.priority) {
    right.left = merge(left, right.left);
    return refresh(right);
  }
  left.right = merge(left.right, right);
  return refresh(left);
}

function rotateRight<T extends Interval>(root: Node<T>, left: Node<T>): Node<T> {
  root.left = left.right;
  left.right = refresh(root);
  return refresh(left);
}

function rotateLeft<T extends Interval>(root: Node<T>, right: Node<T>): Node<T> {
  root.right = right.left;
  right.left = refresh(root);
  return refresh(right);
}

function refresh<T extends Interval>(node: Node<T>): Node<T> {
  let reach = node.item.end;
  if (node.left !== undefined) reach = later(reach, node.left.reach);
  if (node.right !== undefined) reach = later(reach, node.right.reach);
  node.reach = reach;
  return node;
}

function visitOverlaps<T extends Interval>(
  node: Node<T> | undefined,
  start: string,
  end: string | undefined,
  visit: (item: T) => boolean,
): boolean {
  if (node === undefined || (node.reach !== undefined && node.reach < start)) return true;
  if (!visitOverlaps(node.left, start, end, visit)) return false;

  const { item } = node;
  if (end !== undefined && end <= item.start) return true;
  if (endsAfter(item, start) && !visit(item)) return false;
  return visitOverlaps(node.right, start, end, visit);
}

/** Whether the interval has keys at or after `start`. A single key ends where it starts. */
function endsAfter(item: Interval, start: string): boolean {
  return item.end === undefined || start < item.end || start <= item.start;
}

function isBefore(left: Interval, right: Interval): boolean {
  if (left.start !== right.start) return left.start < right.start;
  return left.serial < right.serial;
}

function later(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return undefined;
  return left < right ? right : left;
}
