/**
 * Changes within a page: cells put in, taken out, moved between pages with other prefixes.
 *
 * All positions are in the slab. A caller makes sure of the room (`hasRoom`) before it inserts.
 */

import { assert } from "../base/assert.ts";
import type { Slab } from "../base/slab.ts";
import {
  align4,
  cellAt,
  cellBytes,
  countOf,
  COUNT_AT,
  GARBAGE_AT,
  garbageOf,
  gapBytes,
  GENERATION_AT,
  headOf,
  HEADER_BYTES,
  HEAP_AT,
  heapOf,
  INNER_CELL_BYTES,
  LEAF_CELL_BYTES,
  LEVEL_AT,
  levelOf,
  NUMBER_AT,
  PAGE_BYTES,
  PAGE_MAGIC,
  PREFIX_AT,
  prefixBytesOf,
  SHARED_AT,
  sharedBytesOf,
  SLOT_BYTES,
  storedValueBytes,
  suffixBytesOf,
  write64,
} from "./page.ts";

const VERSION_MAX: number = 2 ** 48 - 1;
const HIGH_VERSION: number = 2 ** 32;

/** Makes `page` an empty page whose prefix is the first `prefixBytes` of `source[at...)`. */
export function clearPage(
  slab: Slab,
  page: number,
  level: number,
  source: Uint8Array,
  at: number,
  prefixBytes: number,
): void {
  slab.u32[page >> 2] = PAGE_MAGIC;
  slab.bytes[page + LEVEL_AT] = level;
  slab.bytes[page + LEVEL_AT + 1] = 0;
  slab.u16[(page + COUNT_AT) >> 1] = 0;
  slab.u16[(page + PREFIX_AT) >> 1] = prefixBytes;
  slab.u16[(page + SHARED_AT) >> 1] = 0;
  slab.u16[(page + HEAP_AT) >> 1] = PAGE_BYTES - align4(prefixBytes);
  slab.u16[(page + GARBAGE_AT) >> 1] = 0;
  const prefixAt = page + PAGE_BYTES - prefixBytes;
  for (let index = 0; index < prefixBytes; index++) {
    slab.bytes[prefixAt + index] = source[at + index] as number;
  }
}

export function setIdentity(slab: Slab, page: number, number: number, generation: number): void {
  write64(slab, page + NUMBER_AT, number);
  write64(slab, page + GENERATION_AT, generation);
}

/** Whether a further cell of `length` bytes fits, perhaps after `compact`. */
export function hasRoom(slab: Slab, page: number, length: number): boolean {
  return length + SLOT_BYTES <= gapBytes(slab, page) + garbageOf(slab, page);
}

/**
 * Opens `slot` for a cell of `length` bytes (4-aligned) and returns where the cell begins. The
 * caller saw to it that the suffix has the shared bytes (`shareWith`), fills the cell, and then
 * has the head written (`writeHead`). `scratch` is a page's worth of slab that may be overwritten.
 */
export function openSlot(
  slab: Slab,
  page: number,
  slot: number,
  suffixBytes: number,
  length: number,
  scratch: number,
): number {
  if (gapBytes(slab, page) < length + SLOT_BYTES) compact(slab, page, scratch);
  const count = countOf(slab, page);
  const heap = heapOf(slab, page) - length;
  const at = page + HEADER_BYTES + slot * SLOT_BYTES;
  assert(HEADER_BYTES + (count + 1) * SLOT_BYTES <= heap, "the caller made sure of the room");
  const end = page + HEADER_BYTES + count * SLOT_BYTES;
  if (at < end) slab.bytes.copyWithin(at + SLOT_BYTES, at, end);
  slab.i32[(at + 4) >> 2] = heap | (suffixBytes << 16);
  slab.u16[(page + COUNT_AT) >> 1] = count + 1;
  slab.u16[(page + HEAP_AT) >> 1] = heap;
  return page + heap;
}

export function closeSlot(slab: Slab, page: number, slot: number): void {
  const count = countOf(slab, page);
  const length = cellBytes(slab, page, slot);
  const cell = cellAt(slab, page, slot) - page;
  if (cell === heapOf(slab, page)) slab.u16[(page + HEAP_AT) >> 1] = cell + length;
  else slab.u16[(page + GARBAGE_AT) >> 1] = garbageOf(slab, page) + length;
  const at = page + HEADER_BYTES + slot * SLOT_BYTES;
  slab.bytes.copyWithin(at, at + SLOT_BYTES, page + HEADER_BYTES + count * SLOT_BYTES);
  slab.u16[(page + COUNT_AT) >> 1] = count - 1;
}

