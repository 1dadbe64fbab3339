/**
 * Writes structured values as MessagePack; `message-pack.ts` says which part of it.
 *
 * A value comes back as it was, or is refused with `ERR_ARGUMENT` and the path of what cannot be
 * stored: functions, symbols, objects of classes, cycles. Nothing is left out or changed quietly.
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
  NESTING_MAX,
  NIL,
  SIGNED_8,
  STRING_8,
  TRUE,
  UNSIGNED_8,
  WORD,
} from "./message-pack.ts";
import { isDate } from "./stored-date.ts";
import { typeName } from "./type-name.ts";
import { tryWriteAscii, utf8Length, writeUtf8 } from "./utf8.ts";

/** The bytes of `value`, after as many zeros as the caller wants to fill. */
export function encodeMessagePack(value: unknown, reservedBytes = 0): Uint8Array {
  // A getter within the value may come here again; it then finds no spare writer and makes one.
  const writer = spareWriter ?? new Writer();
  spareWriter = undefined;
  try {
    return writer.encode(value, reservedBytes);
  } finally {
    spareWriter = writer;
  }
}

let spareWriter: Writer | undefined;

const FIRST_BYTES = 1024;
/** A buffer that grew beyond this for one value is not kept for the next. */
const KEPT_BYTES_MAX = 1 << 16;

class Writer {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;
  /** The containers around what is being written, from the outermost. */
  #around: object[] = [];

  encode(value: unknown, reservedBytes: number): Uint8Array {
    this.#end = 0;
    this.#around = [];
    try {
      this.#claim(reservedBytes);
      this.#bytes.fill(0, 0, reservedBytes);
      this.#write(value);
      return this.#bytes.slice(0, this.#end);
    } catch (error) {
      throw error instanceof Refusal ? error.toFault() : error;
    } finally {
      if (KEPT_BYTES_MAX < this.#bytes.length) this.#replace(FIRST_BYTES);
    }
  }

  #write(value: unknown): void {
    if (typeof value === "string") this.#writeString(value);
    else if (typeof value === "number") this.#writeNumber(value);
    else if (typeof value === "boolean") this.#writeByte(value ? TRUE : FALSE);
    else if (typeof value === "bigint") this.#writeBigint(value);
    else if (value === null) this.#writeByte(NIL);
    else if (value === undefined) this.#writeUndefined();
    else if (typeof value === "object") this.#writeObject(value);
    else throw new Refusal(`is ${typeName(value)}, which cannot be stored`);
  }

  #writeObject(value: object): void {
    if (value instanceof Uint8Array) return this.#writeBytes(value);
    if (isDate(value)) return this.#writeDate(value.getTime());
    if (this.#around.includes(value)) throw new Refusal("contains itself");
    if (this.#around.length === NESTING_MAX) {
      throw new Refusal(`lies deeper than ${NESTING_MAX} levels`);
    }
    this.#around.push(value);
    if (Array.isArray(value)) this.#writeArray(value);
    else if (value instanceof Map) this.#writeMap(value);
    else if (value instanceof Set) this.#writeSet(value);
    else this.#writePlain(value);
    this.#around.pop();
  }

