/**
 * Cell storage: the rows of a store in a copy-on-write B+tree, its cache, its snapshots, and the
 * checkpoints that bring it to the volume.
 *
 * A checkpoint writes a snapshot while the tree goes on. It is not believed by anybody before its
 * root is in the superblock, which is the caller's to write; until `finishCheckpoint` the pages of
 * the checkpoint before are kept.
 */

import { assert, must } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { Slab } from "../base/slab.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import {
  decodeMap,
  encodeMap,
  mapBytesOf,
  mapPagesOf,
  readMap,
  writeMap,
} from "./allocation-map.ts";
import { Cache } from "./cache.ts";
import { Extents } from "./extents.ts";
import { generationOf, levelOf, PAGE_BYTES } from "./page.ts";
import { type PageRun, PageSpace } from "./page-space.ts";
import { Scanner } from "./scan.ts";
import { Tree, type TreeRoot } from "./tree.ts";

export interface CellsOptions {
  readonly slab: Slab;
  readonly volume: Volume;
  readonly pagesAt: number;
  readonly checksums: Checksums;
  /** From the volume's identity, so that pages of another store are never believed. */
  readonly checksumSeed: number;
  readonly cacheBytes: number;
  /** Pages of the zone that are not the tree's. */
  readonly lent?: readonly PageRun[];
}

/** What the superblock keeps of a checkpoint; zeroes where there is none yet. */
export interface CheckpointRoot {
  readonly rootPage: number;
  readonly rootLevel: number;
  readonly rootSumLow: number;
  readonly rootSumHigh: number;
  /** Of the tree. */
  readonly generation: number;
  /** The first of the allocation map. */
  readonly mapPage: number;
  /** Length of the allocation map and what the owner of the cells keeps with it, in bytes. */
  readonly mapBytes: number;
  readonly mapSumLow: number;
  readonly mapSumHigh: number;
  /** Pages in the zone when the checkpoint was taken. */
  readonly pageCount: number;
}

/** A snapshot that is on its way to the volume. */
export interface Checkpoint {
  readonly root: TreeRoot;
  readonly map: Uint8Array;
  readonly mapPages: readonly number[];
  readonly pageCount: number;
}

/** A consistent view that stays until it is released. */
export interface CellSnapshot {
  readonly root: TreeRoot;
  release(): void;
}

/** Who has loaded so many pages a frame looks for more of them at once than there are frames. */
const LOADS_PER_FRAME_MAX = 64;

/**
 * Loads what one body of code misses, run after run, and keeps long values in memory meanwhile, so
 * that a body that needs several of them comes to its end.
 */
export class Lease {
  readonly #cells: Cells;
  #extents: number[] = [];
  #loadCount = 0;

  constructor(cells: Cells) {
    this.#cells = cells;
  }

