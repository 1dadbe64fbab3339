/**
 * The bytes of a batch, the unit in which the log is written: a header, then entries, then zeroes
 * up to a whole number of write units. All numbers are little-endian.
 *
 *     offset  bytes  field
 *          0      4  magic              F5 "HLB"
 *          4      4  checksum           CRC-32 of everything from offset 8 to the batch's last
 *                                       unit's end, continued from the previous checksum
 *          8      4  header checksum    CRC-32 of the rest of the header
 *         12      2  version            1
 *         14      2  zero
 *         16     16  volume id
 *         32      8  generation         of the volume when the batch was written
 *         40      8  view               of the group when the batch was written
 *         48      8  batch number
 *         56      8  first LSN          of the first entry; those that follow count up by one
 *         64      8  durable through    every entry up to this LSN was durable before
 *         72      8  position           write units of log before this batch since the format
 *         80      4  entry count        at least 1
 *         84      4  used bytes         header and entries, without the zeroes at the end
 *         88      4  mask               see below
 *         92      4  previous checksum  the checksum of the batch before
 *         96      .  entries, each at a multiple of 8
 *
 *     entry
 *          0      4  body bytes
 *          4      2  kind               top bit: may be ignored by who does not know it
 *          6      2  zero
 *          8      8  view               in which the entry was appended
 *         16      .  body, then zeroes up to a multiple of 8
 *
 * *The mask.* No unit but a batch's first may begin with the magic, whatever users store: the first
 * 4 bytes of every other unit are written XOR the mask, which is the smallest number with which
 * none of them is the magic. It is nearly always 0. So wherever a unit of the ring begins with the
 * magic, the log wrote a header there, and a header in the ring is never forged by data.
 *
 * A header is believed only if its own checksum and its volume id are right, and what follows it
 * only if the checksum over all of it is.
 */

import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import {
  type BatchNumber,
  batchNumber,
  type Generation,
  generation,
  type Lsn,
  lsn,
  type ViewNumber,
  viewNumber,
} from "../base/ids.ts";
import { getU64, setU64 } from "../base/u64.ts";
import type { Checksums } from "../world/world.ts";

export const BATCH_MAGIC = 0x424c48f5;
export const BATCH_HEADER_BYTES = 96;
export const VOLUME_ID_BYTES = 16;
const VERSION = 1;

const CHECKSUM_AT = 4;
const HEADER_CHECKSUM_AT = 8;
const VERSION_AT = 12;
const VOLUME_ID_AT = 16;
const GENERATION_AT = 32;
const VIEW_AT = 40;
const BATCH_AT = 48;
const FIRST_LSN_AT = 56;
const DURABLE_THROUGH_AT = 64;
const POSITION_AT = 72;
const ENTRY_COUNT_AT = 80;
const USED_BYTES_AT = 84;
const MASK_AT = 88;
const PREVIOUS_CHECKSUM_AT = 92;
assert(PREVIOUS_CHECKSUM_AT + 4 === BATCH_HEADER_BYTES, "the fields fill the header");

export interface BatchHeader {
  readonly generation: Generation;
  readonly view: ViewNumber;
  readonly batch: BatchNumber;
  readonly firstLsn: Lsn;
  readonly durableThrough: Lsn;
  readonly position: number;
  readonly entryCount: number;
  readonly usedBytes: number;
  readonly previousChecksum: number;
}

/** A header as it was found, with what the log adds when it writes one. */
export interface FoundHeader extends BatchHeader {
  readonly mask: number;
  readonly checksum: number;
}

/** What stays the same for every batch of a log. */
export interface BatchCodec {
  readonly volumeId: Uint8Array;
  readonly unitBytes: number;
  readonly checksums: Checksums;
}

export interface SealedBatch {
  /** Ready to be written. */
  readonly bytes: Uint8Array;
  readonly checksum: number;
}

/**
 * Completes the batch in `bytes`, a whole number of units with entries and zeroes in place. The
 * bytes are a copy in the rare case that they must be masked, so that the entries stay readable
 * where they were gathered.
 */
export function sealBatch(codec: BatchCodec, header: BatchHeader, source: Uint8Array): SealedBatch {
  assert(source.length % codec.unitBytes === 0, "a batch is a whole number of units");
  assert(header.usedBytes <= source.length, "the entries lie within the batch");

  const mask = smallestMask(source, codec.unitBytes);
  const bytes = mask === 0 ? source : source.slice();
  applyMask(bytes, codec.unitBytes, mask);
  const view = viewOf(bytes, 0);
  writeHeader(codec, header, mask, bytes, view);
  const checksum = codec.checksums.crc32(
    bytes.subarray(HEADER_CHECKSUM_AT),
    header.previousChecksum,
  );
  view.setUint32(CHECKSUM_AT, checksum, true);
  return { bytes, checksum };
}

