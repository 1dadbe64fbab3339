/**
 * The bytes of a page: a node of the B+tree, slotted, held in memory exactly as on the volume.
 *
 *     offset  bytes  field
 *          0      4  magic         "HFpg"
 *          4      1  level         0: leaf
 *          5      1  zero
 *          6      2  slot count
 *          8      8  page number
 *         16      8  generation    of the tree when the page was made
 *         24      2  prefix bytes  length of the prefix that all keys of the page share
 *         26      2  shared bytes  that all keys of the page share behind the prefix, at least
 *         28      2  heap          offset of the lowest byte in use by a cell
 *         30      2  garbage       bytes of the heap that belong to no cell
 *         32    8*n  slots         in key order: int32 head, u16 cell offset, u16 suffix bytes
 *          .      .  free
 *       heap      .  cells         4-aligned
 *          .      .  prefix        the last bytes of the page
 *
 * A *suffix* is a key without the page's prefix. The prefix follows from the page's place in the
 * tree, so a key that is looked for always has it; the shared bytes follow from the keys that are
 * there, and a key may come that has others. A *head* is the first 4 bytes of the suffix behind
 * the shared bytes, padded with zeroes, as a big-endian number with its top bit turned over, so
 * that heads compare as int32. Two suffixes with different heads are in the order of their heads.
 *
 *     cell of a leaf                          cell of an inner page
 *          0      6  version (LSN)                 0      8  child's page number
 *          6      2  value bytes, or 0x8000        8      8  child's checksum (XXH64)
 *          8      .  suffix                       16      .  suffix of the separator
 *          .      .  value, or extent reference
 *
 * A separator is at most every key of its child and more than every key of the child before. The
 * first slot of an inner page has an empty suffix, which shares nothing, and stands for everything
 * below the second.
 *
 *     extent reference: 8 first page, 8 value bytes, 8 generation, 8 checksum (XXH64)
 *
 * All numbers are little-endian. A page is believed only if its checksum is the one that its
 * parent holds; the checksum is seeded with the volume's identity and the page number.
 */

import type { Slab } from "../base/slab.ts";

export const PAGE_BYTES = 16384;
export const PAGE_SHIFT = 14;
export const PAGE_MAGIC = 0x67704648; // "HFpg"
export const HEADER_BYTES = 32;
export const SLOT_BYTES = 8;
export const LEAF_CELL_BYTES = 8;
export const INNER_CELL_BYTES = 16;
export const EXTENT_REFERENCE_BYTES = 32;
export const EXTENT_FLAG = 0x8000;
/** A row whose key and value are together longer than this keeps its value in an extent. */
const INLINE_ROW_BYTES_MAX: number = PAGE_BYTES / 4;
/** Two cells with keys of this length, and a separator, fit on pages of any fill. */
export const KEY_BYTES_MAX = 8192;

export const LEVEL_AT = 4;
export const COUNT_AT = 6;
export const NUMBER_AT = 8;
export const GENERATION_AT = 16;
export const PREFIX_AT = 24;
export const SHARED_AT = 26;
export const HEAP_AT = 28;
export const GARBAGE_AT = 30;

export function levelOf(slab: Slab, page: number): number {
  return slab.bytes[page + LEVEL_AT] as number;
}

export function countOf(slab: Slab, page: number): number {
  return slab.u16[(page + COUNT_AT) >> 1] as number;
}

export function prefixBytesOf(slab: Slab, page: number): number {
  return slab.u16[(page + PREFIX_AT) >> 1] as number;
}

export function sharedBytesOf(slab: Slab, page: number): number {
  return slab.u16[(page + SHARED_AT) >> 1] as number;
}

export function heapOf(slab: Slab, page: number): number {
  return slab.u16[(page + HEAP_AT) >> 1] as number;
}

export function garbageOf(slab: Slab, page: number): number {
  return slab.u16[(page + GARBAGE_AT) >> 1] as number;
}

