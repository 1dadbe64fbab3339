/**
 * Values as rows of the store: what a value is, when it expires, and its bytes.
 *
 *     offset  bytes  field
 *          0      1  tag        0 bytes, 1 counter, 2 structured; 16 and above: own codecs
 *          1      1  flags      bit 0: a deadline follows; the others are zero
 *          2      8  deadline   if flagged: milliseconds since 1970, little-endian
 *     2 / 10      n  payload    bytes as they are; a counter's int64, little-endian; or MessagePack
 *
 * A Uint8Array is stored as bytes and a bigint that fits into 64 bits as a counter, whichever codec
 * is in force; everything else is the codec's. A store may hold rows of several codecs, since each
 * row names its own.
 */

import { assert } from "../base/assert.ts";
import { copyBytes } from "../base/bytes.ts";
import { Fault, isFault, messageOf } from "../base/fault.ts";
import { decodeMessagePack } from "../base/message-pack-reader.ts";
import { encodeMessagePack } from "../base/message-pack-writer.ts";
import { typeName } from "../base/type-name.ts";
import { getU64, setU64 } from "../base/u64.ts";

/** Turns values that are neither bytes nor counters into bytes and back. */
export interface ValueCodec {
  /** Stored with every value, so never changed: 16 to 255. */
  readonly tag: number;
  /** The bytes of the value, or an error that says why there are none. */
  encode(value: unknown): Uint8Array;
  /** The bytes are a copy that the codec may keep. */
  decode(bytes: Uint8Array): unknown;
}

export const BYTES_TAG = 0;
export const COUNTER_TAG = 1;
export const STRUCTURED_TAG = 2;
const OWN_TAG_FIRST = 16;
const TAG_MAX = 255;

const DEADLINE_FLAG = 1;
const HEADER_BYTES = 2;
const DEADLINE_BYTES = 8;
/** The most that a row has before its payload. */
export const ROW_HEAD_BYTES_MAX: number = HEADER_BYTES + DEADLINE_BYTES;
const COUNTER_BYTES = 8;

/** The codec that is there by itself: MessagePack with JavaScript's own types. */
export const structuredCodec: ValueCodec = {
  tag: STRUCTURED_TAG,
  encode: encodeMessagePack,
  decode: decodeMessagePack,
};

/** Writes rows with one codec and reads those of all it knows. */
export class ValueFormat {
  readonly #codec: ValueCodec;
  readonly #codecs: ReadonlyMap<number, ValueCodec>;

  /** `others` are codecs that were in force before, whose rows may still be there. */
  constructor(codec: ValueCodec = structuredCodec, others: readonly ValueCodec[] = []) {
    const codecs = new Map([[STRUCTURED_TAG, structuredCodec]]);
    for (const one of [codec, ...others]) addCodec(codecs, one);
    this.#codec = codec;
    this.#codecs = codecs;
  }