/** The header at `at`, or undefined if what is there is no header of this volume, or a torn one. */
export function findHeader(
  codec: BatchCodec,
  bytes: Uint8Array,
  at: number,
): FoundHeader | undefined {
  const view = viewOf(bytes, at);
  if (view.getUint32(0, true) !== BATCH_MAGIC) return undefined;

  const header = bytes.subarray(at, at + BATCH_HEADER_BYTES);
  const checksum = codec.checksums.crc32(header.subarray(VERSION_AT), 0);
  if (checksum !== view.getUint32(HEADER_CHECKSUM_AT, true)) return undefined;
  const volumeId = header.subarray(VOLUME_ID_AT, VOLUME_ID_AT + VOLUME_ID_BYTES);
  if (!equalBytes(volumeId, codec.volumeId)) return undefined;
  return readHeader(view);
}

/**
 * Whether the batch in `bytes`, as it was written, is whole. `header` is what was found at its
 * beginning.
 */
export function isWhole(codec: BatchCodec, header: FoundHeader, bytes: Uint8Array): boolean {
  const checked = bytes.subarray(HEADER_CHECKSUM_AT);
  return codec.checksums.crc32(checked, header.previousChecksum) === header.checksum;
}

/** Masks, or takes the mask away: the second application undoes the first. */
export function applyMask(bytes: Uint8Array, unitBytes: number, mask: number): void {
  if (mask === 0) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = unitBytes; at < bytes.length; at += unitBytes) {
    view.setUint32(at, (view.getUint32(at, true) ^ mask) >>> 0, true);
  }
}

/** The smallest number with which no unit but the first, XOR it, begins with the magic. */
export function smallestMask(bytes: Uint8Array, unitBytes: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let clashes = false;
  for (let at = unitBytes; at < bytes.length; at += unitBytes) {
    if (view.getUint32(at, true) === BATCH_MAGIC) clashes = true;
  }
  if (!clashes) return 0;

  // Each unit rules out one number, so one of the first `units` numbers is left.
  const ruledOut = new Uint8Array(bytes.length / unitBytes);
  for (let at = unitBytes; at < bytes.length; at += unitBytes) {
    const mask = (view.getUint32(at, true) ^ BATCH_MAGIC) >>> 0;
    if (mask < ruledOut.length) ruledOut[mask] = 1;
  }
  return ruledOut.indexOf(0);
}

function writeHeader(
  codec: BatchCodec,
  header: BatchHeader,
  mask: number,
  bytes: Uint8Array,
  view: DataView,
): void {
  view.setUint32(0, BATCH_MAGIC, true);
  view.setUint16(VERSION_AT, VERSION, true);
  view.setUint16(VERSION_AT + 2, 0, true);
  bytes.set(codec.volumeId, VOLUME_ID_AT);
  setU64(view, GENERATION_AT, header.generation);
  setU64(view, VIEW_AT, header.view);
  setU64(view, BATCH_AT, header.batch);
  setU64(view, FIRST_LSN_AT, header.firstLsn);
  setU64(view, DURABLE_THROUGH_AT, header.durableThrough);
  setU64(view, POSITION_AT, header.position);
  view.setUint32(ENTRY_COUNT_AT, header.entryCount, true);
  view.setUint32(USED_BYTES_AT, header.usedBytes, true);
  view.setUint32(MASK_AT, mask, true);
  view.setUint32(PREVIOUS_CHECKSUM_AT, header.previousChecksum, true);
  const checked = bytes.subarray(VERSION_AT, BATCH_HEADER_BYTES);
  view.setUint32(HEADER_CHECKSUM_AT, codec.checksums.crc32(checked, 0), true);
}

function readHeader(view: DataView): FoundHeader | undefined {
  const version = view.getUint16(VERSION_AT, true);
  if (version !== VERSION) {
    throw new Fault(
      "ERR_FORMAT",
      `the log holds a batch of version ${version}, and this program reads version ${VERSION}: ` +
        "open the store with the program that wrote it, or a later one",
      { version },
    );
  }
  for (let at = GENERATION_AT; at <= POSITION_AT; at += 8) {
    if (getU64(view, at) < 0) return undefined;
  }
  return {
    generation: generation(getU64(view, GENERATION_AT)),
    view: viewNumber(getU64(view, VIEW_AT)),
    batch: batchNumber(getU64(view, BATCH_AT)),
    firstLsn: lsn(getU64(view, FIRST_LSN_AT)),
    durableThrough: lsn(getU64(view, DURABLE_THROUGH_AT)),
    position: getU64(view, POSITION_AT),
    entryCount: view.getUint32(ENTRY_COUNT_AT, true),
    usedBytes: view.getUint32(USED_BYTES_AT, true),
    mask: view.getUint32(MASK_AT, true),
    previousChecksum: view.getUint32(PREVIOUS_CHECKSUM_AT, true),
    checksum: view.getUint32(CHECKSUM_AT, true),
  };
}

function viewOf(bytes: Uint8Array, at: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + at, BATCH_HEADER_BYTES);
}
