/**
 * Brings many rows, in the order of their keys, into a tree, a leaf at a time: the way to the leaf
 * is gone once, and its page is built anew out of what it held and what comes.
 *
 * For recovery, where nobody sees the tree between two rows. What the tree holds in the end is what
 * `put` and `remove` of each row would have left there. Leaves to which few rows come, and rows
 * that are large, are left to these two.
 */

import { commonBytes, compareRanges } from "../base/bytes.ts";
import { appendCells, appendRow, clearPage, copyInto, copyKey } from "./page-edit.ts";
import { setSharedBytes } from "./page-heads.ts";
import { holdsKey, nextBound } from "./page-search.ts";
import {
  align4,
  cellAt,
  cellBytes,
  childOf,
  countOf,
  EXTENT_FLAG,
  HEADER_BYTES,
  KEY_BYTES_MAX,
  LEAF_CELL_BYTES,
  PAGE_BYTES,
  prefixBytesOf,
  SLOT_BYTES,
  suffixBytesOf,
} from "./page.ts";
import { LARGE_ROW_BYTES, type Preparation, READY, TOO_LARGE } from "./prepare.ts";
import { SMALL_PAGE_BYTES } from "./tree-join.ts";
import { MISS, type Tree } from "./tree.ts";

/** Rows in ascending order of their keys, each key once. */
export interface SortedRows {
  readonly count: number;
  /** Goes to a row: what follows is of it. */
  go(index: number): void;
  readonly isPut: boolean;
  /** The key is `bytes[keyAt, keyAt + keyBytes)`, and the value follows it. */
  readonly bytes: Uint8Array;
  readonly keyAt: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly version: number;
  /** There was no row with this key, and now there is; or the other way round. */
  changed(): void;
}

/** What `merge` returns where the rows before `end` are better put and removed one by one. */
export const ONE_BY_ONE = 7;

/** At most so many rows, and bytes of rows, come to a leaf at once. */
const ROWS_MAX = 2048;
const ROWS_BYTES_MAX: number = 12 * PAGE_BYTES;
/** So many leaves are loaded at once, besides the one that is needed now. */
const AHEAD_MAX = 24;
const SLOTS_MAX: number = PAGE_BYTES / (SLOT_BYTES + LEAF_CELL_BYTES);
/** A page is built anew for one row that comes to so many that it holds. */
const HELD_PER_ROW_MAX = 8;
const ROWS_MIN = 3;
/** In each of the pages that one becomes there is room for a row and a prefix more than this. */
const FILL_BYTES: number = PAGE_BYTES - HEADER_BYTES - 2 * LARGE_ROW_BYTES;

export class Merger {
  readonly #tree: Tree;
  readonly #preparation: Preparation;
  /** Of the rows that come, counted from the first: whether the leaf has a row with the key. */
  readonly #isHeld = new Uint8Array(ROWS_MAX);
  /** What the leaf will hold: its own slots, and rows that come as numbers less than 0. */
  readonly #merged = new Int32Array(SLOTS_MAX + ROWS_MAX);
  /** How many bytes each of these takes, with its slot. */
  readonly #sizes = new Uint16Array(SLOTS_MAX + ROWS_MAX);
  #mergedCount = 0;
  #mergedBytes = 0;
  /** Whether a row is gone, and whether the page must be built anew. */
  #removes = false;
  #mustMove = false;
  /** Where in `#merged` the second page begins, the third and so on, and what separates them. */
  #cuts: number[] = [];
  #separators: Uint8Array[] = [];
  readonly #key = new Uint8Array(KEY_BYTES_MAX);
  #highBytes = 0;
  #end = 0;

  constructor(tree: Tree, preparation: Preparation) {
    this.#tree = tree;
    this.#preparation = preparation;
  }

  /** The first row that the last `merge` said nothing of. */
  get end(): number {
    return this.#end;
  }