  #writeArray(values: readonly unknown[]): void {
    this.#writeCount(values.length, FIXED_ARRAY, ARRAY_16);
    this.#writeAll(values, indexStep);
  }

  #writePlain(value: object): void {
    const names = namesOf(value);
    this.#writeCount(names.length, FIXED_MAP, MAP_16);
    const fields = value as Readonly<Record<string, unknown>>;
    let name = "";
    try {
      for (name of names) {
        this.#writeString(name);
        this.#write(fields[name]);
      }
    } catch (error) {
      throw within(error, `.${name}`);
    }
  }

  #writeMap(entries: ReadonlyMap<unknown, unknown>): void {
    const lengthAt = this.#beginExtension(EXTENSION.map);
    this.#writeCount(2 * entries.size, FIXED_ARRAY, ARRAY_16);
    this.#writeAll([...entries].flat(), mapStep);
    this.#endExtension(lengthAt);
  }

  #writeSet(elements: ReadonlySet<unknown>): void {
    const lengthAt = this.#beginExtension(EXTENSION.set);
    this.#writeCount(elements.size, FIXED_ARRAY, ARRAY_16);
    this.#writeAll([...elements], setStep);
    this.#endExtension(lengthAt);
  }

  #writeAll(values: readonly unknown[], step: (index: number) => string): void {
    const count = values.length;
    let index = 0;
    try {
      // A getter that changes the array finds that its length was written already.
      for (; index < count; index++) this.#write(values[index]);
    } catch (error) {
      throw within(error, step(index));
    }
  }

  #writeString(text: string): void {
    const begin = this.#end;
    // Most text is ASCII, which needs no second look to be measured.
    const asciiAt = this.#claimString(text.length);
    if (tryWriteAscii(text, this.#bytes, asciiAt)) return;
    this.#end = begin;
    const at = this.#claimString(measure(text));
    writeUtf8(text, this.#bytes, at);
  }

  /** Writes the header of a string and makes room for it; returns where it begins. */
  #claimString(length: number): number {
    if (length < 32) this.#writeByte(FIXED_STRING + length);
    else this.#writeLength(length, STRING_8);
    return this.#claim(length);
  }

  #writeBytes(bytes: Uint8Array): void {
    this.#writeLength(bytes.length, BYTES_8);
    const at = this.#claim(bytes.length);
    this.#bytes.set(bytes, at);
  }

  #writeNumber(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      const at = this.#claim(9);
      this.#bytes[at] = FLOAT_64;
      this.#view.setFloat64(at + 1, value);
    } else if (value < 0) this.#writeNegative(value);
    else if (value < 0x80) this.#writeByte(value);
    else this.#writeInteger(value, sizeClass(value), UNSIGNED_8);
  }

  #writeNegative(value: number): void {
    if (-0x20 <= value) this.#writeByte(value + 0x100);
    else this.#writeInteger(value, sizeClass(-2 * value - 1), SIGNED_8);
  }

  /** Writes an integer of 1, 2, 4 or 8 bytes (class 0, 1, 2 or 3), negative ones complemented. */
  #writeInteger(value: number, size: number, code: number): void {
    const bytes = 2 ** size;
    const at = this.#claim(1 + bytes);
    this.#bytes[at] = code + size;
    if (size === 0) this.#bytes[at + 1] = value;
    else if (size === 1) this.#view.setUint16(at + 1, value);
    else if (size === 2) this.#view.setUint32(at + 1, value);
    else {
      this.#view.setInt32(at + 1, Math.floor(value / WORD));
      this.#view.setUint32(at + 5, value);
    }
  }

  #writeBigint(value: bigint): void {
    const digits = (value < 0n ? ~value : value).toString(16);
    // One more bit than the magnitude, for the sign.
    const bits = 4 * digits.length - Math.clz32(Number.parseInt(digits.charAt(0), 16)) + 28 + 1;
    const length = Math.ceil(bits / 8);
    if (BIGINT_BYTES_MAX < length) throw new Refusal("is a bigint of more than 1 MiB");
    this.#writeExtension(EXTENSION.bigint, length);
    const at = this.#claim(length);
    const unsigned = BigInt.asUintN(8 * length, value)
      .toString(16)
      .padStart(2 * length, "0");
    for (let index = 0; index < length; index++) {
      const pair = unsigned.slice(2 * index, 2 * index + 2);
      this.#bytes[at + index] = Number.parseInt(pair, 16);
    }
  }

  #writeUndefined(): void {
    this.#writeExtension(EXTENSION.undefined, 1);
    this.#writeByte(0);
  }

  /** Seconds in 32 bits if that is all; with nanoseconds in 64; or in 96 if far from 1970. */
  #writeDate(ms: number): void {
    if (Number.isNaN(ms)) throw new Refusal("is an invalid date");
    const seconds = Math.floor(ms / 1000);
    const nanoseconds = (ms - 1000 * seconds) * 1_000_000;
    if (seconds < 0 || 2 ** 34 <= seconds) {
      this.#writeExtension(EXTENSION.date, 12);
      const at = this.#claim(12);
      this.#view.setUint32(at, nanoseconds);
      this.#view.setInt32(at + 4, Math.floor(seconds / WORD));
      this.#view.setUint32(at + 8, seconds);
    } else if (nanoseconds === 0 && seconds < WORD) {
      this.#writeExtension(EXTENSION.date, 4);
      const at = this.#claim(4);
      this.#view.setUint32(at, seconds);
    } else {
      this.#writeExtension(EXTENSION.date, 8);
      const at = this.#claim(8);
      this.#view.setUint32(at, 4 * nanoseconds + Math.floor(seconds / WORD));
      this.#view.setUint32(at + 4, seconds);
    }
  }

  /** The header of an extension whose length is known. */
  #writeExtension(type: number, length: number): void {
    const fixed = [1, 2, 4, 8, 16].indexOf(length);
    if (fixed === -1) this.#writeLength(length, EXTENSION_8);
    else this.#writeByte(EXTENSION_FIXED + fixed);
    this.#writeByte(type);
  }

  /** The header of an extension whose length `endExtension` writes at the returned place. */
  #beginExtension(type: number): number {
    const at = this.#claim(6);
    this.#bytes[at] = EXTENSION_32;
    this.#bytes[at + 5] = type;
    return at + 1;
  }

  #endExtension(lengthAt: number): void {
    this.#view.setUint32(lengthAt, this.#end - lengthAt - 5);
  }

  /** Writes a length of 8, 16 or 32 bits, whose codes follow each other from `code`. */
  #writeLength(length: number, code: number): void {
    if (WORD <= length) throw new Refusal("is longer than 4 GiB");
    this.#writeInteger(length, sizeClass(length), code);
  }

  /** Writes a count of 4, 16 or 32 bits. */
  #writeCount(count: number, fixed: number, code: number): void {
    if (count < 16) this.#writeByte(fixed + count);
    else this.#writeInteger(count, Math.max(1, sizeClass(count)), code - 1);
  }

  #writeByte(byte: number): void {
    const at = this.#claim(1);
    this.#bytes[at] = byte;
  }

  /** Makes room for `length` bytes at the end, maybe in another buffer; returns their place. */
  #claim(length: number): number {
    const at = this.#end;
    this.#end += length;
    if (this.#bytes.length < this.#end) {
      const before = this.#bytes;
      this.#replace(Math.max(this.#end, 2 * before.length));
      this.#bytes.set(before);
    }
    return at;
  }

  #replace(length: number): void {
    this.#bytes = new Uint8Array(length);
    this.#view = new DataView(this.#bytes.buffer);
  }
}

