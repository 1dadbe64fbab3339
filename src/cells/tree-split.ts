/**
 * Splits pages of a tree that have no room, and enters the new ones above.
 *
 * Where rows come in ascending order the full page stays full, elsewhere each half gets half of
 * the bytes. A separator is the shortest key that keeps the two apart.
 */

import { assert } from "../base/assert.ts";
import { commonBytes } from "../base/bytes.ts";
import type { Slab } from "../base/slab.ts";
import { appendCells, clearPage, copyKey, fillInnerCell, hasRoom, openSlot } from "./page-edit.ts";
import { SHARE_COUNT, shareMore, shareWith, writeHead } from "./page-heads.ts";
import { childSlot } from "./page-search.ts";
import {
  align4,
  cellBytes,
  countOf,
  HEADER_BYTES,
  INNER_CELL_BYTES,
  levelOf,
  numberOf,
  PAGE_BYTES,
  prefixBytesOf,
  SLOT_BYTES,
  usedBytes,
} from "./page.ts";
import { LEVELS_MAX, type TreePages } from "./tree-pages.ts";

/** After this many rows in a row at the end of a leaf, more are expected there. */
const APPEND_RUN = 4;
/** A page with a longer prefix may take so much more: the prefix a word, and no cell one less. */
const PADDING_BYTES = 4;

export class Splitter {
  readonly #tree: TreePages;
  #appendPage = 0;
  #appendRun = 0;

  constructor(tree: TreePages) {
    this.#tree = tree;
  }

  /** Watches for rows that come in ascending order, whose leaves are best left full. */
  noteInsert(leaf: number, slot: number): void {
    const tree = this.#tree;
    if (slot !== countOf(tree.slab, leaf)) return;
    const number = numberOf(tree.slab, leaf);
    this.#appendRun = number === this.#appendPage ? this.#appendRun + 1 : 1;
    this.#appendPage = number;
  }

  /** Splits the leaf of the path, into which the row of `key` is to come at `slot`. */
  splitLeaf(slot: number, key: Uint8Array, at: number, length: number): void {
    const tree = this.#tree;
    const page = tree.path[0] as number;
    this.#copyToSpare(page);
    const middle = this.#splitSlot(page, slot);
    const separatorBytes = this.#makeSeparator(page, middle, key, at, length);
    this.#divide(0, middle, tree.separator.slice(0, separatorBytes), 0);
  }

