/**
 * Packs neighbouring leaves of one parent into fewer that are fuller: rows move to the left, and
 * what separates two leaves changes with them. No row changes, nor its version.
 *
 * Where rows come in random order, leaves are about two thirds full. As with every change of a
 * tree, who calls made sure that all of the leaves are in memory, that the path down to their
 * parent is of the current generation, and that there is a frame and a page for each of them.
 */

import { commonBytes } from "../base/bytes.ts";
import {
  appendCells,
  bytesUnderPrefix,
  clearPage,
  closeSlot,
  copyKey,
  fillInnerCell,
  openSlot,
  setIdentity,
} from "./page-edit.ts";
import { shareMore, shareWith, writeHead } from "./page-heads.ts";
import {
  align4,
  cellBytes,
  childOf,
  countOf,
  gapBytes,
  garbageOf,
  HEADER_BYTES,
  INNER_CELL_BYTES,
  KEY_BYTES_MAX,
  numberOf,
  PAGE_BYTES,
  prefixBytesOf,
  usedBytes,
} from "./page.ts";
import { Joiner } from "./tree-join.ts";
import type { TreePages } from "./tree-pages.ts";

/** Leaves are filled so far; rows that come later find room in the rest. */
const PACKED_BYTES: number = ((PAGE_BYTES - HEADER_BYTES) * 7) / 8;
/** Packing is worth it where it saves one leaf of so many. */
const SAVED_SHARE = 8;
/** Fewer bytes than this are not moved from one leaf to another. */
const MOVED_BYTES_MIN: number = PAGE_BYTES / 32;

export class Packer {
  readonly #tree: TreePages;
  readonly #joiner: Joiner;
  readonly #key = new Uint8Array(KEY_BYTES_MAX);

  constructor(tree: TreePages) {
    this.#tree = tree;
    this.#joiner = new Joiner(tree);
  }

  /** Whether the leaves in these slots of the parent on the path had better be packed. */
  isWorthIt(from: number, to: number): boolean {
    const { slab, cache, path } = this.#tree;
    let sum = 0;
    for (let slot = from; slot < to; slot++) {
      sum += usedBytes(slab, cache.peek(childOf(slab, path[1] as number, slot)));
    }
    const saved = to - from - Math.ceil(sum / PACKED_BYTES);
    return saved * SAVED_SHARE >= to - from;
  }

  /** Packs these leaves; in how many of the slots they are then. */
  pack(from: number, to: number): number {
    let end = to;
    for (let left = from; left + 1 < end;) {
      if (this.#joiner.joinPair(0, left, PACKED_BYTES)) end--;
      else {
        this.#pull(left);
        left++;
      }
    }
    return end - from;
  }

  /** Moves rows from the leaf in `leftSlot + 1` to the one in `leftSlot`, where that has room. */
  #pull(leftSlot: number): void {
    const tree = this.#tree;
    const { slab, cache, path } = tree;
    const parent = path[1] as number;
    const left = cache.peek(childOf(slab, parent, leftSlot));
    const right = cache.peek(childOf(slab, parent, leftSlot + 1));
    tree.slots[1] = leftSlot;
    const lowBytes = tree.readLowFence(0);
    tree.slots[1] = leftSlot + 1;
    const highBytes = tree.readHighFence(0);
    const low = tree.lowFence.subarray(0, Math.max(0, lowBytes));
    const prefix = lowBytes < 0 || highBytes < 0 ? 0 : commonBytes(tree.highFence, highBytes, low);
    const count = this.#countToPull(left, right, prefix);
    if (count === 0) return;
    const separator = this.#separate(right, count);
    if (!this.#replaceSeparator(parent, leftSlot + 1, separator)) return;
    const leftPrefix = lowBytes < 0 ? 0 : commonBytes(tree.lowFence, lowBytes, separator);
    const rightPrefix = highBytes < 0 ? 0 : commonBytes(tree.highFence, highBytes, separator);
    this.#move(leftSlot, count, separator, leftPrefix, rightPrefix);
  }

  /** How many of the first rows of `right` the leaf at `left` takes; `prefix` is that of both. */
  #countToPull(left: number, right: number, prefix: number): number {
    const { slab } = this.#tree;
    const before = bytesUnderPrefix(slab, left, 0, countOf(slab, left), prefix) + align4(prefix);
    const last = countOf(slab, right) - 1;
    let sum = 0;
    let count = 0;
    while (count < last) {
      const next = bytesUnderPrefix(slab, right, count, count + 1, prefix);
      if (before + sum + next > PACKED_BYTES) break;
      sum += next;
      count++;
    }
    return sum < MOVED_BYTES_MIN ? 0 : count;
  }

  /** The shortest key that is above the first `count` rows of the leaf and not above the others. */
  #separate(leaf: number, count: number): Uint8Array {
    const { slab, separator } = this.#tree;
    const lastBytes = copyKey(slab, leaf, count - 1, this.#key, 0);
    const firstBytes = copyKey(slab, leaf, count, separator, 0);
    const same = commonBytes(this.#key, lastBytes, separator.subarray(0, firstBytes));
    return separator.slice(0, same + 1);
  }

  /** Replaces what stands before the child in `slot`; false if there is no room for it. */
  #replaceSeparator(parent: number, slot: number, separator: Uint8Array): boolean {
    const { slab, scratch } = this.#tree;
    const child = childOf(slab, parent, slot);
    const prefixBytes = prefixBytesOf(slab, parent);
    const suffixBytes = separator.length - prefixBytes;
    const length = align4(INNER_CELL_BYTES + suffixBytes);
    const room = gapBytes(slab, parent) + garbageOf(slab, parent) + cellBytes(slab, parent, slot);
    if (room < length) return false;
    closeSlot(slab, parent, slot);
    shareWith(slab, parent, separator, prefixBytes, suffixBytes);
    const cell = openSlot(slab, parent, slot, suffixBytes, length, scratch);
    fillInnerCell(slab, cell, child, separator, prefixBytes, suffixBytes);
    writeHead(slab, parent, slot);
    return true;
  }

  /** Builds both leaves anew, the first `count` rows of the right one in the left one. */
  #move(
    leftSlot: number,
    count: number,
    separator: Uint8Array,
    leftPrefix: number,
    rightPrefix: number,
  ): void {
    const { slab, cache, spare, generation } = this.#tree;
    const left = this.#own(leftSlot);
    const right = this.#own(leftSlot + 1);
    clearPage(slab, spare, 0, separator, 0, leftPrefix);
    setIdentity(slab, spare, numberOf(slab, left), generation);
    appendCells(slab, left, 0, countOf(slab, left), spare);
    appendCells(slab, right, 0, count, spare);
    shareMore(slab, spare);
    slab.bytes.copyWithin(left, spare, spare + PAGE_BYTES);
    cache.rows.moved(left);

    const end = countOf(slab, right);
    slab.bytes.copyWithin(spare, right, right + PAGE_BYTES);
    clearPage(slab, right, 0, separator, 0, rightPrefix);
    appendCells(slab, spare, count, end, right);
    shareMore(slab, right);
    cache.rows.moved(right);
  }

  /** The leaf in `slot`, of the current generation. */
  #own(slot: number): number {
    const tree = this.#tree;
    const { slab, cache, path } = tree;
    const leaf = cache.peek(childOf(slab, path[1] as number, slot));
    if (tree.isCurrent(leaf)) return leaf;
    const owned = tree.renew(leaf);
    tree.setChild(1, slot, numberOf(slab, owned));
    return owned;
  }
}
