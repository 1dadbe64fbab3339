/**
 * The window: writes of the log that wait to be applied, each with the others of its range of
 * keys, so that those of a leaf lie close together when it is built. They are in frames of the
 * cache, and a frame is given back, still warm, as soon as its writes are applied: the pages that
 * these are built into need no memory that nobody has touched yet.
 *
 * A write lies as the log has it, behind four bytes: by how much its version is above the first.
 */

import type { Slab } from "../base/slab.ts";
import type { Cache } from "../cells/cache.ts";
import { align4, PAGE_BYTES } from "../cells/page.ts";
import { KeyOrder } from "./key-order.ts";
import { KeyRanges } from "./key-ranges.ts";
import { WRITE_HEADER_BYTES } from "./write-set.ts";

/** What lies before a write. */
export const VERSION_BYTES = 4;
const VERSION_ABOVE_MAX: number = 2 ** 32 - 1;
/** A longer write has no room in a frame. */
export const WINDOW_WRITE_BYTES_MAX: number = PAGE_BYTES - VERSION_BYTES;
/** More ranges than these are so many places in memory that each is far from the processor. */
const RANGES_MAX = 256;
/** There are so few that each fills some frames, of which the last is half empty. */
const FRAMES_PER_RANGE = 16;
/** So much of the window tells the distribution of the keys. */
const SAMPLE_SHARE = 1 / 8;
const SAMPLE_WRITES = 8192;

/** Frames with writes, in the order in which they were added. */
class WriteList {
  readonly frames: number[] = [];
  /** Where the writes of all frames but the last end. */
  readonly ends: number[] = [];
  /** Where the next write goes, and where the last frame ends. */
  next = 0;
  end = 0;

  get isEmpty(): boolean {
    return this.frames.length === 0;
  }

  addFrame(at: number): void {
    if (this.frames.length > 0) this.ends.push(this.next);
    this.frames.push(at);
    this.next = at;
    this.end = at + PAGE_BYTES;
  }

  endOf(index: number): number {
    return this.ends[index] ?? this.next;
  }

  clear(): void {
    this.frames.length = 0;
    this.ends.length = 0;
    this.next = 0;
    this.end = 0;
  }
}

export class ReplayWindow {
  /** The writes of the range that `begin` was called for, in order, of each key the last. */
  readonly order: KeyOrder;
  /** Of the first write; the others are said as what they are above it. */
  firstVersion = 0;
  readonly #cache: Cache;
  readonly #slab: Slab;
  readonly #framesMax: number;
  readonly #lists: WriteList[];
  readonly #ranges = new KeyRanges();
  #frameCount = 0;
  #writeCount = 0;
  #isSampling = true;

  constructor(cache: Cache, framesMax: number) {
    this.#cache = cache;
    this.#slab = cache.slab;
    this.#framesMax = framesMax;
    this.order = new KeyOrder(cache.slab.bytes);
    const count = Math.min(RANGES_MAX, Math.max(1, Math.floor(framesMax / FRAMES_PER_RANGE)));
    this.#lists = Array.from({ length: count }, () => new WriteList());
  }

  get rangeCount(): number {
    return this.#ranges.count;
  }

  rangeOf(bytes: Uint8Array, keyAt: number, keyBytes: number): number {
    return this.#ranges.of(bytes, keyAt, keyBytes);
  }

  /**
   * Adds the write in `bytes[at, at + length)`, which comes after all that were added before;
   * false if the window is full. `slabAt`: where in the slab `bytes` begins, -1 if outside.
   */
  add(
    bytes: Uint8Array,
    at: number,
    length: number,
    keyBytes: number,
    version: number,
    slabAt: number,
  ): boolean {
    if (this.#isSampling && this.#knowsEnough()) this.#partRanges();
    if (this.#writeCount === 0) this.firstVersion = version;
    const above = version - this.firstVersion;
    if (above > VERSION_ABOVE_MAX) return false;
    const list = this.#lists[this.#ranges.of(bytes, at + WRITE_HEADER_BYTES, keyBytes)];
    const to = this.#makeRoom(list as WriteList, length);
    if (to < 0) return false;
    this.#writeCount++;
    this.#slab.u32[to >> 2] = above;
    const writeTo = to + VERSION_BYTES;
    const target = this.#slab.bytes;
    if (slabAt < 0) target.set(bytes.subarray(at, at + length), writeTo);
    else target.copyWithin(writeTo, slabAt + at, slabAt + at + length);
    return true;
  }

  /** Where a write of so many bytes goes, or -1 if there is no frame for it. */
  #makeRoom(list: WriteList, length: number): number {
    const taken = align4(VERSION_BYTES + length);
    if (list.end < list.next + taken) {
      if (this.#frameCount === this.#framesMax) return -1;
      this.#frameCount++;
      list.addFrame(this.#cache.borrow());
    }
    const to = list.next;
    list.next = to + taken;
    return to;
  }

  #knowsEnough(): boolean {
    return this.#writeCount === SAMPLE_WRITES || this.#framesMax * SAMPLE_SHARE < this.#frameCount;
  }

  /** Looks at what has come, so far to one range, and parts it into as many as there may be. */
  #partRanges(): void {
    this.#isSampling = false;
    if (this.#lists.length === 1) return;
    const { order } = this;
    this.begin(0);
    const step = Math.max(1, Math.floor(order.count / this.#lists.length));
    const bounds: Uint8Array[] = [];
    for (let index = step; index < order.count && bounds.length + 1 < this.#lists.length;) {
      bounds.push(order.key(index));
      index += step;
    }
    if (bounds.length === 0) return;
    this.#ranges.partBy(bounds);
    this.#spread();
  }

  /** Moves the writes of the one range to those where they belong now. */
  #spread(): void {
    const { order } = this;
    const { bytes, i32 } = this.#slab;
    const [list] = this.#lists as [WriteList];
    const frames = [...list.frames];
    list.clear();
    for (let index = 0; index < order.count; index++) {
      const at = order.position(index);
      const length = writeBytes(i32, at);
      const keyBytes = (i32[at >> 2] as number) >>> 16;
      const range = this.#ranges.of(bytes, at + WRITE_HEADER_BYTES, keyBytes);
      const to = this.#makeRoom(this.#lists[range] as WriteList, length);
      bytes.copyWithin(to, at - VERSION_BYTES, at + length);
    }
    this.#giveBack(frames);
  }

  /** Brings the writes of a range in order. */
  begin(range: number): void {
    const { order } = this;
    const list = this.#lists[range] as WriteList;
    const { i32 } = this.#slab;
    order.clear();
    list.frames.forEach((frame, index) => {
      const end = list.endOf(index);
      for (let at = frame; at < end;) {
        const write = at + VERSION_BYTES;
        order.add(write);
        at = align4(write + writeBytes(i32, write));
      }
    });
    order.sort();
  }

  /** The writes of the range are no longer needed. */
  end(range: number): void {
    const list = this.#lists[range] as WriteList;
    this.#giveBack(list.frames);
    list.clear();
  }

  /** Nothing is left in any range: what comes may have other keys. */
  clear(): void {
    this.#writeCount = 0;
    this.#isSampling = true;
    this.#ranges.clear();
  }

  #giveBack(frames: readonly number[]): void {
    for (const frame of frames) this.#cache.giveBack(frame);
    this.#frameCount -= frames.length;
  }
}

/** How long the write at `at`, a multiple of 4, is. */
function writeBytes(i32: Int32Array, at: number): number {
  const keyBytes = (i32[at >> 2] as number) >>> 16;
  return WRITE_HEADER_BYTES + keyBytes + (i32[(at + 4) >> 2] as number);
}
