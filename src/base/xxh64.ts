/**
 * XXH64, the 64-bit checksum of pages, extents and RAID blocks, as the xxHash specification
 * defines it, in plain arithmetic: each 64-bit number is two 32-bit ones, and products are made
 * of 16-bit halves, so that every intermediate result is exact.
 *
 * The accumulators are pairs `(low, high)` in one Int32Array, so that nothing is allocated and
 * nothing is ever wider than what the machine's integer registers hold.
 */

/** One way to compute XXH64. The result stays in `low` and `high` until the next call. */
export interface Xxh64 {
  /** Takes the checksum of `bytes` with the 64-bit seed `(seedHigh, seedLow)`. */
  hash(bytes: Uint8Array, seedLow: number, seedHigh: number): void;
  /** The low 32 bits of the last result, unsigned. */
  readonly low: number;
  /** The high 32 bits of the last result, unsigned. */
  readonly high: number;
}

const PRIME_1_LOW = 0x85ebca87;
const PRIME_1_HIGH = 0x9e3779b1;
const PRIME_2_LOW = 0x27d4eb4f;
const PRIME_2_HIGH = 0xc2b2ae3d;
const PRIME_3_LOW = 0x9e3779f9;
const PRIME_3_HIGH = 0x165667b1;
const PRIME_4_LOW = 0xc2b2ae63;
const PRIME_4_HIGH = 0x85ebca77;
const PRIME_5_LOW = 0x165667c5;
const PRIME_5_HIGH = 0x27d4eb2f;

const STRIPE_BYTES = 32;
/** The places of the pairs: four accumulators of stripes, the result, and one for products. */
const RESULT = 8;
const SCRATCH = 10;

export class PlainXxh64 implements Xxh64 {
  readonly #words = new Int32Array(12);

