/**
 * Writes in the order of their keys: a radix sort of *heads*, which are seven bytes of the keys
 * behind what all of them begin with, and again, deeper in the keys, where heads are equal.
 *
 * A head is two numbers of 32 bits: four bytes, and three with how many are left, at most 8 of
 * them. Keys with equal heads are the same if fewer than 8 are left, and else share seven bytes.
 * The sort is stable, so that of the writes of one key the last one stays last.
 */

import { compareRanges } from "../base/bytes.ts";
import { KEY_LENGTH_AT, WRITE_HEADER_BYTES } from "./write-set.ts";

const HEAD_BYTES = 7;
const LEFT_MAX: number = HEAD_BYTES + 1;
const DIGIT_BITS = 11;
const DIGITS: number = 1 << DIGIT_BITS;
/** Fewer are sorted by insertion. */
const RADIX_MIN = 48;
const HEADS_MIN = 12;
const SAME = 1;
const UNDECIDED = 2;
const COUNT_AT_FIRST = 1024;

export class KeyOrder {
  readonly #bytes: Uint8Array;
  /** Of the writes as they were added: where they lie, and half of their head. */
  #positions = new Int32Array(COUNT_AT_FIRST);
  #lows = new Int32Array(COUNT_AT_FIRST);
  /** The numbers of the writes in the order of their keys, as far as it is known. */
  #order = new Int32Array(COUNT_AT_FIRST);
  #highs = new Int32Array(COUNT_AT_FIRST);
  #otherOrder = new Int32Array(COUNT_AT_FIRST);
  #otherHighs = new Int32Array(COUNT_AT_FIRST);
  /** Where the writes lie that are left, in order. */
  #sorted = new Int32Array(COUNT_AT_FIRST);
  /** Whether the next write in order is of the same key. */
  #isSame = new Uint8Array(COUNT_AT_FIRST);
  readonly #counts = new Int32Array(DIGITS);
  #count = 0;
  #common = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Where the write lies that is `index`-th in order. */
  position(index: number): number {
    return this.#sorted[index] as number;
  }

  /** A copy of the key of the write that is `index`-th in order. */
  key(index: number): Uint8Array {
    const position = this.position(index);
    const at = position + WRITE_HEADER_BYTES;
    return this.#bytes.slice(at, at + keyLength(this.#bytes, position));
  }

  add(position: number): void {
    const index = this.#count++;
    if (index === this.#positions.length) this.#enlarge();
    this.#positions[index] = position;
    if (index === 0) this.#common = keyLength(this.#bytes, position);
    else this.#common = this.#sharedBytes(this.#positions[0] as number, position, 0, this.#common);
  }

  /** Makes room for as many again. Only the positions are needed before everything is sorted. */
  #enlarge(): void {
    const positions = this.#positions;
    const length = 2 * positions.length;
    this.#positions = new Int32Array(length);
    this.#positions.set(positions);
    this.#lows = new Int32Array(length);
    this.#order = new Int32Array(length);
    this.#highs = new Int32Array(length);
    this.#otherOrder = new Int32Array(length);
    this.#otherHighs = new Int32Array(length);
    this.#sorted = new Int32Array(length);
    this.#isSame = new Uint8Array(length);
  }

  clear(): void {
    this.#count = 0;
  }

  /** Brings the writes in order, and keeps of each key only the one that was added last. */
  sort(): void {
    for (let index = 0; index < this.#count; index++) this.#order[index] = index;
    this.#isSame.fill(0, 0, this.#count);
    this.#sort(0, this.#count, this.#common);
    this.#keepLast();
  }

  /** Sorts a part of the order in which all keys share `depth` bytes. */
  #sort(from: number, to: number, depth: number): void {
    if (to - from < HEADS_MIN) {
      this.#insertByKey(from, to, depth);
      return;
    }
    this.#makeHeads(from, to, depth);
    this.#radixSort(from, to);
    for (let index = from; index < to;) index = this.#sortByLows(index, to);
    this.#decide(from, to, depth + HEAD_BYTES);
  }