/** Notes that a cell was overwritten by one that is `length` bytes shorter. */
export function addGarbage(slab: Slab, page: number, length: number): void {
  slab.u16[(page + GARBAGE_AT) >> 1] = garbageOf(slab, page) + length;
}

/** Moves all cells together, so that all free bytes lie between slots and heap. */
export function compact(slab: Slab, page: number, scratch: number): void {
  slab.bytes.copyWithin(scratch, page, page + PAGE_BYTES);
  let heap = PAGE_BYTES - align4(prefixBytesOf(slab, page));
  const count = countOf(slab, page);
  for (let slot = 0; slot < count; slot++) {
    const length = cellBytes(slab, scratch, slot);
    const from = cellAt(slab, scratch, slot);
    heap -= length;
    slab.bytes.copyWithin(page + heap, from, from + length);
    const packed = (page + HEADER_BYTES + slot * SLOT_BYTES + 4) >> 2;
    slab.i32[packed] = heap | (suffixBytesOf(slab, scratch, slot) << 16);
  }
  slab.u16[(page + HEAP_AT) >> 1] = heap;
  slab.u16[(page + GARBAGE_AT) >> 1] = 0;
}

/** How many bytes the cells `[from, to)` would take, slots included, under another prefix. */
export function bytesUnderPrefix(
  slab: Slab,
  page: number,
  from: number,
  to: number,
  prefixBytes: number,
): number {
  const longer = prefixBytesOf(slab, page) - prefixBytes;
  const leaf = levelOf(slab, page) === 0;
  let sum = 0;
  for (let slot = from; slot < to; slot++) {
    const suffixBytes = suffixBytesOf(slab, page, slot);
    const grown = !leaf && slot === 0 ? 0 : Math.max(0, longer);
    sum += cellBytes(slab, page, slot) + align4(suffixBytes + grown) - align4(suffixBytes);
    sum += SLOT_BYTES + 4;
  }
  return sum;
}

/**
 * Appends the cells `[from, to)` of `source` to `target`, whose prefix may be longer or shorter.
 * On inner pages the cell that becomes the target's first loses its suffix.
 */
export function appendCells(
  slab: Slab,
  source: number,
  from: number,
  to: number,
  target: number,
): void {
  const leaf = levelOf(slab, source) === 0;
  const sharedBytes = sharedBytesOf(slab, target);
  assert(leaf || sharedBytes === 0, "the first cell of an inner page shares nothing");
  for (let slot = from; slot < to; slot++) {
    const first = !leaf && countOf(slab, target) === 0;
    appendCell(slab, source, slot, target, first, sharedBytes);
  }
}

function appendCell(
  slab: Slab,
  source: number,
  slot: number,
  target: number,
  withoutSuffix: boolean,
  sharedBytes: number,
): void {
  const { bytes, u32 } = slab;
  const leaf = levelOf(slab, source) === 0;
  const headerBytes = leaf ? LEAF_CELL_BYTES : INNER_CELL_BYTES;
  const cell = cellAt(slab, source, slot);
  const suffixBytes = suffixBytesOf(slab, source, slot);
  const tailBytes = leaf ? storedValueBytes(slab, cell) : 0;
  const more = withoutSuffix ? 0 : prefixBytesOf(slab, source) - prefixBytesOf(slab, target);
  const kept = withoutSuffix ? 0 : suffixBytes;
  const newSuffixBytes = kept + more;
  assert(0 <= newSuffixBytes, "every key of a page begins with its prefix");

  const count = countOf(slab, target);
  const length = align4(headerBytes + newSuffixBytes + tailBytes);
  const heap = heapOf(slab, target) - length;
  assert(HEADER_BYTES + (count + 1) * SLOT_BYTES <= heap, "cells that are moved fit");
  const to = target + heap;
  for (let word = 0; word < headerBytes >> 2; word++) {
    u32[(to >> 2) + word] = u32[(cell >> 2) + word] as number;
  }
  const suffixAt = cell + headerBytes;
  const suffixTo = to + headerBytes;
  if (more > 0) {
    const prefixEnd = source + PAGE_BYTES;
    bytes.copyWithin(suffixTo, prefixEnd - more, prefixEnd);
    bytes.copyWithin(suffixTo + more, suffixAt, suffixAt + suffixBytes + tailBytes);
  } else if (!withoutSuffix) {
    slab.copy(suffixTo, suffixAt - more, newSuffixBytes + tailBytes);
  }

  const at = target + HEADER_BYTES + count * SLOT_BYTES;
  slab.i32[at >> 2] = headOf(bytes, suffixTo + sharedBytes, newSuffixBytes - sharedBytes);
  slab.i32[(at + 4) >> 2] = heap | (newSuffixBytes << 16);
  slab.u16[(target + COUNT_AT) >> 1] = count + 1;
  slab.u16[(target + HEAP_AT) >> 1] = heap;
}

