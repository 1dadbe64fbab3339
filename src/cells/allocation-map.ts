/**
 * The allocation map of a checkpoint: which pages it uses, and what the owner of the cells keeps
 * with it. It lies on a run of pages of its own; the superblock holds its place and checksum.
 *
 *     offset  bytes  field
 *          0      4  map bytes     a multiple of 4
 *          4      4  zero
 *          8      .  map           one bit a page, the lowest bit of a word the lowest page
 *          .      .  what the owner keeps: the census (`store/census.ts`)
 */

import { assert } from "../base/assert.ts";

const HEADER_BYTES = 8;

export function mapBytesOf(pageCount: number, keptBytes: number): number {
  return HEADER_BYTES + ((pageCount + 31) >>> 5) * 4 + keptBytes;
}

export function encodeMap(map: Uint32Array, kept: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + map.length * 4 + kept.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, map.length * 4, true);
  map.forEach((word, index) => view.setUint32(HEADER_BYTES + index * 4, word, true));
  bytes.set(kept, HEADER_BYTES + map.length * 4);
  return bytes;
}

/** The checksum of `bytes` was found to hold. */
export function decodeMap(bytes: Uint8Array): { map: Uint32Array; kept: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const mapBytes = view.getUint32(0, true);
  assert(HEADER_BYTES + mapBytes <= bytes.length, "a map whose checksum holds is whole");
  const map = new Uint32Array(mapBytes / 4);
  for (let index = 0; index < map.length; index++) {
    map[index] = view.getUint32(HEADER_BYTES + index * 4, true);
  }
  return { map, kept: bytes.slice(HEADER_BYTES + mapBytes) };
}
