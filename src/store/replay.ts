/**
 * Replays the log into the cells. As many writes as there is room for are gathered in a *window*,
 * and applied in the order of their keys, of each key only the last: nobody sees the rows before
 * the end, so all that counts is what they are then, and a page is touched once for all its rows.
 *
 * The window is a part of the cache, so that recovery needs no more memory than was allowed, and
 * what does not fit into the rest is written to its place.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { Cells } from "../cells/cells.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { NO_FRAMES, NO_PAGES, Preparation, READY } from "../cells/prepare.ts";
import { MISS } from "../cells/tree.ts";
import { Merger, ONE_BY_ONE } from "../cells/tree-merge.ts";
import { KIND_IGNORABLE, type LogEntry } from "../log/entry.ts";
import { Applier } from "./applier.ts";
import type { Census } from "./census.ts";
import type { Dependencies } from "./dependencies.ts";
import { timeIn } from "./logged-time.ts";
import type { PageGrowth } from "./page-growth.ts";
import { ReplayRows } from "./replay-rows.ts";
import { ReplayWindow, WINDOW_WRITE_BYTES_MAX } from "./replay-window.ts";
import { ENTRY_WRITES, WriteCursor } from "./write-set.ts";

/** The share of the cache that is the window, up to a size beyond which there is little gain. */
const WINDOW_SHARE = 1 / 2;
const WINDOW_BYTES_MAX: number = 256 << 20;
/** Of a cache of fewer frames, so that the rest holds whatever a single write may touch. */
const SMALL_WINDOW_SHARE = 1 / 4;
const SMALL_CACHE_FRAMES = 1024;
/**
 * The log is read into two buffers in turn. Each is this share, up to a size that stays near the
 * processor.
 */
const BUFFER_SHARE = 1 / 32;
const BUFFER_BYTES_MAX: number = 8 << 20;
/** Of what is left of it, the share that may be dirty before it is written. */
const DIRTY_SHARE_MAX = 0.8;
/** The share of the cache that values of their own may take besides before they are written. */
const EXTENT_SHARE_MAX = 1 / 8;

/** A part of the slab that the log is read into. */
interface Buffer {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class Replay {
  entryCount = 0;
  /** The latest that the log tells of, in milliseconds since 1970. */
  timeMs = 0;
  readonly #cells: Cells;
  readonly #growth: PageGrowth;
  readonly #dependencies: Dependencies;
  readonly #applier: Applier;
  readonly #merger: Merger;
  readonly #window: ReplayWindow;
  readonly #rows: ReplayRows;
  readonly #writes = new WriteCursor();
  readonly #bufferFrames: number;
  #newer: Buffer;
  #older: Buffer;
  #bufferCount = 0;
  readonly #extentBytesMax: number;

  constructor(cells: Cells, census: Census, dependencies: Dependencies, growth: PageGrowth) {
    this.#cells = cells;
    this.#growth = growth;
    this.#dependencies = dependencies;
    const { cache, tree } = cells;
    const bufferFrames = framesOf(cache.frameCount, BUFFER_SHARE, BUFFER_BYTES_MAX);
    const isSmall = cache.frameCount < SMALL_CACHE_FRAMES;
    const share = isSmall ? SMALL_WINDOW_SHARE : WINDOW_SHARE;
    const windowFrames = framesOf(cache.frameCount, share, WINDOW_BYTES_MAX);
    this.#bufferFrames = bufferFrames;
    this.#extentBytesMax = cache.frameCount * PAGE_BYTES * EXTENT_SHARE_MAX;
    this.#newer = this.#lend();
    this.#older = this.#lend();
    const left = cache.frameCount - 2 * bufferFrames - windowFrames;
    const dirtyFramesMax = Math.floor(left * DIRTY_SHARE_MAX);
    const limits = { dirtyFramesMax, framesMax: dirtyFramesMax };
    this.#applier = new Applier(cells, census, dependencies, limits, undefined);
    this.#merger = new Merger(tree, new Preparation(tree, limits));
    this.#window = new ReplayWindow(cache, windowFrames);
    this.#rows = new ReplayRows(cache.slab, this.#window, census);
  }

  /**
   * Where the log is best read to: two parts of memory in turn. While there is memory that nobody
   * has touched, a new part of that takes the turn of an old one, which becomes frames: the
   * operating system clears memory when it is first touched, and whoever reads does that beside us.
   */
  nextBuffer(): Uint8Array {
    [this.#older, this.#newer] = [this.#newer, this.#older];
    this.#bufferCount++;
    if (this.#bufferCount > 2) {
      const at = this.#cells.cache.lend(this.#bufferFrames);
      if (at >= 0) {
        this.#giveBack(this.#newer);
        this.#newer = this.#bufferAt(at);
      }
    }
    return this.#newer.bytes;
  }

  #lend(): Buffer {
    const at = this.#cells.cache.lend(this.#bufferFrames);
    assert(at >= 0, "buffers are asked for before any page");
    return this.#bufferAt(at);
  }

  #bufferAt(at: number): Buffer {
    const { bytes } = this.#cells.cache.slab;
    return { at, bytes: bytes.subarray(at, at + this.#bufferFrames * PAGE_BYTES) };
  }

  #giveBack({ at }: Buffer): void {
    for (let frame = 0; frame < this.#bufferFrames; frame++) {
      this.#cells.cache.giveBack(at + frame * PAGE_BYTES);
    }
  }

