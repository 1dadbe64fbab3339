/**
 * Opens a store: believes a superblock, replays the log into the cells, and raises the generation,
 * in this order and before anything is appended.
 *
 * A crash on the way is a crash like any other: nothing that the volume durably holds is replaced
 * before the superblock that raises the generation, and that changes nothing else. The time it
 * takes is bounded by the log, not by the data.
 */

import { Fault } from "../base/fault.ts";
import { type Lsn, viewNumber } from "../base/ids.ts";
import { Slab } from "../base/slab.ts";
import { Cells, CELLS_OVERHEAD_BYTES, type CellsOptions } from "../cells/cells.ts";
import { NO_FRAMES, NO_PAGES, type PreparationLimits, READY } from "../cells/prepare.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { MISS } from "../cells/tree.ts";
import type { LogEntry } from "../log/entry.ts";
import { KIND_IGNORABLE } from "../log/entry.ts";
import { currentGeneration, raiseGeneration } from "../log/generations.ts";
import { Log } from "../log/log.ts";
import type { Arena } from "../log/staging.ts";
import { type RecoveredLog, recoverLog } from "../log/recovery.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import { Applier } from "./applier.ts";
import { Census } from "./census.ts";
import { Dependencies } from "./dependencies.ts";
import { Fence } from "./fence.ts";
import { FencedVolume } from "./fenced-volume.ts";
import { checkOptions, type StoreOptions } from "./options.ts";
import { PageGrowth } from "./page-growth.ts";
import { Store } from "./store.ts";
import { checkpointOf } from "./superblock-root.ts";
import { SuperblockZone } from "./superblock.ts";
import type { Superblock } from "./superblock-format.ts";
import { ENTRY_WRITES } from "./write-set.ts";

/** Pages that only deletes and checkpoints may take. */
const RESERVE_PAGES = 48;
/** The share of the cache that may be dirty before writers wait for the checkpoint. */
const DIRTY_SHARE_MAX = 0.75;
/** The share of the cache that one transaction may touch; a little more when it is replayed. */
const TRANSACTION_SHARE_MAX = 0.5;
const REPLAY_SHARE_MAX = 0.6;
/** Two halves in which batches gather. */
const ARENA_BYTES: number = 8 << 20;
const ARENA_BYTES_MIN: number = 1 << 20;
/** How many generations may be in the ring before a checkpoint is taken to forget them. */
const GENERATIONS_KEPT = 48;

export interface OpenedStore {
  readonly store: Store;
  /** For whoever copies much between requests and pages: replies, scratch. */
  readonly slab: Slab;
  readonly replayedEntries: number;
}

export async function openStore(
  world: World,
  unfenced: Volume,
  options: StoreOptions,
  spareSlabBytes = 0,
): Promise<OpenedStore> {
  checkOptions(options);
  const volume = new FencedVolume(unfenced);
  const slab = makeSlab(options, spareSlabBytes);
  const superblocks = await SuperblockZone.open(volume, world.checksums, (candidate) =>
    isReadable(world, volume, candidate),
  );
  // Before anything else is written: replay may spill pages.
  if (superblocks.needsHealing) await superblocks.heal();
  const found = superblocks.current;
  requirePageBytes(found, volume);
  const arena = makeArena(slab, options);
  const { cells, census } = await openCells(world, volume, slab, options, found);
  const dependencies = new Dependencies();
  const growth = new PageGrowth(volume, cells, found.pages.at);
  const applier = new Applier(cells, census, dependencies, limitsOf(cells));
  const replayer = new Applier(cells, census, dependencies, replayLimitsOf(cells));
  const replay = new Replay(cells, replayer, growth);
  const recovered = await recoverLog(
    volume,
    world.checksums,
    {
      volumeId: found.volumeId,
      zone: found.zone,
      anchor: found.anchor,
      generations: found.generations,
      cleanBatch: found.cleanBatch,
    },
    (entry) => replay.visit(entry),
  );
  const { lastLsn, cutTornBatch } = recovered;
  world.trace.event("log-recovered", { volume: volume.name, lastLsn, cutTornBatch });

  const raised = await raise(world, superblocks, recovered);
  const generation = currentGeneration(raised.generations).generation;
  const log = new Log({
    volume,
    clock: world.clock,
    checksums: world.checksums,
    volumeId: raised.volumeId,
    generation,
    view: raised.view,
    arena,
    recovered,
  });
  const fence = new Fence(world.clock, options.stallMs, generation, volume.name, () =>
    SuperblockZone.open(unfenced, world.checksums, () => Promise.resolve(true)),
  );
  volume.raise(fence);
  const parts = { world, volume, options, superblocks, cells, census, dependencies };
  const store = new Store({ ...parts, applier, growth, log, fence });
  if (raised.generations.length > GENERATIONS_KEPT) await store.checkpoint();
  return { store, slab, replayedEntries: replay.count };
}

/** Applies the entries of the log in turn; what does not fit in memory is written to its place. */
class Replay {
  readonly #cells: Cells;
  readonly #applier: Applier;
  readonly #growth: PageGrowth;
  count = 0;

  constructor(cells: Cells, applier: Applier, growth: PageGrowth) {
    this.#cells = cells;
    this.#applier = applier;
    this.#growth = growth;
  }

  visit(entry: LogEntry): Promise<void> | undefined {
    if (entry.kind !== ENTRY_WRITES) {
      if ((entry.kind & KIND_IGNORABLE) !== 0) return undefined;
      throw unknownKind(entry);
    }
    this.count++;
    const { bytes, bodyAt, bodyBytes } = entry;
    const prepared = this.#applier.prepare(bytes, bodyAt, bodyBytes);
    if (prepared !== READY) return this.#applyLater(entry.lsn, bytes, bodyAt, bodyBytes, prepared);
    this.#applier.apply(bytes, bodyAt, bodyBytes, entry.lsn);
    return undefined;
  }

