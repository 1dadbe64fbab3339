/**
 * Writes replies, in RESP2 or RESP3, one after the other into one region of memory.
 *
 * A reply is first written, then kept: what was written since the last `keep` can be taken back by
 * `rewind`, so that a command that must be run again can begin its answer anew. What was kept is
 * sent from the region itself; `sent` says how far. Positions in the stream of replies count from
 * the first byte ever written and stay true when the region is replaced by a larger one, which
 * never touches bytes that somebody may still be sending.
 */

import { assert } from "../base/assert.ts";
import { copyBytes } from "../base/bytes.ts";

export type Protocol = 2 | 3;

const REGION_BYTES_AT_FIRST = 1024;
/** A larger region is given up as soon as it is empty. */
const REGION_BYTES_KEPT_MAX = 16 * 1024;
const LINE_ENDS = /[\r\n]+$/;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;
const MINUS = 0x2d;
const QUESTION_MARK = 0x3f;
/** The longest header of a reply: a type, 20 characters of a number, CR and LF. */
const HEADER_BYTES_MAX = 24;

export class ReplyWriter {
  protocol: Protocol = 2;
  /** A stream of more unsent bytes is `overflowed`: nothing is added to it any more. */
  readonly unsentBytesMax: number;
  overflowed = false;
  /** How many errors were written since the last `keep`, and how many kept before it. */
  #errorCount = 0;
  #keptErrorCount = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** What lies before was sent. */
  #start = 0;
  /** What lies before was kept. */
  #kept = 0;
  #end = 0;
  /** The position in the stream of the region's first byte. */
  #base = 0;

  constructor(unsentBytesMax: number) {
    this.unsentBytesMax = unsentBytesMax;
  }

  /** The position in the stream up to which replies are kept. */
  get keptPosition(): number {
    return this.#base + this.#kept;
  }

  /** The position in the stream up to which replies were taken to be sent. */
  get sentPosition(): number {
    return this.#base + this.#start;
  }

  get unsentBytes(): number {
    return this.#kept - this.#start;
  }

  /** How many bytes were written since the last `keep`. */
  get writtenBytes(): number {
    return this.#end - this.#kept;
  }

  keep(): void {
    this.#kept = this.#end;
    this.#keptErrorCount += this.#errorCount;
    this.#errorCount = 0;
  }

  rewind(): void {
    this.#end = this.#kept;
    this.#errorCount = 0;
  }

  /** How many errors were kept since this was asked last. */
  takeErrorCount(): number {
    const count = this.#keptErrorCount;
    this.#keptErrorCount = 0;
    return count;
  }

