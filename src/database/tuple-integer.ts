/**
 * Integers as parts of keys, so that their bytes sort as their values.
 *
 *     0x14             zero
 *     0x15 .. 0x1c     positive: 1 to 8 bytes follow, big-endian
 *     0x1d n           positive: n bytes follow, 9 to 255
 *     0x13 .. 0x0c     negative: 1 to 8 bytes follow, those of the magnitude inverted
 *     0x0b n           negative: ~n bytes follow, n the inverted count
 *
 * The shortest form is the only one that is valid.
 */

import { Fault } from "../base/fault.ts";

const ZERO = 0x14;
const SHORT_BYTES_MAX = 8;
const LONG_BYTES_MAX = 255;
/** The first and last code of an integer. */
export const INTEGER_FIRST = 0x0b;
export const INTEGER_LAST = 0x1d;

const BITS_64 = 2n ** 64n;

/** How many bytes the integer takes with its code. */
export function integerLength(value: bigint): number {
  const bytes = magnitudeLength(value);
  if (LONG_BYTES_MAX < bytes) {
    throw new Fault("ERR_ARGUMENT", `an integer of ${bytes} bytes cannot be in a key; 255 can`);
  }
  return bytes <= SHORT_BYTES_MAX ? 1 + bytes : 2 + bytes;
}

/** Writes the integer at `at`; returns where it ends. */
export function writeInteger(value: bigint, target: Uint8Array, at: number): number {
  const bytes = magnitudeLength(value);
  const flip = value < 0n ? 0xff : 0;
  let end = at;
  if (bytes <= SHORT_BYTES_MAX) {
    target[end++] = value < 0n ? ZERO - bytes : ZERO + bytes;
  } else {
    target[end++] = value < 0n ? INTEGER_FIRST : INTEGER_LAST;
    target[end++] = bytes ^ flip;
  }
  let rest = value < 0n ? -value : value;
  for (let index = end + bytes - 1; index >= end; index--) {
    target[index] = Number(rest & 0xffn) ^ flip;
    rest >>= 8n;
  }
  return end + bytes;
}

/** How many bytes the integer that begins at `at` takes, or -1 if it is cut off by `end`. */
export function storedIntegerLength(source: Uint8Array, at: number, end: number): number {
  const code = source[at] as number;
  let length = 1 + Math.abs(code - ZERO);
  if (code === INTEGER_FIRST || code === INTEGER_LAST) {
    if (end < at + 2) return -1;
    length = 2 + ((source[at + 1] as number) ^ (code === INTEGER_FIRST ? 0xff : 0));
  }
  return at + length <= end ? length : -1;
}

/** The integer whose code and bytes are `source[at, at + length)`; undefined if it is not valid. */
export function readInteger(source: Uint8Array, at: number, length: number): bigint | undefined {
  const code = source[at] as number;
  const isLong = code === INTEGER_FIRST || code === INTEGER_LAST;
  const flip = code < ZERO ? 0xff : 0;
  const first = at + (isLong ? 2 : 1);
  const bytes = at + length - first;
  if (isLong && bytes <= SHORT_BYTES_MAX) return undefined;
  if (bytes > 0 && ((source[first] as number) ^ flip) === 0) return undefined;

  let value = 0n;
  for (let index = first; index < at + length; index++) {
    value = (value << 8n) | BigInt((source[index] as number) ^ flip);
  }
  return code < ZERO ? -value : value;
}

function magnitudeLength(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  if (magnitude === 0n) return 0;
  if (magnitude < BITS_64) {
    const high = Number(magnitude >> 32n);
    return high === 0 ? bytesOf(Number(magnitude)) : 4 + bytesOf(high);
  }
  return Math.ceil(magnitude.toString(16).length / 2);
}

/** The bytes that a positive 32-bit number needs. */
function bytesOf(value: number): number {
  return 4 - (Math.clz32(value) >> 3);
}
