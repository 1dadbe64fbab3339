/**
 * Where in the keys of a store the library keeps its rows:
 *
 *     00 'o' session slot       the outcome of the last transaction that had the slot
 *     00 'l' session sequence   the outcome of a transaction that ended too late for its slot
 *     00 'n' session            how many slots the session has
 *     00 's'                    which sessions there are
 *     00 'i' text               the answer for an idempotency key
 *     00 'd'                    there have been rows with deadlines
 *     01 tuple                  what users store
 *
 * Sessions, slots and sequences are 6 bytes, big-endian.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { typeName } from "../base/type-name.ts";
import { encodeUtf8 } from "../base/utf8.ts";
import { checkLimit, type DatabaseSettings } from "./settings.ts";
import {
  decodeTuple,
  type Key,
  type KeyPart,
  type KeyRange,
  partsOf,
  tupleLength,
  tupleRange,
  writeTuple,
} from "./tuple.ts";

export const LIBRARY_SPACE = 0x01;
export const OWN_SPACE = 0x00;
const OUTCOME = 0x6f;
const LATE_OUTCOME = 0x6c;
const SLOT_COUNT = 0x6e;
export const NUMBER_BYTES = 6;

/** All that users store. */
export const LIBRARY_RANGE: KeyRange = {
  start: Uint8Array.of(LIBRARY_SPACE),
  end: Uint8Array.of(LIBRARY_SPACE + 1),
};
export const SESSIONS_KEY: Uint8Array = Uint8Array.of(OWN_SPACE, 0x73);
export const DEADLINES_KEY: Uint8Array = Uint8Array.of(OWN_SPACE, 0x64);
/** The answers for idempotency keys. */
export const IDEMPOTENCY_RANGE: KeyRange = {
  start: Uint8Array.of(OWN_SPACE, 0x69),
  end: Uint8Array.of(OWN_SPACE, 0x6a),
};
/** A text that is longer cannot be one of the keys of a store. */
export const IDEMPOTENCY_KEY_BYTES_MAX = 1024;

/** Encodes keys of users into one buffer, so that a look-up makes no garbage. */
export class KeyEncoder {
  /** The last key that was encoded, from 0. */
  readonly bytes: Uint8Array;
  readonly #settings: DatabaseSettings;

  constructor(settings: DatabaseSettings) {
    this.#settings = settings;
    this.bytes = new Uint8Array(settings.keyBytesMax);
    this.bytes[0] = LIBRARY_SPACE;
  }

  /** The length of the key that is in `bytes` until the next call. */
  encode(key: Key): number {
    const parts = partsOf(key);
    const length = 1 + tupleLength(parts);
    checkLimit(this.#settings, "keyBytesMax", length);
    const end = writeTuple(parts, this.bytes, 1);
    assert(end === length, "a key takes the room that it was measured to take");
    return length;
  }

  /** The key by itself. */
  copy(key: Key): Uint8Array {
    return this.bytes.slice(0, this.encode(key));
  }

  copies(keys: readonly Key[]): readonly Uint8Array[] {
    const given: unknown = keys;
    if (Array.isArray(given)) return keys.map((key) => this.copy(key));
    const message = `name the keys as an array of keys, not by ${typeName(given)}`;
    throw new Fault("ERR_ARGUMENT", message);
  }
}

/** The key of a user that is `bytes[0, length)`. */
export function decodeLibraryKey(
  bytes: Uint8Array,
  length: number = bytes.length,
): readonly KeyPart[] {
  return decodeTuple(bytes, 1, length - 1);
}

/** Where the keys of users that begin with the parts of `prefix` are. */
export function libraryRange(prefix: Key): KeyRange {
  const { start, end } = tupleRange(prefix);
  return { start: inLibrary(start), end: inLibrary(end) };
}

export function outcomeKey(session: number, slot: number): Uint8Array {
  return keyOfTwo(OUTCOME, session, slot);
}

/** Makes `key` that of another slot. */
export function moveToSlot(key: Uint8Array, slot: number): void {
  writeNumber(key, 2 + NUMBER_BYTES, slot);
}

export function lateOutcomeKey(session: number, sequence: number): Uint8Array {
  return keyOfTwo(LATE_OUTCOME, session, sequence);
}

export function slotCountKey(session: number): Uint8Array {
  const key = new Uint8Array(2 + NUMBER_BYTES);
  key[1] = SLOT_COUNT;
  writeNumber(key, 2, session);
  return key;
}

export function idempotencyKey(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  const key = new Uint8Array(IDEMPOTENCY_RANGE.start.length + bytes.length);
  key.set(IDEMPOTENCY_RANGE.start);
  key.set(bytes, IDEMPOTENCY_RANGE.start.length);
  return key;
}

function keyOfTwo(code: number, first: number, second: number): Uint8Array {
  const key = new Uint8Array(2 + 2 * NUMBER_BYTES);
  key[1] = code;
  writeNumber(key, 2, first);
  writeNumber(key, 2 + NUMBER_BYTES, second);
  return key;
}

/** Numbers in keys, and of transactions in rows, are 6 bytes, big-endian. */
export function writeNumber(target: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  target[at] = high >>> 8;
  target[at + 1] = high;
  target[at + 2] = value >>> 24;
  target[at + 3] = value >>> 16;
  target[at + 4] = value >>> 8;
  target[at + 5] = value;
}

export function readNumber(source: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at; index < at + NUMBER_BYTES; index++) {
    value = value * 256 + (source[index] as number);
  }
  return value;
}

function inLibrary(tuple: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + tuple.length);
  key[0] = LIBRARY_SPACE;
  key.set(tuple, 1);
  return key;
}
