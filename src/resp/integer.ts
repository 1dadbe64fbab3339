/**
 * Integers as Redis writes them: decimal, no sign but a minus, no leading zeros, no blanks, within
 * 64 bits. Anything else is not an integer, so that every value has one way to be written.
 */

import { latin1 } from "../base/bytes.ts";

export const INT64_MAX: bigint = 2n ** 63n - 1n;
export const INT64_MIN: bigint = -(2n ** 63n);

const ZERO = 0x30;
const MINUS = 0x2d;
/** So many digits always fit a double exactly. */
const EXACT_DIGITS_MAX = 15;
const INT64_CHARACTERS_MAX = 20;

/**
 * The integer in `bytes[at, at + length)`, or NaN where there is none. Beyond 2^53 it is rounded,
 * which does where it is only compared or clamped; `parseInt64` is exact.
 */
export function parseInteger(bytes: Uint8Array, at: number, length: number): number {
  const negative = length > 0 && bytes[at] === MINUS;
  const first = negative ? at + 1 : at;
  const digitCount = at + length - first;
  if (EXACT_DIGITS_MAX < digitCount) {
    const exact = parseInt64(bytes, at, length);
    return exact === undefined ? Number.NaN : Number(exact);
  }
  if (!isCanonical(bytes, first, digitCount, negative)) return Number.NaN;

  let value = 0;
  for (let index = first; index < at + length; index++) {
    value = value * 10 + (bytes[index] as number) - ZERO;
  }
  return negative ? -value : value;
}

/** The integer in `bytes[at, at + length)`, or undefined where there is none. */
export function parseInt64(bytes: Uint8Array, at: number, length: number): bigint | undefined {
  if (length < 1 || INT64_CHARACTERS_MAX < length) return undefined;

  const negative = bytes[at] === MINUS;
  const signLength = negative ? 1 : 0;
  if (!isCanonical(bytes, at + signLength, length - signLength, negative)) return undefined;
  const value = BigInt(latin1(bytes, at, length));
  return INT64_MIN <= value && value <= INT64_MAX ? value : undefined;
}

function isCanonical(bytes: Uint8Array, at: number, length: number, negative: boolean): boolean {
  if (length === 0) return false;
  if (bytes[at] === ZERO) return length === 1 && !negative;
  for (let index = at; index < at + length; index++) {
    const digit = (bytes[index] as number) - ZERO;
    if (digit < 0 || 9 < digit) return false;
  }
  return true;
}
