/**
 * `verify` reads everything that a volume durably holds and says what is wrong where: all copies
 * of the superblock, every batch and entry of the log, every page and value of the newest
 * checkpoint, the allocation map and the census. `inspect` says what there is, and reads little.
 *
 * Both change nothing: what recovery would write is left out. Nobody may have the store open.
 */

import { Fault, messageOf } from "../base/fault.ts";
import { decodeMap, readMap as readChain } from "../cells/allocation-map.ts";
import type { CheckpointRoot } from "../cells/cells.ts";
import type { PageRun } from "../cells/page-space.ts";
import { currentGeneration } from "../log/generations.ts";
import { recoverLog } from "../log/recovery.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import { Census } from "./census.ts";
import { ReadOnlyVolume } from "./read-only-volume.ts";
import { checkpointOf, logOf, requireAllPages, ringPages } from "./superblock-root.ts";
import { describeCopies, SuperblockZone } from "./superblock.ts";
import type { Superblock } from "./superblock-format.ts";
import { type Finding, TreeWalk } from "./tree-walk.ts";
import { ENTRY_WRITES, WriteCursor } from "./write-set.ts";

export type { Finding } from "./tree-walk.ts";

/** What a store consists of, by its superblock. */
export interface StoreDescription {
  readonly volume: string;
  readonly volumeBytes: number;
  readonly volumeId: string;
  readonly generation: number;
  readonly view: number;
  readonly isCleanlyClosed: boolean;
  readonly superblockCopies: readonly string[];
  readonly log: {
    readonly ringBytes: number;
    /** Of the ring, by segments that have a place. */
    readonly placedBytes: number;
    readonly segmentBytes: number;
    /** Where each segment begins; 0: nowhere. */
    readonly places: readonly number[];
    readonly unitBytes: number;
    readonly anchorBatch: number;
    readonly replayFromLsn: number;
  };
  readonly pages: {
    readonly at: number;
    readonly pageBytes: number;
    readonly pageCount: number;
    readonly usedCount: number;
  };
  readonly tree: {
    readonly rootPage: number;
    readonly levels: number;
    readonly generation: number;
    readonly rowCount: number;
  };
}

export interface VerifyReport {
  readonly description: StoreDescription;
  readonly findings: readonly Finding[];
  readonly logEntryCount: number;
  readonly logEndLsn: number;
  readonly rowCount: number;
  readonly leafCount: number;
  readonly innerCount: number;
  readonly extentCount: number;
  readonly extentBytes: number;
}

export async function inspectStore(world: World, volume: Volume): Promise<StoreDescription> {
  const { superblocks, copies } = await readSuperblocks(world, volume);
  const superblock = superblocks.current;
  const root = checkpointOf(superblock);
  let usedCount = 0;
  let rowCount = 0;
  if (root !== undefined) {
    const { map, census } = await readMap(world, volume, superblock, root);
    usedCount = countBits(map);
    rowCount = census.total;
  }
  return describe(volume, superblock, copies, usedCount, rowCount);
}

/** `onPages` hears of pages read, of `description.pages.usedCount` in all. */
export async function verifyStore(
  world: World,
  volume: Volume,
  onPages: (doneCount: number, totalCount: number) => void,
): Promise<VerifyReport> {
  const { superblocks, copies } = await readSuperblocks(world, volume);
  const superblock = superblocks.current;
  const findings: Finding[] = copies
    .filter((copy) => copy.includes("damaged"))
    .map((problem) => ({ where: "the superblock", problem }));
  const log = await verifyLog(world, volume, superblocks, findings);
  const tree = await verifyTree(world, volume, superblock, findings, onPages);
  return {
    description: describe(volume, superblock, copies, tree.usedCount, tree.walk.rowCount),
    findings,
    logEntryCount: log.entryCount,
    logEndLsn: log.endLsn,
    rowCount: tree.walk.rowCount,
    leafCount: tree.walk.leafCount,
    innerCount: tree.walk.innerCount,
    extentCount: tree.walk.extentCount,
    extentBytes: tree.walk.extentBytes,
  };
}

async function readSuperblocks(
  world: World,
  volume: Volume,
): Promise<{ superblocks: SuperblockZone; copies: readonly string[] }> {
  const { checksums } = world;
  const superblocks = await SuperblockZone.open(volume, checksums, () => Promise.resolve(true));
  requireAllPages(superblocks, volume);
  return { superblocks, copies: await describeCopies(volume, checksums) };
}

async function verifyLog(
  world: World,
  volume: Volume,
  superblocks: SuperblockZone,
  findings: Finding[],
): Promise<{ entryCount: number; endLsn: number }> {
  const log = logOf(superblocks);
  const writes = new WriteCursor();
  let entryCount = 0;
  let endLsn = log.anchor.replayFrom - 1;
  try {
    await recoverLog(new ReadOnlyVolume(volume), world.checksums, log, (entry) => {
      entryCount++;
      endLsn = entry.lsn;
      if (entry.kind !== ENTRY_WRITES) return undefined;
      writes.enter(entry.bytes, entry.bodyAt, entry.bodyBytes);
      while (writes.next());
      return undefined;
    });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    findings.push({ where: "the log", problem: error.message });
  }
  return { entryCount, endLsn };
}