  async #applyLater(
    position: Lsn,
    bytes: Uint8Array,
    at: number,
    length: number,
    reason: number,
  ): Promise<void> {
    for (let prepared = reason; prepared !== READY;) {
      if (prepared === MISS) await this.#load();
      else if (prepared === NO_FRAMES) await this.#cells.spill();
      else if (prepared === NO_PAGES) await this.#growth.grow();
      else throw tooLarge(position);
      prepared = this.#applier.prepare(bytes, at, length);
    }
    this.#applier.apply(bytes, at, length, position);
  }

  /** Nobody else makes room: pages that are dirty would stay in the way of the missing one. */
  async #load(): Promise<void> {
    if (!this.#cells.cache.ensureFree(1)) await this.#cells.spill();
    await this.#cells.loadMissing();
  }
}

function makeSlab(options: StoreOptions, spareBytes: number): Slab {
  const frameBytes = Math.floor(options.cacheBytes / PAGE_BYTES) * PAGE_BYTES;
  return new Slab(frameBytes + CELLS_OVERHEAD_BYTES + arenaBytes(options) + spareBytes);
}

/** Small caches, as tests have them, come with small arenas. */
function arenaBytes(options: StoreOptions): number {
  const share = Math.max(ARENA_BYTES_MIN, Math.floor(options.cacheBytes / 8));
  return Math.min(ARENA_BYTES, 2 ** Math.floor(Math.log2(share)));
}

function makeArena(slab: Slab, options: StoreOptions): Arena {
  const lengthBytes = arenaBytes(options);
  return { bytes: slab.bytes, at: slab.reserve(lengthBytes), lengthBytes };
}

function limitsOf(cells: Cells): PreparationLimits {
  const { frameCount } = cells.cache;
  return {
    reservePages: RESERVE_PAGES,
    dirtyFramesMax: Math.floor(frameCount * DIRTY_SHARE_MAX),
    framesMax: Math.floor(frameCount * TRANSACTION_SHARE_MAX),
  };
}

/** What was committed once must be applied again, though the tree may have another shape. */
function replayLimitsOf(cells: Cells): PreparationLimits {
  const framesMax = Math.floor(cells.cache.frameCount * REPLAY_SHARE_MAX);
  return { ...limitsOf(cells), reservePages: 0, framesMax };
}

function cellsOptions(
  world: World,
  volume: Volume,
  slab: Slab,
  cacheBytes: number,
  superblock: Superblock,
): CellsOptions {
  const { volumeId, pages } = superblock;
  const checksumSeed = new DataView(volumeId.buffer, volumeId.byteOffset).getUint32(0, true);
  const { checksums } = world;
  return { slab, volume, pagesAt: pages.at, checksums, checksumSeed, cacheBytes };
}

async function openCells(
  world: World,
  volume: Volume,
  slab: Slab,
  options: StoreOptions,
  superblock: Superblock,
): Promise<{ cells: Cells; census: Census }> {
  const cellOptions = cellsOptions(world, volume, slab, options.cacheBytes, superblock);
  const root = checkpointOf(superblock);
  const { at, pageCount: recorded } = superblock.pages;
  const pageCount = Math.max(recorded, Math.floor((volume.sizeBytes - at) / PAGE_BYTES));
  if (root === undefined) {
    return { cells: Cells.create(cellOptions, pageCount), census: new Census() };
  }
  let census = new Census();
  const cells = await Cells.open(cellOptions, root, pageCount, (kept) => {
    census = Census.decode(kept);
  });
  return { cells, census };
}

/** Whether the checkpoint of a superblock that only one copy holds can be read. */
async function isReadable(world: World, volume: Volume, superblock: Superblock): Promise<boolean> {
  const root = checkpointOf(superblock);
  if (root === undefined) return true;
  const cacheBytes = 16 * PAGE_BYTES;
  const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
  const options = cellsOptions(world, volume, slab, cacheBytes, superblock);
  try {
    await Cells.open(options, root, root.pageCount, () => undefined);
    return true;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

/** Begins a generation, and with it a view, before anything is appended. */
async function raise(
  world: World,
  superblocks: SuperblockZone,
  recovered: RecoveredLog,
): Promise<Superblock> {
  const { current } = superblocks;
  const raised: Superblock = {
    ...current,
    view: viewNumber(current.view + 1),
    cleanBatch: undefined,
    wallMs: Math.max(current.wallMs, world.clock.wallMs()),
    generations: raiseGeneration(current.generations, recovered.end.batch),
  };
  await superblocks.write(raised);
  return raised;
}

function requirePageBytes({ pages }: Superblock, volume: Volume): void {
  if (pages.pageBytes === PAGE_BYTES) return;
  throw new Fault(
    "ERR_FORMAT",
    `"${volume.name}" has pages of ${pages.pageBytes} bytes, and this version reads pages of ` +
      `${PAGE_BYTES}: open it with the version that made it`,
  );
}

function unknownKind(entry: LogEntry): Fault {
  return new Fault(
    "ERR_FORMAT",
    `Entry ${entry.lsn} of the log is of kind ${entry.kind}, which this version does not know: ` +
      "open the data with the version that wrote it",
    { lsn: entry.lsn, kind: entry.kind },
  );
}

function tooLarge(position: Lsn): Fault {
  return new Fault(
    "ERR_LIMIT",
    `Entry ${position} of the log touches more pages than the cache holds: open the store with ` +
      `the "cacheBytes" it was written with`,
    { lsn: position, setting: "cacheBytes" },
  );
}
