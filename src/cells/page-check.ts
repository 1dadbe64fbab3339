/**
 * Checks a page against every rule of its format, without trusting any number in it. For tools: a
 * page whose checksum holds was written so by us, and breaks a rule only by our mistake.
 */

import { compareBytes } from "../base/bytes.ts";
import type { Slab } from "../base/slab.ts";
import { copyKey } from "./page-edit.ts";
import { compareShared } from "./page-heads.ts";
import {
  cellAt,
  countOf,
  EXTENT_FLAG,
  EXTENT_REFERENCE_BYTES,
  headOf,
  HEADER_BYTES,
  heapOf,
  INNER_CELL_BYTES,
  KEY_BYTES_MAX,
  LEAF_CELL_BYTES,
  levelOf,
  numberOf,
  PAGE_BYTES,
  PAGE_MAGIC,
  prefixBytesOf,
  sharedBytesOf,
  SLOT_BYTES,
  storedValueBytes,
  suffixBytesOf,
} from "./page.ts";

/** Where a page must lie in the order of keys: `low` <= key < `high`. */
export interface Fences {
  readonly low: Uint8Array | undefined;
  readonly high: Uint8Array | undefined;
}

/** What is wrong with the page at `base`, one sentence each; nothing if it is right. */
export function checkPage(
  slab: Slab,
  base: number,
  number: number,
  level: number,
  fences: Fences,
): readonly string[] {
  const header = checkHeader(slab, base, number, level);
  if (header.length > 0) return header;
  const cells = checkCells(slab, base);
  if (cells.length > 0) return cells;
  return checkOrder(slab, base, fences);
}

function checkHeader(slab: Slab, base: number, number: number, level: number): readonly string[] {
  const wrong: string[] = [];
  if (slab.u32[base >> 2] !== PAGE_MAGIC) wrong.push("it does not begin with the magic of a page");
  if (numberOf(slab, base) !== number) wrong.push(`it says it is page ${numberOf(slab, base)}`);
  if (levelOf(slab, base) !== level) {
    wrong.push(`it says it is at level ${levelOf(slab, base)}, and its place is at ${level}`);
  }
  const slotsEnd = HEADER_BYTES + countOf(slab, base) * SLOT_BYTES;
  const heapEnd = PAGE_BYTES - prefixBytesOf(slab, base);
  if (slotsEnd > heapOf(slab, base) || heapOf(slab, base) > heapEnd) {
    wrong.push("its slots, heap and prefix overlap");
  }
  if (level > 0 && countOf(slab, base) === 0) wrong.push("it is an inner page without children");
  return wrong;
}

function checkCells(slab: Slab, base: number): readonly string[] {
  const isLeaf = levelOf(slab, base) === 0;
  const headerBytes = isLeaf ? LEAF_CELL_BYTES : INNER_CELL_BYTES;
  const heapEnd = base + PAGE_BYTES - prefixBytesOf(slab, base);
  const wrong: string[] = [];
  for (let slot = 0; slot < countOf(slab, base); slot++) {
    const cell = cellAt(slab, base, slot);
    const suffixBytes = suffixBytesOf(slab, base, slot);
    const isInside = base + heapOf(slab, base) <= cell && cell + headerBytes <= heapEnd;
    if (!isInside || cell % 4 !== 0) {
      wrong.push(`the cell of slot ${slot} lies outside of the heap`);
      continue;
    }
    const tailBytes = isLeaf ? storedValueBytes(slab, cell) : 0;
    if (cell + headerBytes + suffixBytes + tailBytes > heapEnd) {
      wrong.push(`the cell of slot ${slot} reaches beyond the heap`);
    } else if (prefixBytesOf(slab, base) + suffixBytes > KEY_BYTES_MAX) {
      wrong.push(`the key in slot ${slot} is longer than keys may be`);
    } else if (!hasShared(slab, base, slot, cell + headerBytes, suffixBytes)) {
      wrong.push(`the key in slot ${slot} lacks the bytes that all keys of the page share`);
    } else if (!hasRightHead(slab, base, slot, cell + headerBytes, suffixBytes)) {
      wrong.push(`the head in slot ${slot} is not that of its key`);
    }
  }
  return wrong;
}

function hasShared(
  slab: Slab,
  base: number,
  slot: number,
  suffixAt: number,
  suffixBytes: number,
): boolean {
  const isMinus = slot === 0 && levelOf(slab, base) > 0;
  const sharedBytes = sharedBytesOf(slab, base);
  if (sharedBytes === 0 || isMinus) return true;
  if (suffixBytes < sharedBytes) return false;
  return compareShared(slab, base, slab.bytes, suffixAt, suffixBytes, sharedBytes) === 0;
}

function hasRightHead(
  slab: Slab,
  base: number,
  slot: number,
  suffixAt: number,
  suffixBytes: number,
): boolean {
  const head = slab.i32[(base + HEADER_BYTES + slot * SLOT_BYTES) >> 2] as number;
  const isMinus = slot === 0 && levelOf(slab, base) > 0;
  const sharedBytes = isMinus ? 0 : sharedBytesOf(slab, base);
  return head === headOf(slab.bytes, suffixAt + sharedBytes, suffixBytes - sharedBytes);
}

function checkOrder(slab: Slab, base: number, { low, high }: Fences): readonly string[] {
  const wrong: string[] = [];
  const isLeaf = levelOf(slab, base) === 0;
  let before: Uint8Array | undefined;
  for (let slot = isLeaf ? 0 : 1; slot < countOf(slab, base); slot++) {
    const key = keyOf(slab, base, slot);
    if (before !== undefined && compareBytes(before, key) >= 0) {
      wrong.push(`the keys in slots ${slot - 1} and ${slot} are not in order`);
    }
    if (low !== undefined && compareBytes(key, low) < 0) {
      wrong.push(`the key in slot ${slot} belongs to a page before`);
    }
    if (high !== undefined && compareBytes(key, high) >= 0) {
      wrong.push(`the key in slot ${slot} belongs to a page behind`);
    }
    before = key;
  }
  return wrong;
}

/** The whole key in a slot. */
export function keyOf(slab: Slab, base: number, slot: number): Uint8Array {
  const key = new Uint8Array(prefixBytesOf(slab, base) + suffixBytesOf(slab, base, slot));
  copyKey(slab, base, slot, key, 0);
  return key;
}

/** Where the extent reference of a leaf's cell lies, or undefined if the value is in the cell. */
export function extentReferenceAt(slab: Slab, base: number, slot: number): number | undefined {
  const cell = cellAt(slab, base, slot);
  if (slab.u16[(cell + 6) >> 1] !== EXTENT_FLAG) return undefined;
  const at = cell + LEAF_CELL_BYTES + suffixBytesOf(slab, base, slot);
  return at + EXTENT_REFERENCE_BYTES <= base + PAGE_BYTES ? at : undefined;
}