async function verifyTree(
  world: World,
  volume: Volume,
  superblock: Superblock,
  findings: Finding[],
  onPages: (doneCount: number, totalCount: number) => void,
): Promise<{ walk: TreeWalk; usedCount: number }> {
  const root = checkpointOf(superblock);
  let map: Uint32Array = new Uint32Array(0);
  let mapPages: readonly number[] = [];
  let census = new Census();
  if (root !== undefined) {
    try {
      ({ map, mapPages, census } = await readMap(world, volume, superblock, root));
    } catch (error) {
      findings.push({ where: "the allocation map", problem: messageOf(error) });
    }
  }
  const usedCount = countBits(map);
  let doneCount = 0;
  const walk = new TreeWalk({
    volume,
    checksums: world.checksums,
    checksumSeed: seedOf(superblock),
    pagesAt: superblock.pages.at,
    pageCount: superblock.pages.pageCount,
    onPages: (count) => onPages((doneCount += count), Math.max(usedCount, doneCount)),
  });
  findings.push(...compareRing(map, superblock, volume));
  if (root === undefined) return { walk, usedCount };
  await walk.walk(root);
  findings.push(...walk.findings);
  // Of a tree that could not be read whole nothing can be said about the rest.
  if (walk.findings.length > 0 || map.length === 0) return { walk, usedCount };
  findings.push(...compareMap(map, walk.reached, mapPages));
  if (!walk.census.equals(census)) {
    findings.push({ where: "the census", problem: "it does not count what the tree holds" });
  }
  return { walk, usedCount };
}

/** Every page that the tree reaches is in use, and nothing else but the map and page 0. */
function compareMap(
  map: Uint32Array,
  reached: Uint32Array,
  mapPages: readonly number[],
): readonly Finding[] {
  const expected = reached.slice();
  expected[0] = (expected[0] as number) | 1;
  for (const page of mapPages) {
    expected[page >>> 5] = (expected[page >>> 5] as number) | (1 << (page & 31));
  }
  let missing = 0;
  let leaked = 0;
  expected.forEach((word, index) => {
    const held = map[index] ?? 0;
    missing += countBits(Uint32Array.of(word & ~held));
    leaked += countBits(Uint32Array.of(held & ~word));
  });
  const findings: Finding[] = [];
  const where = "the allocation map";
  if (missing > 0) findings.push({ where, problem: `${missing} pages in use are marked free` });
  if (leaked > 0) findings.push({ where, problem: `${leaked} pages are marked in use by nothing` });
  return findings;
}

/** What the tree's map holds is not the log's. */
function compareRing(map: Uint32Array, superblock: Superblock, volume: Volume): readonly Finding[] {
  let runs: readonly PageRun[];
  try {
    runs = ringPages(superblock, volume);
  } catch (error) {
    return [{ where: "the log", problem: messageOf(error) }];
  }
  const pages = runs.flatMap(({ first, count }) =>
    Array.from({ length: count }, (_, index) => first + index),
  );
  const shared = pages.filter((page) => (((map[page >>> 5] ?? 0) >>> (page & 31)) & 1) === 1);
  if (shared.length === 0) return [];
  const problem = `${shared.length} pages in use are the log's, page ${shared[0]} the first`;
  return [{ where: "the allocation map", problem }];
}

async function readMap(
  world: World,
  volume: Volume,
  superblock: Superblock,
  root: CheckpointRoot,
): Promise<{ map: Uint32Array; mapPages: readonly number[]; census: Census }> {
  const { checksums } = world;
  const checksumSeed = seedOf(superblock);
  const place = { volume, pagesAt: superblock.pages.at, checksums, checksumSeed };
  const { bytes, pages: mapPages } = await readChain(place, root);
  const { map, kept } = decodeMap(bytes);
  return { map, mapPages, census: Census.decode(kept) };
}

function describe(
  volume: Volume,
  superblock: Superblock,
  superblockCopies: readonly string[],
  usedCount: number,
  rowCount: number,
): StoreDescription {
  const { volumeId, view, cleanBatch, zone, anchor, pages, root, generations } = superblock;
  return {
    volume: volume.name,
    volumeBytes: volume.sizeBytes,
    volumeId: [...volumeId].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    generation: currentGeneration(generations).generation,
    view,
    isCleanlyClosed: cleanBatch !== undefined,
    superblockCopies,
    log: {
      ringBytes: zone.ringBytes,
      placedBytes: zone.places.filter((place) => place !== 0).length * zone.segmentBytes,
      segmentBytes: zone.segmentBytes,
      places: zone.places,
      unitBytes: zone.unitBytes,
      anchorBatch: anchor.batch,
      replayFromLsn: anchor.replayFrom,
    },
    pages: { at: pages.at, pageBytes: pages.pageBytes, pageCount: pages.pageCount, usedCount },
    tree: {
      rootPage: root.page,
      levels: root.page === 0 ? 0 : root.level + 1,
      generation: root.generation,
      rowCount,
    },
  };
}

function seedOf({ volumeId }: Superblock): number {
  return new DataView(volumeId.buffer, volumeId.byteOffset).getUint32(0, true);
}

function countBits(words: Uint32Array): number {
  let count = 0;
  for (let word of words) for (; word !== 0; word = (word & (word - 1)) >>> 0) count++;
  return count;
}