  /** Takes back what was kept after `position` and is not sent. */
  cut(position: number): void {
    const at = position - this.#base;
    assert(this.#start <= at && at <= this.#kept, "only what is not sent can be taken back");
    this.#kept = at;
    this.#end = at;
  }

  /** The kept bytes up to `position` in the stream, which count as sent from here on. */
  take(position: number): Uint8Array {
    const at = position - this.#base;
    assert(this.#start <= at && at <= this.#kept, "only what was kept can be sent");
    const taken = this.#bytes.subarray(this.#start, at);
    this.#start = at;
    return taken;
  }

  /** Tells that nobody reads any more what was taken: if that is all, the region begins anew. */
  recycle(): void {
    if (this.#start !== this.#end) return;
    this.#base += this.#end;
    this.#start = 0;
    this.#kept = 0;
    this.#end = 0;
    if (this.#bytes.length > REGION_BYTES_KEPT_MAX) this.#bytes = new Uint8Array(0);
  }

  ok(): void {
    if (!this.#reserve(5)) return;
    const bytes = this.#bytes;
    let end = this.#end;
    bytes[end++] = 0x2b;
    bytes[end++] = 0x4f;
    bytes[end++] = 0x4b;
    bytes[end++] = CARRIAGE_RETURN;
    bytes[end++] = LINE_FEED;
    this.#end = end;
  }

  /** A status: a short word such as `PONG`. */
  status(text: string): void {
    this.#line(0x2b, text);
  }

  /** An error, which begins with its prefix: `ERR ...`. Ends of lines at its end are left out. */
  error(text: string): void {
    this.#errorCount++;
    this.#line(0x2d, text.replace(LINE_ENDS, ""));
  }

  integer(value: number | bigint): void {
    if (typeof value === "bigint") this.#line(0x3a, String(value));
    else this.#header(0x3a, value);
  }

  /** The string `source[at, at + length)`. */
  bulk(source: Uint8Array, at: number, length: number): void {
    this.#header(0x24, length);
    if (!this.#reserve(length + 2)) return;
    const bytes = this.#bytes;
    const end = this.#end;
    copyBytes(bytes, end, source, at, length);
    bytes[end + length] = CARRIAGE_RETURN;
    bytes[end + length + 1] = LINE_FEED;
    this.#end = end + length + 2;
  }

  bulkBytes(bytes: Uint8Array): void {
    this.bulk(bytes, 0, bytes.length);
  }

  /** A string given with one character a byte. */
  bulkText(text: string): void {
    this.#header(0x24, text.length);
    this.#text(text);
  }

  /** Text that is to be shown as it is: RESP3 says so, RESP2 has but a string. */
  verbatim(text: string): void {
    if (this.protocol === 2) {
      this.bulkText(text);
      return;
    }
    this.#header(0x3d, text.length + 4);
    this.#text(`txt:${text}`);
  }

  /** The absence of a value. */
  nil(): void {
    if (this.protocol === 3) this.#null();
    else this.#header(0x24, -1);
  }

  /** The absence of an array. */
  nilArray(): void {
    if (this.protocol === 3) this.#null();
    else this.#header(0x2a, -1);
  }

  /** Announces `count` replies. */
  array(count: number): void {
    this.#header(0x2a, count);
  }

  /** Announces `count` pairs of replies: a flat array in RESP2. */
  map(count: number): void {
    if (this.protocol === 3) this.#header(0x25, count);
    else this.#header(0x2a, count * 2);
  }

  /** Announces `count` replies in no order. */
  set(count: number): void {
    this.#header(this.protocol === 3 ? 0x7e : 0x2a, count);
  }

  #header(type: number, value: number): void {
    if (!this.#reserve(HEADER_BYTES_MAX)) return;
    const bytes = this.#bytes;
    bytes[this.#end] = type;
    const end = writeInteger(bytes, this.#end + 1, value);
    bytes[end] = CARRIAGE_RETURN;
    bytes[end + 1] = LINE_FEED;
    this.#end = end + 2;
  }

  #null(): void {
    if (!this.#reserve(3)) return;
    this.#bytes[this.#end++] = 0x5f;
    this.#endLine();
  }

  /** A line may not hold the end of one: whoever reads it would lose track of the replies. */
  #line(type: number, text: string): void {
    if (!this.#reserve(text.length + 3)) return;
    const bytes = this.#bytes;
    let end = this.#end;
    bytes[end++] = type;
    for (let index = 0; index < text.length; index++) {
      const byte = byteOf(text.charCodeAt(index));
      bytes[end++] = byte === CARRIAGE_RETURN || byte === LINE_FEED ? SPACE : byte;
    }
    this.#end = end;
    this.#endLine();
  }

  #text(text: string): void {
    if (!this.#reserve(text.length + 2)) return;
    const bytes = this.#bytes;
    let end = this.#end;
    for (let index = 0; index < text.length; index++) {
      bytes[end++] = byteOf(text.charCodeAt(index));
    }
    this.#end = end;
    this.#endLine();
  }

  #endLine(): void {
    this.#bytes[this.#end] = CARRIAGE_RETURN;
    this.#bytes[this.#end + 1] = LINE_FEED;
    this.#end += 2;
  }

  /** Makes room for `count` bytes more; false if that is more than may be unsent. */
  #reserve(count: number): boolean {
    return this.#end + count <= this.#bytes.length ? !this.overflowed : this.#grow(count);
  }

  #grow(count: number): boolean {
    const unsentBytes = this.#end - this.#start;
    if (this.unsentBytesMax < unsentBytes + count) this.overflowed = true;
    if (this.overflowed) return false;

    const kept = Math.min(this.#bytes.length, REGION_BYTES_KEPT_MAX);
    const wanted = Math.max(2 * unsentBytes, unsentBytes + count, kept, REGION_BYTES_AT_FIRST);
    const larger = new Uint8Array(Math.min(wanted, this.unsentBytesMax));
    larger.set(this.#bytes.subarray(this.#start, this.#end));
    this.#bytes = larger;
    this.#base += this.#start;
    this.#kept -= this.#start;
    this.#end = unsentBytes;
    this.#start = 0;
    return true;
  }
}

function byteOf(unit: number): number {
  return unit < 0x100 ? unit : QUESTION_MARK;
}

/** Writes the decimal digits at `at` and returns where they end. */
function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  if (0 <= value && value < 10) {
    bytes[at] = ZERO + value;
    return at + 1;
  }
  if (0 <= value && value < 2 ** 31) return writeNatural(bytes, at, value);
  if (-(2 ** 31) < value && value < 0) {
    bytes[at] = MINUS;
    return writeNatural(bytes, at + 1, -value);
  }
  const digits = String(value);
  for (let index = 0; index < digits.length; index++) bytes[at + index] = digits.charCodeAt(index);
  return at + digits.length;
}

function writeNatural(bytes: Uint8Array, at: number, value: number): number {
  let digitCount = 1;
  for (let bound = 10; bound <= value; bound *= 10) digitCount++;
  let rest = value;
  for (let index = at + digitCount - 1; index >= at; index--) {
    const quotient = (rest / 10) | 0;
    bytes[index] = ZERO + rest - quotient * 10;
    rest = quotient;
  }
  return at + digitCount;
}
