/**
 * Randomness from a seed: the same seed gives the same numbers everywhere and for ever. A stream
 * is made from the seed and its name alone, so that drawing from one shifts no other.
 *
 * The generator is xoshiro128**, its state filled from the seed by a mixing function. It is fit
 * for simulations, jitter and tests, and for nothing that must not be guessed.
 */

import { assert } from "./assert.ts";

const NUMBERS = 2 ** 32;

/** Has the shape of the World's `Random`. */
export class SeededRandom {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` is a natural number of at most 53 bits. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed) && 0 <= seed, "a seed is a natural number");
    this.#seed = seed;
    const low = seed >>> 0;
    const high = Math.floor(seed / NUMBERS);
    this.#a = mix(low ^ 0x9e3779b9);
    this.#b = mix(high ^ this.#a);
    this.#c = mix(low ^ mix(this.#b));
    // Never all zero, which the generator could not leave.
    this.#d = mix(high ^ this.#c) | 1;
  }

  /** A natural number less than `limit`, which is at most 2^32. */
  below(limit: number): number {
    assert(Number.isInteger(limit) && 0 < limit && limit <= NUMBERS, "the limit is in range");
    // Numbers past the last whole multiple would make small results likelier.
    const fairEnd = NUMBERS - (NUMBERS % limit);
    let drawn = this.#next();
    while (fairEnd <= drawn) drawn = this.#next();
    return drawn % limit;
  }

  /** True `percent` times of a hundred. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  fill(target: Uint8Array): void {
    for (let index = 0; index < target.length; index++) target[index] = this.#next() >>> 24;
  }

  /** The stream of this name: the same whenever and however often it is asked for. */
  stream(name: string): SeededRandom {
    let low = mix(this.#seed >>> 0);
    let high = mix(Math.floor(this.#seed / NUMBERS) ^ 0x85ebca6b);
    for (let index = 0; index < name.length; index++) {
      low = mix(low ^ name.charCodeAt(index));
      high = mix(high ^ low);
    }
    return new SeededRandom((high >>> 11) * NUMBERS + (low >>> 0));
  }

  #next(): number {
    const scrambled = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotate(this.#d, 11);
    return scrambled;
  }
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** Spreads every bit of the input over all bits of the result (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) + 0x9e3779b9) | 0;
}
