/**
 * An index by hash of rows that were looked up lately: where in the frames their cells lie. It
 * spares most look-ups the way through the tree, whose price is a miss of the processor's caches
 * at every step (an *adaptive hash index*, as databases with trees of pages have had for long).
 *
 * It guarantees that what `find` returns is the cell of just this key in the tree as it is now.
 * An entry names the *leaf* and the place of the cell in it, and holds only as long as the leaf's
 * *layout*, a number that `moved` changes: whoever moves or removes a cell of a leaf, changes the
 * leaf's prefix, or takes the leaf out of its frame or out of the tree, calls `moved` in the same
 * turn. A cell that is added, and a value that is overwritten in place, move nothing. A leaf that
 * is copied to another frame as it is keeps its number, and its entries, by `copied`.
 *
 * The table has sets of two entries of two words each:
 *
 *     word 0    place of the cell / 4 12 bits, leaf 17 bits, hash 3 bits; 0: no entry
 *     word 1    prefix bytes 7 bits, suffix bytes 7 bits, layout 18 bits
 */

import type { Slab } from "../base/slab.ts";
import { LEAF_CELL_BYTES, PAGE_BYTES, PAGE_SHIFT } from "./page.ts";

const WORDS_PER_SET = 4;
/** Of word 0: without the bits of the hash. */
const CELL_MASK: number = (1 << 29) - 1;
/** Longer parts of keys are not indexed. */
const PART_BYTES_MAX = 127;
const LAYOUT_SHIFT = 14;
const LAYOUT_MASK: number = (1 << (32 - LAYOUT_SHIFT)) - 1;
/** About as many as a page has of small rows. */
const SETS_PER_FRAME = 64;
const FRAMES_AT_FIRST = 64;

export class RowIndex {
  /** Of the row that `find` found. */
  suffixBytes = 0;
  readonly #bytes: Uint8Array;
  readonly #framesAt: number;
  readonly #leafOfFrame: Int32Array;
  readonly #frameOfLeaf: Int32Array;
  readonly #layouts: Int32Array;
  #table: Int32Array = new Int32Array(setsOf(FRAMES_AT_FIRST) * WORDS_PER_SET);
  #setMask: number = setsOf(FRAMES_AT_FIRST) - 1;

  constructor(slab: Slab, framesAt: number, frameCount: number) {
    this.#bytes = slab.bytes;
    this.#framesAt = framesAt;
    this.#leafOfFrame = new Int32Array(frameCount);
    for (let frame = 0; frame < frameCount; frame++) this.#leafOfFrame[frame] = frame;
    this.#frameOfLeaf = this.#leafOfFrame.slice();
    this.#layouts = new Int32Array(frameCount);
  }

  /** Pages lie in so many frames now: a table that is too small for them begins anew. */
  fit(frameCount: number): void {
    if (frameCount * SETS_PER_FRAME <= this.#setMask + 1) return;
    const sets = setsOf(frameCount);
    this.#table = new Int32Array(sets * WORDS_PER_SET);
    this.#setMask = sets - 1;
  }

  /** Where the cell of this key lies in the slab, or 0 if that is not known. */
  find(hash: number, key: Uint8Array, at: number, length: number): number {
    const set = (hash & this.#setMask) * WORDS_PER_SET;
    const cell = this.#cellOf(set, hash, key, at, length);
    if (cell !== 0) return cell;
    return this.#cellOf(set + 2, hash, key, at, length);
  }

  /** Where the page begins in which this cell lies. */
  pageOf(cell: number): number {
    return cell - ((cell - this.#framesAt) & (PAGE_BYTES - 1));
  }

  /** A key with this hash was found in this cell of a leaf of the tree. */
  add(hash: number, cell: number, prefixBytes: number, suffixBytes: number): void {
    if (prefixBytes > PART_BYTES_MAX || suffixBytes > PART_BYTES_MAX) return;
    const table = this.#table;
    const set = (hash & this.#setMask) * WORDS_PER_SET;
    table[set + 2] = table[set] as number;
    table[set + 3] = table[set + 1] as number;
    const place = cell - this.#framesAt;
    const leaf = this.#leafOfFrame[place >> PAGE_SHIFT] as number;
    const word = (leaf << (PAGE_SHIFT - 2)) | ((place & (PAGE_BYTES - 1)) >> 2);
    const layout = this.#layouts[leaf] as number;
    table[set] = word | (hash & ~CELL_MASK);
    table[set + 1] = prefixBytes | (suffixBytes << 7) | (layout << LAYOUT_SHIFT);
  }

  /** Cells of the page that begins at `page` are not where they were, or not in the tree. */
  moved(page: number): void {
    const leaf = this.#leafOfFrame[(page - this.#framesAt) >> PAGE_SHIFT] as number;
    const layout = ((this.#layouts[leaf] as number) + 1) & LAYOUT_MASK;
    this.#layouts[leaf] = layout;
    // Entries from before its numbers begin anew would seem to hold again.
    if (layout === 0) this.#table.fill(0);
  }

  /** The leaf at `from` was copied to `to`, which takes its place in the tree. */
  copied(from: number, to: number): void {
    const fromFrame = (from - this.#framesAt) >> PAGE_SHIFT;
    const toFrame = (to - this.#framesAt) >> PAGE_SHIFT;
    const leaf = this.#leafOfFrame[fromFrame] as number;
    const other = this.#leafOfFrame[toFrame] as number;
    this.#leafOfFrame[toFrame] = leaf;
    this.#leafOfFrame[fromFrame] = other;
    this.#frameOfLeaf[leaf] = toFrame;
    this.#frameOfLeaf[other] = fromFrame;
  }

  #cellOf(entry: number, hash: number, key: Uint8Array, at: number, length: number): number {
    const word = this.#table[entry] as number;
    if (word === 0 || (word ^ hash) & ~CELL_MASK) return 0;
    const packed = this.#table[entry + 1] as number;
    const prefixBytes = packed & PART_BYTES_MAX;
    const suffixBytes = (packed >>> 7) & PART_BYTES_MAX;
    if (prefixBytes + suffixBytes !== length) return 0;
    const leaf = (word & CELL_MASK) >>> (PAGE_SHIFT - 2);
    if (this.#layouts[leaf] !== packed >>> LAYOUT_SHIFT) return 0;
    const page = this.#framesAt + ((this.#frameOfLeaf[leaf] as number) << PAGE_SHIFT);
    const cell = page + ((word << 2) & (PAGE_BYTES - 1));

    const bytes = this.#bytes;
    const suffixAt = cell + LEAF_CELL_BYTES;
    const suffixOfKey = at + prefixBytes;
    for (let index = 0; index < suffixBytes; index++) {
      if (bytes[suffixAt + index] !== key[suffixOfKey + index]) return 0;
    }
    const prefixAt = page + PAGE_BYTES - prefixBytes;
    for (let index = 0; index < prefixBytes; index++) {
      if (bytes[prefixAt + index] !== key[at + index]) return 0;
    }
    this.suffixBytes = suffixBytes;
    return cell;
  }
}

function setsOf(frameCount: number): number {
  let sets = 1;
  while (sets < frameCount * SETS_PER_FRAME) sets *= 2;
  return sets;
}
