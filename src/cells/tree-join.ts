/** Joins pages of a tree that have become small with their neighbours. */

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
import { shareMore, writeHead } from "./page-heads.ts";
import {
  align4,
  cellAt,
  childOf,
  countOf,
  INNER_CELL_BYTES,
  numberOf,
  PAGE_BYTES,
  prefixBytesOf,
  read64,
  usedBytes,
} from "./page.ts";
import type { TreePages } from "./tree-pages.ts";

/** A page with less than this in use is joined with a neighbour. */
export const SMALL_PAGE_BYTES: number = PAGE_BYTES / 4;
/** Joined pages keep some room, so that they are not split again at once. */
const JOINED_BYTES_MAX: number = (PAGE_BYTES * 3) / 4;

export class Joiner {
  readonly #tree: TreePages;

  constructor(tree: TreePages) {
    this.#tree = tree;
  }

  /** Joins the page of the path at `level`, which has become small, with a neighbour. */
  join(level: number): void {
    const tree = this.#tree;
    const { slab, cache } = tree;
    if (level === tree.rootLevel) {
      this.#shrinkRoot();
      return;
    }
    const parent = tree.path[level + 1] as number;
    const count = countOf(slab, parent);
    if (count < 2) {
      this.join(level + 1);
      return;
    }
    const slot = tree.slots[level + 1] as number;
    const leftSlot = slot + 1 < count ? slot : slot - 1;
    const neighbour = leftSlot === slot ? slot + 1 : leftSlot;
    if (cache.find(childOf(slab, parent, neighbour)) < 0) return;
    if (!this.joinPair(level, leftSlot, JOINED_BYTES_MAX)) return;
    if (usedBytes(slab, parent) < SMALL_PAGE_BYTES) this.join(level + 1);
  }

  /**
   * Moves the content of the child in `leftSlot + 1` of the page of the path above `level` into the
   * one in `leftSlot`, if that will then hold no more than `bytesMax`.
   */
  joinPair(level: number, leftSlot: number, bytesMax: number): boolean {
    const tree = this.#tree;
    const { slab, cache } = tree;
    const parent = tree.path[level + 1] as number;
    tree.slots[level + 1] = leftSlot;
    const lowBytes = tree.readLowFence(level);
    tree.slots[level + 1] = leftSlot + 1;
    const highBytes = tree.readHighFence(level);
    const low = tree.lowFence.subarray(0, Math.max(0, lowBytes));
    const prefix = lowBytes < 0 || highBytes < 0 ? 0 : commonBytes(tree.highFence, highBytes, low);

    const right = cache.find(childOf(slab, parent, leftSlot + 1));
    let left = cache.find(childOf(slab, parent, leftSlot));
    const separatorBytes = copyKey(slab, parent, leftSlot + 1, tree.separator, 0);
    const needed =
      bytesUnderPrefix(slab, left, 0, countOf(slab, left), prefix) +
      bytesUnderPrefix(slab, right, 0, countOf(slab, right), prefix) +
      (level === 0 ? 0 : separatorBytes) +
      align4(prefix);
    if (needed > bytesMax) return false;

    if (!tree.isCurrent(left)) {
      left = tree.renew(left);
      tree.setChild(level + 1, leftSlot, numberOf(slab, left));
    }
    const scratch = tree.spare;
    clearPage(slab, scratch, level, tree.lowFence, 0, prefix);
    setIdentity(slab, scratch, numberOf(slab, left), tree.generation);
    appendCells(slab, left, 0, countOf(slab, left), scratch);
    if (level > 0) this.#appendFirstChild(right, scratch, separatorBytes);
    appendCells(slab, right, level === 0 ? 0 : 1, countOf(slab, right), scratch);
    shareMore(slab, scratch);
    slab.bytes.copyWithin(left, scratch, scratch + PAGE_BYTES);
    cache.rows.moved(left);
    closeSlot(slab, parent, leftSlot + 1);
    tree.discard(right);
    return true;
  }

  /** Appends the first child of an inner page with the separator that stood for it above. */
  #appendFirstChild(source: number, target: number, separatorBytes: number): void {
    const tree = this.#tree;
    const { slab } = tree;
    const prefixBytes = prefixBytesOf(slab, target);
    const suffixBytes = separatorBytes - prefixBytes;
    const length = align4(INNER_CELL_BYTES + suffixBytes);
    const slot = countOf(slab, target);
    const cell = openSlot(slab, target, slot, suffixBytes, length, tree.scratch);
    const from = cellAt(slab, source, 0);
    fillInnerCell(slab, cell, read64(slab, from), tree.separator, prefixBytes, suffixBytes);
    slab.bytes.copyWithin(cell + 8, from + 8, from + INNER_CELL_BYTES);
    writeHead(slab, target, slot);
  }

  /** A root with a single child gives way to it. */
  #shrinkRoot(): void {
    const tree = this.#tree;
    const { slab, cache } = tree;
    while (tree.rootLevel > 0) {
      const root = cache.find(tree.rootPage);
      if (countOf(slab, root) > 1) return;
      const child = childOf(slab, root, 0);
      if (cache.find(child) < 0) return;
      tree.rootPage = child;
      tree.rootLevel--;
      tree.discard(root);
    }
  }
}
