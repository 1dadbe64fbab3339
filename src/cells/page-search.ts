/**
 * Search within a page. The key that is looked for must be one that the page's place in the tree
 * allows, so it begins with the page's prefix, and the prefix is never compared.
 */

import { compareRanges } from "../base/bytes.ts";
import type { Slab } from "../base/slab.ts";
import {
  cellAt,
  COUNT_AT,
  headOf,
  HEADER_BYTES,
  INNER_CELL_BYTES,
  LEAF_CELL_BYTES,
  PREFIX_AT,
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
  const suffixAt = at + prefixBytes;
  const suffixBytes = length - prefixBytes;
  const head = headOf(key, suffixAt, suffixBytes);
  const slots = (page + HEADER_BYTES) >> 2;
  let low = 1;
  let high = slab.u16[(page + COUNT_AT) >> 1] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = i32[slots + (middle << 1)] as number;
    const below =
      other < head ||
      (other === head &&
        compareSuffix(slab, page, middle, INNER_CELL_BYTES, key, suffixAt, suffixBytes) <= 0);
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
  const suffixAt = at + prefixBytes;
  const suffixBytes = length - prefixBytes;
  const head = headOf(key, suffixAt, suffixBytes);
  const slots = (page + HEADER_BYTES) >> 2;
  let low = 0;
  let high = slab.u16[(page + COUNT_AT) >> 1] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = i32[slots + (middle << 1)] as number;
    const below =
      other < head ||
      (other === head &&
        compareSuffix(slab, page, middle, LEAF_CELL_BYTES, key, suffixAt, suffixBytes) < 0);
    if (below) low = middle + 1;
    else high = middle;
  }
  return low;
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
  const bytes = slab.bytes;
  const from = cellAt(slab, page, slot) + LEAF_CELL_BYTES;
  const suffixAt = at + prefixBytes;
  for (let index = 0; index < suffixBytes; index++) {
    if (bytes[from + index] !== key[suffixAt + index]) return false;
  }
  return true;
}

/** Compares the suffix in `slot` with one whose head is the same. */
function compareSuffix(
  slab: Slab,
  page: number,
  slot: number,
  cellHeaderBytes: number,
  key: Uint8Array,
  suffixAt: number,
  suffixBytes: number,
): number {
  const length = suffixBytesOf(slab, page, slot);
  const from = cellAt(slab, page, slot) + cellHeaderBytes;
  // Equal heads mean equal bytes as far as both reach, up to four.
  const same = Math.min(4, length, suffixBytes);
  return compareRanges(
    slab.bytes,
    from + same,
    length - same,
    key,
    suffixAt + same,
    suffixBytes - same,
  );
}