/** A row as it comes from elsewhere: its value follows its key. */
export interface NewRow {
  readonly bytes: Uint8Array;
  readonly keyAt: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly version: number;
}

/** Appends a row that lies in its leaf as a whole, as `appendCells` would. */
export function appendRow(slab: Slab, page: number, row: NewRow): void {
  const { bytes, keyAt, keyBytes, valueBytes } = row;
  const prefixBytes = prefixBytesOf(slab, page);
  const suffixBytes = keyBytes - prefixBytes;
  const count = countOf(slab, page);
  const heap = heapOf(slab, page) - align4(LEAF_CELL_BYTES + suffixBytes + valueBytes);
  assert(HEADER_BYTES + (count + 1) * SLOT_BYTES <= heap, "rows that are appended fit");
  const cell = page + heap;
  setVersion(slab, cell, row.version);
  slab.u16[(cell + 6) >> 1] = valueBytes;
  const from = keyAt + prefixBytes;
  const contentAt = cell + LEAF_CELL_BYTES;
  if (bytes === slab.bytes) slab.copy(contentAt, from, suffixBytes + valueBytes);
  else copyInto(slab.bytes, contentAt, bytes, from, suffixBytes + valueBytes);
  const at = page + HEADER_BYTES + count * SLOT_BYTES;
  const sharedBytes = sharedBytesOf(slab, page);
  slab.i32[at >> 2] = headOf(bytes, from + sharedBytes, suffixBytes - sharedBytes);
  slab.i32[(at + 4) >> 2] = heap | (suffixBytes << 16);
  slab.u16[(page + COUNT_AT) >> 1] = count + 1;
  slab.u16[(page + HEAP_AT) >> 1] = heap;
}

/** Writes the whole key of `slot` to `target[at...)` and returns its length. */
export function copyKey(
  slab: Slab,
  page: number,
  slot: number,
  target: Uint8Array,
  at: number,
): number {
  const prefixBytes = prefixBytesOf(slab, page);
  const suffixBytes = suffixBytesOf(slab, page, slot);
  const headerBytes = levelOf(slab, page) === 0 ? LEAF_CELL_BYTES : INNER_CELL_BYTES;
  const prefixFrom = page + PAGE_BYTES - prefixBytes;
  const suffixFrom = cellAt(slab, page, slot) + headerBytes;
  for (let index = 0; index < prefixBytes; index++) {
    target[at + index] = slab.bytes[prefixFrom + index] as number;
  }
  const suffixTo = at + prefixBytes;
  for (let index = 0; index < suffixBytes; index++) {
    target[suffixTo + index] = slab.bytes[suffixFrom + index] as number;
  }
  return prefixBytes + suffixBytes;
}

/** Fills the cell of a child whose separator is `separator`, from `suffixAt` on. */
export function fillInnerCell(
  slab: Slab,
  cell: number,
  child: number,
  separator: Uint8Array,
  suffixAt: number,
  suffixBytes: number,
): void {
  write64(slab, cell, child);
  write64(slab, cell + 8, 0);
  copyInto(slab.bytes, cell + INNER_CELL_BYTES, separator, suffixAt, suffixBytes);
}

/** Copies a key or value into a page; it may lie in the slab itself. */
export function copyInto(
  target: Uint8Array,
  to: number,
  source: Uint8Array,
  at: number,
  length: number,
): void {
  if (length <= 16) {
    for (let index = 0; index < length; index++) {
      target[to + index] = source[at + index] as number;
    }
  } else if (source === target) target.copyWithin(to, at, at + length);
  else if (source.buffer === target.buffer) {
    const from = source.byteOffset - target.byteOffset + at;
    target.copyWithin(to, from, from + length);
  } else target.set(source.subarray(at, at + length), to);
}

export function setVersion(slab: Slab, cell: number, version: number): void {
  assert(version <= VERSION_MAX, "a version fits its six bytes");
  slab.u32[cell >> 2] = version;
  const high = version < HIGH_VERSION ? 0 : Math.floor(version / HIGH_VERSION);
  slab.u16[(cell + 4) >> 1] = high;
}
