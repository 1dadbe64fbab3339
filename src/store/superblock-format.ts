/**
 * The bytes of a superblock: who the store is, and where its newest checkpoint and its log begin.
 * All numbers are little-endian; what is not named is zero.
 *
 *     offset  bytes  field
 *          0      8  magic                "Holdfast"
 *          8      8  checksum             XXH64 of all that follows, seeded with the copy's index
 *         16      2  major version        3; another is refused
 *         18      2  minor version        0; a later one only adds what may be ignored
 *         20      4  copy index           0 to 3
 *         24      8  sequence             of the superblocks written so far, from 1
 *         32     16  volume id            random, made with the store
 *         48      8  view                 of the replica group that was adopted last
 *         56      8  wall clock           the latest known, milliseconds since 1970
 *         64      8  clean end            number of the batch after the last one, if the store was
 *                                         shut down and nothing was written since; otherwise 0
 *         72      8  segment bytes        of the log's ring
 *         80      8  ring bytes           1 to 64 segments
 *         88      4  unit bytes           the log's write unit
 *         92      4  page bytes
 *         96      8  pages at             byte of the volume at which the pages begin
 *        104      8  page count           of the pages zone
 *
 *        112      8  anchor batch         the log anchor: the first batch to replay ...
 *        120      8  anchor position      ... its position in write units of log since the format
 *        128      8  anchor first LSN     ... its first entry
 *        136      8  replay from          the first entry that the checkpoint does not hold
 *        144      4  previous checksum    of the batch before the anchor
 *
 *        148      4  root level           the checkpoint: the root of its tree
 *        152      8  root page            0: the tree is empty
 *        160      8  tree generation
 *        168      8  root checksum        XXH64, low half first
 *        176      8  map first page       the checkpoint's allocation map
 *        184      8  map page count
 *        192      8  map bytes
 *        200      8  map checksum         XXH64, low half first
 *
 *        208      4  generation count     1 to 64
 *        216   64*16 generations          number (8) and first batch (8), the oldest first
 *       1240    64*8 places             byte of the volume at which each segment of the ring
 *                                         begins; 0: it has no place
 *       1752         zeroes up to 4096
 */

import { assert } from "../base/assert.ts";
import {
  type BatchNumber,
  batchNumber,
  generation,
  lsn,
  type PageNumber,
  pageNumber,
  type ViewNumber,
  viewNumber,
} from "../base/ids.ts";
import { GENERATION_COUNT_MAX, type GenerationStart } from "../log/generations.ts";
import { type LogAnchor, type LogZone, SEGMENT_COUNT_MAX } from "../log/log-zone.ts";
import type { Checksums } from "../world/world.ts";
import { FieldReader, FieldWriter } from "../base/fields.ts";

export const SUPERBLOCK_BYTES = 4096;
export const VERSION_MAJOR = 3;
export const VERSION_MINOR = 0;
const MAGIC_LOW = 0x646c6f48; // "Hold"
const MAGIC_HIGH = 0x74736166; // "fast"
const CHECKSUM_AT = 8;
const CHECKED_AT = 16;
const GENERATIONS_AT = 216;
const PLACES_AT = 1240;
assert(GENERATIONS_AT + 16 * GENERATION_COUNT_MAX === PLACES_AT, "the table fills its place");

export interface Superblock {
  readonly volumeId: Uint8Array;
  readonly view: ViewNumber;
  /** The latest time that the wall clock is known to have shown. */
  readonly wallMs: number;
  /** The last batch at a clean shutdown, if nothing was written since. */
  readonly cleanBatch: BatchNumber | undefined;
  /** Its places are whole pages of the zone of pages, in use by nothing else. */
  readonly zone: LogZone;
  readonly pages: PageZone;
  readonly anchor: LogAnchor;
  readonly root: CheckpointRoot;
  readonly map: AllocationMap;
  /** Those with batches in the ring; the last one is the current. */
  readonly generations: readonly GenerationStart[];
}

