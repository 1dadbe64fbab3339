import { expect, test } from "vitest";
import { bestChecksums } from "../base/checksums.ts";
import { Slab } from "../base/slab.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { Cells, CELLS_OVERHEAD_BYTES, type CellsOptions, type CheckpointRoot } from "./cells.ts";
import { PAGE_BYTES } from "./page.ts";

const PAGES = 64;
/** So much that the map takes several pages. */
const KEPT = Uint8Array.from({ length: 3 * PAGE_BYTES }, (_, index) => index % 251);

test("a map lies on whatever pages are free, be none of them beside another", async () => {
  const volume = new MemoryVolume(PAGES * PAGE_BYTES);
  const cells = Cells.create(optionsOn(volume), PAGES);
  const taken = Array.from({ length: cells.space.freeCount }, () => cells.space.allocate());
  const scattered = taken.filter((page) => page % 4 === 0);
  for (const page of scattered) cells.space.retire(page, 1, 1, 1);
  expect(cells.space.hasRun(2), "no two free pages adjoin").toBe(false);

  const root = await checkpoint(cells);
  const opened = await open(volume, root);
  expect(opened.kept).toEqual(KEPT);
  expect(opened.cells.space.freeCount).toBe(cells.space.freeCount);
  // The map of the checkpoint before is free with the next.
  await checkpoint(opened.cells);
  expect(opened.cells.space.freeCount).toBe(cells.space.freeCount);
});

test("a map finds no room where too few pages are free", () => {
  const cells = Cells.create(optionsOn(new MemoryVolume(PAGES * PAGE_BYTES)), PAGES);
  while (cells.space.freeCount >= cells.mapPageCount(KEPT.length)) cells.space.allocate();
  expect(cells.beginCheckpoint(KEPT)).toBeUndefined();
});

test("a bit that flips in any page of a map is found, and the page named", async () => {
  const volume = new MemoryVolume(PAGES * PAGE_BYTES);
  const cells = Cells.create(optionsOn(volume), PAGES);
  const pages = cells.beginCheckpoint(KEPT)?.mapPages ?? [];
  expect(pages.length).toBe(4);
  const root = await checkpoint(cells);
  for (let page = root.mapPage, next = 0; page !== 0; page = next) {
    const at = page * PAGE_BYTES;
    const content = new Uint8Array(PAGE_BYTES);
    await volume.read(at, content);
    next = new DataView(content.buffer).getUint32(0, true);
    for (const offset of [0, 8, 16, PAGE_BYTES - 1]) {
      await volume.write(at + offset, Uint8Array.of((content[offset] as number) ^ 4));
      await expect(open(volume, root)).rejects.toThrow(`The allocation map on page ${page} `);
    }
    await volume.write(at, content);
  }
  await open(volume, root);
});

async function checkpoint(cells: Cells): Promise<CheckpointRoot> {
  const begun = cells.beginCheckpoint(KEPT);
  if (begun === undefined) throw new Error("there is room for the map");
  const root = await cells.writeCheckpoint(begun, () => undefined, "in slices");
  cells.finishCheckpoint(begun);
  return root;
}

async function open(
  volume: MemoryVolume,
  root: CheckpointRoot,
): Promise<{ cells: Cells; kept: Uint8Array }> {
  let kept = new Uint8Array(0);
  const cells = await Cells.open(optionsOn(volume), root, PAGES, (bytes) => {
    kept = bytes.slice();
  });
  return { cells, kept };
}

function optionsOn(volume: MemoryVolume): CellsOptions {
  const cacheBytes = 16 * PAGE_BYTES;
  const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
  return { slab, volume, pagesAt: 0, checksums: bestChecksums(), checksumSeed: 7, cacheBytes };
}
