/**
 * Reads structured values from MessagePack; `message-pack.ts` says which part of it.
 *
 * Bytes that are not such a value are `ERR_CORRUPT`. Memory is taken for what is there and never
 * for what a length claims, nesting is bounded, and no name of a field can reach a prototype.
 */

import { Fault } from "./fault.ts";
import {
  ARRAY_16,
  BIGINT_BYTES_MAX,
  BYTES_8,
  EXTENSION,
  EXTENSION_32,
  EXTENSION_8,
  EXTENSION_FIXED,
  FALSE,
  FIXED_ARRAY,
  FIXED_MAP,
  FIXED_STRING,
  FLOAT_64,
  MAP_16,
  NEGATIVE_FIXED,
  NESTING_MAX,
  NIL,
  SIGNED_8,
  STRING_8,
  TRUE,
  UNSIGNED_8,
  WORD,
} from "./message-pack.ts";
import { dateOf } from "./stored-date.ts";
import { decodeUtf8 } from "./utf8.ts";

/** The value whose bytes are `bytes[at, at + length)`. */
export function decodeMessagePack(
  bytes: Uint8Array,
  at = 0,
  length: number = bytes.length - at,
): unknown {
  const reader = new Reader(bytes, at, at + length);
  const value = reader.read();
  if (reader.at !== at + length) throw reader.corrupt("has bytes after its end");
  return value;
}