export interface PageZone {
  readonly at: number;
  readonly pageBytes: number;
  readonly pageCount: number;
}

export interface CheckpointRoot {
  /** 0: the tree is empty. */
  readonly page: PageNumber;
  readonly level: number;
  /** Of the tree when the checkpoint was taken. */
  readonly generation: number;
  readonly checksumLow: number;
  readonly checksumHigh: number;
}

export interface AllocationMap {
  readonly firstPage: PageNumber;
  readonly pageCount: number;
  readonly lengthBytes: number;
  readonly checksumLow: number;
  readonly checksumHigh: number;
}

/** What was found where a copy should be. */
export type FoundCopy =
  | { readonly kind: "valid"; readonly sequence: number; readonly superblock: Superblock }
  /** Never written. */
  | { readonly kind: "empty" }
  /** Whole, but of a version that only another program knows. */
  | { readonly kind: "foreign"; readonly major: number }
  /** A superblock once; the version it claims to be of may be as wrong as the rest. */
  | { readonly kind: "damaged"; readonly major: number };

/** The bytes of one copy. */
export function encodeSuperblock(
  superblock: Superblock,
  sequence: number,
  copyIndex: number,
  checksums: Checksums,
): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  const fields = new FieldWriter(bytes);
  fields.u32(MAGIC_LOW);
  fields.u32(MAGIC_HIGH);
  fields.skipTo(CHECKED_AT);
  fields.u16(VERSION_MAJOR);
  fields.u16(VERSION_MINOR);
  fields.u32(copyIndex);
  fields.u64(sequence);
  writeIdentity(fields, superblock);
  writeCheckpoint(fields, superblock);
  writeGenerations(fields, superblock.generations);
  writePlaces(fields, superblock.zone.places);
  fields.skipTo(CHECKSUM_AT);
  checksums.xxh64(bytes.subarray(CHECKED_AT), copyIndex, 0);
  fields.u32(checksums.xxh64Low);
  fields.u32(checksums.xxh64High);
  return bytes;
}

/** What the bytes of a copy say, if they are those of a copy at this index. */
export function decodeSuperblock(
  bytes: Uint8Array,
  copyIndex: number,
  checksums: Checksums,
): FoundCopy {
  const fields = new FieldReader(bytes);
  if (fields.u32() !== MAGIC_LOW || fields.u32() !== MAGIC_HIGH) return { kind: "empty" };

  const low = fields.u32();
  const high = fields.u32();
  const major = fields.u16();
  fields.u16();
  checksums.xxh64(bytes.subarray(CHECKED_AT), copyIndex, 0);
  if (checksums.xxh64Low !== low || checksums.xxh64High !== high) return { kind: "damaged", major };
  if (major !== VERSION_MAJOR) return { kind: "foreign", major };
  if (fields.u32() !== copyIndex) return { kind: "damaged", major };
  const sequence = fields.u64();
  const identity = readIdentity(fields);
  const checkpoint = readCheckpoint(fields);
  const generations = readGenerations(fields);
  const zone = { ...identity.zone, places: readPlaces(fields, identity.zone) };
  const superblock: Superblock = { ...identity, ...checkpoint, generations, zone };
  if (fields.isMalformed) return { kind: "damaged", major };
  return { kind: "valid", sequence, superblock };
}

type RingShape = Omit<LogZone, "places">;
type Identity = Pick<Superblock, "volumeId" | "view" | "wallMs" | "cleanBatch" | "pages"> & {
  readonly zone: RingShape;
};
type Checkpoint = Pick<Superblock, "anchor" | "root" | "map">;

function writeIdentity(fields: FieldWriter, identity: Identity): void {
  const { volumeId, view, wallMs, cleanBatch, zone, pages } = identity;
  assert(volumeId.length === 16, "a volume id has 16 bytes");
  fields.bytes(volumeId);
  fields.u64(view);
  fields.u64(wallMs);
  fields.u64(cleanBatch === undefined ? 0 : cleanBatch + 1);
  fields.u64(zone.segmentBytes);
  fields.u64(zone.ringBytes);
  fields.u32(zone.unitBytes);
  fields.u32(pages.pageBytes);
  fields.u64(pages.at);
  fields.u64(pages.pageCount);
}

