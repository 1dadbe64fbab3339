/**
 * Parity in plain JavaScript, four bytes at a time. It runs everywhere, and the vectors of
 * `vector-kernel.ts` are tested to compute the same.
 *
 * Words are added four a turn, which is twice as fast as one and never leaves a rest, because
 * blocks are multiples of 64 bytes. Nothing here depends on the order of the bytes in a word.
 */

import { BuddyArena } from "./arena.ts";
import type { BlockArithmetic } from "./block-arithmetic.ts";
import { multiply, REDUCTION } from "./field.ts";
import { HOLE, type ParityKernel } from "./kernel.ts";
import { RowKernel } from "./row-kernel.ts";

/** `arenaBytes` as for `bestParityKernel`. */
export function plainParityKernel(arenaBytes: number): ParityKernel {
  const bytes = new Uint8Array(arenaBytes);
  return new RowKernel("plain", new BuddyArena(bytes), new PlainArithmetic(bytes));
}

class PlainArithmetic implements BlockArithmetic {
  readonly #words: Int32Array;
  /** For each coefficient that was ever asked for, its products with all bytes. */
  readonly #products = new Map<number, Uint8Array>();

  constructor(bytes: Uint8Array) {
    this.#words = new Int32Array(bytes.buffer);
  }

  sum(target: number, sources: readonly number[], length: number): void {
    const words = this.#words;
    const [to, count] = [target >>> 2, length >>> 2];
    let begun = sources.includes(target);
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index] as number;
      if (source === HOLE || source === target) continue;
      if (begun) addWords(words, to, source >>> 2, count);
      else copyWords(words, to, source >>> 2, count);
      begun = true;
    }
    if (!begun) words.fill(0, to, to + count);
  }

  weightedSum(p: number, q: number, sources: readonly number[], length: number): void {
    if (p !== HOLE) this.sum(p, sources, length);
    const words = this.#words;
    const [to, count] = [q >>> 2, length >>> 2];
    let begun = false;
    // By Horner's rule, from the last role: double what there is and add the next.
    for (let index = sources.length - 1; 0 <= index; index--) {
      const source = sources[index] as number;
      if (begun) doubleWords(words, to, count);
      if (source === HOLE) continue;
      if (begun) addWords(words, to, source >>> 2, count);
      else copyWords(words, to, source >>> 2, count);
      begun = true;
    }
    if (!begun) words.fill(0, to, to + count);
  }

  multiply(target: number, source: number, coefficient: number, length: number): void {
    const words = this.#words;
    const products = this.#productsOf(coefficient);
    const [to, from] = [target >>> 2, source >>> 2];
    for (let at = 0; at < length >>> 2; at++)
      words[to + at] = productsIn(products, words[from + at] as number);
  }

  addMultiple(target: number, source: number, coefficient: number, length: number): void {
    const words = this.#words;
    const products = this.#productsOf(coefficient);
    const [to, from] = [target >>> 2, source >>> 2];
    for (let at = 0; at < length >>> 2; at++)
      words[to + at] =
        (words[to + at] as number) ^ productsIn(products, words[from + at] as number);
  }

  #productsOf(coefficient: number): Uint8Array {
    const known = this.#products.get(coefficient);
    if (known !== undefined) return known;
    const products = Uint8Array.from({ length: 256 }, (_, value) => multiply(coefficient, value));
    this.#products.set(coefficient, products);
    return products;
  }
}

function copyWords(words: Int32Array, to: number, from: number, count: number): void {
  words.copyWithin(to, from, from + count);
}

function addWords(words: Int32Array, to: number, from: number, count: number): void {
  const end = to + count;
  for (let target = to, source = from; target < end; target += 4, source += 4) {
    words[target] = (words[target] as number) ^ (words[source] as number);
    words[target + 1] = (words[target + 1] as number) ^ (words[source + 1] as number);
    words[target + 2] = (words[target + 2] as number) ^ (words[source + 2] as number);
    words[target + 3] = (words[target + 3] as number) ^ (words[source + 3] as number);
  }
}

/**
 * Doubles four bytes at once: each shifted, and reduced where its highest bit was set. Written out
 * in the loop, because the engine would not always inline a call here, at a sixth of the speed.
 */
function doubleWords(words: Int32Array, to: number, count: number): void {
  for (let at = to; at < to + count; at++) {
    const four = words[at] as number;
    const overflowed = (four >>> 7) & 0x01010101;
    words[at] = ((four & 0x7f7f7f7f) << 1) ^ Math.imul(overflowed, REDUCTION);
  }
}

function productsIn(products: Uint8Array, four: number): number {
  const first = products[four & 0xff] as number;
  const second = products[(four >>> 8) & 0xff] as number;
  const third = products[(four >>> 16) & 0xff] as number;
  const fourth = products[four >>> 24] as number;
  return first | (second << 8) | (third << 16) | (fourth << 24);
}