  /** The row of `value`, which expires at `deadlineMs` if that is given. */
  encode(value: unknown, deadlineMs?: number): Uint8Array {
    if (value === undefined) {
      throw new Fault("ERR_ARGUMENT", "undefined cannot be a value; delete the key, or store null");
    }
    if (value instanceof Uint8Array) return wrap(BYTES_TAG, value, deadlineMs);
    if (typeof value === "bigint" && fitsCounter(value)) return encodeCounter(value, deadlineMs);
    if (this.#codec === structuredCodec) return encodeStructured(value, deadlineMs);
    const payload: unknown = this.#codec.encode(value);
    if (payload instanceof Uint8Array) return wrap(this.#codec.tag, payload, deadlineMs);
    throw new Fault(
      "ERR_ARGUMENT",
      `the codec with tag ${this.#codec.tag} returned ${typeName(payload)}; return a Uint8Array`,
    );
  }

  /** The value of the row `bytes[at, at + length)`; it shares no memory with the row. */
  decode(bytes: Uint8Array, at = 0, length: number = bytes.length - at): unknown {
    const payloadAt = at + headerLength(bytes, at, length);
    const payloadLength = at + length - payloadAt;
    const tag = bytes[at] as number;
    if (tag === BYTES_TAG) return copy(bytes, payloadAt, payloadLength);
    if (tag === COUNTER_TAG) return decodeCounter(bytes, at, length);
    if (tag === STRUCTURED_TAG) return decodeMessagePack(bytes, payloadAt, payloadLength);
    const codec = this.#codecs.get(tag);
    if (codec === undefined) throw unknownTag(tag);
    return decodeWith(codec, copy(bytes, payloadAt, payloadLength));
  }
}

/** Writes the row of bytes as a value to `target`, where there is room, and returns its length. */
export function writeBytesRow(
  target: Uint8Array,
  value: Uint8Array,
  deadlineMs: number | undefined,
): number {
  const payloadAt = headBytes(deadlineMs);
  writeHead(target, BYTES_TAG, deadlineMs);
  copyBytes(target, payloadAt, value, 0, value.length);
  return payloadAt + value.length;
}

/** When the row expires, in milliseconds since 1970; undefined if it does not. */
export function deadlineOf(bytes: Uint8Array, at: number, length: number): number | undefined {
  if (headerLength(bytes, at, length) === HEADER_BYTES) return undefined;
  const deadlineMs = getU64(viewOf(bytes), at + HEADER_BYTES);
  if (deadlineMs === -1) throw corrupt("has a deadline that is no time");
  return deadlineMs;
}

export function isCounter(bytes: Uint8Array, at: number, length: number): boolean {
  return 0 < length && bytes[at] === COUNTER_TAG;
}

export function fitsCounter(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** The row of a counter; the caller has seen that the value fits. */
export function encodeCounter(value: bigint, deadlineMs?: number): Uint8Array {
  assert(fitsCounter(value), "a counter has 64 bits");
  const row = makeRow(COUNTER_TAG, COUNTER_BYTES, deadlineMs);
  viewOf(row).setBigInt64(row.length - COUNTER_BYTES, value, true);
  return row;
}

/** The value of the counter in the row. */
export function decodeCounter(bytes: Uint8Array, at: number, length: number): bigint {
  const payloadAt = at + headerLength(bytes, at, length);
  if (bytes[at] !== COUNTER_TAG || at + length - payloadAt !== COUNTER_BYTES) {
    throw corrupt("is not a counter of 8 bytes");
  }
  return viewOf(bytes).getBigInt64(payloadAt, true);
}

function addCodec(codecs: Map<number, ValueCodec>, codec: ValueCodec): void {
  if (codec === structuredCodec) return;
  const { tag } = codec;
  if (!Number.isInteger(tag) || tag < OWN_TAG_FIRST || TAG_MAX < tag) {
    const wanted = `a whole number from ${OWN_TAG_FIRST} to ${TAG_MAX}`;
    throw new Fault("ERR_ARGUMENT", `the tag of a codec is ${wanted}, not ${tag}`);
  }
  if (codecs.has(tag)) {
    throw new Fault("ERR_ARGUMENT", `two codecs have the tag ${tag}; give each its own`);
  }
  codecs.set(tag, codec);
}

/** MessagePack is written behind room for the header, and so not copied. */
function encodeStructured(value: unknown, deadlineMs: number | undefined): Uint8Array {
  const row = encodeMessagePack(value, headBytes(deadlineMs));
  writeHead(row, STRUCTURED_TAG, deadlineMs);
  return row;
}

function wrap(tag: number, payload: Uint8Array, deadlineMs: number | undefined): Uint8Array {
  const row = makeRow(tag, payload.length, deadlineMs);
  row.set(payload, row.length - payload.length);
  return row;
}

function makeRow(tag: number, payloadBytes: number, deadlineMs: number | undefined): Uint8Array {
  const row = new Uint8Array(headBytes(deadlineMs) + payloadBytes);
  writeHead(row, tag, deadlineMs);
  return row;
}

function headBytes(deadlineMs: number | undefined): number {
  return deadlineMs === undefined ? HEADER_BYTES : HEADER_BYTES + DEADLINE_BYTES;
}

function writeHead(row: Uint8Array, tag: number, deadlineMs: number | undefined): void {
  row[0] = tag;
  row[1] = deadlineMs === undefined ? 0 : DEADLINE_FLAG;
  if (deadlineMs === undefined) return;
  if (!Number.isSafeInteger(deadlineMs) || deadlineMs < 0) {
    const wanted = "whole milliseconds since 1970";
    throw new Fault("ERR_ARGUMENT", `the deadline ${deadlineMs} is not a time; pass ${wanted}`);
  }
  setU64(viewOf(row), HEADER_BYTES, deadlineMs);
}

/** Where the payload begins within the row. */
function headerLength(bytes: Uint8Array, at: number, length: number): number {
  const flags = length < HEADER_BYTES ? 0 : (bytes[at + 1] as number);
  const expected = flags === DEADLINE_FLAG ? HEADER_BYTES + DEADLINE_BYTES : HEADER_BYTES;
  if (length < expected) throw corrupt("is cut off");
  if (flags !== 0 && flags !== DEADLINE_FLAG) throw corrupt(`has the unknown flags ${flags}`);
  return expected;
}

function decodeWith(codec: ValueCodec, payload: Uint8Array): unknown {
  try {
    return codec.decode(payload);
  } catch (error) {
    if (isFault(error)) throw error;
    const message = `the codec with tag ${codec.tag} cannot read a value: ${messageOf(error)}`;
    throw new Fault("ERR_CORRUPT", message, { tag: codec.tag }, error);
  }
}

function unknownTag(tag: number): Fault {
  const remedy =
    tag < OWN_TAG_FIRST ? "use the version that wrote it" : "pass the codec that has this tag";
  return new Fault("ERR_FORMAT", `a stored value has the unknown tag ${tag}; ${remedy}`, { tag });
}

/** Not `slice`, which for a Buffer is a view and no copy. */
function copy(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, at + length));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function corrupt(what: string): Fault {
  return new Fault("ERR_CORRUPT", `a stored value ${what}`);
}
