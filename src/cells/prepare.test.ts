import fc from "fast-check";
import { expect, test } from "vitest";
import { bestChecksums } from "../base/checksums.ts";
import { SeededRandom } from "../base/random.ts";
import { Slab } from "../base/slab.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { Cells, CELLS_OVERHEAD_BYTES } from "./cells.ts";
import { PAGE_BYTES } from "./page.ts";
import { Preparation, READY } from "./prepare.ts";

const PAGE_COUNT = 4000;

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

test("small rows in descending order behind large ones take no more than was prepared", () => {
  for (const keyBytes of [2, 6000, 7900]) {
    for (const firstBytes of [2000, 3900]) {
      const cells = makeCells();
      const long = [1, 1, ...new Uint8Array(keyBytes - 2)];
      write(cells, [
        row([1, 0, 0], firstBytes),
        row([1, 0, 1], firstBytes),
        row(long, keyBytes === 2 ? 4070 : 8),
      ]);
      const small = Array.from({ length: 1000 }, (_, index) =>
        row([1, 1, 251 - (index >> 2), 3 - (index & 3)], 200),
      );
      expectPrepared(cells, small);
    }
  }
});

test("whatever is written takes no more pages than were prepared", () => {
  const key = fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.nat(255), { minLength: 1, maxLength: 6 }) },
    fc
      .tuple(
        fc.nat(2),
        fc.integer({ min: 900, max: 8180 }),
        fc.array(fc.nat(255), { maxLength: 9 }),
      )
      .map(([byte, length, end]) => [...new Uint8Array(length).fill(byte), ...end]),
  );
  const anyRow = fc
    .tuple(key, fc.oneof(fc.nat(300), fc.constantFrom(900, 1500, 3000, 4000, 5000)))
    .map(([bytes, length]) => row(bytes, length));
  const batch = fc.array(anyRow, { minLength: 1, maxLength: 60, size: "max" });
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 8 }), (batches) => {
      const cells = makeCells();
      for (const rows of batches) {
        expectPrepared(cells, rows);
        cells.snapshot();
      }
    }),
    { numRuns: 20, seed: 1 },
  );
});

test.each([3, 4000])("removes of keys of %i bytes need just what was prepared", (keyBytes) => {
  const cells = makeCells();
  const random = new SeededRandom(5);
  const rows: Row[] = [];
  const rowCount = keyBytes === 3 ? 3000 : 600;
  for (let index = 0; index < rowCount; index++) {
    const tail = new Uint8Array(keyBytes - 3);
    rows.push(row([1, index >>> 8, index & 255, ...tail], 20 + random.below(600)));
  }
  for (const one of rows) write(cells, [one]);
  while (rows.length > 0) {
    // Everything is of an earlier generation, and seen by a snapshot.
    const snapshot = cells.snapshot();
    const from = random.below(rows.length);
    const step = 1 + random.below(4);
    const count = 1 + random.below(60);
    const gone = rows.filter((_, index) => {
      return from <= index && (index - from) % step === 0 && index < from + step * count;
    });
    const others = new Set(gone);
    const { taken } = removeWithout(cells, gone);
    rows.splice(0, rows.length, ...rows.filter((one) => !others.has(one)));
    for (const page of taken) cells.space.retire(page, 1, cells.tree.generation, 0);
    snapshot.release();
  }
});

test("rows all over a tree with room take no more pages than were prepared", () => {
  const key = fc.tuple(fc.nat(40), fc.nat(255), fc.nat(3)).map((bytes) => bytes);
  const small = fc.tuple(key, fc.integer({ min: 0, max: 990 }));
  const large = fc.tuple(key, fc.constantFrom(1200, 2500, 4000, 4080));
  const rows = (fewLarge: number, max: number): fc.Arbitrary<Row[]> =>
    fc
      .array(fc.oneof({ weight: fewLarge, arbitrary: small }, { weight: 1, arbitrary: large }), {
        minLength: 1,
        maxLength: max,
        size: "max",
      })
      .map((all) => all.map(([bytes, length]) => row(bytes, length)));
  fc.assert(
    fc.property(rows(20, 900), fc.array(rows(4, 120), { minLength: 1, maxLength: 5 }), run),
    { numRuns: 20, seed: 1 },
  );

  function run(first: readonly Row[], batches: readonly (readonly Row[])[]): void {
    const cells = makeCells();
    for (const one of first) write(cells, [one]);
    for (const batch of batches) {
      expectPrepared(cells, batch);
      cells.snapshot();
    }
  }
});

/** Removes the rows where just the pages are free that are asked for. */
function removeWithout({ tree, space }: Cells, rows: readonly Row[]): { taken: number[] } {
  const limits = { dirtyFramesMax: PAGE_COUNT, framesMax: PAGE_COUNT };
  const preparation = new Preparation(tree, limits);
  preparation.begin();
  for (const { key } of rows) expect(preparation.addRemove(key, 0, key.length)).toBe(READY);
  const taken: number[] = [];
  while (preparation.finish(1) === READY) taken.push(space.allocate());
  expect(preparation.finish(0)).toBe(READY);
  for (const [index, { key }] of rows.entries()) {
    preparation.expect(index);
    expect(tree.remove(key, 0, key.length)).toBe(true);
  }
  return { taken };
}

function expectPrepared(cells: Cells, rows: readonly Row[]): void {
  const { prepared, taken } = write(cells, rows);
  expect(taken).toBeLessThanOrEqual(prepared);
}
function makeCells(): Cells {
  const cacheBytes = PAGE_COUNT * PAGE_BYTES;
  const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
  const volume = new MemoryVolume(PAGE_COUNT * PAGE_BYTES);
  const checksums = bestChecksums();
  const options = { slab, volume, pagesAt: 0, checksums, checksumSeed: 7, cacheBytes };
  return Cells.create(options, PAGE_COUNT);
}

function row(key: readonly number[], valueBytes: number): Row {
  return { key: Uint8Array.from(key), value: new Uint8Array(valueBytes) };
}

/** Writes the rows at once: how many pages were prepared for that, and how many it took. */
function write({ tree, space }: Cells, rows: readonly Row[]): { prepared: number; taken: number } {
  const before = space.freeCount;
  // The largest reserve that is left alone tells what is asked for.
  let low = 0;
  for (let high = before; low < high;) {
    const middle = Math.ceil((low + high) / 2);
    if (prepare(tree, rows, middle).ready === READY) low = middle;
    else high = middle - 1;
  }
  const { ready, preparation } = prepare(tree, rows, low);
  expect(ready).toBe(READY);
  tree.takeExtentRun(preparation.extentPageCount);
  for (const [index, { key, value }] of rows.entries()) {
    preparation.expect(index);
    tree.put(key, 0, key.length, value, 0, value.length, 1);
  }
  return { prepared: before - low, taken: before - space.freeCount };
}

function prepare(
  tree: Cells["tree"],
  rows: readonly Row[],
  reservePages: number,
): { ready: number; preparation: Preparation } {
  const limits = { dirtyFramesMax: PAGE_COUNT, framesMax: PAGE_COUNT };
  const preparation = new Preparation(tree, limits);
  preparation.begin();
  for (const { key, value } of rows) {
    expect(preparation.addPut(key, 0, key.length, value.length)).toBe(READY);
  }
  return { ready: preparation.finish(reservePages), preparation };
}
