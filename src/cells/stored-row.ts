/** How much room a row takes, without a look at its value. */

import { extentPages, readReference } from "./extents.ts";
import {
  cellAt,
  cellBytes,
  childOf,
  EXTENT_FLAG,
  isInline,
  LEAF_CELL_BYTES,
  PAGE_BYTES,
  SLOT_BYTES,
  suffixBytesOf,
} from "./page.ts";
import { childSlot, holdsKey, lowerBound } from "./page-search.ts";
import { rowBytes, type Tree } from "./tree.ts";

/** What the row takes that has this key, in bytes; 0 if there is none. Its leaf is in memory. */
export function storedRowBytes(tree: Tree, key: Uint8Array, at: number, length: number): number {
  const { cache, slab } = tree;
  let base = cache.find(tree.rootPage);
  for (let level = tree.rootLevel; level > 0; level--) {
    base = cache.find(childOf(slab, base, childSlot(slab, base, key, at, length)));
  }
  const slot = lowerBound(slab, base, key, at, length);
  if (!holdsKey(slab, base, slot, key, at, length)) return 0;
  const cell = cellAt(slab, base, slot);
  const inPage = cellBytes(slab, base, slot) + SLOT_BYTES;
  if (slab.u16[(cell + 6) >> 1] !== EXTENT_FLAG) return inPage;
  const reference = readReference(slab, cell + LEAF_CELL_BYTES + suffixBytesOf(slab, base, slot));
  return inPage + extentPages(reference.lengthBytes) * PAGE_BYTES;
}

/** The most that such a row would take, in bytes. */
export function newRowBytes(keyLength: number, valueLength: number): number {
  const inPage = rowBytes(keyLength, valueLength);
  if (isInline(keyLength, valueLength)) return inPage;
  return inPage + extentPages(valueLength) * PAGE_BYTES;
}