/** The number of the page, as written in it. */
export function numberOf(slab: Slab, page: number): number {
  return read64(slab, page + NUMBER_AT);
}

export function generationOf(slab: Slab, page: number): number {
  return read64(slab, page + GENERATION_AT);
}

/** Where the cell of `slot` begins in the slab. */
export function cellAt(slab: Slab, page: number, slot: number): number {
  const packed = slab.i32[(page + HEADER_BYTES + slot * SLOT_BYTES + 4) >> 2] as number;
  return page + (packed & 0xffff);
}

export function suffixBytesOf(slab: Slab, page: number, slot: number): number {
  const packed = slab.i32[(page + HEADER_BYTES + slot * SLOT_BYTES + 4) >> 2] as number;
  return packed >>> 16;
}

/**
 * Whether a value lies in the leaf itself. One that is no longer than a reference always does, so
 * every extent takes a page at least, and no two begin at one place.
 */
export function isInline(keyLength: number, valueLength: number): boolean {
  return valueLength <= EXTENT_REFERENCE_BYTES || keyLength + valueLength <= INLINE_ROW_BYTES_MAX;
}

/** The length of what lies in a leaf's cell for the value: the value or its extent reference. */
export function storedValueBytes(slab: Slab, cell: number): number {
  const length = slab.u16[(cell + 6) >> 1] as number;
  return length === EXTENT_FLAG ? EXTENT_REFERENCE_BYTES : length;
}

export function versionOf(slab: Slab, cell: number): number {
  const high = slab.u16[(cell + 4) >> 1] as number;
  return (slab.u32[cell >> 2] as number) + high * 0x1_0000_0000;
}

export function childOf(slab: Slab, page: number, slot: number): number {
  return slab.i32[cellAt(slab, page, slot) >> 2] as number;
}

/** How many bytes the cell in `slot` takes of the heap. */
export function cellBytes(slab: Slab, page: number, slot: number): number {
  const suffixBytes = suffixBytesOf(slab, page, slot);
  if (levelOf(slab, page) > 0) return align4(INNER_CELL_BYTES + suffixBytes);
  const cell = cellAt(slab, page, slot);
  return align4(LEAF_CELL_BYTES + suffixBytes + storedValueBytes(slab, cell));
}

/** Bytes between the slots and the heap. */
export function gapBytes(slab: Slab, page: number): number {
  return heapOf(slab, page) - HEADER_BYTES - countOf(slab, page) * SLOT_BYTES;
}

/** Bytes of slots and live cells. */
export function usedBytes(slab: Slab, page: number): number {
  const heapEnd = PAGE_BYTES - align4(prefixBytesOf(slab, page));
  const cells = heapEnd - heapOf(slab, page) - garbageOf(slab, page);
  return cells + countOf(slab, page) * SLOT_BYTES;
}

export function align4(length: number): number {
  return (length + 3) & ~3;
}

export function read64(slab: Slab, at: number): number {
  return (slab.u32[at >> 2] as number) + (slab.u32[(at + 4) >> 2] as number) * 0x1_0000_0000;
}

export function write64(slab: Slab, at: number, value: number): void {
  slab.u32[at >> 2] = value;
  slab.u32[(at + 4) >> 2] = Math.floor(value / 0x1_0000_0000);
}

/** The head of the suffix `source[at, at + length)`; `length` may be less than 4, or nothing. */
export function headOf(source: Uint8Array, at: number, length: number): number {
  if (length >= 4) {
    return (
      (((source[at] as number) ^ 0x80) << 24) |
      ((source[at + 1] as number) << 16) |
      ((source[at + 2] as number) << 8) |
      (source[at + 3] as number)
    );
  }
  let head = 0;
  if (length > 0) head |= (source[at] as number) << 24;
  if (length > 1) head |= (source[at + 1] as number) << 16;
  if (length > 2) head |= (source[at + 2] as number) << 8;
  return head ^ 0x80000000;
}
