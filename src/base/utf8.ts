/**
 * UTF-8 in plain code, since the core has no `TextEncoder`.
 *
 * It guarantees that two different strings never have the same bytes: a surrogate without its
 * partner, which other encoders replace, is refused, and so are bytes that are not the shortest
 * encoding of a string. So what was decoded encodes to what it was decoded from.
 */

import { assert } from "./assert.ts";
import { latin1 } from "./bytes.ts";
import { Fault } from "./fault.ts";

/** How many bytes `text` takes, `ERR_ARGUMENT` if it holds half a surrogate pair. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if ((unit & 0xf800) !== 0xd800) length += 2;
    else {
      pairAt(text, index);
      index++;
      length += 2;
    }
  }
  return length;
}

/** The bytes of `text`, `ERR_ARGUMENT` if it holds half a surrogate pair. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}

/** Writes the bytes of `text` at `at`, where there is room for them; returns where they end. */
export function writeUtf8(text: string, target: Uint8Array, at: number): number {
  let end = at;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      target[end++] = unit;
    } else if (unit < 0x800) {
      target[end++] = 0xc0 | (unit >>> 6);
      target[end++] = 0x80 | (unit & 0x3f);
    } else if ((unit & 0xf800) !== 0xd800) {
      target[end++] = 0xe0 | (unit >>> 12);
      target[end++] = 0x80 | ((unit >>> 6) & 0x3f);
      target[end++] = 0x80 | (unit & 0x3f);
    } else {
      const point = pairAt(text, index++);
      target[end++] = 0xf0 | (point >>> 18);
      target[end++] = 0x80 | ((point >>> 12) & 0x3f);
      target[end++] = 0x80 | ((point >>> 6) & 0x3f);
      target[end++] = 0x80 | (point & 0x3f);
    }
  }
  assert(end <= target.length, "the caller made room for the text");
  return end;
}

/** Writes `text` at `at`, if all of it is ASCII: then it takes a byte a character. */
export function tryWriteAscii(text: string, target: Uint8Array, at: number): boolean {
  const length = text.length;
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (0x7f < unit) return false;
    target[at + index] = unit;
  }
  return true;
}

/** The string whose bytes are `bytes[at, at + length)`, `ERR_CORRUPT` if there is none. */
export function decodeUtf8(bytes: Uint8Array, at = 0, length: number = bytes.length - at): string {
  const end = at + length;
  let text = "";
  let from = at;
  while (from < end) {
    const ascii = asciiEnd(bytes, from, end);
    if (from < ascii) {
      text += latin1(bytes, from, ascii - from);
      from = ascii;
    } else {
      const point = pointAt(bytes, from, end);
      text += String.fromCodePoint(point);
      from += point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
    }
  }
  return text;
}

/** Where the row of ASCII characters that begins at `from` ends, at most `end`. */
function asciiEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] as number) < 0x80) at++;
  return at;
}

/** The code point of the surrogate pair at `index`. */
function pairAt(text: string, index: number): number {
  const point = text.codePointAt(index) ?? 0;
  if (0xffff < point) return point;
  throw new Fault(
    "ERR_ARGUMENT",
    `the text has half a surrogate pair at ${index}; pass such data as bytes`,
    { index },
  );
}

/** The code point beyond ASCII whose encoding begins at `at`. */
function pointAt(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number;
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let point = first & (0x7f >> size);
  for (let index = at + 1; index < at + size; index++) {
    const byte = index < end ? (bytes[index] as number) : 0;
    if ((byte & 0xc0) !== 0x80) throw notUtf8(at);
    point = (point << 6) | (byte & 0x3f);
  }
  if (first < 0xc0 || 0xf7 < first || !isShortest(point, size)) throw notUtf8(at);
  return point;
}

function isShortest(point: number, size: number): boolean {
  if (size === 2) return 0x80 <= point;
  if (size === 3) return 0x800 <= point && (point < 0xd800 || 0xdfff < point);
  return 0xffff < point && point <= 0x10_ffff;
}

function notUtf8(at: number): Fault {
  return new Fault("ERR_CORRUPT", `the bytes at ${at} are not UTF-8`, { at });
}