function readIdentity(fields: FieldReader): Identity {
  const volumeId = fields.bytes(16);
  const view = viewNumber(fields.u64());
  const wallMs = fields.u64();
  const cleanEnd = fields.u64();
  const cleanBatch = cleanEnd === 0 ? undefined : batchNumber(cleanEnd - 1);
  const zone = { segmentBytes: fields.u64(), ringBytes: fields.u64(), unitBytes: fields.u32() };
  const pageBytes = fields.u32();
  const pages = { pageBytes, at: fields.u64(), pageCount: fields.u64() };
  return { volumeId, view, wallMs, cleanBatch, zone, pages };
}

function writeCheckpoint(fields: FieldWriter, { anchor, root, map }: Checkpoint): void {
  fields.u64(anchor.batch);
  fields.u64(anchor.position);
  fields.u64(anchor.firstLsn);
  fields.u64(anchor.replayFrom);
  fields.u32(anchor.previousChecksum);
  fields.u32(root.level);
  fields.u64(root.page);
  fields.u64(root.generation);
  fields.u32(root.checksumLow);
  fields.u32(root.checksumHigh);
  fields.u64(map.firstPage);
  fields.u64(map.pageCount);
  fields.u64(map.lengthBytes);
  fields.u32(map.checksumLow);
  fields.u32(map.checksumHigh);
}

function readCheckpoint(fields: FieldReader): Checkpoint {
  const anchor = {
    batch: batchNumber(fields.u64()),
    position: fields.u64(),
    firstLsn: lsn(fields.u64()),
    replayFrom: lsn(fields.u64()),
    previousChecksum: fields.u32(),
  };
  const level = fields.u32();
  const root = {
    level,
    page: pageNumber(fields.u64()),
    generation: fields.u64(),
    checksumLow: fields.u32(),
    checksumHigh: fields.u32(),
  };
  const map = {
    firstPage: pageNumber(fields.u64()),
    pageCount: fields.u64(),
    lengthBytes: fields.u64(),
    checksumLow: fields.u32(),
    checksumHigh: fields.u32(),
  };
  return { anchor, root, map };
}

function writeGenerations(fields: FieldWriter, starts: readonly GenerationStart[]): void {
  assert(0 < starts.length && starts.length <= GENERATION_COUNT_MAX, "the table holds them all");
  fields.u32(starts.length);
  fields.skipTo(GENERATIONS_AT);
  for (const start of starts) {
    fields.u64(start.generation);
    fields.u64(start.firstBatch);
  }
}

function readGenerations(fields: FieldReader): readonly GenerationStart[] {
  const count = fields.u32();
  if (count === 0 || GENERATION_COUNT_MAX < count) fields.malformed();
  fields.skipTo(GENERATIONS_AT);
  const starts: GenerationStart[] = [];
  for (let index = 0; index < Math.min(count, GENERATION_COUNT_MAX); index++) {
    const number = generation(fields.u64());
    starts.push({ generation: number, firstBatch: batchNumber(fields.u64()) });
  }
  return starts;
}

function writePlaces(fields: FieldWriter, places: readonly number[]): void {
  assert(0 < places.length && places.length <= SEGMENT_COUNT_MAX, "the table holds them all");
  fields.skipTo(PLACES_AT);
  for (const place of places) fields.u64(place);
}

function readPlaces(
  fields: FieldReader,
  { ringBytes, segmentBytes }: RingShape,
): readonly number[] {
  const count = ringBytes / segmentBytes;
  if (!Number.isInteger(count) || count < 1 || SEGMENT_COUNT_MAX < count) {
    fields.malformed();
    return [];
  }
  fields.skipTo(PLACES_AT);
  return Array.from({ length: count }, () => fields.u64());
}
