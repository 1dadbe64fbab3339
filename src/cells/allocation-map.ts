/**
 * The allocation map of a checkpoint: which pages it uses, and what the owner of the cells keeps
 * with it. It lies on pages of its own, wherever some are free, of which each names the next and
 * holds its checksum; the superblock holds the place and the checksum of the first.
 *
 *     offset  bytes  field of a page of the chain
 *          0      8  next page     0: this is the last
 *          8      8  checksum of the next page, XXH64, low half first
 *         16      .  a part of the map
 *
 *     offset  bytes  field of the parts put together
 *          0      4  map bytes     a multiple of 4
 *          4      4  zero
 *          8      .  map           one bit a page, the lowest bit of a word the lowest page
 *          .      .  what the owner keeps: the census (`store/census.ts`)
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { getU64, setU64 } from "../base/u64.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import { PAGE_BYTES } from "./page.ts";

const HEADER_BYTES = 8;
const LINK_BYTES = 16;
const PART_BYTES: number = PAGE_BYTES - LINK_BYTES;

/** Where the pages of a chain are, and what their checksums are made with. */
export interface ChainPlace {
  readonly volume: Volume;
  readonly pagesAt: number;
  readonly checksums: Checksums;
  readonly checksumSeed: number;
}

/** What the superblock knows of a chain. */
export interface ChainStart {
  readonly mapPage: number;
  /** Of the parts put together. */
  readonly mapBytes: number;
  readonly mapSumLow: number;
  readonly mapSumHigh: number;
  /** Pages in the zone. */
  readonly pageCount: number;
}

export function mapBytesOf(pageCount: number, keptBytes: number): number {
  return HEADER_BYTES + ((pageCount + 31) >>> 5) * 4 + keptBytes;
}

/** How many pages a map of so many bytes takes. */
export function mapPagesOf(mapBytes: number): number {
  return Math.ceil(mapBytes / PART_BYTES);
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

/** Writes `bytes` to these pages, of which there are `mapPagesOf(bytes.length)`. */
export async function writeMap(
  place: ChainPlace,
  pages: readonly number[],
  bytes: Uint8Array,
): Promise<Pick<ChainStart, "mapSumLow" | "mapSumHigh">> {
  assert(pages.length === mapPagesOf(bytes.length), "a map fills its pages");
  const { volume, pagesAt, checksums, checksumSeed } = place;
  let next = { page: 0, sumLow: 0, sumHigh: 0 };
  // The last first: a page holds the checksum of the next.
  for (const [index, page] of [...pages.entries()].toReversed()) {
    const content = new Uint8Array(PAGE_BYTES);
    const view = new DataView(content.buffer);
    setU64(view, 0, next.page);
    view.setUint32(8, next.sumLow, true);
    view.setUint32(12, next.sumHigh, true);
    content.set(bytes.subarray(index * PART_BYTES, (index + 1) * PART_BYTES), LINK_BYTES);
    await volume.write(pagesAt + page * PAGE_BYTES, content);
    checksums.xxh64(content, page, checksumSeed);
    next = { page, sumLow: checksums.xxh64Low, sumHigh: checksums.xxh64High };
  }
  return { mapSumLow: next.sumLow, mapSumHigh: next.sumHigh };
}

/** The bytes of a map, and its pages. `ERR_CORRUPT` if it is not what was written. */
export async function readMap(
  place: ChainPlace,
  { mapPage, mapBytes, mapSumLow, mapSumHigh, pageCount }: ChainStart,
): Promise<{ bytes: Uint8Array; pages: readonly number[] }> {
  const { volume, pagesAt, checksums, checksumSeed } = place;
  const count = mapPagesOf(mapBytes);
  const bytes = new Uint8Array(count * PART_BYTES);
  const content = new Uint8Array(PAGE_BYTES);
  const view = new DataView(content.buffer);
  const pages: number[] = [];
  let next = { page: mapPage, sumLow: mapSumLow, sumHigh: mapSumHigh };
  for (let index = 0; index < count; index++) {
    const { page, sumLow, sumHigh } = next;
    const position = pagesAt + page * PAGE_BYTES;
    if (page < 1 || pageCount <= page) throw corrupt(volume, page, position);
    await volume.read(position, content);
    checksums.xxh64(content, page, checksumSeed);
    if (checksums.xxh64Low !== sumLow || checksums.xxh64High !== sumHigh) {
      throw corrupt(volume, page, position);
    }
    pages.push(page);
    bytes.set(content.subarray(LINK_BYTES), index * PART_BYTES);
    next = {
      page: getU64(view, 0),
      sumLow: view.getUint32(8, true),
      sumHigh: view.getUint32(12, true),
    };
  }
  return { bytes: bytes.subarray(0, mapBytes), pages };
}

function corrupt(volume: Volume, page: number, position: number): Fault {
  return new Fault(
    "ERR_CORRUPT",
    `The allocation map on page ${page} of "${volume.name}", at byte ${position}, is not what ` +
      "was written there. Restore a backup",
    { page, position, volume: volume.name },
  );
}
