/**
 * Scans of a tree, forwards and backwards, within one turn.
 *
 * Pages that a scan passes over are not kept in memory for longer because of it, and where it
 * misses a leaf the next few are asked for too.
 */

import { compareRanges } from "../base/bytes.ts";
import type { Lsn } from "../base/ids.ts";
import { lsn } from "../base/ids.ts";
import { copyKey } from "./page-edit.ts";
import { childSlot, lowerBound } from "./page-search.ts";
import { cellAt, childOf, countOf, KEY_BYTES_MAX, suffixBytesOf, versionOf } from "./page.ts";
import { MISS, type Tree } from "./tree.ts";

/** The scan reached the end of its range, or its visitor had enough; or `MISS`. */
export const SCANNED = 2;
const AHEAD_PAGES = 8;
const LEVELS_MAX = 40;

export interface Row {
  readonly keyBytes: Uint8Array;
  keyLength: number;
  valueBytes: Uint8Array;
  valueAt: number;
  valueLength: number;
  version: Lsn;
}

export interface Range {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

export class Scanner {
  readonly #tree: Tree;
  readonly #path = new Int32Array(LEVELS_MAX);
  readonly #slots = new Int32Array(LEVELS_MAX);
  readonly #other = new Uint8Array(KEY_BYTES_MAX);
  readonly #row: Row;

  constructor(tree: Tree) {
    this.#tree = tree;
    this.#row = {
      keyBytes: new Uint8Array(KEY_BYTES_MAX),
      keyLength: 0,
      valueBytes: tree.slab.bytes,
      valueAt: 0,
      valueLength: 0,
      version: lsn(0),
    };
  }

  /**
   * Visits the rows of `[start, end)` in order until `visit` returns false. The row it is given is
   * the same object each time.
   */
  forward(page: number, level: number, range: Range, visit: (row: Row) => boolean): number {
    const { slab } = this.#tree;
    const { start, end } = range;
    if (this.#descend(page, level, start) === MISS) return MISS;
    let leaf = this.#path[0] as number;
    let slot = lowerBound(slab, leaf, start, 0, start.length);
    for (;;) {
      const stop = end === undefined ? countOf(slab, leaf) : this.#slotBefore(leaf, end);
      if (stop < 0) return SCANNED;
      for (; slot < stop; slot++) {
        if (this.#read(leaf, slot) === MISS) return MISS;
        if (!visit(this.#row)) return SCANNED;
      }
      if (stop < countOf(slab, leaf)) return SCANNED;
      const moved = this.#step(level, 1);
      if (moved !== 1) return moved;
      leaf = this.#path[0] as number;
      slot = 0;
    }
  }

  /** As `forward`, from the end of the range to its start. */
  backward(page: number, level: number, range: Range, visit: (row: Row) => boolean): number {
    const { slab } = this.#tree;
    const { start, end } = range;
    if (this.#descend(page, level, end) === MISS) return MISS;
    let leaf = this.#path[0] as number;
    let slot = countOf(slab, leaf);
    if (end !== undefined) slot = lowerBound(slab, leaf, end, 0, end.length);
    for (;;) {
      for (slot--; slot >= 0; slot--) {
        if (this.#compareKey(leaf, slot, start) < 0) return SCANNED;
        if (this.#read(leaf, slot) === MISS) return MISS;
        if (!visit(this.#row)) return SCANNED;
      }
      const moved = this.#step(level, -1);
      if (moved !== 1) return moved;
      leaf = this.#path[0] as number;
      slot = countOf(slab, leaf);
    }
  }

  /** The count of the leaf's rows below `end`, or -1 if the whole leaf lies beyond it. */
  #slotBefore(leaf: number, end: Uint8Array): number {
    const { slab } = this.#tree;
    const count = countOf(slab, leaf);
    if (count === 0) return 0;
    if (this.#compareKey(leaf, count - 1, end) < 0) return count;
    if (this.#compareKey(leaf, 0, end) >= 0) return -1;
    // The end lies between two keys of the leaf, so it has the leaf's prefix.
    return lowerBound(slab, leaf, end, 0, end.length);
  }

  #compareKey(leaf: number, slot: number, other: Uint8Array): number {
    const length = copyKey(this.#tree.slab, leaf, slot, this.#other, 0);
    return compareRanges(this.#other, 0, length, other, 0, other.length);
  }

  #read(leaf: number, slot: number): number {
    const { slab } = this.#tree;
    const row = this.#row;
    row.keyLength = copyKey(slab, leaf, slot, row.keyBytes, 0);
    const cell = cellAt(slab, leaf, slot);
    const found = this.#tree.readValue(cell, suffixBytesOf(slab, leaf, slot));
    row.valueBytes = this.#tree.valueBytes;
    row.valueAt = this.#tree.valueAt;
    row.valueLength = this.#tree.valueLength;
    row.version = versionOf(slab, cell) as Lsn;
    return found;
  }

  /** Goes to the leaf where `key` belongs; to the last one if there is no key. */
  #descend(page: number, level: number, key: Uint8Array | undefined): number {
    const { cache, slab } = this.#tree;
    let number = page;
    for (let below = level; ; below--) {
      const base = cache.peek(number);
      if (base < 0) return this.#tree.miss(number);
      this.#path[below] = base;
      if (below === 0) return 0;
      const last = countOf(slab, base) - 1;
      const slot = key === undefined ? last : childSlot(slab, base, key, 0, key.length);
      this.#slots[below] = slot;
      number = childOf(slab, base, slot);
    }
  }

  /** Goes to the next leaf (`by` 1) or the one before (-1): 1, or `SCANNED`, or `MISS`. */
  #step(rootLevel: number, by: 1 | -1): number {
    const { cache, slab } = this.#tree;
    let level = 1;
    for (; level <= rootLevel; level++) {
      const slot = (this.#slots[level] as number) + by;
      if (0 <= slot && slot < countOf(slab, this.#path[level] as number)) break;
    }
    if (level > rootLevel) return SCANNED;
    this.#slots[level] = (this.#slots[level] as number) + by;
    for (; level > 0; level--) {
      const base = this.#path[level] as number;
      const number = childOf(slab, base, this.#slots[level] as number);
      const child = cache.peek(number);
      if (child < 0) {
        this.#tree.miss(number);
        if (level === 1) this.#readAhead(base, this.#slots[1] as number, by);
        return MISS;
      }
      this.#path[level - 1] = child;
      if (level > 1) this.#slots[level - 1] = by === 1 ? 0 : countOf(slab, child) - 1;
    }
    return 1;
  }

  #readAhead(parent: number, from: number, by: 1 | -1): void {
    const { cache, slab } = this.#tree;
    const count = countOf(slab, parent);
    for (let step = 1; step <= AHEAD_PAGES; step++) {
      const slot = from + step * by;
      if (slot < 0 || slot >= count) return;
      const number = childOf(slab, parent, slot);
      if (cache.peek(number) < 0) this.#tree.missingAhead.add(number);
    }
  }
}
