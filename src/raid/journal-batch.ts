/**
 * The bytes of a batch of the journal: a header with a record for every block that was changed,
 * then zeroes up to a whole unit, then the blocks whose data is in it, in the order of their
 * records, then zeroes up to a whole unit. All numbers are little-endian.
 *
 *     offset  bytes  field
 *          0      4  magic           "HfJB"
 *          4      4  version         2; 1 has no records of kind 4
 *          8      8  checksum        XXH64 of all that follows, low half first
 *         16     16  array id
 *         32      8  incarnation     of the array when the batch was written
 *         40      8  previous        checksum of the batch before
 *         48      8  batch           its number: 1, 2, 3 and so on
 *         56      8  position        where it begins, in units of journal since the creation
 *         64      4  event
 *         68      4  record count
 *         72      4  header bytes    up to the first block
 *         76      4  batch bytes     of all of it
 *         80      8  moved stripes   one more than those of a reshape; 0: none is under way
 *         88      8  zero
 *         96      .  records
 *
 *     record
 *          0      8  row
 *          8      4  CRC-32 of the block
 *         12      2  slot
 *         14      2  kind            0 the data is in the batch, 1 it is in place already,
 *                                    2 trimmed, 3 lost, 4 computed: the first of its row is P,
 *                                    the next Q, of the row's blocks of kind 0 in their order
 */

import { equalBytes } from "../base/bytes.ts";
import { getU64, setU64 } from "../base/u64.ts";
import type { Checksums } from "../world/world.ts";
import { roundUp } from "./member-layout.ts";
import {
  BLOCK_DATA,
  BLOCK_IN_PLACE,
  type BlockKind,
  type PlacedBlock,
  type PlacedStripe,
} from "./pending-rows.ts";
import { equalHashes, type Hash64, ID_BYTES } from "./superblock.ts";

export const BATCH_HEADER_BYTES = 96;
export const BATCH_RECORD_BYTES = 16;
const MAGIC = 0x424a6648; // "HfJB"
const VERSION = 2;
const VERSION_MIN = 1;
const RECORD_COMPUTED = 4;
const CHECKED_AT = 16;

export interface BatchHeader {
  readonly arrayId: Uint8Array;
  readonly incarnation: Hash64;
  readonly previous: Hash64;
  readonly batch: number;
  readonly position: number;
  readonly event: number;
  /** How many stripes a reshape has moved; undefined if none is under way. */
  readonly movedStripes: number | undefined;
}

/** What is known of a batch before its checksum is. */
export interface BatchOutline {
  readonly header: BatchHeader;
  readonly checksum: Hash64;
  readonly recordCount: number;
  readonly headerBytes: number;
  readonly batchBytes: number;
}

export interface BatchRecord {
  readonly row: number;
  readonly slot: number;
  readonly kind: BlockKind;
  readonly crc: number;
  readonly bytes: Uint8Array | undefined;
}

/** What goes into a batch. */
export interface BatchContent {
  readonly placed: readonly PlacedStripe[];
  readonly records: readonly PlacedBlock[];
  /**
   * P, then Q, of rows of which all data is among the records, in the order of its indexes. Their
   * bytes are left out, since they can be had again.
   */
  readonly computed: readonly PlacedBlock[];
}

/** Computes P, and Q where two are wanted, of all data of a row. */
export type ComputeParity = (data: readonly Uint8Array[], parity: readonly Uint8Array[]) => void;

export function recordCountOf({ placed, records, computed }: BatchContent): number {
  return placed.reduce((sum, { crcs }) => sum + crcs.length, records.length + computed.length);
}

/** The bytes that a batch of that many records and blocks takes. */
export function batchBytesFor(
  recordCount: number,
  dataBytes: number,
  unitBytes: number,
): { readonly headerBytes: number; readonly batchBytes: number } {
  const headerBytes = roundUp(BATCH_HEADER_BYTES + recordCount * BATCH_RECORD_BYTES, unitBytes);
  return { headerBytes, batchBytes: headerBytes + roundUp(dataBytes, unitBytes) };
}

