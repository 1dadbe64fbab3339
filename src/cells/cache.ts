/**
 * The cache: a fixed number of frames in the slab, each a page's worth of bytes, and the table
 * that says which page is in which frame.
 *
 * It guarantees that
 *
 *  1. what is read from the volume is handed out only if its checksum is the one that its parent,
 *     or whoever wrote it, has registered;
 *  2. a dirty page is never evicted: it leaves memory only after a checkpoint has written it, or
 *     when nothing can ask for it any more;
 *  3. a page that was pinned since the last `unpinAll` is not evicted, and `isPinned` says so until
 *     it leaves its frame or is unpinned.
 *
 * Eviction is a clock with small counts: a page that was found again survives several rounds, one
 * that was only passed over by a scan goes in the first. Nothing here awaits but `load`.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { Slab } from "../base/slab.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import { type Load, Loads } from "./loads.ts";
import {
  childOf,
  cellAt,
  countOf,
  levelOf,
  numberOf,
  PAGE_BYTES,
  PAGE_MAGIC,
  PAGE_SHIFT,
} from "./page.ts";
import { RowIndex } from "./row-index.ts";

const DIRTY = 1;
/** Dirty, and no longer in the tree: only the checkpoint under way still wants it. */
const RETIRED = 2;
const HEAT_MAX = 3;
/** So many pages are read at a time, and no more than this share of the frames is for them. */
const LOADING_MAX = 256;
const LOADING_SHARE = 8;

export interface CacheOptions {
  readonly slab: Slab;
  readonly frameCount: number;
  readonly volume: Volume;
  /** Where the zone of pages begins on the volume. */
  readonly pagesAt: number;
  readonly checksums: Checksums;
  /** Enters every checksum, so that a page of another store is never believed. */
  readonly checksumSeed: number;
}

export class Cache {
  readonly slab: Slab;
  readonly frameCount: number;
  readonly pagesAt: number;
  readonly volume: Volume;
  /** Where in the frames rows lie that were looked up lately. */
  readonly rows: RowIndex;
  readonly #framesAt: number;
  readonly #checksums: Checksums;
  readonly #checksumSeed: number;
  /** Minus one where a page is not in memory. Indexed by page number. */
  frameOfPage: Int32Array = new Int32Array(0);
  /** Minus one where a frame is free. */
  readonly #pageOfFrame: Int32Array;
  readonly #flags: Uint8Array;
  readonly #heat: Uint8Array;
  readonly #pinned: Float64Array;
  #pinEpoch = 1;
  readonly #free: Int32Array;
  #freeCount: number;
  #lentFrom: number;
  #hand = 0;
  #dirtyCount = 0;
  #sumLow = new Uint32Array(0);
  #sumHigh = new Uint32Array(0);
  readonly #loads = new Loads();
  readonly #loadingMax: number;
  #loadingCount = 0;
  /** Loads that wait for others to end, the first first. */
  readonly #queued: (() => void)[] = [];
  /** Loads that wait for a frame. */
  #waiters: (() => void)[] = [];
  /** Why no frame may ever be free again. */
  #stopped: Error | undefined;
  missCount = 0;
  evictionCount = 0;

