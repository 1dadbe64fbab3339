import { expect, test } from "vitest";
import { bestChecksums } from "../base/checksums.ts";
import { fromLatin1 } from "../base/bytes.ts";
import { Slab } from "../base/slab.ts";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import {
  Cells,
  CELLS_OVERHEAD_BYTES,
  type CellsOptions,
  type CellSnapshot,
  type CheckpointRoot,
} from "./cells.ts";
import { childOf, countOf, PAGE_BYTES } from "./page.ts";
import { Preparation, READY } from "./prepare.ts";
import { SCANNED } from "./scan.ts";
import { MISS } from "./tree.ts";

const PAGE_COUNT = 64;
const ROW_COUNT = 280;

test("loads that found no frame go on when those before them have ended", async () => {
  const { volume, root } = await written();
  const slow = new HookedVolume(volume, (operation) =>
    operation === "read" ? new Promise((resolve) => setImmediate(resolve)) : undefined,
  );
  const cells = await Cells.open(optionsOf(slow, 4), root, PAGE_COUNT, () => undefined);
  const leaves = leavesOf(cells);
  expect(leaves.length).toBeGreaterThan(8);
  const loads = Promise.all(leaves.map((page) => cells.cache.load(page))).then(() => "loaded");
  expect(await Promise.race([loads, turns(200)])).toBe("loaded");
});

test("a page that is let go while it is read changes nothing when the read ends", async () => {
  // So large that other pages are used again each time: the one that is read, or those below it.
  for (const pageCount of [36, 37, 38, 39]) await letGoWhileRead(pageCount);
});

test("nobody hears that a page which is let go while it is read cannot be read", async () => {
  const { cells, snapshot, readsWait } = await withSnapshot(80);
  let fail = (_error: Error): void => undefined;
  readsWait(new Promise((_resolve, reject) => (fail = reject)));
  const load = cells.cache.load(snapshot.root.page);
  snapshot.release();
  fail(new Error("there is no such place any more"));
  await load;
});

/** A tree that was written twice, with a snapshot in between; reads wait for what is set then. */
async function withSnapshot(pageCount: number): Promise<{
  readonly volume: MemoryVolume;
  readonly cells: Cells;
  readonly snapshot: CellSnapshot;
  readonly readsWait: (gate: Promise<void> | undefined) => void;
}> {
  let gate: Promise<void> | undefined;
  const volume = new MemoryVolume(pageCount * PAGE_BYTES);
  const slow = new HookedVolume(volume, (operation) => (operation === "read" ? gate : undefined));
  const cells = Cells.create(optionsOf(slow, pageCount), pageCount);
  writeAll(cells, 1);
  await checkpoint(cells);
  const snapshot = cells.snapshot();
  writeAll(cells, 2);
  await checkpoint(cells);
  const readsWait = (until: Promise<void> | undefined): void => {
    gate = until;
  };
  return { volume, cells, snapshot, readsWait };
}

async function letGoWhileRead(pageCount: number): Promise<void> {
  const { volume, cells, snapshot, readsWait } = await withSnapshot(pageCount);
  let open = (): void => undefined;
  readsWait(new Promise((resolve) => (open = resolve)));
  const load = cells.cache.load(snapshot.root.page);
  // Its pages are used again, and written, before the read of its root has ended.
  snapshot.release();
  writeAll(cells, 3);
  await checkpoint(cells);
  open();
  readsWait(undefined);
  await load;
  writeRow(cells, 0, 4);
  const root = await checkpoint(cells);
  const again = await Cells.open(optionsOf(volume, pageCount), root, pageCount, () => undefined);
  expect(await countRows(again)).toBe(ROW_COUNT);
}

function optionsOf(volume: CellsOptions["volume"], frameCount: number): CellsOptions {
  const cacheBytes = frameCount * PAGE_BYTES;
  const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
  return { slab, volume, pagesAt: 0, checksums: bestChecksums(), checksumSeed: 7, cacheBytes };
}

async function written(): Promise<{ volume: MemoryVolume; root: CheckpointRoot }> {
  const volume = new MemoryVolume(PAGE_COUNT * PAGE_BYTES);
  const cells = Cells.create(optionsOf(volume, PAGE_COUNT), PAGE_COUNT);
  writeAll(cells, 1);
  return { volume, root: await checkpoint(cells) };
}

function writeAll(cells: Cells, round: number): void {
  for (let index = 0; index < ROW_COUNT; index++) writeRow(cells, index, round);
}

function writeRow(cells: Cells, index: number, round: number): void {
  const key = fromLatin1(`key:${String(index).padStart(5, "0")}`);
  const value = new Uint8Array(600).fill(round);
  const limits = { dirtyFramesMax: cells.cache.frameCount, framesMax: 64 };
  const preparation = new Preparation(cells.tree, limits);
  preparation.begin();
  expect(preparation.addPut(key, 0, key.length, value.length)).toBe(READY);
  expect(preparation.finish(0)).toBe(READY);
  cells.tree.put(key, 0, key.length, value, 0, value.length, round);
}

async function checkpoint(cells: Cells): Promise<CheckpointRoot> {
  const begun = cells.beginCheckpoint(new Uint8Array(0));
  if (begun === undefined) throw new Error("no room for the map");
  const root = await cells.writeCheckpoint(begun, () => undefined, "in slices");
  cells.finishCheckpoint(begun);
  return root;
}

function leavesOf({ cache, tree }: Cells): readonly number[] {
  const base = cache.peek(tree.rootPage);
  const slots = Array.from({ length: countOf(cache.slab, base) }, (_, slot) => slot);
  return slots.map((slot) => childOf(cache.slab, base, slot));
}

async function countRows(cells: Cells): Promise<number> {
  const { tree, scanner } = cells;
  const range = { start: new Uint8Array(0), end: undefined };
  for (;;) {
    let count = 0;
    const scanned = scanner.forward(tree.rootPage, tree.rootLevel, range, () => {
      count++;
      return true;
    });
    if (scanned === SCANNED) return count;
    expect(scanned).toBe(MISS);
    await cells.loadMissing();
  }
}

async function turns(count: number): Promise<string> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
  return "still waiting";
}
