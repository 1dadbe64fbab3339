/**
 * The arena of a kernel, given out in regions whose sizes are powers of two (a buddy system): a
 * region is split in halves until a half would be too small, and halves that are both free become
 * one again. So it takes a few steps to allocate or release, whatever has gone before, and regions
 * of one size never end up in pieces.
 *
 * The first units are never given out: they hold the kernel's own tables, and the position 0 names
 * a hole. So the largest region is less than the whole, half of it where that is a power of two.
 */

import { assert } from "../../base/assert.ts";
import { HOLE, type ParityArena } from "./kernel.ts";

/** The smallest region. */
export const ARENA_UNIT_BYTES = 4096;

/** The room for the kernel's own tables, at the beginning. */
export const ARENA_RESERVED_BYTES: number = 16 * ARENA_UNIT_BYTES;

const NOBODY = -1;
/** Marks a unit at which no region begins. */
const INSIDE = -1;
const TAKEN = 0x40;

export class BuddyArena implements ParityArena {
  readonly bytes: Uint8Array;
  /** For each unit: the size of the region that begins there, as a power of two, and if taken. */
  readonly #regions: Int8Array;
  /** The free regions of each size as a list, linked through these from unit to unit. */
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  #usedUnits = 0;

  constructor(bytes: Uint8Array) {
    const unitCount = bytes.length / ARENA_UNIT_BYTES;
    const reservedCount = ARENA_RESERVED_BYTES / ARENA_UNIT_BYTES;
    assert(Number.isInteger(unitCount) && reservedCount < unitCount, "an arena is whole units");
    this.bytes = bytes;
    this.#regions = new Int8Array(unitCount).fill(INSIDE);
    this.#first = new Int32Array(32).fill(NOBODY);
    this.#next = new Int32Array(unitCount);
    this.#previous = new Int32Array(unitCount);
    // Each region begins at a multiple of its size.
    for (let at = reservedCount; at < unitCount;) {
      const order = Math.min(trailingZeros(at), 31 - Math.clz32(unitCount - at));
      this.#free(at, order);
      at += 1 << order;
    }
  }

  get usedBytes(): number {
    return this.#usedUnits * ARENA_UNIT_BYTES;
  }

  allocate(length: number): number | undefined {
    assert(0 < length, "a region has a length");
    const wanted = orderOf(unitsFor(length));
    let order = wanted;
    while (order < this.#first.length && this.#firstOf(order) === NOBODY) order++;
    if (order >= this.#first.length) return undefined;

    const at = this.#firstOf(order);
    this.#unlink(at, order);
    while (order > wanted) {
      order--;
      this.#free(at + (1 << order), order);
    }
    this.#regions[at] = order | TAKEN;
    this.#usedUnits += 1 << order;
    return at * ARENA_UNIT_BYTES;
  }

  release(position: number): void {
    let at = position / ARENA_UNIT_BYTES;
    const region = this.#regions[at] ?? INSIDE;
    assert(region !== INSIDE && (region & TAKEN) !== 0, "what is released was allocated");
    let order = region & ~TAKEN;
    this.#usedUnits -= 1 << order;
    this.#regions[at] = INSIDE;
    for (; this.#isFree(at ^ (1 << order), order); order++) {
      const buddy = at ^ (1 << order);
      this.#unlink(buddy, order);
      at = Math.min(at, buddy);
    }
    this.#free(at, order);
  }

  view(at: number, length: number): Uint8Array {
    assert(at !== HOLE && at + length <= this.bytes.length, "the block is in the arena");
    return this.bytes.subarray(at, at + length);
  }

  #firstOf(order: number): number {
    return this.#first[order] as number;
  }

  #isFree(at: number, order: number): boolean {
    return this.#regions[at] === order;
  }

  #free(at: number, order: number): void {
    const next = this.#firstOf(order);
    this.#regions[at] = order;
    this.#next[at] = next;
    this.#previous[at] = NOBODY;
    if (next !== NOBODY) this.#previous[next] = at;
    this.#first[order] = at;
  }

  #unlink(at: number, order: number): void {
    const next = this.#next[at] as number;
    const previous = this.#previous[at] as number;
    if (next !== NOBODY) this.#previous[next] = previous;
    if (previous === NOBODY) this.#first[order] = next;
    else this.#next[previous] = next;
    this.#regions[at] = INSIDE;
  }
}

function unitsFor(bytes: number): number {
  return Math.ceil(bytes / ARENA_UNIT_BYTES);
}

/** The least power of two that is no less than `units`, as an exponent. */
function orderOf(units: number): number {
  return units <= 1 ? 0 : 32 - Math.clz32(units - 1);
}

function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value);
}