  get low(): number {
    return (this.#words[RESULT] as number) >>> 0;
  }

  get high(): number {
    return (this.#words[RESULT + 1] as number) >>> 0;
  }

  hash(bytes: Uint8Array, seedLow: number, seedHigh: number): void {
    const words = this.#words;
    let at = 0;
    if (bytes.length < STRIPE_BYTES) {
      set(words, RESULT, seedLow, seedHigh);
      add(words, RESULT, PRIME_5_LOW, PRIME_5_HIGH);
    } else {
      at = hashStripes(words, bytes, seedLow, seedHigh);
      mergeAccumulators(words);
    }
    add(words, RESULT, bytes.length, Math.floor(bytes.length / 0x1_0000_0000));
    hashTail(words, bytes, at);
    avalanche(words);
  }
}

/** Takes all whole stripes into the accumulators; returns where they end. */
function hashStripes(
  words: Int32Array,
  bytes: Uint8Array,
  seedLow: number,
  seedHigh: number,
): number {
  for (let pair = 0; pair < RESULT; pair += 2) set(words, pair, seedLow, seedHigh);
  add(words, 0, PRIME_1_LOW, PRIME_1_HIGH);
  add(words, 0, PRIME_2_LOW, PRIME_2_HIGH);
  add(words, 2, PRIME_2_LOW, PRIME_2_HIGH);
  add(words, 6, ~PRIME_1_LOW + 1, ~PRIME_1_HIGH);

  const end = bytes.length - (bytes.length % STRIPE_BYTES);
  for (let at = 0; at < end; at += STRIPE_BYTES) {
    round(words, 0, word(bytes, at), word(bytes, at + 4));
    round(words, 2, word(bytes, at + 8), word(bytes, at + 12));
    round(words, 4, word(bytes, at + 16), word(bytes, at + 20));
    round(words, 6, word(bytes, at + 24), word(bytes, at + 28));
  }
  return end;
}

function mergeAccumulators(words: Int32Array): void {
  set(words, RESULT, 0, 0);
  addRotated(words, 0, 1);
  addRotated(words, 2, 7);
  addRotated(words, 4, 12);
  addRotated(words, 6, 18);
  for (let pair = 0; pair < RESULT; pair += 2) {
    mixIn(words, words[pair] as number, words[pair + 1] as number);
    multiply(words, RESULT, PRIME_1_LOW, PRIME_1_HIGH);
    add(words, RESULT, PRIME_4_LOW, PRIME_4_HIGH);
  }
}

/** The at most 31 bytes after the last stripe: by eight, by four, one by one. */
function hashTail(words: Int32Array, bytes: Uint8Array, from: number): void {
  let at = from;
  for (; at + 8 <= bytes.length; at += 8) {
    mixIn(words, word(bytes, at), word(bytes, at + 4));
    rotate(words, RESULT, 27);
    multiply(words, RESULT, PRIME_1_LOW, PRIME_1_HIGH);
    add(words, RESULT, PRIME_4_LOW, PRIME_4_HIGH);
  }
  if (at + 4 <= bytes.length) {
    set(words, SCRATCH, word(bytes, at), 0);
    multiply(words, SCRATCH, PRIME_1_LOW, PRIME_1_HIGH);
    exclusiveOr(words, words[SCRATCH] as number, words[SCRATCH + 1] as number);
    rotate(words, RESULT, 23);
    multiply(words, RESULT, PRIME_2_LOW, PRIME_2_HIGH);
    add(words, RESULT, PRIME_3_LOW, PRIME_3_HIGH);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    set(words, SCRATCH, bytes[at] as number, 0);
    multiply(words, SCRATCH, PRIME_5_LOW, PRIME_5_HIGH);
    exclusiveOr(words, words[SCRATCH] as number, words[SCRATCH + 1] as number);
    rotate(words, RESULT, 11);
    multiply(words, RESULT, PRIME_1_LOW, PRIME_1_HIGH);
  }
}

/** Lets every bit of the result depend on every other. */
function avalanche(words: Int32Array): void {
  const high33 = words[RESULT + 1] as number;
  exclusiveOr(words, high33 >>> 1, 0);
  multiply(words, RESULT, PRIME_2_LOW, PRIME_2_HIGH);
  const low29 = words[RESULT] as number;
  const high29 = words[RESULT + 1] as number;
  exclusiveOr(words, (low29 >>> 29) | (high29 << 3), high29 >>> 29);
  multiply(words, RESULT, PRIME_3_LOW, PRIME_3_HIGH);
  exclusiveOr(words, words[RESULT + 1] as number, 0);
}

/** The four bytes at `at` as a little-endian number. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Takes one lane of a stripe into its accumulator. */
function round(words: Int32Array, pair: number, low: number, high: number): void {
  const addLow = Math.imul(low, PRIME_2_LOW);
  const addHigh =
    (productHigh(low, PRIME_2_LOW) + Math.imul(low, PRIME_2_HIGH) + Math.imul(high, PRIME_2_LOW)) |
    0;
  const sumLow = ((words[pair] as number) + addLow) | 0;
  const carry = sumLow >>> 0 < addLow >>> 0 ? 1 : 0;
  const sumHigh = ((words[pair + 1] as number) + addHigh + carry) | 0;

  const turnedLow = (sumLow << 31) | (sumHigh >>> 1);
  const turnedHigh = (sumHigh << 31) | (sumLow >>> 1);
  words[pair] = Math.imul(turnedLow, PRIME_1_LOW);
  words[pair + 1] =
    (productHigh(turnedLow, PRIME_1_LOW) +
      Math.imul(turnedLow, PRIME_1_HIGH) +
      Math.imul(turnedHigh, PRIME_1_LOW)) |
    0;
}

/** Combines the result with a round of its own for `(high, low)`. */
function mixIn(words: Int32Array, low: number, high: number): void {
  set(words, SCRATCH, 0, 0);
  round(words, SCRATCH, low, high);
  exclusiveOr(words, words[SCRATCH] as number, words[SCRATCH + 1] as number);
}

function set(words: Int32Array, pair: number, low: number, high: number): void {
  words[pair] = low;
  words[pair + 1] = high;
}

function add(words: Int32Array, pair: number, low: number, high: number): void {
  const sum = ((words[pair] as number) + low) | 0;
  const carry = sum >>> 0 < low >>> 0 ? 1 : 0;
  words[pair] = sum;
  words[pair + 1] = ((words[pair + 1] as number) + high + carry) | 0;
}

function addRotated(words: Int32Array, pair: number, bits: number): void {
  set(words, SCRATCH, words[pair] as number, words[pair + 1] as number);
  rotate(words, SCRATCH, bits);
  add(words, RESULT, words[SCRATCH] as number, words[SCRATCH + 1] as number);
}

function exclusiveOr(words: Int32Array, low: number, high: number): void {
  words[RESULT] = (words[RESULT] as number) ^ low;
  words[RESULT + 1] = (words[RESULT + 1] as number) ^ high;
}

/** Rotates to the left by `bits`, from 1 to 31. */
function rotate(words: Int32Array, pair: number, bits: number): void {
  const low = words[pair] as number;
  const high = words[pair + 1] as number;
  words[pair] = (low << bits) | (high >>> (32 - bits));
  words[pair + 1] = (high << bits) | (low >>> (32 - bits));
}

function multiply(words: Int32Array, pair: number, low: number, high: number): void {
  const left = words[pair] as number;
  const leftHigh = words[pair + 1] as number;
  words[pair] = Math.imul(left, low);
  words[pair + 1] = (productHigh(left, low) + Math.imul(left, high) + Math.imul(leftHigh, low)) | 0;
}

/** The high 32 bits of the product of two unsigned 32-bit numbers. */
function productHigh(left: number, right: number): number {
  const leftLow = left & 0xffff;
  const leftHigh = left >>> 16;
  const rightLow = right & 0xffff;
  const rightHigh = right >>> 16;
  // Each sum below is less than 2^32, so that cutting it to 32 bits loses nothing.
  const low = Math.imul(leftLow, rightLow) >>> 16;
  const middle = (Math.imul(leftHigh, rightLow) + low) | 0;
  const other = (Math.imul(leftLow, rightHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(leftHigh, rightHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}
