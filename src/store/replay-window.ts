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
/**
 * So many that of a full window the writes of a range lie in a processor's own cache while they
 * are sorted and built into leaves. Still more are so many places that each is far from it when a
 * write is added.
 */
const RANGES_MAX = 512;
/** There are so few that each fills some frames, of which the last is half empty. */
const FRAMES_PER_RANGE = 16;
/** So much of the window tells the distribution of the keys. */
const SAMPLE_SHARE = 1 / 8;
const SAMPLE_WRITES = 8192;
/** Memory comes to the processor in lines of so many bytes, or more. */
const LINE_BYTES = 64;

/** Of a range: the frames with its writes, in the order in which these were added. */
interface Frames {
  readonly at: number[];
  /** Where the writes of all frames but the last end. */
  readonly ends: number[];
}

export class ReplayWindow {
  /** The writes of the range that `begin` was called for, in order, of each key the last. */
  readonly order: KeyOrder;
  /** Of the first write; the others are said as what they are above it. */
  firstVersion = 0;
  readonly #cache: Cache;
  readonly #slab: Slab;
  readonly #framesMax: number;
  readonly #frames: readonly Frames[];
  /** By range: where its next write goes, and where its last frame ends. */
  readonly #next: Int32Array;
  readonly #ends: Int32Array;
  readonly #ranges = new KeyRanges();
  #frameCount = 0;
  #writeCount = 0;
  #isSampling = true;
  /** Nobody asks for it, but without it nothing would have to be touched. */
  touched = 0;

  constructor(cache: Cache, framesMax: number) {
    this.#cache = cache;
    this.#slab = cache.slab;
    this.#framesMax = framesMax;
    this.order = new KeyOrder(cache.slab.bytes);
    const count = Math.min(RANGES_MAX, Math.max(1, Math.floor(framesMax / FRAMES_PER_RANGE)));
    this.#frames = Array.from({ length: count }, () => ({ at: [], ends: [] }));
    this.#next = new Int32Array(count);
    this.#ends = new Int32Array(count);
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
    const range = this.#ranges.of(bytes, at + WRITE_HEADER_BYTES, keyBytes);
    const to = this.#makeRoom(range, length);
    if (to < 0) return false;
    this.#writeCount++;
    this.#slab.u32[to >> 2] = above;
    const writeTo = to + VERSION_BYTES;
    if (slabAt < 0) this.#slab.bytes.set(bytes.subarray(at, at + length), writeTo);
    else this.#slab.copy(writeTo, slabAt + at, length);
    return true;
  }

  /** Where a write of so many bytes goes, or -1 if there is no frame for it. */
  #makeRoom(range: number, length: number): number {
    const taken = align4(VERSION_BYTES + length);
    if ((this.#ends[range] as number) < (this.#next[range] as number) + taken) {
      if (this.#frameCount === this.#framesMax) return -1;
      this.#addFrame(range);
    }
    const to = this.#next[range] as number;
    this.#next[range] = to + taken;
    return to;
  }

  #addFrame(range: number): void {
    const frames = this.#frames[range] as Frames;
    if (frames.at.length > 0) frames.ends.push(this.#next[range] as number);
    const at = this.#cache.borrow();
    this.#frameCount++;
    frames.at.push(at);
    this.#next[range] = at;
    this.#ends[range] = at + PAGE_BYTES;
  }

  #knowsEnough(): boolean {
    return this.#writeCount === SAMPLE_WRITES || this.#framesMax * SAMPLE_SHARE < this.#frameCount;
  }

  /** Looks at what has come, so far to one range, and parts it into as many as there may be. */
  #partRanges(): void {
    this.#isSampling = false;
    if (this.#frames.length === 1) return;
    const { order } = this;
    this.begin(0);
    const step = Math.max(1, Math.floor(order.count / this.#frames.length));
    const bounds: Uint8Array[] = [];
    for (let index = step; index < order.count && bounds.length + 1 < this.#frames.length;) {
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
    const frames = this.#empty(0);
    for (let index = 0; index < order.count; index++) {
      const at = order.position(index);
      const length = writeBytes(i32, at);
      const keyBytes = (i32[at >> 2] as number) >>> 16;
      const range = this.#ranges.of(bytes, at + WRITE_HEADER_BYTES, keyBytes);
      const to = this.#makeRoom(range, length);
      this.#slab.copy(to, at - VERSION_BYTES, VERSION_BYTES + length);
    }
    this.#giveBack(frames);
  }

  /** Brings the writes of a range in order. */
  begin(range: number): void {
    const { order } = this;
    const { at: frames, ends } = this.#frames[range] as Frames;
    const { i32 } = this.#slab;
    order.clear();
    frames.forEach((frame, index) => {
      const end = ends[index] ?? this.#next[range] ?? 0;
      this.#bringNear(frame, end);
      for (let at = frame; at < end;) {
        const write = at + VERSION_BYTES;
        order.add(write);
        at = align4(write + writeBytes(i32, write));
      }
    });
    order.sort();
  }

  /**
   * Touches all lines of `[from, to)`. Their addresses are known, so the processor asks for many
   * at once; where a write says how long it is, and so where the next one lies, it waits for each.
   */
  #bringNear(from: number, to: number): void {
    const { i32 } = this.#slab;
    let sum = 0;
    for (let at = from; at < to; at += LINE_BYTES) sum |= i32[at >> 2] as number;
    this.touched = sum;
  }

  /** The writes of the range are no longer needed. */
  end(range: number): void {
    this.#giveBack(this.#empty(range));
  }

  /** The frames of the range, which has none from here on. */
  #empty(range: number): number[] {
    const { at, ends } = this.#frames[range] as Frames;
    const frames = [...at];
    at.length = 0;
    ends.length = 0;
    this.#next[range] = 0;
    this.#ends[range] = 0;
    return frames;
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