  constructor(options: CacheOptions) {
    this.slab = options.slab;
    this.frameCount = options.frameCount;
    this.volume = options.volume;
    this.pagesAt = options.pagesAt;
    this.#checksums = options.checksums;
    this.#checksumSeed = options.checksumSeed;
    this.#framesAt = options.slab.reserve(options.frameCount * PAGE_BYTES);
    this.rows = new RowIndex(options.slab, this.#framesAt, options.frameCount);
    this.#pageOfFrame = new Int32Array(options.frameCount).fill(-1);
    this.#flags = new Uint8Array(options.frameCount);
    this.#heat = new Uint8Array(options.frameCount);
    // Not 32 bits: a busy store counts through those in days, and then would pin nothing.
    this.#pinned = new Float64Array(options.frameCount);
    this.#free = new Int32Array(options.frameCount);
    for (let index = 0; index < options.frameCount; index++) {
      this.#free[index] = options.frameCount - 1 - index;
    }
    this.#freeCount = options.frameCount;
    this.#lentFrom = options.frameCount;
    const share = Math.floor(options.frameCount / LOADING_SHARE);
    this.#loadingMax = Math.max(1, Math.min(LOADING_MAX, share));
  }

  get dirtyCount(): number {
    return this.#dirtyCount;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  get residentCount(): number {
    return this.frameCount - this.#freeCount;
  }

  /** The zone has become `pageCount` pages long. */
  grow(pageCount: number): void {
    if (pageCount <= this.frameOfPage.length) return;
    const length = Math.max(pageCount, this.frameOfPage.length * 2, 1024);
    const frames = new Int32Array(length).fill(-1);
    frames.set(this.frameOfPage);
    this.frameOfPage = frames;
    const low = new Uint32Array(length);
    low.set(this.#sumLow);
    this.#sumLow = low;
    const high = new Uint32Array(length);
    high.set(this.#sumHigh);
    this.#sumHigh = high;
  }

  /**
   * Takes the last `count` frames that were never in use away from the pages, and returns where
   * they begin: one region for other things, until each is given back; -1 if there are too few.
   */
  lend(count: number): number {
    const first = this.#lentFrom - count;
    if (this.#freeCount < count) return -1;
    for (let index = 0; index < count; index++) {
      if (this.#free[index] !== this.#lentFrom - 1 - index) return -1;
    }
    this.#free.copyWithin(0, count, this.#freeCount);
    this.#freeCount -= count;
    this.#lentFrom = first;
    return this.#framesAt + (first << PAGE_SHIFT);
  }

  /** A frame for other things, until `giveBack`; some page can always be evicted for it. */
  borrow(): number {
    assert(this.ensureFree(1), "who borrows leaves frames that can be had");
    return this.#framesAt + (this.#takeFrame() << PAGE_SHIFT);
  }

  /** Gives back a frame that was lent or borrowed; it is the next to be taken. */
  giveBack(at: number): void {
    this.#giveBack(this.#frameAt(at));
  }

  /** Where the page lies in the slab, or -1 if it is not in memory. */
  find(page: number): number {
    const frame = this.frameOfPage[page] as number;
    if (frame < 0) return -1;
    if ((this.#heat[frame] as number) < HEAT_MAX) this.#heat[frame] = HEAT_MAX;
    return this.#framesAt + (frame << PAGE_SHIFT);
  }

  /** As if the page at `at` had been found. */
  touch(at: number): void {
    const frame = this.#frameAt(at);
    if ((this.#heat[frame] as number) < HEAT_MAX) this.#heat[frame] = HEAT_MAX;
  }

  /** As `find`, but does not keep the page in memory for longer: for scans. */
  peek(page: number): number {
    const frame = this.frameOfPage[page] as number;
    return frame < 0 ? -1 : this.#framesAt + (frame << PAGE_SHIFT);
  }

  /** Keeps the page at `at` until `unpinAll`; true if it was not pinned yet. */
  pin(at: number): boolean {
    const frame = this.#frameAt(at);
    if (this.#pinned[frame] === this.#pinEpoch) return false;
    this.#pinned[frame] = this.#pinEpoch;
    return true;
  }

  isPinned(at: number): boolean {
    return this.#pinned[this.#frameAt(at)] === this.#pinEpoch;
  }

  /** Some keys that the page at `at` was pinned for belong to another now. */
  unpin(at: number): void {
    this.#pinned[this.#frameAt(at)] = 0;
  }

  unpinAll(): void {
    this.#pinEpoch++;
  }

  /** Frees frames until `count` are free; false if too few pages may be evicted. */
  ensureFree(count: number): boolean {
    if (count <= this.#freeCount) return true;
    return this.#evict(count);
  }

  /** A frame for a page that is made now: dirty, its bytes undefined. */
  add(page: number): number {
    assert(this.ensureFree(1), "frames were reserved before pages are made");
    const frame = this.#takeFrame();
    this.#map(frame, page);
    this.#setDirty(frame);
    return this.#framesAt + (frame << PAGE_SHIFT);
  }

  isDirty(at: number): boolean {
    return ((this.#flags[this.#frameAt(at)] as number) & DIRTY) !== 0;
  }

  /** The frame at `at` now holds `page`, dirty; what it held before is not in memory any more. */
  relabel(at: number, page: number): void {
    const frame = this.#frameAt(at);
    this.frameOfPage[this.#pageOfFrame[frame] as number] = -1;
    this.#map(frame, page);
    this.#setDirty(frame);
  }

  /** The tree has let go of the page at `at`, but a snapshot has not. */
  retire(at: number): void {
    const frame = this.#frameAt(at);
    const flags = this.#flags[frame] as number;
    this.rows.moved(at);
    this.#flags[frame] = flags | RETIRED;
    if ((flags & DIRTY) === 0) this.#release(frame);
  }

  /** Nobody can ask for these pages any more. */
  drop(first: number, count: number): void {
    for (let page = first; page < first + count; page++) {
      const frame = this.frameOfPage[page] as number;
      if (frame >= 0) this.#release(frame);
    }
    this.#loads.drop(first, count);
  }

  /** The numbers of all dirty pages whose generation is at most `generation`. */
  dirtyPages(isOld: (at: number) => boolean): number[] {
    const pages: number[] = [];
    for (let frame = 0; frame < this.frameCount; frame++) {
      if (((this.#flags[frame] as number) & DIRTY) === 0) continue;
      if (isOld(this.#framesAt + (frame << PAGE_SHIFT))) {
        pages.push(this.#pageOfFrame[frame] as number);
      }
    }
    return pages;
  }

  /** Fills in the checksums of an inner page's children and registers its own. */
  seal(page: number): void {
    const at = this.peek(page);
    assert(at >= 0, "a page that is sealed is in memory");
    if (levelOf(this.slab, at) > 0) {
      const count = countOf(this.slab, at);
      for (let slot = 0; slot < count; slot++) {
        const cell = cellAt(this.slab, at, slot);
        const child = childOf(this.slab, at, slot);
        this.slab.u32[(cell + 8) >> 2] = this.#sumLow[child] as number;
        this.slab.u32[(cell + 12) >> 2] = this.#sumHigh[child] as number;
      }
    }
    this.#sum(page, at);
    this.#sumLow[page] = this.#checksums.xxh64Low;
    this.#sumHigh[page] = this.#checksums.xxh64High;
  }

  /** A checkpoint has written the page. */
  written(page: number): void {
    const frame = this.frameOfPage[page] as number;
    if (frame < 0) return;
    const flags = this.#flags[frame] as number;
    if ((flags & DIRTY) === 0) return;
    this.#flags[frame] = flags & ~DIRTY;
    this.#dirtyCount--;
    if ((flags & RETIRED) !== 0) this.#release(frame);
    else this.#wake();
  }

  sumLow(page: number): number {
    return this.#sumLow[page] as number;
  }

  sumHigh(page: number): number {
    return this.#sumHigh[page] as number;
  }

  registerSum(page: number, low: number, high: number): void {
    this.#sumLow[page] = low;
    this.#sumHigh[page] = high;
  }

  /**
   * Brings the page into memory, unless it is let go meanwhile. `ERR_CORRUPT` if it is not what
   * was written there.
   */
  load(page: number): Promise<void> {
    if ((this.frameOfPage[page] as number) >= 0) return Promise.resolve();
    return this.#loads.join(page, (load) => this.#load(page, load));
  }

  /** No checkpoint writes what is dirty any more: who waits for a frame hears why. */
  stop(reason: Error): void {
    this.#stopped = reason;
    this.#wake();
  }

  /**
   * Few are under way at a time: if each page that came were at once replaced by one of those that
   * wait for a frame, nobody would ever find what was loaded for him.
   */
  async #load(page: number, load: Load): Promise<void> {
    this.missCount++;
    if (this.#loadingCount < this.#loadingMax) this.#loadingCount++;
    else await new Promise<void>((resolve) => this.#queued.push(resolve));
    try {
      if (load.isWanted) await this.#read(page, load);
    } finally {
      const next = this.#queued.shift();
      if (next === undefined) this.#loadingCount--;
      else next();
    }
  }

  async #read(page: number, load: Load): Promise<void> {
    while (!this.ensureFree(1)) {
      if (this.#stopped !== undefined) throw this.#stopped;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    const frame = this.#takeFrame();
    const at = this.#framesAt + (frame << PAGE_SHIFT);
    try {
      const position = this.pagesAt + page * PAGE_BYTES;
      await this.volume.read(position, this.slab.bytes.subarray(at, at + PAGE_BYTES));
      if (load.isWanted) this.#verify(page, at);
    } catch (error) {
      this.#giveBack(frame);
      // The place of a page that was let go may not even be there any more.
      if (!load.isWanted) return;
      throw error;
    }
    if (!load.isWanted) {
      this.#giveBack(frame);
      return;
    }
    this.#map(frame, page);
    this.#heat[frame] = 1;
    // Those who found no frame may take this one, if nothing better is left.
    this.#wake();
  }

  #verify(page: number, at: number): void {
    this.#sum(page, at);
    const { xxh64Low, xxh64High } = this.#checksums;
    const isRight = xxh64Low === this.#sumLow[page] && xxh64High === this.#sumHigh[page];
    if (!isRight || this.slab.u32[at >> 2] !== PAGE_MAGIC || numberOf(this.slab, at) !== page) {
      throw new Fault(
        "ERR_CORRUPT",
        `Page ${page} of ${this.volume.name}, at byte ${this.pagesAt + page * PAGE_BYTES}, is ` +
          "not what was written there: its checksum differs from the one its parent holds. " +
          "Run `holdfast verify` to see how much is damaged, and restore a backup",
        { page, position: this.pagesAt + page * PAGE_BYTES, volume: this.volume.name },
      );
    }
    if (levelOf(this.slab, at) === 0) return;
    const count = countOf(this.slab, at);
    for (let slot = 0; slot < count; slot++) {
      const cell = cellAt(this.slab, at, slot);
      const child = childOf(this.slab, at, slot);
      this.#sumLow[child] = this.slab.u32[(cell + 8) >> 2] as number;
      this.#sumHigh[child] = this.slab.u32[(cell + 12) >> 2] as number;
    }
  }

  #sum(page: number, at: number): void {
    const bytes = this.slab.bytes.subarray(at, at + PAGE_BYTES);
    this.#checksums.xxh64(bytes, page, this.#checksumSeed);
  }

  #evict(count: number): boolean {
    // Three full rounds take the heat from everything; after a fourth nothing more will come.
    for (let steps = (HEAT_MAX + 1) * this.frameCount; steps > 0; steps--) {
      const frame = this.#hand;
      this.#hand = frame + 1 === this.frameCount ? 0 : frame + 1;
      const page = this.#pageOfFrame[frame] as number;
      if (page < 0 || this.#flags[frame] !== 0) continue;
      if (this.#pinned[frame] === this.#pinEpoch) continue;
      if ((this.#heat[frame] as number) > 0) {
        this.#heat[frame] = (this.#heat[frame] as number) - 1;
        continue;
      }
      this.evictionCount++;
      this.#release(frame);
      if (count <= this.#freeCount) return true;
    }
    return false;
  }

  #frameAt(at: number): number {
    return (at - this.#framesAt) >> PAGE_SHIFT;
  }

  #takeFrame(): number {
    this.#freeCount--;
    this.rows.fit(this.residentCount);
    return this.#free[this.#freeCount] as number;
  }

  #giveBack(frame: number): void {
    this.#free[this.#freeCount] = frame;
    this.#freeCount++;
    this.#wake();
  }

  #map(frame: number, page: number): void {
    assert((this.frameOfPage[page] as number) < 0, "a page that was let go has left memory");
    this.#pageOfFrame[frame] = page;
    this.frameOfPage[page] = frame;
    this.#heat[frame] = HEAT_MAX;
  }

  #setDirty(frame: number): void {
    if (((this.#flags[frame] as number) & DIRTY) !== 0) return;
    this.#flags[frame] = DIRTY;
    this.#dirtyCount++;
  }

  #release(frame: number): void {
    if (((this.#flags[frame] as number) & DIRTY) !== 0) this.#dirtyCount--;
    this.#flags[frame] = 0;
    this.#pinned[frame] = 0;
    this.rows.moved(this.#framesAt + (frame << PAGE_SHIFT));
    this.frameOfPage[this.#pageOfFrame[frame] as number] = -1;
    this.#pageOfFrame[frame] = -1;
    this.#giveBack(frame);
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