  visit(entry: LogEntry): Promise<void> | undefined {
    if (entry.kind !== ENTRY_WRITES) {
      this.timeMs = Math.max(this.timeMs, timeIn(entry));
      if ((entry.kind & KIND_IGNORABLE) !== 0) return undefined;
      throw unknownKind(entry);
    }
    this.entryCount++;
    this.#writes.enter(entry.bytes, entry.bodyAt, entry.bodyBytes);
    return this.#gather(entry.bytes, this.#slabAt(entry.bytes), entry.lsn);
  }

  /** Where in the slab these bytes begin, -1 if outside. */
  #slabAt(bytes: Uint8Array): number {
    if (bytes === this.#newer.bytes) return this.#newer.at;
    return bytes === this.#older.bytes ? this.#older.at : -1;
  }

  /** Gives the buffers back to the cache, and applies what is left. */
  async end(lastLsn: Lsn): Promise<void> {
    this.#giveBack(this.#older);
    this.#giveBack(this.#newer);
    await this.#flush();
    this.#dependencies.wroteAny(lastLsn);
  }

  /** Gathers what is left of an entry's writes. */
  #gather(bytes: Uint8Array, slabAt: number, position: Lsn): Promise<void> | undefined {
    const writes = this.#writes;
    while (writes.next()) {
      const { at, keyBytes, lengthBytes } = writes;
      const isLarge = WINDOW_WRITE_BYTES_MAX < lengthBytes;
      if (isLarge || !this.#window.add(bytes, at, lengthBytes, keyBytes, position, slabAt)) {
        return this.#gatherOn(bytes, slabAt, position, isLarge);
      }
    }
    return undefined;
  }

  /** As above, from a write on that finds no room in the window. */
  async #gatherOn(
    bytes: Uint8Array,
    slabAt: number,
    position: Lsn,
    isLarge: boolean,
  ): Promise<void> {
    const { at, keyAt, keyBytes, lengthBytes } = this.#writes;
    if (isLarge) {
      // What was written to its key before comes before it.
      await this.#flushRange(this.#window.rangeOf(bytes, keyAt, keyBytes));
      await this.#apply(bytes, at, lengthBytes, position);
    } else {
      await this.#flush();
      const isAdded = this.#window.add(bytes, at, lengthBytes, keyBytes, position, slabAt);
      assert(isAdded, "an empty window has room for a write");
    }
    await this.#gather(bytes, slabAt, position);
  }

  async #flush(): Promise<void> {
    const { rangeCount } = this.#window;
    for (let range = 0; range < rangeCount; range++) await this.#flushRange(range);
    this.#window.clear();
  }

  async #flushRange(range: number): Promise<void> {
    const rows = this.#rows;
    this.#window.begin(range);
    for (let index = 0; index < rows.count;) {
      const merged = this.#merger.merge(rows, index);
      if (merged === READY) index = this.#merger.end;
      else if (merged === ONE_BY_ONE) {
        for (const { end } = this.#merger; index < end; index++) {
          rows.go(index);
          const later = this.#apply(rows.bytes, rows.at, rows.lengthBytes, rows.version);
          if (later !== undefined) await later;
        }
      } else await this.#makeWay(merged);
    }
    this.#window.end(range);
  }

  /** Applies the write in `bytes[at, at + length)`. */
  #apply(
    bytes: Uint8Array,
    at: number,
    length: number,
    position: number,
  ): Promise<void> | undefined {
    const { extents } = this.#cells;
    const prepared = this.#applier.prepare(bytes, at, length);
    if (prepared !== READY || extents.dirtyBytes > this.#extentBytesMax) {
      return this.#applyLater(bytes, at, length, position);
    }
    this.#applier.apply(bytes, at, length, position);
    return undefined;
  }

  async #applyLater(
    bytes: Uint8Array,
    at: number,
    length: number,
    position: number,
  ): Promise<void> {
    if (this.#cells.extents.dirtyBytes > this.#extentBytesMax) await this.#cells.spill();
    for (;;) {
      const prepared = this.#applier.prepare(bytes, at, length);
      if (prepared === READY) break;
      await this.#makeWay(prepared);
    }
    this.#applier.apply(bytes, at, length, position);
  }

  /** Removes what stands in the way, as a preparation said it. */
  async #makeWay(reason: number): Promise<void> {
    if (reason === MISS) await this.#load();
    else if (reason === NO_FRAMES) await this.#cells.spill();
    else {
      assert(reason === NO_PAGES, "no cache is too small for a single row");
      await this.#growth.grow();
    }
  }

  /** Nobody else makes room: pages that are dirty would stay in the way of the missing one. */
  async #load(): Promise<void> {
    if (!this.#cells.cache.ensureFree(1)) await this.#cells.spill();
    await this.#cells.loadMissing();
  }
}

/** How many frames are such a share, and no more bytes than that: at least one. */
function framesOf(frameCount: number, share: number, bytesMax: number): number {
  return Math.max(1, Math.min(Math.floor(frameCount * share), bytesMax / PAGE_BYTES));
}

function unknownKind(entry: LogEntry): Fault {
  return new Fault(
    "ERR_FORMAT",
    `Entry ${entry.lsn} of the log is of kind ${entry.kind}, which this version does not know: ` +
      "open the data with the version that wrote it",
    { lsn: entry.lsn, kind: entry.kind },
  );
}
