/**
 * Opens a store: believes a superblock, replays the log into the cells, and raises the generation,
 * in this order and before anything is appended.
 *
 * A crash on the way is a crash like any other: nothing that the volume durably holds is replaced
 * before the superblock that raises the generation, and that changes nothing else, but for a
 * checkpoint where no more generations have room (`begin-generation.ts`). Before pages are written
 * that are in no checkpoint, the view is raised, so that whoever had the volume before writes
 * nothing more. The time it takes is bounded by the log, not by the data.
 */

import { Fault, isFault } from "../base/fault.ts";
import { viewNumber } from "../base/ids.ts";
import { Slab } from "../base/slab.ts";
import { Cells, CELLS_OVERHEAD_BYTES, type CellsOptions } from "../cells/cells.ts";
import type { PreparationLimits } from "../cells/prepare.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { currentGeneration } from "../log/generations.ts";
import { Log } from "../log/log.ts";
import type { Arena } from "../log/staging.ts";
import { recoverLog } from "../log/recovery.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import { Applier } from "./applier.ts";
import { beginGeneration } from "./begin-generation.ts";
import { Census } from "./census.ts";
import { Dependencies } from "./dependencies.ts";
import { LoggedTime } from "./logged-time.ts";
import { Fence } from "./fence.ts";
import { FencedVolume } from "./fenced-volume.ts";
import { settleOptions, type StoreOptions } from "./options.ts";
import { PageGrowth } from "./page-growth.ts";
import { Replay } from "./replay.ts";
import { RowSpaces } from "../base/row-spaces.ts";
import { Store } from "./store.ts";
import { checkpointOf, logOf, requireAllPages, ringPages } from "./superblock-root.ts";
import { SuperblockZone } from "./superblock.ts";
import type { Superblock } from "./superblock-format.ts";

/** The share of the cache that may be dirty before writers wait for the checkpoint. */
const DIRTY_SHARE_MAX = 0.75;
/** The share of the cache that one transaction may touch. */
const TRANSACTION_SHARE_MAX = 0.5;
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
  asked: StoreOptions,
  spareSlabBytes = 0,
  rows: RowSpaces = new RowSpaces([]),
): Promise<OpenedStore> {
  const options = settleOptions(asked, world.process.memoryBytes);
  const volume = new FencedVolume(unfenced);
  const slab = makeSlab(options, spareSlabBytes);
  const superblocks = await SuperblockZone.open(volume, world.checksums, (candidate) =>
    isReadable(world, volume, candidate),
  );
  requireAllPages(superblocks, volume);
  // Before anything else is written: replay may spill pages.
  if (superblocks.needsHealing) await superblocks.heal();
  const found = superblocks.current;
  requirePageBytes(found, volume);
  const arena = makeArena(slab, options);
  const { cells, census } = await openCells(world, volume, slab, options, found);
  cells.beforeSpill = fencing(superblocks);
  const dependencies = new Dependencies();
  const growth = new PageGrowth(volume, cells, found.pages.at);
  const applier = new Applier(cells, census, dependencies, limitsOf(cells), rows);
  const replay = new Replay(cells, census, dependencies, growth);
  const recovered = await recoverLog(
    volume,
    world.checksums,
    logOf(superblocks),
    (entry) => replay.visit(entry),
    () => replay.nextBuffer(),
  );
  await replay.end(recovered.lastLsn);
  const { lastLsn, cutTornBatch } = recovered;
  world.trace.event("log-recovered", { volume: volume.name, lastLsn, cutTornBatch });
  goOnFrom(world, volume, Math.max(found.wallMs, replay.timeMs));

  const { superblock, log: begun } = await beginGeneration({
    clock: world.clock,
    volumeName: volume.name,
    superblocks,
    cells,
    census,
    growth,
    recovered,
  });
  const { generation } = currentGeneration(superblock.generations);
  const log = new Log({
    volume,
    clock: world.clock,
    checksums: world.checksums,
    volumeId: superblock.volumeId,
    generation,
    view: superblock.view,
    arena,
    recovered: begun,
  });
  const fence = new Fence(world.clock, options.stallMs, superblock.view, volume.name, () =>
    SuperblockZone.open(unfenced, world.checksums, () => Promise.resolve(true)),
  );
  volume.raise(fence);
  const time = new LoggedTime(world.clock, log, slab, superblock.wallMs);
  const parts = { world, volume, options, superblocks, cells, census, dependencies };
  const store = new Store({ ...parts, applier, growth, log, fence, time });
  if (superblock.generations.length > GENERATIONS_KEPT) await forgetSome(store, world);
  return { store, slab, replayedEntries: replay.entryCount };
}

/** Time does not go back, whatever was done to the clock since the store was open last. */
function goOnFrom({ clock, trace }: World, volume: Volume, latestMs: number): void {
  const behindMs = latestMs - clock.wallMs();
  if (behindMs <= 0) return;
  clock.startFrom(latestMs);
  trace.event("clock-behind", { volume: volume.name, behindMs });
}

/** On a full disk it is left to another checkpoint, or another opening. */
async function forgetSome(store: Store, world: World): Promise<void> {
  try {
    await store.checkpoint();
  } catch (error) {
    if (!isFault(error, "ERR_FULL")) throw error;
    world.trace.event("checkpoint-put-off", { volume: store.volume.name });
  }
}

/**
 * Raises the view, once. Recovery writes pages that no checkpoint has, and one who holds the
 * volume no more but does not know it may have others there, and even make a checkpoint of them,
 * should this opening not come to its end.
 */
function fencing(superblocks: SuperblockZone): () => Promise<void> {
  let raised: Promise<void> | undefined;
  return async () => {
    const { current } = superblocks;
    raised ??= superblocks.write({ ...current, view: viewNumber(current.view + 1) });
    await raised;
  };
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
    dirtyFramesMax: Math.floor(frameCount * DIRTY_SHARE_MAX),
    framesMax: Math.floor(frameCount * TRANSACTION_SHARE_MAX),
  };
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
  const cellOptions = {
    ...cellsOptions(world, volume, slab, options.cacheBytes, superblock),
    lent: ringPages(superblock, volume),
  };
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

function requirePageBytes({ pages }: Superblock, volume: Volume): void {
  if (pages.pageBytes === PAGE_BYTES) return;
  throw new Fault(
    "ERR_FORMAT",
    `"${volume.name}" has pages of ${pages.pageBytes} bytes, and this version reads pages of ` +
      `${PAGE_BYTES}: open it with the version that made it`,
  );
}