  #makeHeads(from: number, to: number, depth: number): void {
    const bytes = this.#bytes;
    for (let index = from; index < to; index++) {
      const write = this.#order[index] as number;
      const position = this.#positions[write] as number;
      const left = keyLength(bytes, position) - depth;
      const at = position + WRITE_HEADER_BYTES + depth;
      this.#highs[index] = word(bytes, at, left);
      const low = word(bytes, at + 4, left - 4);
      this.#lows[write] = (low & ~0xff) | Math.min(left, LEFT_MAX);
    }
  }

  /** Sorts what has the same first half of a head as the write at `from`; where that ends. */
  #sortByLows(from: number, limit: number): number {
    const heads = this.#highs;
    const high = heads[from];
    let to = from + 1;
    while (to < limit && heads[to] === high) to++;
    if (to - from === 1) return to;
    for (let index = from; index < to; index++) {
      heads[index] = this.#lows[this.#order[index] as number] as number;
    }
    if (to - from < RADIX_MIN) this.#insertByHead(from, to);
    else this.#radixSort(from, to);
    for (let index = from; index + 1 < to; index++) {
      if (heads[index] !== heads[index + 1]) continue;
      this.#isSame[index] = ((heads[index] as number) & 0xff) < LEFT_MAX ? SAME : UNDECIDED;
    }
    return to;
  }

  /** Looks deeper into keys whose heads are equal. */
  #decide(from: number, to: number, depth: number): void {
    const isSame = this.#isSame;
    for (let first = from; first < to; first++) {
      if (isSame[first] !== UNDECIDED) continue;
      let last = first;
      for (; isSame[last] === UNDECIDED; last++) isSame[last] = 0;
      this.#sortDeeper(first, last + 1, depth);
      first = last;
    }
  }

  #sortDeeper(from: number, to: number, depth: number): void {
    const first = this.#positions[this.#order[from] as number] as number;
    let common = keyLength(this.#bytes, first);
    let longest = common;
    for (let index = from + 1; index < to; index++) {
      const position = this.#positions[this.#order[index] as number] as number;
      longest = Math.max(longest, keyLength(this.#bytes, position));
      common = this.#sharedBytes(first, position, depth, common);
    }
    if (common === longest) this.#isSame.fill(SAME, from, to - 1);
    else this.#sort(from, to, common);
  }

  /** Sorts by the numbers in `#highs`. */
  #radixSort(from: number, to: number): void {
    for (let shift = 0; shift < 32; shift += DIGIT_BITS) this.#radixPass(from, to, shift);
  }

  #radixPass(from: number, to: number, shift: number): void {
    const counts = this.#counts.fill(0);
    const order = this.#order;
    const heads = this.#highs;
    for (let index = from; index < to; index++) {
      const digit = ((heads[index] as number) >>> shift) & (DIGITS - 1);
      counts[digit] = (counts[digit] as number) + 1;
    }
    if (counts[((heads[from] as number) >>> shift) & (DIGITS - 1)] === to - from) return;
    let sum = from;
    for (let digit = 0; digit < DIGITS; digit++) {
      const count = counts[digit] as number;
      counts[digit] = sum;
      sum += count;
    }
    const otherOrder = this.#otherOrder;
    const otherHeads = this.#otherHighs;
    for (let index = from; index < to; index++) {
      const head = heads[index] as number;
      const digit = (head >>> shift) & (DIGITS - 1);
      const target = counts[digit] as number;
      counts[digit] = target + 1;
      otherHeads[target] = head;
      otherOrder[target] = order[index] as number;
    }
    heads.set(otherHeads.subarray(from, to), from);
    order.set(otherOrder.subarray(from, to), from);
  }

  #insertByHead(from: number, to: number): void {
    const order = this.#order;
    const heads = this.#highs;
    for (let index = from + 1; index < to; index++) {
      const write = order[index] as number;
      const head = heads[index] as number;
      let target = index;
      while (target > from && (heads[target - 1] as number) >>> 0 > head >>> 0) {
        order[target] = order[target - 1] as number;
        heads[target] = heads[target - 1] as number;
        target--;
      }
      order[target] = write;
      heads[target] = head;
    }
  }

  #insertByKey(from: number, to: number, depth: number): void {
    const order = this.#order;
    for (let index = from + 1; index < to; index++) {
      const write = order[index] as number;
      let target = index;
      while (target > from && this.#compare(order[target - 1] as number, write, depth) > 0) {
        order[target] = order[target - 1] as number;
        target--;
      }
      order[target] = write;
    }
    for (let index = from; index + 1 < to; index++) {
      const isSame = this.#compare(order[index] as number, order[index + 1] as number, depth) === 0;
      if (isSame) this.#isSame[index] = SAME;
    }
  }

  #keepLast(): void {
    const order = this.#order;
    const positions = this.#positions;
    const sorted = this.#sorted;
    let kept = 0;
    for (let index = 0; index < this.#count; index++) {
      if (this.#isSame[index] === SAME) continue;
      sorted[kept] = positions[order[index] as number] as number;
      kept++;
    }
    this.#count = kept;
  }

  #compare(left: number, right: number, depth: number): number {
    const bytes = this.#bytes;
    const leftAt = this.#positions[left] as number;
    const rightAt = this.#positions[right] as number;
    return compareRanges(
      bytes,
      leftAt + WRITE_HEADER_BYTES + depth,
      keyLength(bytes, leftAt) - depth,
      bytes,
      rightAt + WRITE_HEADER_BYTES + depth,
      keyLength(bytes, rightAt) - depth,
    );
  }

  /** How many bytes the keys of two writes share, of which `depth` are known, but at most `max`. */
  #sharedBytes(left: number, right: number, depth: number, max: number): number {
    const bytes = this.#bytes;
    const limit = Math.min(max, keyLength(bytes, right));
    const leftKey = left + WRITE_HEADER_BYTES;
    const rightKey = right + WRITE_HEADER_BYTES;
    let same = depth;
    while (same < limit && bytes[leftKey + same] === bytes[rightKey + same]) same++;
    return Math.min(same, limit);
  }
}

function keyLength(bytes: Uint8Array, position: number): number {
  const at = position + KEY_LENGTH_AT;
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

/** Four bytes, the first the highest, of which those behind the first `left` are zeroes. */
function word(bytes: Uint8Array, at: number, left: number): number {
  if (left >= 4) {
    return (
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    );
  }
  let value = 0;
  if (left > 0) value |= (bytes[at] as number) << 24;
  if (left > 1) value |= (bytes[at + 1] as number) << 16;
  if (left > 2) value |= (bytes[at + 2] as number) << 8;
  return value;
}
