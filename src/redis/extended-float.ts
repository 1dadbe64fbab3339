/**
 * The arithmetic of INCRBYFLOAT: numbers with 64 bits of mantissa, as the machines have them that
 * Redis runs on, written with up to 17 decimals. Doubles would show: 0.1 + 0.2 would not be 0.3.
 *
 * A number is `mantissa * 2^exponent`, the mantissa at most 64 bits; it is rounded to the nearest,
 * ties to even. Exponents are bounded as those machines bound them.
 */

import { assert } from "../base/assert.ts";

export interface ExtendedFloat {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const MANTISSA_BITS = 64;
const TOP_EXPONENT_MAX = 16_384;
const TOP_EXPONENT_MIN = -16_445;
/** The longest text that is taken for a number. */
const TEXT_LENGTH_MAX = 5 * 1024 - 1;
/** A larger exponent takes the number out of range, whatever digits fit in the text before it. */
const DECIMAL_EXPONENT_MAX = 11_000;
const BINARY_EXPONENT_MAX = 40_000;
const DECIMALS = 17n;

const DECIMAL = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x(?=\.?[\da-f])([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** The number that the text says; "infinite", or undefined if it says none. */
export function parseExtended(text: string): ExtendedFloat | "infinite" | undefined {
  if (text.length === 0 || TEXT_LENGTH_MAX < text.length) return undefined;
  if (INFINITE.test(text)) return "infinite";
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return parseDigits(decimal, 10n, 1);
  const hexadecimal = HEXADECIMAL.exec(text);
  return hexadecimal === null ? undefined : parseDigits(hexadecimal, 16n, 4);
}

/** The sum, or undefined if it is too large. */
export function addExtended(left: ExtendedFloat, right: ExtendedFloat): ExtendedFloat | undefined {
  const exponent = Math.min(left.exponent, right.exponent);
  const sum = scaled(left, exponent) + scaled(right, exponent);
  return round(sum, 1n, exponent);
}

/** In decimal, without an exponent, with no more decimals than it needs and at most 17. */
export function formatExtended({ mantissa, exponent }: ExtendedFloat): string {
  const scale = 10n ** DECIMALS;
  const magnitude = (mantissa < 0n ? -mantissa : mantissa) * scale;
  const units = exponent >= 0 ? magnitude << BigInt(exponent) : shiftRounding(magnitude, -exponent);
  const fraction = (units % scale).toString().padStart(Number(DECIMALS), "0").replace(/0+$/, "");
  const whole = (units / scale).toString();
  const text = fraction === "" ? whole : `${whole}.${fraction}`;
  return mantissa < 0n && units !== 0n ? `-${text}` : text;
}

function parseDigits(
  [, sign, whole = "", fraction = "", power = "0"]: RegExpExecArray,
  base: bigint,
  bitsPerDigit: number,
): ExtendedFloat | undefined {
  const prefix = base === 16n ? "0x" : "";
  const digits = BigInt(`${prefix}${whole}${fraction}`);
  if (digits === 0n) return { mantissa: 0n, exponent: 0 };
  const exponent = Number(power);
  const exponentMax = base === 16n ? BINARY_EXPONENT_MAX : DECIMAL_EXPONENT_MAX;
  if (exponentMax < Math.abs(exponent)) return undefined;
  const signed = sign === "-" ? -digits : digits;
  const rounded =
    base === 16n
      ? round(signed, 1n, exponent - bitsPerDigit * fraction.length)
      : round10(signed, exponent - fraction.length);
  // What is not nothing and would become nothing is out of range too.
  return rounded?.mantissa === 0n ? undefined : rounded;
}

function round10(digits: bigint, power: number): ExtendedFloat | undefined {
  if (power >= 0) return round(digits * 10n ** BigInt(power), 1n, 0);
  return round(digits, 10n ** BigInt(-power), 0);
}

/** `numerator / denominator * 2^exponent`, rounded to what a number can hold. */
function round(
  numerator: bigint,
  denominator: bigint,
  exponent: number,
): ExtendedFloat | undefined {
  if (numerator === 0n) return { mantissa: 0n, exponent: 0 };
  const magnitude = numerator < 0n ? -numerator : numerator;
  const lacking = MANTISSA_BITS + 2 - (bitLength(magnitude) - bitLength(denominator));
  const shift = Math.max(0, lacking);
  const shifted = magnitude << BigInt(shift);
  const quotient = shifted / denominator;
  // One more bit tells a remainder from a tie.
  const sticky = (quotient << 1n) | (shifted % denominator === 0n ? 0n : 1n);
  let low = exponent - shift - 1;
  let excess = bitLength(sticky) - MANTISSA_BITS;
  if (low + excess < TOP_EXPONENT_MIN) excess = TOP_EXPONENT_MIN - low;
  let mantissa = excess > 0 ? shiftRounding(sticky, excess) : sticky;
  if (excess > 0) low += excess;
  if (mantissa === 0n) return { mantissa: 0n, exponent: 0 };
  if (TOP_EXPONENT_MAX < bitLength(mantissa) + low) return undefined;
  if (numerator < 0n) mantissa = -mantissa;
  return { mantissa, exponent: low };
}

/** `value / 2^bits` to the nearest, ties to even. */
function shiftRounding(value: bigint, bits: number): bigint {
  assert(0 < bits && value >= 0n, "magnitudes are rounded");
  const shift = BigInt(bits);
  const quotient = value >> shift;
  const rest = value - (quotient << shift);
  const half = 1n << (shift - 1n);
  const up = rest > half || (rest === half && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

function scaled({ mantissa, exponent }: ExtendedFloat, to: number): bigint {
  return mantissa << BigInt(exponent - to);
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
