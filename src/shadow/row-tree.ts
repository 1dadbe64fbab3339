/**
 * Rows sorted by key in a tree that is never changed: what changes it returns another root, which
 * shares all but the path to the change. So an old root is a shadow copy of everything, for free,
 * and a transaction commits by the replacement of one root by another.
 *
 * The tree is balanced by weight: no side of a node is more than three times as heavy as the
 * other, so that every operation takes logarithmic time, counting too.
 */

import { compareBytes, compareRanges } from "../base/bytes.ts";
import type { Lsn } from "../base/ids.ts";

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The position of its last write; 0 while the transaction that wrote it is not committed. */
  version: Lsn;
}

/** The empty tree is undefined. */
export type RowTree = RowNode | undefined;

export interface RowNode {
  readonly row: Row;
  readonly count: number;
  readonly left: RowTree;
  readonly right: RowTree;
}

/** One side may weigh this many times the other. */
const RATIO_MAX = 3;
/** A rotation is double if the inner grandchild weighs this many times the outer. */
const INNER_RATIO_MAX = 2;

export function countRows(tree: RowTree): number {
  return tree === undefined ? 0 : tree.count;
}

/** The row whose key is `source[at, at + length)`. */
export function findRow(
  tree: RowTree,
  source: Uint8Array,
  at: number,
  length: number,
): Row | undefined {
  let node = tree;
  while (node !== undefined) {
    const { key } = node.row;
    const order = compareRanges(source, at, length, key, 0, key.length);
    if (order === 0) return node.row;
    node = order < 0 ? node.left : node.right;
  }
  return undefined;
}

/** The tree with this row in the place of the one of its key, if there was one. */
export function putRow(tree: RowTree, row: Row): RowNode {
  if (tree === undefined) return makeNode(row, undefined, undefined);
  const order = compareBytes(row.key, tree.row.key);
  if (order < 0) return balance(tree.row, putRow(tree.left, row), tree.right);
  if (order > 0) return balance(tree.row, tree.left, putRow(tree.right, row));
  return makeNode(row, tree.left, tree.right);
}

/** The tree without the row of this key; itself if there is none. */
export function removeRow(tree: RowTree, key: Uint8Array): RowTree {
  if (tree === undefined) return undefined;
  const order = compareBytes(key, tree.row.key);
  if (order === 0) return joinSides(tree.left, tree.right);
  const side = order < 0 ? tree.left : tree.right;
  const rest = removeRow(side, key);
  if (rest === side) return tree;
  return order < 0 ? balance(tree.row, rest, tree.right) : balance(tree.row, tree.left, rest);
}

/** How many rows have keys less than `key`. */
export function rankOf(tree: RowTree, key: Uint8Array): number {
  let rank = 0;
  let node = tree;
  while (node !== undefined) {
    const isRight = compareBytes(node.row.key, key) < 0;
    if (isRight) rank += 1 + countRows(node.left);
    node = isRight ? node.right : node.left;
  }
  return rank;
}

/** Visits the rows of `[start, end)` in order until `visit` returns false; whether it never did. */
export function visitRows(
  tree: RowTree,
  start: Uint8Array,
  end: Uint8Array | undefined,
  visit: (row: Row) => boolean,
): boolean {
  if (tree === undefined) return true;
  const { key } = tree.row;
  const reachesStart = compareBytes(start, key) <= 0;
  const endsAfter = end === undefined || compareBytes(key, end) < 0;
  if (reachesStart && !visitRows(tree.left, start, end, visit)) return false;
  if (reachesStart && endsAfter && !visit(tree.row)) return false;
  return !endsAfter || visitRows(tree.right, start, end, visit);
}

/** As `visitRows`, from the last to the first. */
export function visitRowsBackward(
  tree: RowTree,
  start: Uint8Array,
  end: Uint8Array | undefined,
  visit: (row: Row) => boolean,
): boolean {
  if (tree === undefined) return true;
  const { key } = tree.row;
  const reachesStart = compareBytes(start, key) <= 0;
  const endsAfter = end === undefined || compareBytes(key, end) < 0;
  if (endsAfter && !visitRowsBackward(tree.right, start, end, visit)) return false;
  if (reachesStart && endsAfter && !visit(tree.row)) return false;
  return !reachesStart || visitRowsBackward(tree.left, start, end, visit);
}

function makeNode(row: Row, left: RowTree, right: RowTree): RowNode {
  return { row, left, right, count: 1 + countRows(left) + countRows(right) };
}

/** A node of these parts, of which one side may have gained or lost one row. */
function balance(row: Row, left: RowTree, right: RowTree): RowNode {
  if (right !== undefined && RATIO_MAX * weight(left) < weight(right)) {
    return weight(right.left) < INNER_RATIO_MAX * weight(right.right)
      ? makeNode(right.row, makeNode(row, left, right.left), right.right)
      : rotateInnerLeft(row, left, right);
  }
  if (left !== undefined && RATIO_MAX * weight(right) < weight(left)) {
    return weight(left.right) < INNER_RATIO_MAX * weight(left.left)
      ? makeNode(left.row, left.left, makeNode(row, left.right, right))
      : rotateInnerRight(row, left, right);
  }
  return makeNode(row, left, right);
}

function rotateInnerLeft(row: Row, left: RowTree, right: RowNode): RowNode {
  const inner = right.left;
  if (inner === undefined) return makeNode(right.row, makeNode(row, left, undefined), right.right);
  const outside = makeNode(right.row, inner.right, right.right);
  return makeNode(inner.row, makeNode(row, left, inner.left), outside);
}

function rotateInnerRight(row: Row, left: RowNode, right: RowTree): RowNode {
  const inner = left.right;
  if (inner === undefined) return makeNode(left.row, left.left, makeNode(row, undefined, right));
  const outside = makeNode(left.row, left.left, inner.left);
  return makeNode(inner.row, outside, makeNode(row, inner.right, right));
}

function weight(tree: RowTree): number {
  return 1 + countRows(tree);
}

/** Both sides of a node that is gone, under the smallest row of the right. */
function joinSides(left: RowTree, right: RowTree): RowTree {
  if (left === undefined) return right;
  if (right === undefined) return left;
  const heir = firstRow(right);
  return balance(heir, left, removeRow(right, heir.key));
}

function firstRow(tree: RowNode): Row {
  let node = tree;
  while (node.left !== undefined) node = node.left;
  return node.row;
}
