/**
 * The heads of a page's slots, and the bytes that all its suffixes share, which are left out of
 * them: four bytes say more where the keys begin to differ.
 */

import { compareRanges } from "../base/bytes.ts";
import type { Slab } from "../base/slab.ts";
import {
  cellAt,
  countOf,
  headOf,
  HEADER_BYTES,
  INNER_CELL_BYTES,
  LEAF_CELL_BYTES,
  LEVEL_AT,
  levelOf,
  SHARED_AT,
  sharedBytesOf,
  SLOT_BYTES,
  suffixBytesOf,
} from "./page.ts";

/** A page that began with nothing looks for what its keys share when it has so many. */
export const SHARE_COUNT = 24;

/**
 * How a suffix stands to the bytes that those of the page share: 0 if it has them, else less or
 * more than all of them.
 */
export function compareShared(
  slab: Slab,
  page: number,
  key: Uint8Array,
  suffixAt: number,
  suffixBytes: number,
  sharedBytes: number,
): number {
  const slot = firstShared(slab, page);
  const from = suffixStart(slab, page, slot);
  const length = suffixBytes < sharedBytes ? suffixBytes : sharedBytes;
  return compareRanges(key, suffixAt, length, slab.bytes, from, sharedBytes);
}

/** The head of the suffix in a slot is written from the suffix itself. */
export function writeHead(slab: Slab, page: number, slot: number): void {
  const isMinus = slot === 0 && slab.bytes[page + LEVEL_AT] !== 0;
  const sharedBytes = isMinus ? 0 : sharedBytesOf(slab, page);
  const from = suffixStart(slab, page, slot) + sharedBytes;
  const length = suffixBytesOf(slab, page, slot) - sharedBytes;
  const at = page + HEADER_BYTES + slot * SLOT_BYTES;
  slab.i32[at >> 2] = headOf(slab.bytes, from, length);
}

/** Makes the shared bytes fewer if the suffix, which will come to the page, has others. */
export function shareWith(
  slab: Slab,
  page: number,
  key: Uint8Array,
  suffixAt: number,
  suffixBytes: number,
): void {
  const sharedBytes = sharedBytesOf(slab, page);
  if (sharedBytes === 0) return;
  const first = firstShared(slab, page);
  if (countOf(slab, page) <= first) {
    slab.u16[(page + SHARED_AT) >> 1] = 0;
    return;
  }
  const from = suffixStart(slab, page, first);
  const length = Math.min(sharedBytes, suffixBytes);
  let same = 0;
  while (same < length && slab.bytes[from + same] === key[suffixAt + same]) same++;
  if (same < sharedBytes) setShared(slab, page, same);
}

/** Leaves out of the heads all that the suffixes now share. */
export function shareMore(slab: Slab, page: number): void {
  const first = firstShared(slab, page);
  const last = countOf(slab, page) - 1;
  if (last <= first) return;
  const from = suffixStart(slab, page, first);
  const other = suffixStart(slab, page, last);
  const length = Math.min(suffixBytesOf(slab, page, first), suffixBytesOf(slab, page, last));
  let same = 0;
  // The first and the last in order have in common what all between them have.
  while (same < length && slab.bytes[from + same] === slab.bytes[other + same]) same++;
  if (same !== sharedBytesOf(slab, page)) setShared(slab, page, same);
}

/** The suffixes that come to a page, which is empty, share so many bytes. */
export function setSharedBytes(slab: Slab, page: number, sharedBytes: number): void {
  slab.u16[(page + SHARED_AT) >> 1] = sharedBytes;
}

function setShared(slab: Slab, page: number, sharedBytes: number): void {
  setSharedBytes(slab, page, sharedBytes);
  const count = countOf(slab, page);
  for (let slot = firstShared(slab, page); slot < count; slot++) writeHead(slab, page, slot);
}

/** The first slot whose suffix has the shared bytes. */
function firstShared(slab: Slab, page: number): number {
  return levelOf(slab, page) === 0 ? 0 : 1;
}

function suffixStart(slab: Slab, page: number, slot: number): number {
  const headerBytes = slab.bytes[page + LEVEL_AT] === 0 ? LEAF_CELL_BYTES : INNER_CELL_BYTES;
  return cellAt(slab, page, slot) + headerBytes;
}