  /**
   * Loads what the last `MISS` asked for; call it in the turn of that miss. `ERR_LIMIT` if it does
   * so without end, since what is loaded takes the place of what was loaded before.
   */
  async loadMissing(): Promise<void> {
    const { cache, tree } = this.#cells;
    const { missing, missingExtent, missingAhead, extentsAhead } = tree;
    this.#loadCount += 1 + missingAhead.size + extentsAhead.size;
    if (this.#loadCount > LOADS_PER_FRAME_MAX * cache.frameCount) throw readsTooMuch();
    const extents = this.#extents;
    const loaded = [...extentsAhead.keys()];
    if (missing === 0 && missingExtent !== undefined) loaded.push(missingExtent.first);
    await this.#cells.loadMissing();
    // Who wanted them may have given up meanwhile, and nobody would release them then.
    if (extents !== this.#extents) return;
    for (const first of loaded) if (this.#cells.extents.lease(first)) extents.push(first);
  }

  release(): void {
    // Also what was pinned for an attempt that does not come: it would be in the way of others.
    this.#cells.cache.unpinAll();
    for (const first of this.#extents) this.#cells.extents.unlease(first);
    this.#extents = [];
    this.#loadCount = 0;
  }
}

/** Decides, after each slice of a checkpoint, how long it waits before the next. */
export type Pace = () => Promise<void> | undefined;

/**
 * How pages are brought to the volume: each slice durably, so that what else is written never waits
 * for long; or all before one sync, which is sooner done.
 */
export type WriteManner = "in slices" | "together";

/** Of the slab, beside the frames: scratch pages and the buffer of checkpoint slices. */
export const CELLS_OVERHEAD_BYTES: number = 4 * PAGE_BYTES + 2 * 65536;
const SLICE_PAGES = 16;
/** The share of the cache that values of their own may take besides, once they are on disk. */
const EXTENT_CACHE_SHARE = 8;

export class Cells {
  readonly cache: Cache;
  readonly space: PageSpace;
  readonly extents: Extents;
  readonly tree: Tree;
  readonly scanner: Scanner;
  /** To be done before pages are written that no checkpoint has. For the owner to set. */
  beforeSpill: () => Promise<void> = () => Promise.resolve();
  readonly #options: CellsOptions;
  readonly #slice: Uint8Array = new Uint8Array(SLICE_PAGES * PAGE_BYTES);
  #durable: { readonly generation: number; readonly mapPages: readonly number[] };

  /** Begins with an empty tree. `pageCount` pages of the zone have room on the volume. */
  static create(options: CellsOptions, pageCount: number): Cells {
    const cells = new Cells(options, 1);
    cells.growTo(pageCount);
    cells.#lend();
    cells.tree.create();
    return cells;
  }

  /**
   * Begins with the tree of a checkpoint; what its owner kept with it is handed to `keep`.
   * `ERR_CORRUPT` if the map or the root is not what was written.
   */
  static async open(
    options: CellsOptions,
    root: CheckpointRoot,
    pageCount: number,
    keep: (kept: Uint8Array) => void,
  ): Promise<Cells> {
    const cells = new Cells(options, root.generation + 1);
    cells.cache.grow(Math.max(pageCount, root.pageCount));
    keep(await cells.#readMap(root));
    cells.growTo(pageCount);
    cells.#lend();
    cells.tree.rootPage = root.rootPage;
    cells.tree.rootLevel = root.rootLevel;
    cells.cache.registerSum(root.rootPage, root.rootSumLow, root.rootSumHigh);
    await cells.cache.load(root.rootPage);
    cells.space.hold(root.generation);
    return cells;
  }

  private constructor(options: CellsOptions, generation: number) {
    this.#options = options;
    const { slab, volume, pagesAt, checksums, checksumSeed } = options;
    const frameCount = Math.floor(options.cacheBytes / PAGE_BYTES);
    this.cache = new Cache({ slab, frameCount, volume, pagesAt, checksums, checksumSeed });
    const cacheBytes = Math.floor(options.cacheBytes / EXTENT_CACHE_SHARE);
    this.extents = new Extents({ volume, pagesAt, checksums, checksumSeed, cacheBytes });
    this.space = new PageSpace((first, count) => {
      this.cache.drop(first, count);
      this.extents.drop(first, count);
    });
    this.tree = new Tree(this.cache, this.space, this.extents, generation);
    this.scanner = new Scanner(this.tree);
    this.#durable = { generation: generation - 1, mapPages: [] };
  }

  /** The zone of pages is now `pageCount` pages long. */
  growTo(pageCount: number): void {
    this.cache.grow(pageCount);
    if (pageCount > this.space.pageCount) this.space.grow(pageCount);
  }

  /** Loads what the last `MISS` asked for; see `Lease` for a body that may miss several times. */
  loadMissing(): Promise<unknown> {
    const { missing, missingExtent, missingAhead, extentsAhead } = this.tree;
    if (missing === 0) {
      assert(missingExtent !== undefined, "a miss says what is missing");
      const { extents } = this;
      const ahead = Array.from(extentsAhead.values(), (reference) =>
        extents.load(reference).catch(() => undefined),
      );
      return Promise.all([extents.load(missingExtent), ...ahead]);
    }
    // What comes may not take the place of what is wanted with it.
    if (missingAhead.size === 0 || !this.cache.ensureFree(1 + missingAhead.size)) {
      return this.cache.load(missing);
    }
    // What lies ahead is a guess: that it cannot be read matters only when it is asked for.
    const ahead = Array.from(missingAhead, (page) => this.cache.load(page).catch(() => undefined));
    return Promise.all([this.cache.load(missing), ...ahead]);
  }

  /** A view of the tree as it is now. */
  snapshot(): CellSnapshot {
    const root = this.#freeze();
    this.space.hold(root.generation);
    let held = true;
    return {
      root,
      release: () => {
        if (held) this.space.letGo(root.generation);
        held = false;
      },
    };
  }

  /**
   * Takes the snapshot that a checkpoint will hold, together with `kept`, bytes of its owner's.
   * Undefined if the zone has too few free pages for the map: it must grow.
   */
  beginCheckpoint(kept: Uint8Array): Checkpoint | undefined {
    const count = this.mapPageCount(kept.length);
    if (this.space.freeCount < count) return undefined;
    const mapPages = Array.from({ length: count }, () => this.space.allocate());
    const root = this.#freeze();
    this.space.hold(root.generation);
    const map = this.space.checkpointMap();
    // Whoever opens this checkpoint no longer needs the map of the one before.
    for (const page of this.#durable.mapPages) {
      map[page >>> 5] = (map[page >>> 5] as number) & ~(1 << (page & 31));
    }
    const pageCount = this.space.pageCount;
    return { root, map: encodeMap(map, kept), mapPages, pageCount };
  }

  /** How many pages the next checkpoint takes for its map, with so many bytes of its owner's. */
  mapPageCount(keptBytes: number): number {
    return mapPagesOf(mapBytesOf(this.space.pageCount, keptBytes));
  }

  /** Writes the checkpoint durably and returns what the superblock must hold. */
  async writeCheckpoint(
    checkpoint: Checkpoint,
    pace: Pace,
    manner: WriteManner,
  ): Promise<CheckpointRoot> {
    const { root, map, mapPages, pageCount } = checkpoint;
    await this.#writeDirty(root.generation, pace, manner);
    const sums = await writeMap(this.#options, mapPages, map);
    await this.#options.volume.sync();
    return {
      rootPage: root.page,
      rootLevel: root.level,
      rootSumLow: this.cache.sumLow(root.page),
      rootSumHigh: this.cache.sumHigh(root.page),
      generation: root.generation,
      mapPage: must(mapPages[0], "a map has a page"),
      mapBytes: map.length,
      ...sums,
      pageCount,
    };
  }

  /** The checkpoint is in the superblock, durably: what only the one before needed is free. */
  finishCheckpoint(checkpoint: Checkpoint): void {
    const before = this.#durable;
    const { root, mapPages } = checkpoint;
    this.#durable = { generation: root.generation, mapPages };
    this.#freeMap(before.mapPages);
    if (before.generation > 0) this.space.letGo(before.generation);
  }

  /** The checkpoint could not be published: nothing is lost, its pages are like any others. */
  abandonCheckpoint({ root, mapPages }: Checkpoint): void {
    this.#freeMap(mapPages);
    this.space.letGo(root.generation);
  }

  /**
   * Writes what is dirty to its places, so that it may leave memory, without making a checkpoint:
   * what is on the volume durably does not refer to these pages. For recovery.
   */
  async spill(): Promise<void> {
    await this.beforeSpill();
    const root = this.#freeze();
    this.space.hold(root.generation);
    for (const first of this.extents.dirtyExtents(root.generation)) await this.extents.write(first);
    await this.#writePages(root.generation, () => undefined, "in slices");
    this.space.letGo(root.generation);
  }

  #lend(): void {
    const { lent = [], volume } = this.#options;
    for (const run of lent) {
      if (!this.space.isFree(run)) throw lentTwice(volume, run);
      this.space.lend(run);
    }
  }

  /** The root of the tree as it is now; changes go to a new generation from here on. */
  #freeze(): TreeRoot {
    const { tree } = this;
    const { slab } = this.cache;
    const base = this.cache.find(tree.rootPage);
    const isUnchanged = base >= 0 && generationOf(slab, base) < tree.generation;
    // The root of a tree that was written to is of its generation, and so in memory.
    if (base < 0 || isUnchanged) {
      return { page: tree.rootPage, level: tree.rootLevel, generation: tree.generation - 1 };
    }
    const generation = tree.generation;
    tree.generation++;
    return { page: tree.rootPage, level: tree.rootLevel, generation };
  }

  /**
   * Some of it only other snapshots see. Who releases one meanwhile frees no pages before they are
   * written: what they are used for next would be lost under a write that comes late.
   */
  async #writeDirty(generation: number, pace: Pace, manner: WriteManner): Promise<void> {
    const letGo = this.space.holdAll();
    try {
      for (const first of this.extents.dirtyExtents(generation)) {
        await this.extents.write(first);
        await pace();
      }
      await this.#writePages(generation, pace, manner);
    } finally {
      letGo();
    }
  }

  /** Pages that are seen by a snapshot which stays until they are written. */
  async #writePages(generation: number, pace: Pace, manner: WriteManner): Promise<void> {
    const { cache } = this;
    const { slab } = cache;
    const pages = cache.dirtyPages((base) => generationOf(slab, base) <= generation);
    const levels = new Map(pages.map((page) => [page, levelOf(slab, cache.peek(page))]));
    const level = (page: number): number => levels.get(page) ?? 0;
    // Children first: a parent holds the checksums of its children.
    pages.sort((left, right) => level(left) - level(right) || left - right);
    for (let from = 0; from < pages.length; from += SLICE_PAGES) {
      const slice = pages.slice(from, from + SLICE_PAGES);
      await this.#writeSlice(slice, manner);
      for (const page of slice) cache.written(page);
      await pace();
    }
  }

  async #writeSlice(pages: readonly number[], manner: WriteManner): Promise<void> {
    const { volume, pagesAt } = this.#options;
    const runs = this.#copySlice(pages);
    const [first] = runs;
    if (first?.count === pages.length && manner === "in slices") {
      const bytes = this.#slice.subarray(0, pages.length * PAGE_BYTES);
      await volume.writeDurable(pagesAt + first.first * PAGE_BYTES, bytes);
      return;
    }
    let at = 0;
    const writes = runs.map((run) => {
      const bytes = this.#slice.subarray(at, at + run.count * PAGE_BYTES);
      at += bytes.length;
      return volume.write(pagesAt + run.first * PAGE_BYTES, bytes);
    });
    // All of them, also when one has failed: they are of memory that is used again.
    for (const outcome of await Promise.allSettled(writes)) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
    if (manner === "in slices") await volume.sync();
  }

  /** Copies the pages into the slice, and returns which of them adjoin on the volume. */
  #copySlice(pages: readonly number[]): readonly PageRun[] {
    const { cache } = this;
    const runs: { first: number; count: number }[] = [];
    for (const [index, page] of pages.entries()) {
      cache.seal(page);
      const base = cache.peek(page);
      const bytes = cache.slab.bytes.subarray(base, base + PAGE_BYTES);
      this.#slice.set(bytes, index * PAGE_BYTES);
      const last = runs.at(-1);
      if (last !== undefined && page === last.first + last.count) last.count++;
      else runs.push({ first: page, count: 1 });
    }
    return runs;
  }

  /** No snapshot sees them. */
  #freeMap(mapPages: readonly number[]): void {
    const { generation } = this.tree;
    for (const page of mapPages) this.space.retire(page, 1, generation, generation);
  }

  async #readMap(root: CheckpointRoot): Promise<Uint8Array> {
    const { bytes, pages: mapPages } = await readMap(this.#options, root);
    const { map, kept } = decodeMap(bytes);
    this.space.load(map, root.pageCount);
    this.#durable = { generation: root.generation, mapPages };
    return kept;
  }
}

function readsTooMuch(): Fault {
  return new Fault(
    "ERR_LIMIT",
    'This reads more pages at once than "cacheBytes" can hold: read less at a time, or raise the ' +
      "setting",
    { setting: "cacheBytes" },
  );
}

function lentTwice(volume: Volume, { first, count }: PageRun): Fault {
  return new Fault(
    "ERR_CORRUPT",
    `Pages ${first} to ${first + count - 1} of "${volume.name}" are the log's by the superblock, ` +
      "and the tree's by its map, or not there: restore a backup",
    { page: first, volume: volume.name },
  );
}
