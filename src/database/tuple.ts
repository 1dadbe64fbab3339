/**
 * Keys as bytes that sort as the keys do: the tuple encoding of FoundationDB, of which this is
 * the part that JavaScript's values need. To the byte in docs/formats/keys.md.
 *
 * It guarantees that
 *
 *  1. the bytes of two tuples compare as the tuples: part by part, a tuple before those that
 *     extend it; null < bytes < strings < nested tuples < integers < numbers < false < true <
 *     UUIDs; bytes as bytes, strings by code points, numbers by value;
 *  2. different tuples have different bytes and the same tuple always has the same, but for 0 and
 *     -0, which are one key; a decoded tuple encodes to the bytes that it was decoded from;
 *  3. decoding bytes that are no tuple is `ERR_CORRUPT`, after at most one pass over them.
 *
 * Every JavaScript number is a double and every bigint an integer: 5 and 5n are two keys.
 */

import { assert } from "../base/assert.ts";
import { copyBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { typeName } from "../base/type-name.ts";
import { decodeUtf8, utf8Length, writeUtf8 } from "../base/utf8.ts";
import {
  INTEGER_FIRST,
  INTEGER_LAST,
  integerLength,
  readInteger,
  storedIntegerLength,
  writeInteger,
} from "./tuple-integer.ts";
import { Uuid, UUID_BYTES } from "./uuid.ts";

/**
 * A part of a key. Parts sort in this order of their types: null, bytes, strings, tuples, bigints,
 * numbers, booleans, UUIDs.
 */
export type KeyPart =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Uuid
  | readonly KeyPart[];

/** A string or bytes stand for the tuple of that one part: `"a"` is `["a"]`. */
export type Key = string | Uint8Array | readonly KeyPart[];

/** The keys from `start` up to, not including, `end`. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

const NULL = 0x00;
const BYTES = 0x01;
const STRING = 0x02;
const NESTED = 0x05;
const DOUBLE = 0x21;
const FALSE = 0x26;
const TRUE = 0x27;
const UUID = 0x30;
/** Ends bytes, strings and nested tuples; within them a zero, or null, is followed by `ESCAPE`. */
const END = 0x00;
const ESCAPE = 0xff;

/** No code is as large, so that this byte ends the range of all that extends a tuple. */
const AFTER_ALL_CODES = 0xff;

const NESTING_MAX = 32;

/** The bytes of a key. */
export function encodeKey(key: Key): Uint8Array {
  return encodeTuple(partsOf(key));
}

/** The parts of a key. */
export function partsOf(key: Key): readonly KeyPart[] {
  if (typeof key === "string" || key instanceof Uint8Array) return [key];
  if (Array.isArray(key)) return key;
  throw new Fault("ERR_ARGUMENT", `a key is a string, bytes or an array, not ${typeName(key)}`);
}

export function encodeTuple(parts: readonly KeyPart[]): Uint8Array {
  const bytes = new Uint8Array(tupleLength(parts));
  const end = writeTuple(parts, bytes, 0);
  assert(end === bytes.length, "a tuple takes the room that it was measured to take");
  return bytes;
}

/** How many bytes the tuple takes; a `Fault` if it cannot be one. */
export function tupleLength(parts: readonly KeyPart[]): number {
  let length = 0;
  for (const part of parts) length += partLength(part, 0);
  return length;
}

/** Writes the tuple at `at`, where there is room for it; returns where it ends. */
export function writeTuple(parts: readonly KeyPart[], target: Uint8Array, at: number): number {
  let end = at;
  for (const part of parts) end = writePart(part, target, end);
  return end;
}

/**
 * All tuples that begin with the parts of `prefix`, that one itself included. Only whole parts
 * count: `["ab"]` does not begin with `["a"]`.
 */
export function tupleRange(prefix: Key): KeyRange {
  const parts = partsOf(prefix);
  const end = new Uint8Array(tupleLength(parts) + 1);
  const length = writeTuple(parts, end, 0);
  end[length] = AFTER_ALL_CODES;
  return { start: end.slice(0, length), end };
}

/** The parts of the tuple whose bytes are `bytes[at, at + length)`. */
export function decodeTuple(
  bytes: Uint8Array,
  at = 0,
  length: number = bytes.length - at,
): readonly KeyPart[] {
  const reader = { bytes, at, end: at + length };
  const parts: KeyPart[] = [];
  while (reader.at < reader.end) parts.push(readPart(reader, 0));
  return parts;
}

function partLength(part: KeyPart, depth: number): number {
  if (typeof part === "string") return 2 + utf8Length(part) + countZeroCharacters(part);
  if (typeof part === "bigint") return integerLength(part);
  if (typeof part === "boolean") return 1;
  if (part === null) return depth === 0 ? 1 : 2;
  if (typeof part !== "number") return objectLength(part, depth);
  if (Number.isNaN(part)) throw new Fault("ERR_ARGUMENT", "NaN has no place in the order of keys");
  return 9;
}

function objectLength(part: Uint8Array | Uuid | readonly KeyPart[], depth: number): number {
  if (part instanceof Uint8Array) return 2 + part.length + countZeros(part, 0, part.length);
  if (part instanceof Uuid) return 1 + UUID_BYTES;
  if (!Array.isArray(part)) throw notAPart(part);
  if (depth === NESTING_MAX) {
    throw new Fault("ERR_ARGUMENT", `a key nests at most ${NESTING_MAX} tuples; flatten it`);
  }
  let length = 2;
  for (const inner of part as readonly KeyPart[]) length += partLength(inner, depth + 1);
  return length;
}

/** Writes a part which `partLength` has found to be good; a nested null needs its escape yet. */
function writePart(part: KeyPart, target: Uint8Array, at: number): number {
  if (typeof part === "string") return writeString(part, target, at);
  if (typeof part === "number") return writeDouble(part, target, at);
  if (typeof part === "bigint") return writeInteger(part, target, at);
  if (typeof part === "object" && part !== null) return writeObject(part, target, at);
  target[at] = part === null ? NULL : part ? TRUE : FALSE;
  return at + 1;
}

function writeObject(
  part: Uint8Array | Uuid | readonly KeyPart[],
  target: Uint8Array,
  at: number,
): number {
  if (part instanceof Uint8Array) {
    target[at] = BYTES;
    copyBytes(target, at + 1, part, 0, part.length);
    return endEscaped(target, at + 1, part.length);
  }
  if (part instanceof Uuid) {
    target[at] = UUID;
    part.write(target, at + 1);
    return at + 1 + UUID_BYTES;
  }
  target[at] = NESTED;
  let end = at + 1;
  for (const inner of part) {
    end = writePart(inner, target, end);
    if (inner === null) target[end++] = ESCAPE;
  }
  target[end] = END;
  return end + 1;
}

function writeString(text: string, target: Uint8Array, at: number): number {
  target[at] = STRING;
  const end = writeUtf8(text, target, at + 1);
  return endEscaped(target, at + 1, end - at - 1);
}

/** Escapes the zeros among `length` bytes that were just written, and ends them. */
function endEscaped(target: Uint8Array, at: number, length: number): number {
  const end = at + length + countZeros(target, at, length);
  let from = at + length;
  for (let to = end; from < to;) {
    const byte = target[--from] as number;
    if (byte === 0) target[--to] = ESCAPE;
    target[--to] = byte;
  }
  target[end] = END;
  return end + 1;
}

const double = new Float64Array(1);
const doubleBits = new Uint32Array(double.buffer);
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const HIGH_WORD = LITTLE ? 1 : 0;

/** IEEE bits, big-endian, with the sign bit inverted, or all bits of a negative number. */
function writeDouble(value: number, target: Uint8Array, at: number): number {
  double[0] = value === 0 ? 0 : value;
  const high = doubleBits[HIGH_WORD] as number;
  const low = doubleBits[1 - HIGH_WORD] as number;
  const isNegative = high >>> 31 === 1;
  target[at] = DOUBLE;
  writeWord(isNegative ? ~high : high ^ 0x8000_0000, target, at + 1);
  writeWord(isNegative ? ~low : low, target, at + 5);
  return at + 9;
}

function writeWord(word: number, target: Uint8Array, at: number): void {
  target[at] = word >>> 24;
  target[at + 1] = word >>> 16;
  target[at + 2] = word >>> 8;
  target[at + 3] = word;
}

/** Where a tuple is being read. */
interface Reader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

function readPart(reader: Reader, depth: number): KeyPart {
  const code = reader.bytes[reader.at] as number;
  if (INTEGER_FIRST <= code && code <= INTEGER_LAST) return readBigint(reader);
  switch (code) {
    case NULL:
      reader.at++;
      return null;
    case BYTES:
      return readEscaped(reader);
    case STRING:
      return decodeUtf8(readEscaped(reader));
    case NESTED:
      return readNested(reader, depth);
    case DOUBLE:
      return readDouble(reader);
    case FALSE:
    case TRUE:
      reader.at++;
      return code === TRUE;
    case UUID:
      return new Uuid(take(reader, 1 + UUID_BYTES).subarray(1));
    default:
      throw corrupt(reader, `has the unknown type ${code}`);
  }
}

function readNested(reader: Reader, depth: number): readonly KeyPart[] {
  if (depth === NESTING_MAX) throw corrupt(reader, "nests too deeply");
  const parts: KeyPart[] = [];
  reader.at++;
  while (reader.at < reader.end) {
    if (reader.bytes[reader.at] !== END) {
      parts.push(readPart(reader, depth + 1));
      continue;
    }
    reader.at++;
    if (reader.at === reader.end || reader.bytes[reader.at] !== ESCAPE) return parts;
    reader.at++;
    parts.push(null);
  }
  throw corrupt(reader, "is cut off within a nested tuple");
}

function readBigint(reader: Reader): bigint {
  const from = reader.at;
  const length = storedIntegerLength(reader.bytes, from, reader.end);
  if (length === -1) throw corrupt(reader, "is cut off within an integer");
  const value = readInteger(reader.bytes, from, length);
  if (value === undefined) throw corrupt(reader, "has an integer that is not in its shortest form");
  reader.at += length;
  return value;
}

function readDouble(reader: Reader): number {
  const bytes = take(reader, 9);
  const high = readWord(bytes, 1);
  const low = readWord(bytes, 5);
  const isNegative = high >>> 31 === 0;
  doubleBits[HIGH_WORD] = isNegative ? ~high : high ^ 0x8000_0000;
  doubleBits[1 - HIGH_WORD] = isNegative ? ~low : low;
  const value = double[0] as number;
  if (Number.isNaN(value) || Object.is(value, -0)) {
    throw corrupt(reader, "has a number that is never stored");
  }
  return value;
}

function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

/** A copy of what stands between the code and the end, without the escapes. */
function readEscaped(reader: Reader): Uint8Array {
  const { bytes, end } = reader;
  const from = reader.at + 1;
  let escapes = 0;
  for (let at = from; at < end; at++) {
    if (bytes[at] !== END) continue;
    if (at + 1 < end && bytes[at + 1] === ESCAPE) {
      escapes++;
      at++;
      continue;
    }
    reader.at = at + 1;
    return unescape(bytes, from, at, escapes);
  }
  throw corrupt(reader, "is cut off within a string or bytes");
}

function unescape(bytes: Uint8Array, from: number, to: number, escapes: number): Uint8Array {
  // Not `slice`, which for a Buffer is a view and no copy.
  if (escapes === 0) return new Uint8Array(bytes.subarray(from, to));
  const plain = new Uint8Array(to - from - escapes);
  let at = from;
  for (let index = 0; index < plain.length; index++) {
    plain[index] = bytes[at] as number;
    at += plain[index] === END ? 2 : 1;
  }
  return plain;
}

/** The next `length` bytes. */
function take(reader: Reader, length: number): Uint8Array {
  const from = reader.at;
  if (reader.end < from + length) throw corrupt(reader, "is cut off");
  reader.at += length;
  return reader.bytes.subarray(from, reader.at);
}

function countZeros(bytes: Uint8Array, at: number, length: number): number {
  let count = 0;
  for (let index = at; index < at + length; index++) if (bytes[index] === 0) count++;
  return count;
}

function countZeroCharacters(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\0"); at !== -1; at = text.indexOf("\0", at + 1)) count++;
  return count;
}

function corrupt(reader: Reader, what: string): Fault {
  return new Fault("ERR_CORRUPT", `a stored key ${what}, at byte ${reader.at}`, { at: reader.at });
}

function notAPart(part: unknown): Fault {
  const kinds = "null, boolean, number, bigint, string, Uint8Array, Uuid or an array of these";
  return new Fault("ERR_ARGUMENT", `a part of a key is ${kinds}, not ${typeName(part)}`);
}
