/**
 * Parity in plain JavaScript, four bytes at a time. It runs everywhere, and what the vectors of
 * `vector-kernel.ts` compute is tested against it.
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
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer);
  }

  sum(target: number, sources: readonly number[], length: number): void {
    const words = this.#words;
    const [to, end] = [target >>> 2, (target + length) >>> 2];
    const isSource = sources.includes(target);
    if (!isSource) words.fill(0, to, end);
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index] as number;
      if (source !== HOLE && source !== target) addWords(words, to, end, source >>> 2);
    }
  }

  weightedSum(p: number, q: number, sources: readonly number[], length: number): void {
    if (p !== HOLE) this.sum(p, sources, length);
    const words = this.#words;
    const [to, end] = [q >>> 2, (q + length) >>> 2];
    words.fill(0, to, end);
    // By Horner's rule, from the last role: double what there is and add the next.
    for (let index = sources.length - 1; 0 <= index; index--)
      doubleAndAdd(words, to, end, sources[index] as number);
  }

  multiply(target: number, source: number, coefficient: number, length: number): void {
    const bytes = this.#bytes;
    const products = productsOf(coefficient);
    for (let at = 0; at < length; at++)
      bytes[target + at] = products[bytes[source + at] as number] as number;
  }

  addMultiple(target: number, source: number, coefficient: number, length: number): void {
    const bytes = this.#bytes;
    const products = productsOf(coefficient);
    for (let at = 0; at < length; at++)
      bytes[target + at] =
        (bytes[target + at] as number) ^ (products[bytes[source + at] as number] as number);
  }
}

function addWords(words: Int32Array, to: number, end: number, from: number): void {
  for (let target = to, source = from; target < end; target++, source++)
    words[target] = (words[target] as number) ^ (words[source] as number);
}

function doubleAndAdd(words: Int32Array, to: number, end: number, source: number): void {
  if (source === HOLE) {
    for (let at = to; at < end; at++) words[at] = doubled(words[at] as number);
    return;
  }
  const ahead = (source >>> 2) - to;
  for (let at = to; at < end; at++)
    words[at] = doubled(words[at] as number) ^ (words[at + ahead] as number);
}

/** The doubles of four bytes at once: each shifted, and reduced where its highest bit was set. */
function doubled(four: number): number {
  return ((four << 1) & 0xfefefefe) ^ Math.imul((four >>> 7) & 0x01010101, REDUCTION);
}

const tables = new Map<number, Uint8Array>();

function productsOf(coefficient: number): Uint8Array {
  const known = tables.get(coefficient);
  if (known !== undefined) return known;
  const products = Uint8Array.from({ length: 256 }, (_, value) => multiply(coefficient, value));
  tables.set(coefficient, products);
  return products;
}