  /**
   * `READY` if the rows from `from` up to `end` are in the tree now, `ONE_BY_ONE`, or what stands
   * in the way, as `Preparation` says it.
   */
  merge(rows: SortedRows, from: number): number {
    const preparation = this.#preparation;
    rows.go(from);
    preparation.begin();
    const pinned = preparation.addLeaf(rows.bytes, rows.keyAt, rows.keyBytes);
    if (pinned === MISS) this.#lookAhead(rows, from);
    if (pinned !== READY) return pinned;
    this.#highBytes = this.#tree.readHighFence(0);
    if (!this.#isDense(rows, from) || !this.#plan(rows, from)) return ONE_BY_ONE;
    this.#cut(rows, from);
    const prepared = preparation.finishMerge(this.#cuts.length);
    if (prepared !== READY) return prepared === TOO_LARGE ? ONE_BY_ONE : prepared;
    if (this.#mustMove) this.#rebuild(rows, from);
    else this.#overwrite(rows, from);
    return READY;
  }

  /** If a leaf is missing, so are those of the next rows, likely: asks for them at once. */
  #lookAhead(rows: SortedRows, from: number): void {
    const { slab, cache, path, slots, missing, missingAhead } = this.#tree;
    const parent = path[1] as number;
    const slot = slots[1] as number;
    if (this.#tree.rootLevel === 0 || childOf(slab, parent, slot) !== missing) return;
    const count = countOf(slab, parent);
    const limit = Math.min(rows.count, from + ROWS_MAX);
    let index = from;
    for (let next = slot + 1; next < count && missingAhead.size < AHEAD_MAX; next++) {
      const length = copyKey(slab, parent, next, this.#key, 0);
      const first = index;
      while (index < limit && this.#isBefore(rows, index, length)) index++;
      const previous = childOf(slab, parent, next - 1);
      if (first < index && previous !== missing && cache.peek(previous) < 0) {
        missingAhead.add(previous);
      }
      if (index === limit) return;
    }
  }

  /** Whether the key of the row comes before the one in `#key`. */
  #isBefore(rows: SortedRows, index: number, length: number): boolean {
    rows.go(index);
    return compareRanges(rows.bytes, rows.keyAt, rows.keyBytes, this.#key, 0, length) < 0;
  }

  /** Whether so many rows come to the leaf on the path that a new page is worth it. */
  #isDense(rows: SortedRows, from: number): boolean {
    const { slab, path } = this.#tree;
    const held = countOf(slab, path[0] as number);
    const enough = Math.max(ROWS_MIN, Math.ceil(held / HELD_PER_ROW_MAX));
    if (from + enough <= rows.count) {
      rows.go(from + enough - 1);
      if (!this.#isBehind(rows)) return true;
    }
    this.#end = from;
    while (this.#end < rows.count && this.#end < from + enough) {
      rows.go(this.#end);
      if (this.#isBehind(rows)) break;
      this.#end++;
    }
    return false;
  }

  /** Whether the row belongs to a leaf further on. */
  #isBehind({ bytes, keyAt, keyBytes }: SortedRows): boolean {
    const { highFence } = this.#tree;
    if (this.#highBytes < 0) return false;
    return compareRanges(bytes, keyAt, keyBytes, highFence, 0, this.#highBytes) >= 0;
  }

  /** Merges the rows of the leaf with those that it holds; false if a large one is among them. */
  #plan(rows: SortedRows, from: number): boolean {
    const { slab, path } = this.#tree;
    const leaf = path[0] as number;
    const prefixBytes = prefixBytesOf(slab, leaf);
    const held = countOf(slab, leaf);
    const limit = Math.min(rows.count, from + ROWS_MAX);
    this.#beginPlan();
    let slot = 0;
    let index = from;
    for (; index < limit && this.#mergedBytes < ROWS_BYTES_MAX; index++) {
      rows.go(index);
      if (this.#isBehind(rows)) break;
      const { bytes, keyAt, keyBytes, valueBytes } = rows;
      const length = leafCellBytes(keyBytes - prefixBytes, valueBytes) + SLOT_BYTES;
      if (LARGE_ROW_BYTES < length + prefixBytes) break;
      if (slot === held) {
        // Behind all that the leaf holds.
        this.#isHeld[index - from] = 0;
        if (!rows.isPut) continue;
        this.#mustMove = true;
        this.#keepOne(from - index - 1, length);
        continue;
      }
      const next = nextBound(slab, leaf, slot, bytes, keyAt, keyBytes);
      this.#end = Math.max(index, from + 1);
      if (!this.#keep(leaf, slot, next)) return false;
      const isHeld = holdsKey(slab, leaf, next, bytes, keyAt, keyBytes);
      this.#isHeld[index - from] = isHeld ? 1 : 0;
      if (isHeld && !this.#replace(leaf, next, valueBytes)) return false;
      slot = isHeld ? next + 1 : next;
      if (rows.isPut) {
        if (!isHeld) this.#mustMove = true;
        this.#keepOne(from - index - 1, length);
      } else if (isHeld) {
        this.#removes = true;
        this.#mustMove = true;
      }
    }
    this.#end = Math.max(index, from + 1);
    if (index === from || !this.#keep(leaf, slot, held)) return false;
    return !this.#removes || this.#mergedBytes >= 2 * SMALL_PAGE_BYTES;
  }

  #beginPlan(): void {
    this.#mergedCount = 0;
    this.#mergedBytes = 0;
    this.#mustMove = false;
    this.#removes = false;
  }

  /** The leaf keeps the rows in these slots; false if one of them is large. */
  #keep(leaf: number, from: number, to: number): boolean {
    const { slab } = this.#tree;
    const prefixBytes = prefixBytesOf(slab, leaf);
    for (let slot = from; slot < to; slot++) {
      const length = cellBytes(slab, leaf, slot) + SLOT_BYTES;
      if (LARGE_ROW_BYTES < length + prefixBytes) return false;
      this.#keepOne(slot, length);
    }
    return true;
  }

  #keepOne(what: number, length: number): void {
    const index = this.#mergedCount++;
    this.#merged[index] = what;
    this.#sizes[index] = length;
    this.#mergedBytes += length;
  }

  /** The row in the slot gives way to one with such a value; false if it has an extent. */
  #replace(leaf: number, slot: number, valueBytes: number): boolean {
    const { slab } = this.#tree;
    const stored = slab.u16[(cellAt(slab, leaf, slot) + 6) >> 1] as number;
    if (stored < valueBytes) this.#mustMove = true;
    return stored !== EXTENT_FLAG;
  }

  /** Decides how many pages the rows take, and where each begins. */
  #cut(rows: SortedRows, from: number): void {
    const { slab, path } = this.#tree;
    const leaf = path[0] as number;
    this.#cuts.length = 0;
    this.#separators.length = 0;
    if (this.#mergedBytes + HEADER_BYTES + align4(prefixBytesOf(slab, leaf)) <= PAGE_BYTES) return;
    const share = this.#mergedBytes / Math.ceil(this.#mergedBytes / FILL_BYTES);
    let sum = 0;
    for (let index = 0; index < this.#mergedCount; index++) {
      if (sum >= share) {
        this.#cuts.push(index);
        this.#separators.push(this.#separate(rows, from, leaf, index));
        sum = 0;
      }
      sum += this.#sizes[index] as number;
    }
  }

  /** The shortest key that is above the row before `index` and not above the one there. */
  #separate(rows: SortedRows, from: number, leaf: number, index: number): Uint8Array {
    const leftBytes = this.#copyKey(rows, from, leaf, index - 1, this.#key);
    const right = this.#tree.separator;
    const rightBytes = this.#copyKey(rows, from, leaf, index, right);
    return right.slice(0, commonBytes(this.#key, leftBytes, right.subarray(0, rightBytes)) + 1);
  }

  #copyKey(
    rows: SortedRows,
    from: number,
    leaf: number,
    index: number,
    target: Uint8Array,
  ): number {
    const what = this.#merged[index] as number;
    if (what >= 0) return copyKey(this.#tree.slab, leaf, what, target, 0);
    rows.go(from - what - 1);
    copyInto(target, 0, rows.bytes, rows.keyAt, rows.keyBytes);
    return rows.keyBytes;
  }

  /** Every row that comes is there, and its value no shorter: `#merged` counts the slots. */
  #overwrite(rows: SortedRows, from: number): void {
    const tree = this.#tree;
    tree.makeWritable();
    const { slab } = tree;
    const leaf = tree.path[0] as number;
    for (let slot = 0; slot < this.#mergedCount; slot++) {
      const what = this.#merged[slot] as number;
      if (what >= 0) continue;
      rows.go(from - what - 1);
      const { bytes, keyAt, keyBytes, valueBytes, version } = rows;
      const cell = cellAt(slab, leaf, slot);
      const suffixBytes = suffixBytesOf(slab, leaf, slot);
      tree.overwrite(leaf, cell, suffixBytes, bytes, keyAt + keyBytes, valueBytes, version);
    }
  }

  #rebuild(rows: SortedRows, from: number): void {
    const tree = this.#tree;
    const { slab, spare } = tree;
    tree.makeWritable();
    const leaf = tree.path[0] as number;
    slab.bytes.copyWithin(spare, leaf, leaf + PAGE_BYTES);
    tree.cache.rows.moved(leaf);
    const lowBytes = tree.readLowFence(0);
    const highBytes = tree.readHighFence(0);
    const low = lowBytes < 0 ? undefined : tree.lowFence.slice(0, lowBytes);
    const high = highBytes < 0 ? undefined : tree.highFence.slice(0, highBytes);

    const numbers = this.#separators.map((separator, index) => {
      const prefixBytes = prefixBetween(separator, this.#separators[index + 1] ?? high);
      return tree.makePage(0, separator, prefixBytes);
    });
    clearPage(slab, leaf, 0, tree.lowFence, 0, prefixBetween(low, this.#separators[0] ?? high));
    this.#fill(rows, from, leaf, 0, this.#cuts[0] ?? this.#mergedCount);
    numbers.forEach((number, index) => {
      const end = this.#cuts[index + 1] ?? this.#mergedCount;
      this.#fill(rows, from, tree.cache.find(number), this.#cuts[index] as number, end);
    });
    numbers.forEach((number, index) => {
      tree.splitter.addSeparator(1, this.#separators[index] as Uint8Array, number);
    });
    if (this.#removes) this.#tellRemoved(rows, from);
  }

  /** Appends what `#merged` says in `[first, end)`, at least one row, to an empty page. */
  #fill(rows: SortedRows, from: number, page: number, first: number, end: number): void {
    const { slab, spare, separator } = this.#tree;
    const merged = this.#merged;
    const firstBytes = this.#copyKey(rows, from, spare, first, this.#key);
    const lastBytes = this.#copyKey(rows, from, spare, end - 1, separator);
    const common = commonBytes(this.#key, firstBytes, separator.subarray(0, lastBytes));
    setSharedBytes(slab, page, common - prefixBytesOf(slab, page));
    for (let index = first; index < end;) {
      const what = merged[index] as number;
      if (what < 0) {
        const row = -what - 1;
        rows.go(from + row);
        appendRow(slab, page, rows);
        if (this.#isHeld[row] === 0) rows.changed();
        index++;
      } else {
        let to = what;
        while (index < end && merged[index] === to) {
          to++;
          index++;
        }
        appendCells(slab, spare, what, to, page);
      }
    }
  }

  #tellRemoved(rows: SortedRows, from: number): void {
    for (let index = from; index < this.#end; index++) {
      rows.go(index);
      if (!rows.isPut && this.#isHeld[index - from] === 1) rows.changed();
    }
  }
}

function leafCellBytes(suffixBytes: number, valueBytes: number): number {
  return align4(LEAF_CELL_BYTES + suffixBytes + valueBytes);
}

/** How many bytes the keys between two separators have in common at least. */
function prefixBetween(low: Uint8Array | undefined, high: Uint8Array | undefined): number {
  if (low === undefined || high === undefined) return 0;
  return commonBytes(low, low.length, high);
}