/** The bytes that a batch of this content takes, and those of its blocks. */
export function batchBytesOf(
  content: BatchContent,
  unitBytes: number,
): { readonly headerBytes: number; readonly batchBytes: number; readonly dataBytes: number } {
  let dataBytes = 0;
  for (const { block } of content.records) dataBytes += block.bytes?.length ?? 0;
  return { ...batchBytesFor(recordCountOf(content), dataBytes, unitBytes), dataBytes };
}

/** Lays the batch out at the beginning of `room`, which has anything in it and enough of it. */
export function encodeBatch(
  header: BatchHeader,
  content: BatchContent,
  unitBytes: number,
  checksums: Checksums,
  room: Uint8Array,
): { readonly bytes: Uint8Array; readonly checksum: Hash64 } {
  const { headerBytes, batchBytes, dataBytes } = batchBytesOf(content, unitBytes);
  const bytes = room.subarray(0, batchBytes);
  bytes.fill(0, 0, headerBytes);
  bytes.fill(0, headerBytes + dataBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  bytes.set(header.arrayId, 16);
  setHash(view, 32, header.incarnation);
  setHash(view, 40, header.previous);
  setU64(view, 48, header.batch);
  setU64(view, 56, header.position);
  view.setUint32(64, header.event, true);
  view.setUint32(68, recordCountOf(content), true);
  view.setUint32(72, headerBytes, true);
  view.setUint32(76, batchBytes, true);
  setU64(view, 80, header.movedStripes === undefined ? 0 : header.movedStripes + 1);
  const at = writePlaced(view, content.placed);
  writeRecords(bytes, view, content, at, headerBytes);
  checksums.xxh64(bytes.subarray(CHECKED_AT), 0, 0);
  const checksum = { low: checksums.xxh64Low, high: checksums.xxh64High };
  setHash(view, 8, checksum);
  return { bytes, checksum };
}

/** A record for each block of the stripes; says where the next record goes. */
function writePlaced(view: DataView, placed: readonly PlacedStripe[]): number {
  let at = BATCH_HEADER_BYTES;
  for (const { firstRow, rowCount, crcs } of placed) {
    for (let index = 0; index < crcs.length; index++) {
      const row = firstRow + (index % rowCount);
      const slot = Math.floor(index / rowCount);
      writeRecord(view, at, row, slot, crcs[index] as number, BLOCK_IN_PLACE);
      at += BATCH_RECORD_BYTES;
    }
  }
  return at;
}

function writeRecords(
  bytes: Uint8Array,
  view: DataView,
  { records, computed }: BatchContent,
  recordsAt: number,
  headerBytes: number,
): void {
  let at = recordsAt;
  let dataAt = headerBytes;
  for (const { row, slot, block } of records) {
    writeRecord(view, at, row, slot, block.crc, block.kind);
    at += BATCH_RECORD_BYTES;
    if (block.bytes === undefined) continue;
    bytes.set(block.bytes, dataAt);
    dataAt += block.bytes.length;
  }
  for (const { row, slot, block } of computed) {
    writeRecord(view, at, row, slot, block.crc, RECORD_COMPUTED);
    at += BATCH_RECORD_BYTES;
  }
}

function writeRecord(
  view: DataView,
  at: number,
  row: number,
  slot: number,
  crc: number,
  kind: number,
): void {
  setU64(view, at, row);
  view.setUint32(at + 8, crc, true);
  view.setUint16(at + 12, slot, true);
  view.setUint16(at + 14, kind, true);
}

/** What the first unit of a batch says, if it is one of the array; nothing of it is verified. */
export function outlineBatch(
  unit: Uint8Array,
  arrayId: Uint8Array,
  unitBytes: number,
  batchBytesMax: number,
): BatchOutline | undefined {
  const view = new DataView(unit.buffer, unit.byteOffset, unit.length);
  const version = view.getUint32(4, true);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  if (version < VERSION_MIN || VERSION < version) return undefined;
  if (!equalBytes(unit.subarray(16, 16 + ID_BYTES), arrayId)) return undefined;
  const moved = getU64(view, 80);
  const header = {
    arrayId,
    incarnation: getHash(view, 32),
    previous: getHash(view, 40),
    batch: getU64(view, 48),
    position: getU64(view, 56),
    event: view.getUint32(64, true),
    movedStripes: moved <= 0 ? undefined : moved - 1,
  };
  const recordCount = view.getUint32(68, true);
  const headerBytes = view.getUint32(72, true);
  const batchBytes = view.getUint32(76, true);
  const recordsEnd = BATCH_HEADER_BYTES + recordCount * BATCH_RECORD_BYTES;
  if (batchBytesMax < batchBytes || batchBytes < headerBytes) return undefined;
  if (headerBytes !== roundUp(recordsEnd, unitBytes) || batchBytes % unitBytes !== 0) {
    return undefined;
  }
  return { header, checksum: getHash(view, 8), recordCount, headerBytes, batchBytes };
}

/** Whether these are the whole bytes of the batch. */
export function isWholeBatch(
  outline: BatchOutline,
  bytes: Uint8Array,
  checksums: Checksums,
): boolean {
  checksums.xxh64(bytes.subarray(CHECKED_AT), 0, 0);
  const computed = { low: checksums.xxh64Low, high: checksums.xxh64High };
  return equalHashes(outline.checksum, computed);
}

/** The records of a whole batch; their bytes are views of the batch's, or computed from those. */
export function decodeRecords(
  outline: BatchOutline,
  bytes: Uint8Array,
  blockBytes: number,
  computeParity: ComputeParity,
): readonly BatchRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const records: BatchRecord[] = [];
  const rows = new ComputedRows();
  let dataAt = outline.headerBytes;
  for (let index = 0; index < outline.recordCount; index++) {
    const at = BATCH_HEADER_BYTES + index * BATCH_RECORD_BYTES;
    const row = getU64(view, at);
    const crc = view.getUint32(at + 8, true);
    const slot = view.getUint16(at + 12, true);
    const kind = view.getUint16(at + 14, true);
    if (kind === RECORD_COMPUTED) {
      const parity = new Uint8Array(blockBytes);
      rows.parityOf(row).push(parity);
      records.push({ row, slot, crc, kind: BLOCK_DATA, bytes: parity });
    } else if (kind === BLOCK_DATA) {
      const data = bytes.subarray(dataAt, dataAt + blockBytes);
      dataAt += blockBytes;
      rows.dataOf(row).push(data);
      records.push({ row, slot, crc, kind, bytes: data });
    } else records.push({ row, slot, crc, kind: kind as BlockKind, bytes: undefined });
  }
  rows.compute(computeParity);
  return records;
}

/** What is in a batch of each row, and what is to be computed of that. */
class ComputedRows {
  readonly #data = new Map<number, Uint8Array[]>();
  readonly #parity = new Map<number, Uint8Array[]>();

  dataOf(row: number): Uint8Array[] {
    return listOf(this.#data, row);
  }

  parityOf(row: number): Uint8Array[] {
    return listOf(this.#parity, row);
  }

  compute(computeParity: ComputeParity): void {
    for (const [row, parity] of this.#parity) computeParity(this.dataOf(row), parity);
  }
}

function listOf(lists: Map<number, Uint8Array[]>, row: number): Uint8Array[] {
  const present = lists.get(row);
  if (present !== undefined) return present;
  const list: Uint8Array[] = [];
  lists.set(row, list);
  return list;
}

function setHash(view: DataView, at: number, hash: Hash64): void {
  view.setUint32(at, hash.low, true);
  view.setUint32(at + 4, hash.high, true);
}

function getHash(view: DataView, at: number): Hash64 {
  return { low: view.getUint32(at, true), high: view.getUint32(at + 4, true) };
}
