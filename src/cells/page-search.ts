/**
 * Search within a page. The key that is looked for must be one that the page's place in the tree
 * allows, so it begins with the page's prefix, and the prefix is never compared.
 */

import { compareRanges } from "../base/bytes.ts";
import type { Slab } from "../base/slab.ts";
import { compareShared } from "./page-heads.ts";
import {
  cellAt,
  COUNT_AT,
  headOf,
  HEADER_BYTES,
  INNER_CELL_BYTES,
  LEAF_CELL_BYTES,
  PREFIX_AT,
  SHARED_AT,
  SLOT_BYTES,
  suffixBytesOf,
} from "./page.ts";

/** The slot of the child under which the key belongs. */
export function childSlot(
  slab: Slab,
  page: number,
  key: Uint8Array,
  at: number,
  length: number,
): number {
  const i32 = slab.i32;
  const prefixBytes = slab.u16[(page + PREFIX_AT) >> 1] as number;
  const sharedBytes = slab.u16[(page + SHARED_AT) >> 1] as number;
  const suffixAt = at + prefixBytes;
  const suffixBytes = length - prefixBytes;
  let low = 1;
  let high = slab.u16[(page + COUNT_AT) >> 1] as number;
  if (sharedBytes > 0 && high > 1) {
    const order = compareShared(slab, page, key, suffixAt, suffixBytes, sharedBytes);
    if (order !== 0) return order < 0 ? 0 : high - 1;
  }
  const head = headOf(key, suffixAt + sharedBytes, suffixBytes - sharedBytes);
  const slots = (page + HEADER_BYTES) >> 2;
  const known = sharedBytes + 4;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = i32[slots + (middle << 1)] as number;
    const below =
      other < head ||
      (other === head &&
        compareRest(slab, page, middle, INNER_CELL_BYTES, key, suffixAt, suffixBytes, known) <= 0);
    if (below) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The first slot of a leaf whose key is at least the one looked for. */
export function lowerBound(
  slab: Slab,
  page: number,
  key: Uint8Array,
  at: number,
  length: number,
): number {
  const i32 = slab.i32;
  const prefixBytes = slab.u16[(page + PREFIX_AT) >> 1] as number;
  const sharedBytes = slab.u16[(page + SHARED_AT) >> 1] as number;
  const suffixAt = at + prefixBytes;
  const suffixBytes = length - prefixBytes;
  let low = 0;
  let high = slab.u16[(page + COUNT_AT) >> 1] as number;
  if (sharedBytes > 0 && high > 0) {
    const order = compareShared(slab, page, key, suffixAt, suffixBytes, sharedBytes);
    if (order !== 0) return order < 0 ? 0 : high;
  }
  const head = headOf(key, suffixAt + sharedBytes, suffixBytes - sharedBytes);
  const slots = (page + HEADER_BYTES) >> 2;
  const known = sharedBytes + 4;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = i32[slots + (middle << 1)] as number;
    const below =
      other < head ||
      (other === head &&
        compareRest(slab, page, middle, LEAF_CELL_BYTES, key, suffixAt, suffixBytes, known) < 0);
    if (below) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** As `lowerBound`, for a key that is known not to come before `from`, and likely close behind. */
export function nextBound(
  slab: Slab,
  page: number,
  from: number,
  key: Uint8Array,
  at: number,
  length: number,
): number {
  const i32 = slab.i32;
  const prefixBytes = slab.u16[(page + PREFIX_AT) >> 1] as number;
  const sharedBytes = slab.u16[(page + SHARED_AT) >> 1] as number;
  const suffixAt = at + prefixBytes;
  const suffixBytes = length - prefixBytes;
  const count = slab.u16[(page + COUNT_AT) >> 1] as number;
  if (sharedBytes > 0 && from < count) {
    const order = compareShared(slab, page, key, suffixAt, suffixBytes, sharedBytes);
    if (order !== 0) return order < 0 ? from : count;
  }
  const head = headOf(key, suffixAt + sharedBytes, suffixBytes - sharedBytes);
  const slots = (page + HEADER_BYTES) >> 2;
  const known = sharedBytes + 4;
  let slot = from;
  while (slot < count) {
    const other = i32[slots + (slot << 1)] as number;
    if (other > head) break;
    if (
      other === head &&
      compareRest(slab, page, slot, LEAF_CELL_BYTES, key, suffixAt, suffixBytes, known) >= 0
    ) {
      break;
    }
    slot++;
  }
  return slot;
}

/** Whether the leaf's `slot`, as `lowerBound` found it, holds just this key. */
export function holdsKey(
  slab: Slab,
  page: number,
  slot: number,
  key: Uint8Array,
  at: number,
  length: number,
): boolean {
  if (slot >= (slab.u16[(page + COUNT_AT) >> 1] as number)) return false;
  const prefixBytes = slab.u16[(page + PREFIX_AT) >> 1] as number;
  const suffixBytes = suffixBytesOf(slab, page, slot);
  if (suffixBytes !== length - prefixBytes) return false;
  // The heads tell most keys apart, and lie where the search has just been.
  const sharedBytes = slab.u16[(page + SHARED_AT) >> 1] as number;
  const head = headOf(key, at + prefixBytes + sharedBytes, suffixBytes - sharedBytes);
  if (slab.i32[(page + HEADER_BYTES + slot * SLOT_BYTES) >> 2] !== head) return false;
  const bytes = slab.bytes;
  const from = cellAt(slab, page, slot) + LEAF_CELL_BYTES;
  const suffixAt = at + prefixBytes;
  for (let index = 0; index < suffixBytes; index++) {
    if (bytes[from + index] !== key[suffixAt + index]) return false;
  }
  return true;
}

/** Compares the suffix in `slot` with one whose head is the same: behind `known` bytes. */
function compareRest(
  slab: Slab,
  page: number,
  slot: number,
  cellHeaderBytes: number,
  key: Uint8Array,
  suffixAt: number,
  suffixBytes: number,
  known: number,
): number {
  const length = suffixBytesOf(slab, page, slot);
  const from = cellAt(slab, page, slot) + cellHeaderBytes;
  // Equal heads mean equal bytes as far as both reach.
  const same = Math.min(known, length, suffixBytes);
  return compareRanges(
    slab.bytes,
    from + same,
    length - same,
    key,
    suffixAt + same,
    suffixBytes - same,
  );
}