/** The largest date that JavaScript has. */
const DATE_MS_MAX = 8.64e15;

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #end: number;
  #depth = 0;
  at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = at;
    this.#end = end;
  }

  read(): unknown {
    const code = this.#bytes[this.#take(1)] as number;
    if (code < FIXED_MAP) return code;
    if (NEGATIVE_FIXED <= code) return code - 0x100;
    if (code < FIXED_ARRAY) return this.#readFields(code - FIXED_MAP);
    if (code < FIXED_STRING) return this.#readElements(code - FIXED_ARRAY);
    if (code < NIL) return this.#readString(code - FIXED_STRING);
    return this.#readLong(code);
  }

  corrupt(what: string): Fault {
    return new Fault("ERR_CORRUPT", `a stored value ${what}, at byte ${this.at}`, { at: this.at });
  }

  #readLong(code: number): unknown {
    if (code === NIL) return null;
    if (code === FALSE) return false;
    if (code === TRUE) return true;
    if (code === FLOAT_64) return this.#view.getFloat64(this.#take(8));
    if (BYTES_8 <= code && code < EXTENSION_8) return this.#readBytes(code - BYTES_8);
    if (EXTENSION_8 <= code && code <= EXTENSION_32) {
      return this.#readExtension(this.#readUnsigned(code - EXTENSION_8));
    }
    if (UNSIGNED_8 <= code && code < SIGNED_8) return this.#readUnsigned(code - UNSIGNED_8);
    if (SIGNED_8 <= code && code < EXTENSION_FIXED) return this.#readSigned(code - SIGNED_8);
    if (EXTENSION_FIXED <= code && code < STRING_8) {
      return this.#readExtension(2 ** (code - EXTENSION_FIXED));
    }
    if (STRING_8 <= code && code < ARRAY_16) {
      return this.#readString(this.#readUnsigned(code - STRING_8));
    }
    if (ARRAY_16 <= code && code < MAP_16) {
      return this.#readElements(this.#readUnsigned(code - ARRAY_16 + 1));
    }
    if (MAP_16 <= code) return this.#readFields(this.#readUnsigned(code - MAP_16 + 1));
    throw this.corrupt(`has the unknown code ${code}`);
  }

  /** An integer of 1, 2, 4 or 8 bytes: class 0, 1, 2 or 3. */
  #readUnsigned(size: number): number {
    const at = this.#take(2 ** size);
    if (size === 0) return this.#view.getUint8(at);
    if (size === 1) return this.#view.getUint16(at);
    if (size === 2) return this.#view.getUint32(at);
    return this.#safe(this.#view.getUint32(at) * WORD + this.#view.getUint32(at + 4));
  }

  #readSigned(size: number): number {
    const at = this.#take(2 ** size);
    if (size === 0) return this.#view.getInt8(at);
    if (size === 1) return this.#view.getInt16(at);
    if (size === 2) return this.#view.getInt32(at);
    return this.#safe(this.#view.getInt32(at) * WORD + this.#view.getUint32(at + 4));
  }

  #safe(value: number): number {
    if (!Number.isSafeInteger(value)) throw this.corrupt("has an integer that no number holds");
    return value;
  }

  #readString(length: number): string {
    return decodeUtf8(this.#bytes, this.#take(length), length);
  }

  #readBytes(size: number): Uint8Array {
    const length = this.#readUnsigned(size);
    const at = this.#take(length);
    // Not `slice`, which for a Buffer is a view and no copy.
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  #readElements(count: number): unknown[] {
    this.#enter(count);
    const values: unknown[] = [];
    for (let index = 0; index < count; index++) values.push(this.read());
    this.#depth--;
    return values;
  }

  #readFields(count: number): Record<string, unknown> {
    this.#enter(2 * count);
    const fields: Record<string, unknown> = {};
    for (let index = 0; index < count; index++) {
      const name = this.read();
      if (typeof name !== "string") throw this.corrupt("has a field whose name is no string");
      setField(fields, name, this.read());
    }
    this.#depth--;
    return fields;
  }

  /** Goes into something with `count` parts, each of which takes a byte at least. */
  #enter(count: number): void {
    if (this.#end - this.at < count) throw this.corrupt("claims more parts than it has bytes");
    if (this.#depth === NESTING_MAX) throw this.corrupt("nests too deeply");
    this.#depth++;
  }

  #readExtension(length: number): unknown {
    const type = this.#bytes[this.#take(1)] as number;
    const at = this.#take(length);
    switch (type) {
      case EXTENSION.undefined:
        if (length !== 1 || this.#bytes[at] !== 0) throw this.corrupt("has a bad undefined");
        return undefined;
      case EXTENSION.bigint:
        return this.#bigintAt(at, length);
      case EXTENSION.map:
        return this.#mapOf(this.#arrayAt(at, length));
      case EXTENSION.set:
        return new Set(this.#arrayAt(at, length));
      case EXTENSION.date:
        return dateOf(this.#dateMsAt(at, length));
      default:
        throw this.corrupt(`has an extension of the unknown type ${type}`);
    }
  }

  #bigintAt(at: number, length: number): bigint {
    if (length === 0 || BIGINT_BYTES_MAX < length) {
      throw this.corrupt(`has an integer of ${length} bytes`);
    }
    let digits = "0x";
    for (let index = at; index < at + length; index++) {
      digits += (this.#bytes[index] as number).toString(16).padStart(2, "0");
    }
    return BigInt.asIntN(8 * length, BigInt(digits));
  }

  /** The array that fills `length` bytes from `at` exactly. */
  #arrayAt(at: number, length: number): readonly unknown[] {
    const outerEnd = this.#end;
    this.at = at;
    this.#end = at + length;
    const values = this.read();
    if (!Array.isArray(values)) throw this.corrupt("has a map or set that holds no array");
    if (this.at !== this.#end) throw this.corrupt("has bytes after the end of a map or set");
    this.#end = outerEnd;
    return values;
  }

  #mapOf(turns: readonly unknown[]): Map<unknown, unknown> {
    if (turns.length % 2 !== 0) throw this.corrupt("has a map with a key and no value");
    const map = new Map<unknown, unknown>();
    for (let index = 0; index < turns.length; index += 2) map.set(turns[index], turns[index + 1]);
    return map;
  }

  #dateMsAt(at: number, length: number): number {
    let nanoseconds = 0;
    let seconds: number;
    if (length === 4) seconds = this.#view.getUint32(at);
    else if (length === 8) {
      const high = this.#view.getUint32(at);
      nanoseconds = high >>> 2;
      seconds = (high & 3) * WORD + this.#view.getUint32(at + 4);
    } else if (length === 12) {
      nanoseconds = this.#view.getUint32(at);
      seconds = this.#view.getInt32(at + 4) * WORD + this.#view.getUint32(at + 8);
    } else throw this.corrupt("has a date of an unknown length");

    const ms = 1000 * seconds + nanoseconds / 1_000_000;
    if (!Number.isInteger(ms) || DATE_MS_MAX < Math.abs(ms) || 1e9 <= nanoseconds) {
      throw this.corrupt("has a date that JavaScript does not have");
    }
    return ms;
  }

  /** Takes the next `length` bytes; returns where they begin. */
  #take(length: number): number {
    const at = this.at;
    if (this.#end - at < length) throw this.corrupt("is cut off");
    this.at += length;
    return at;
  }
}

/** As an assignment, but that a field named `__proto__` is a field like any other. */
function setField(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") fields[name] = value;
  else {
    const own = { value, writable: true, enumerable: true, configurable: true };
    Object.defineProperty(fields, name, own);
  }
}