/** What cannot be stored. Its path is gathered on the way out, so that success pays nothing. */
class Refusal extends Error {
  path = "";

  toFault(): Fault {
    const path = `value${this.path}`;
    return new Fault("ERR_ARGUMENT", `${path} ${this.message}; store plain data`, { path });
  }
}

function within(error: unknown, step: string): unknown {
  if (error instanceof Refusal) error.path = `${step}${error.path}`;
  return error;
}

function indexStep(index: number): string {
  return `[${index}]`;
}

function mapStep(index: number): string {
  return `.${index % 2 === 0 ? "keys" : "values"}()[${index >> 1}]`;
}

function setStep(index: number): string {
  return `.values()[${index}]`;
}

/** The names of the fields of a plain object; any other kind of object is refused. */
function namesOf(value: object): readonly string[] {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of plain objects has none itself, also where it comes from another realm.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new Refusal(`is ${typeName(value)}, not a plain object`);
  }
  if (Object.getOwnPropertySymbols(value).length > 0) throw new Refusal("has a symbol as a key");
  return Object.keys(value);
}

function measure(text: string): number {
  try {
    return utf8Length(text);
  } catch {
    throw new Refusal("has half a surrogate pair");
  }
}

/** 0 for what fits into one byte, 1 for two, 2 for four, 3 for eight. */
function sizeClass(value: number): number {
  if (value < 0x100) return 0;
  if (value < 0x1_0000) return 1;
  return value < WORD ? 2 : 3;
}