  /**
   * Splits the inner page of the path at `level`, where a cell of `length` bytes for `child` is to
   * come at `slot`. True if the child is entered; false if there is room for its cell now.
   */
  #splitInner(
    level: number,
    slot: number,
    length: number,
    separator: Uint8Array,
    child: number,
  ): boolean {
    const tree = this.#tree;
    const { slab } = tree;
    const page = tree.path[level] as number;
    const count = countOf(slab, page);
    this.#copyToSpare(page);
    let middle = this.#splitSlot(page, slot);
    if (!leavesRoom(slab, page, middle, slot, length)) {
      if (1 < slot && slot < count) {
        this.#divide(level, slot, separator, child);
        return true;
      }
      middle = slot === count ? count - 1 : 1;
    }
    const middleBytes = copyKey(slab, page, middle, tree.separator, 0);
    this.#divide(level, middle, tree.separator.slice(0, middleBytes), 0);
    return false;
  }

  /**
   * The page will be built anew from what it holds. All of it is read at once, which the processor
   * does ahead; its cells, one by one, are as many waits for memory.
   */
  #copyToSpare(page: number): void {
    const { slab, spare } = this.#tree;
    slab.bytes.copyWithin(spare, page, page + PAGE_BYTES);
  }

  /**
   * Moves the cells of the page of the path at `level`, which is in `spare`, from `middle` on to a
   * new page, which begins with `child` if that is not 0.
   */
  #divide(level: number, middle: number, separator: Uint8Array, child: number): void {
    const tree = this.#tree;
    const { slab } = tree;
    const page = tree.path[level] as number;
    const lowBytes = tree.readLowFence(level);
    const highBytes = tree.readHighFence(level);
    const leftPrefix = lowBytes < 0 ? 0 : commonBytes(tree.lowFence, lowBytes, separator);
    const rightPrefix = highBytes < 0 ? 0 : commonBytes(tree.highFence, highBytes, separator);

    const rightNumber = tree.makePage(level, separator, rightPrefix);
    const right = tree.cache.find(rightNumber);
    const count = countOf(slab, page);
    tree.cache.rows.moved(page);
    tree.cache.unpin(page);
    clearPage(slab, page, level, separator, 0, leftPrefix);
    appendCells(slab, tree.spare, 0, middle, page);
    if (child !== 0) this.#enterFirst(right, child);
    appendCells(slab, tree.spare, middle, count, right);
    shareMore(slab, page);
    shareMore(slab, right);
    if (this.#appendPage === numberOf(slab, page) && middle === count) {
      this.#appendPage = rightNumber;
    }
    this.addSeparator(level + 1, separator, rightNumber);
  }

  /** Cells before the result stay, the others go to the new page on the right. */
  #splitSlot(page: number, slot: number): number {
    const tree = this.#tree;
    const { slab } = tree;
    const count = countOf(slab, page);
    const isLeaf = levelOf(slab, page) === 0;
    if (isLeaf && slot === count && this.#appendRun >= APPEND_RUN) {
      return hasRoom(slab, page, PADDING_BYTES - SLOT_BYTES) ? count : count - 1;
    }
    const used = usedBytes(slab, page);
    let sum = 0;
    let last = 0;
    let middle = 0;
    while (middle < count && sum * 2 < used) {
      last = cellBytes(slab, page, middle) + SLOT_BYTES;
      sum += last;
      middle++;
    }
    // The cell across the middle goes where less is, so that neither page is soon full again.
    if (used - sum + last < sum) middle--;
    if (!isLeaf) return Math.min(Math.max(middle, 1), count - 1);
    // One row more than fits beside a large one: it gets a page to itself.
    if (count < 2) return slot;
    return Math.min(Math.max(middle, 1), count - 1);
  }

  /** The shortest key that is above all that stays left and not above what goes right. */
  #makeSeparator(
    page: number,
    middle: number,
    key: Uint8Array,
    at: number,
    length: number,
  ): number {
    const tree = this.#tree;
    const { slab } = tree;
    const count = countOf(slab, page);
    const wanted = key.subarray(at, at + length);
    let rightBytes = length;
    if (middle < count) rightBytes = copyKey(slab, page, middle, tree.separator, 0);
    else tree.separator.set(wanted);
    let leftBytes = length;
    if (middle > 0) leftBytes = copyKey(slab, page, middle - 1, tree.lowFence, 0);
    else tree.lowFence.set(wanted);
    const same = commonBytes(tree.lowFence, leftBytes, tree.separator.subarray(0, rightBytes));
    assert(same < rightBytes, "keys of a leaf are different and in order");
    return same + 1;
  }

  /**
   * Enters a page below the page at `level` that belongs to the separator. May split that too, but
   * no more than one page of each level, and make a new root: what `prepare.ts` relies on.
   */
  addSeparator(level: number, separator: Uint8Array, child: number): void {
    const tree = this.#tree;
    const { slab } = tree;
    if (level > tree.rootLevel) this.#growRoot();
    for (;;) {
      tree.descend(level, separator, 0, separator.length);
      const page = tree.path[level] as number;
      const prefixBytes = prefixBytesOf(slab, page);
      const suffixBytes = separator.length - prefixBytes;
      const length = align4(INNER_CELL_BYTES + suffixBytes);
      const slot = childSlot(slab, page, separator, 0, separator.length) + 1;
      if (hasRoom(slab, page, length)) {
        shareWith(slab, page, separator, prefixBytes, suffixBytes);
        const cell = openSlot(slab, page, slot, suffixBytes, length, tree.scratch);
        fillInnerCell(slab, cell, child, separator, prefixBytes, suffixBytes);
        writeHead(slab, page, slot);
        if (countOf(slab, page) === SHARE_COUNT) shareMore(slab, page);
        return;
      }
      if (this.#splitInner(level, slot, length, separator, child)) return;
    }
  }

  #growRoot(): void {
    const tree = this.#tree;
    const oldRoot = tree.rootPage;
    tree.rootPage = tree.makePage(tree.rootLevel + 1, tree.separator, 0);
    tree.rootLevel++;
    assert(tree.rootLevel < LEVELS_MAX, "a tree of this height cannot be");
    const root = tree.cache.find(tree.rootPage);
    this.#enterFirst(root, oldRoot);
  }

  /** Enters a child into an empty page. */
  #enterFirst(page: number, child: number): void {
    const { slab, scratch, separator } = this.#tree;
    const cell = openSlot(slab, page, 0, 0, INNER_CELL_BYTES, scratch);
    fillInnerCell(slab, cell, child, separator, 0, 0);
    writeHead(slab, page, 0);
  }
}

/**
 * Whether the half of an inner page to which `slot` belongs will have room for a cell of `length`
 * bytes, if the cells from `middle` on go to another page.
 */
function leavesRoom(
  slab: Slab,
  page: number,
  middle: number,
  slot: number,
  length: number,
): boolean {
  const isLeft = slot <= middle;
  const end = isLeft ? middle : countOf(slab, page);
  // The first cell that goes right loses its suffix.
  let sum = isLeft ? 0 : INNER_CELL_BYTES + SLOT_BYTES;
  for (let index = isLeft ? 0 : middle + 1; index < end; index++) {
    sum += cellBytes(slab, page, index) + SLOT_BYTES;
  }
  const room = PAGE_BYTES - HEADER_BYTES - align4(prefixBytesOf(slab, page)) - PADDING_BYTES;
  return sum + length + SLOT_BYTES <= room;
}
