/**
 * Parts the keys into ranges of about as many rows each, as far as a sample of them tells, and
 * says quickly to which of them a key belongs.
 *
 * Most keys are told apart by two bytes behind what all keys of the sample begin with: a table
 * says how many of the keys that part the ranges, the *bounds*, are not above such a pair. Where
 * bounds differ further back, two bytes more are compared as one number with theirs, and only
 * where these are equal the keys.
 */

import { commonBytes, compareRanges } from "../base/bytes.ts";

const PAIRS = 65_536;
const PAIR_BYTES = 2;
const HEAD_BYTES: number = 2 * PAIR_BYTES;

export class KeyRanges {
  /** What all bounds begin with. */
  #common: Uint8Array = new Uint8Array(0);
  /** In order, each once; range `n` begins with bound `n - 1`. */
  #bounds: Uint8Array[] = [];
  /** By pair: how many bounds are not above any key with it, and not above some key with it. */
  readonly #least = new Uint16Array(PAIRS);
  readonly #most = new Uint16Array(PAIRS);
  /** Of the bounds: the pair and the one behind it. */
  #heads = new Uint32Array(0);

  get count(): number {
    return this.#bounds.length + 1;
  }

  /** From here on there is one range. */
  clear(): void {
    if (this.#bounds.length === 0) return;
    this.#common = new Uint8Array(0);
    this.#bounds = [];
    this.#least.fill(0);
    this.#most.fill(0);
  }

  /** Parts the keys by these, at least one, in ascending order, each a bit above a range's end. */
  partBy(keys: readonly Uint8Array[]): void {
    const first = keys[0] as Uint8Array;
    const last = keys.at(-1) as Uint8Array;
    this.#common = first.slice(0, commonBytes(first, first.length, last));
    this.#bounds = [];
    const short = this.#common.length + PAIR_BYTES;
    for (const key of keys) {
      // As short as it may be, so that the table alone decides.
      if (!this.#addBound(key.slice(0, short))) this.#addBound(key);
    }
    this.#makeTable(short);
    const at = this.#common.length;
    this.#heads = Uint32Array.from(this.#bounds, (bound) => {
      return ((pairOf(bound, at) << 16) | pairOf(bound, at + PAIR_BYTES)) >>> 0;
    });
  }

  #addBound(key: Uint8Array): boolean {
    const last = this.#bounds.at(-1);
    if (last !== undefined && compareRanges(key, 0, key.length, last, 0, last.length) <= 0) {
      return false;
    }
    this.#bounds.push(key);
    return true;
  }

  #makeTable(short: number): void {
    let least = 0;
    let most = 0;
    const bounds = this.#bounds;
    const at = this.#common.length;
    for (let pair = 0; pair < PAIRS; pair++) {
      least = most;
      while (most < bounds.length && pairOf(bounds[most] as Uint8Array, at) === pair) {
        if ((bounds[most] as Uint8Array).length <= short) least = most + 1;
        most++;
      }
      this.#least[pair] = least;
      this.#most[pair] = most;
    }
  }

  /** The number of the range in which the key `bytes[at, at + length)` lies. */
  of(bytes: Uint8Array, at: number, length: number): number {
    const common = this.#common;
    const commonLength = common.length;
    if (length < commonLength + PAIR_BYTES) return this.#search(bytes, at, length, 0, this.count);
    for (let index = 0; index < commonLength; index++) {
      const difference = (bytes[at + index] as number) - (common[index] as number);
      if (difference !== 0) return difference < 0 ? 0 : this.#bounds.length;
    }
    const pairAt = at + commonLength;
    const pair = ((bytes[pairAt] as number) << 8) | (bytes[pairAt + 1] as number);
    const least = this.#least[pair] as number;
    const most = this.#most[pair] as number;
    if (least === most) return least;
    if (length < commonLength + HEAD_BYTES) return this.#search(bytes, at, length, least, most + 1);
    const next = ((bytes[pairAt + 2] as number) << 8) | (bytes[pairAt + 3] as number);
    const head = ((pair << 16) | next) >>> 0;
    const range = this.#searchHeads(head, least, most);
    if (range === most || this.#heads[range] !== head) return range;
    return this.#search(bytes, at, length, range, most + 1);
  }

  /** How many bounds have lesser heads: at least `from`, and at most `to`. */
  #searchHeads(head: number, from: number, to: number): number {
    const heads = this.#heads;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((heads[middle] as number) < head) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many bounds are not above the key: at least `from`, and less than `to`. */
  #search(bytes: Uint8Array, at: number, length: number, from: number, to: number): number {
    let low = from;
    let high = to - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const bound = this.#bounds[middle] as Uint8Array;
      if (compareRanges(bound, 0, bound.length, bytes, at, length) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Two bytes of the key at `at` as a number; those that it hasn't are zeroes. */
function pairOf(key: Uint8Array, at: number): number {
  return ((key[at] ?? 0) << 8) | (key[at + 1] ?? 0);
}
