/**
 * The field of 256 elements in which Q is computed: polynomials over {0, 1} modulo x^8 + x^4 + x^3
 * + x^2 + 1 (0x11d), a byte for each. Adding is exclusive or, and so is subtracting. The powers of
 * 2 (the polynomial x) pass through all elements but 0, so each product is a sum of logarithms.
 * Linux and the paper named in `kernel.ts` use the same field and generator.
 */

import { assert } from "../../base/assert.ts";

/** What is added to a double that has left the byte. */
export const REDUCTION = 0x1d;

const ORDER = 255;
const powers = new Uint8Array(2 * ORDER);
const logarithms = new Uint8Array(ORDER + 1);
fillTables();

export function multiply(left: number, right: number): number {
  if (left === 0 || right === 0) return 0;
  return powers[(logarithms[left] as number) + (logarithms[right] as number)] as number;
}

/** 2 to the power of a whole number, which may be negative. */
export function powerOfTwo(exponent: number): number {
  return powers[((exponent % ORDER) + ORDER) % ORDER] as number;
}

export function inverse(value: number): number {
  assert(value !== 0, "nothing is the inverse of 0");
  return powers[ORDER - (logarithms[value] as number)] as number;
}

function fillTables(): void {
  let power = 1;
  for (let exponent = 0; exponent < ORDER; exponent++) {
    powers[exponent] = power;
    powers[exponent + ORDER] = power;
    logarithms[power] = exponent;
    power = (power << 1) ^ (power < 0x80 ? 0 : 0x100 | REDUCTION);
  }
}
