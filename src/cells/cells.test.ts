import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, fromLatin1, hashBytes, latin1 } from "../base/bytes.ts";
import { bestChecksums } from "../base/checksums.ts";
import { Slab } from "../base/slab.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import {
  Cells,
  CELLS_OVERHEAD_BYTES,
  type CellsOptions,
  type CellSnapshot,
  type CheckpointRoot,
  Lease,
} from "./cells.ts";
import { Compaction } from "./compaction.ts";
import { checkPage, type Fences, keyOf } from "./page-check.ts";
import { childOf, countOf, PAGE_BYTES } from "./page.ts";
import { NO_FRAMES, Preparation, READY } from "./prepare.ts";
import { type Row, SCANNED } from "./scan.ts";
import { FOUND, MISS } from "./tree.ts";

const PAGES = 4000;

/** Cells over a volume in memory, driven as a store would, beside a sorted map as the model. */
class Driver {
  readonly volume: MemoryVolume;
  readonly model = new Map<string, string>();
  cells: Cells;
  root: CheckpointRoot | undefined;
  version = 0;
  readonly #frameCount: number;

  constructor(frameCount: number) {
    this.#frameCount = frameCount;
    this.volume = new MemoryVolume(PAGES * PAGE_BYTES);
    this.cells = Cells.create(this.#options(), PAGES);
  }

  #options(): CellsOptions {
    const cacheBytes = this.#frameCount * PAGE_BYTES;
    const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
    const checksums = bestChecksums();
    return { slab, volume: this.volume, pagesAt: 0, checksums, checksumSeed: 7, cacheBytes };
  }

  async reopen(): Promise<void> {
    if (this.root === undefined) return;
    this.cells = await Cells.open(this.#options(), this.root, PAGES, () => undefined);
  }

  async write(key: string, value: string | undefined): Promise<void> {
    await this.writeAll([[key, value]]);
  }

  /** Writes all of it at once, as one transaction; undefined: the row is removed. */
  async writeAll(writes: readonly (readonly [string, string | undefined])[]): Promise<void> {
    const { tree } = this.cells;
    const limits = {
      dirtyFramesMax: Math.floor(this.#frameCount * 0.75),
      framesMax: Math.floor(this.#frameCount * 0.5),
    };
    const preparation = new Preparation(tree, limits);
    for (;;) {
      const ready = addAll(preparation, writes);
      if (ready === READY) break;
      if (ready === MISS) await this.cells.loadMissing();
      else {
        expect(ready).toBe(NO_FRAMES);
        await this.checkpoint();
      }
    }
    this.version++;
    tree.takeExtentRun(preparation.extentPageCount);
    for (const [index, [key, value]] of writes.entries()) {
      preparation.expect(index);
      const bytes = fromLatin1(key);
      const existed = this.model.has(key);
      if (value === undefined) {
        expect(tree.remove(bytes, 0, bytes.length)).toBe(existed);
        this.model.delete(key);
      } else {
        const content = fromLatin1(value);
        const put = tree.put(bytes, 0, bytes.length, content, 0, content.length, this.version);
        expect(put).toBe(existed);
        this.model.set(key, value);
      }
    }
  }

  async checkpoint(): Promise<void> {
    const checkpoint = this.cells.beginCheckpoint(new Uint8Array(0));
    if (checkpoint === undefined) throw new Error("no room for the map");
    this.root = await this.cells.writeCheckpoint(checkpoint, () => undefined, "in slices");
    this.cells.finishCheckpoint(checkpoint);
  }

  /** Moves pages from `limitPage` on down, with checkpoints where they are asked for. */
  async compact(limitPage: number, packs: boolean, pagesMax: number): Promise<void> {
    for (const values of [false, true]) {
      const compaction = new Compaction(this.cells, {
        limitPage,
        packs,
        values,
        pagesMax,
        dirtyShareMax: 0.5,
      });
      for (let moved = -1; compaction.movedPages > moved;) {
        moved = compaction.movedPages;
        if ((await compaction.run()) === "write") await this.checkpoint();
      }
    }
  }

  /** What lies on pages that are free is nothing that anybody sees. */
  async spoilFree(): Promise<void> {
    const { space } = this.cells;
    const spoiled = new Uint8Array(PAGE_BYTES).fill(0xee);
    for (let page = 1; page < space.usedEnd; page++) {
      if (!space.isUsed(page)) await this.volume.write(page * PAGE_BYTES, spoiled);
    }
  }

  /** Every page of the tree keeps the rules of its format. */
  async expectSound(): Promise<void> {
    const { rootPage, rootLevel } = this.cells.tree;
    await this.#expectSoundPage(rootPage, rootLevel, { low: undefined, high: undefined });
  }

  async #expectSoundPage(page: number, level: number, fences: Fences): Promise<void> {
    const { cache } = this.cells;
    const { slab } = cache;
    const place = async (): Promise<number> => {
      await cache.load(page);
      return cache.peek(page);
    };
    expect(checkPage(slab, await place(), page, level, fences)).toEqual([]);
    if (level === 0) return;
    const count = countOf(slab, await place());
    for (let slot = 0; slot < count; slot++) {
      const low = slot === 0 ? fences.low : keyOf(slab, await place(), slot);
      const high = slot + 1 === count ? fences.high : keyOf(slab, await place(), slot + 1);
      const child = childOf(slab, await place(), slot);
      await this.#expectSoundPage(child, level - 1, { low, high });
    }
  }

  async get(key: string): Promise<string | undefined> {
    const bytes = fromLatin1(key);
    const { tree } = this.cells;
    for (;;) {
      const found = tree.find(hashBytes(bytes, 0, bytes.length), bytes, 0, bytes.length);
      if (found === MISS) await this.cells.loadMissing();
      else if (found !== FOUND) return undefined;
      else return latin1(tree.valueBytes, tree.valueAt, tree.valueLength);
    }
  }

  /** If the index says where the row is, it is there that the tree has it too. */
  expectIndexed(key: string): void {
    const bytes = fromLatin1(key);
    const { tree, cache } = this.cells;
    const cell = cache.rows.find(hashBytes(bytes, 0, bytes.length), bytes, 0, bytes.length);
    if (cell === 0) return;
    expect(tree.findFrom(tree.rootPage, tree.rootLevel, bytes, 0, bytes.length)).toBe(FOUND);
    expect(cell).toBe(tree.cell);
  }

  async scan(
    root: { page: number; level: number },
    start: string,
    end: string | undefined,
    reverse: boolean,
  ): Promise<[string, string][]> {
    const { scanner } = this.cells;
    const range = {
      start: fromLatin1(start),
      end: end === undefined ? undefined : fromLatin1(end),
    };
    const lease = new Lease(this.cells);
    for (;;) {
      const rows: [string, string][] = [];
      const visit = (row: Row): boolean => {
        const key = latin1(row.keyBytes, 0, row.keyLength);
        rows.push([key, latin1(row.valueBytes, row.valueAt, row.valueLength)]);
        return true;
      };
      const scanned = reverse
        ? scanner.backward(root.page, root.level, range, visit)
        : scanner.forward(root.page, root.level, range, visit);
      if (scanned !== SCANNED) {
        await lease.loadMissing();
        continue;
      }
      lease.release();
      return rows;
    }
  }

  get current(): { page: number; level: number } {
    return { page: this.cells.tree.rootPage, level: this.cells.tree.rootLevel };
  }
}

function addAll(
  preparation: Preparation,
  writes: readonly (readonly [string, string | undefined])[],
): number {
  preparation.begin();
  for (const [key, value] of writes) {
    const bytes = fromLatin1(key);
    const added =
      value === undefined
        ? preparation.addRemove(bytes, 0, bytes.length)
        : preparation.addPut(bytes, 0, bytes.length, value.length);
    if (added !== READY) return added;
  }
  return preparation.finish(0);
}

function rowsOf(model: ReadonlyMap<string, string>): [string, string][] {
  return [...model].toSorted(([left], [right]) =>
    compareBytes(fromLatin1(left), fromLatin1(right)),
  );
}

const shortKey = fc
  .array(fc.constantFrom("a", "b", "\0", "\xff"), { maxLength: 6 })
  .map((parts) => parts.join(""));
const longKey = fc
  .tuple(
    fc.constantFrom("p", "q"),
    fc.integer({ min: 0, max: 30 }),
    fc.integer({ min: 1, max: 8100 }),
  )
  .map(([letter, number, length]) => `${letter.repeat(length)}${number}`);
const numberedKey = fc
  .integer({ min: 0, max: 400 })
  .map((number) => `key:${String(number).padStart(8, "0")}`);
const key = fc.oneof(
  { weight: 3, arbitrary: numberedKey },
  { weight: 2, arbitrary: shortKey },
  { weight: 1, arbitrary: longKey },
);
const value = fc
  .tuple(
    fc.constantFrom("v", "w"),
    fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(4000, 5000, 16384, 40000)),
  )
  .map(([letter, length]) => letter.repeat(length));
const operation = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("put" as const), key, value }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("remove" as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("get" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("checkpoint" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("snapshot" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("compact" as const),
      limitPage: fc.oneof(fc.nat(60), fc.nat(400)),
      packs: fc.boolean(),
      pagesMax: fc.constantFrom(0, 7, 10_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("scan" as const),
      start: shortKey,
      end: fc.option(key, { nil: undefined }),
      reverse: fc.boolean(),
    }),
  },
);

test(
  "the tree holds what a sorted map holds, and snapshots what it held",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { size: "max", maxLength: 300 }), async (operations) => {
        const driver = new Driver(96);
        let saved = new Map<string, string>();
        const snapshots: { snapshot: CellSnapshot; model: Map<string, string> }[] = [];
        for (const one of operations) {
          switch (one.kind) {
            case "put":
              await driver.write(one.key, one.value);
              break;
            case "remove":
              await driver.write(one.key, undefined);
              break;
            case "get":
              expect(await driver.get(one.key)).toBe(driver.model.get(one.key));
              break;
            case "checkpoint":
              await driver.checkpoint();
              saved = new Map(driver.model);
              break;
            case "reopen":
              if (driver.root === undefined) break;
              await driver.checkpoint();
              snapshots.length = 0;
              saved = new Map(driver.model);
              await driver.reopen();
              expect(await driver.scan(driver.current, "", undefined, false)).toEqual(
                rowsOf(saved),
              );
              break;
            case "snapshot":
              if (snapshots.length > 3) break;
              snapshots.push({ snapshot: driver.cells.snapshot(), model: new Map(driver.model) });
              break;
            case "compact":
              await driver.compact(one.limitPage, one.packs, one.pagesMax);
              await driver.spoilFree();
              await driver.expectSound();
              break;
            case "release":
              snapshots.shift()?.snapshot.release();
              break;
            case "scan": {
              if (one.end !== undefined && one.end <= one.start) break;
              const rows = await driver.scan(driver.current, one.start, one.end, one.reverse);
              const expected = rowsOf(driver.model).filter(
                ([name]) => one.start <= name && (one.end === undefined || name < one.end),
              );
              expect(rows).toEqual(one.reverse ? expected.toReversed() : expected);
              break;
            }
          }
        }
        await driver.spoilFree();
        for (const { snapshot, model } of snapshots) {
          expect(await driver.scan(snapshot.root, "", undefined, false)).toEqual(rowsOf(model));
          snapshot.release();
        }
        expect(await driver.scan(driver.current, "", undefined, true)).toEqual(
          rowsOf(driver.model).toReversed(),
        );
      }),
      { numRuns: 12, seed: 1, endOnFailure: true },
    );
  },
);

test("many writes at once find their leaves, however those split and join", async () => {
  const write = fc.tuple(fc.nat(700), fc.option(fc.nat(700), { freq: 3, nil: undefined }));
  const batch = fc.record({
    writes: fc.array(write, { size: "max", minLength: 1, maxLength: 120 }),
    // What is removed in a row makes pages small.
    from: fc.nat(700),
    count: fc.nat(60),
    isNewGeneration: fc.boolean(),
    isCheckpoint: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { size: "max", maxLength: 25 }), async (batches) => {
      const driver = new Driver(400);
      for (const { writes, from, count, isNewGeneration, isCheckpoint } of batches) {
        const puts = writes.map(
          ([number, length]) =>
            [keyNumber(number), length === undefined ? length : "v".repeat(length)] as const,
        );
        const half = puts.length >> 1;
        const gone = Array.from(
          { length: count },
          (_, index) => [keyNumber(from + index), undefined] as const,
        );
        await driver.writeAll([...puts.slice(0, half), ...gone, ...puts.slice(half)]);
        if (isCheckpoint) await driver.checkpoint();
        else if (isNewGeneration) driver.cells.snapshot().release();
      }
      await driver.expectSound();
      expect(await driver.scan(driver.current, "", undefined, false)).toEqual(rowsOf(driver.model));
    }),
    { numRuns: 40, seed: 1, endOnFailure: true },
  );
});

function keyNumber(number: number): string {
  return `key:${String(number).padStart(6, "0")}`;
}

const numberedOperation = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(fc.constant("put" as const), fc.nat(900), fc.nat(1400)) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("remove" as const), fc.nat(900), fc.nat(20)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("checkpoint", "snapshot"), fc.nat(), fc.nat()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("compact" as const), fc.nat(200), fc.nat()) },
);

test("a row that was looked up before is found where it is now", { timeout: 120_000 }, async () => {
  const operations = fc.array(numberedOperation, { size: "max", minLength: 100, maxLength: 400 });
  await fc.assert(
    fc.asyncProperty(operations, async (list) => {
      const driver = new Driver(48);
      const expectRow = async (number: number): Promise<void> => {
        const name = `key:${number}`;
        expect(await driver.get(name)).toBe(driver.model.get(name));
      };
      let snapshot: CellSnapshot | undefined;
      for (let number = 0; number < 900; number++)
        await driver.write(`key:${number}`, "f".repeat(600));
      for (let number = 0; number < 900; number++) await expectRow(number);
      for (const [kind, number, size] of list) {
        // Ranges are removed, so that pages are joined.
        if (kind === "put") await driver.write(`key:${number}`, "v".repeat(size));
        else if (kind === "remove") {
          for (let other = number; other < number + size; other++) {
            await driver.write(`key:${other}`, undefined);
          }
        } else if (kind === "checkpoint") await driver.checkpoint();
        else if (kind === "compact") await driver.compact(number, size % 2 === 0, 10_000);
        else {
          snapshot?.release();
          snapshot = driver.cells.snapshot();
        }
        for (let other = number - 20; other < number + 20; other++) await expectRow(other);
      }
      for (let number = 0; number < 900; number++) await expectRow(number);
    }),
    { numRuns: 12, seed: 1, endOnFailure: true },
  );
});

test("pages that nobody sees any more are used again", async () => {
  const driver = new Driver(200);
  for (let round = 0; round < 30; round++) {
    for (let index = 0; index < 200; index++) {
      await driver.write(`key:${index}`, `${round}`.repeat(500));
    }
    await driver.checkpoint();
  }
  const used = driver.cells.space.pageCount - driver.cells.space.freeCount;
  expect(used).toBeLessThan(150);
});

test("removing every row leaves one page", async () => {
  const driver = new Driver(400);
  for (let index = 0; index < 5000; index++) await driver.write(`key:${index}`, "x".repeat(100));
  await driver.checkpoint();
  for (let index = 0; index < 5000; index++) await driver.write(`key:${index}`, undefined);
  expect(driver.cells.tree.rootLevel).toBe(0);
  await driver.checkpoint();
  expect(driver.cells.space.pageCount - driver.cells.space.freeCount).toBeLessThan(5);
});

test("compaction moves everything down, fills leaves, and changes no row", async () => {
  const driver = new Driver(400);
  for (let index = 0; index < 6000; index++) {
    const name = `key:${(index * 2_654_435_761) % 2 ** 32}`;
    await driver.write(name, "x".repeat(index % 300 === 0 ? 40_000 : 100));
    if (index % 700 === 0) await driver.checkpoint();
  }
  await driver.checkpoint();
  const held = driver.cells.snapshot();
  const heldRows = rowsOf(driver.model);
  for (const name of [...driver.model.keys()].slice(0, 2000)) await driver.write(name, undefined);
  await driver.checkpoint();
  const { space } = driver.cells;
  const used = (): number => space.pageCount - space.freeCount;
  const snapshotted = await driver.scan(held.root, "", undefined, false);
  expect(snapshotted).toEqual(heldRows);

  for (let round = 0; round < 3; round++) {
    await driver.compact(used() + 20, true, 10_000);
    await driver.checkpoint();
    await driver.spoilFree();
    expect(await driver.scan(held.root, "", undefined, false)).toEqual(heldRows);
  }
  held.release();
  for (let round = 0; round < 2; round++) {
    await driver.compact(used() + 10, true, 10_000);
    await driver.checkpoint();
  }
  expect(space.usedEnd).toBeLessThan(used() + 15);
  const values = [...driver.model.values()];
  const small = values.filter((content) => content.length === 100).length;
  const large = values.length - small;
  // Keys of about 13 bytes, and 16 of each row's own, of which the tree needs no more.
  expect(used() - large * 3).toBeLessThan((small * 135 * 1.25) / PAGE_BYTES + 8);
  await driver.expectSound();
  expect(await driver.scan(driver.current, "", undefined, false)).toEqual(rowsOf(driver.model));
  await driver.reopen();
  expect(await driver.scan(driver.current, "", undefined, true)).toEqual(
    rowsOf(driver.model).toReversed(),
  );
  for (const name of driver.model.keys()) await driver.write(name, "y".repeat(90));
  expect(await driver.scan(driver.current, "", undefined, false)).toEqual(rowsOf(driver.model));
});

test("what was let go before a store is opened is free once it is", async () => {
  const driver = new Driver(200);
  const used: number[] = [];
  for (let round = 0; round < 6; round++) {
    for (let index = 0; index < 60; index++) {
      // Some of what is written over lies on pages of its own.
      await driver.write(`key:${index}`, `${round}`.repeat(index % 10 === 0 ? 40_000 : 500));
    }
    if (round === 0) await driver.checkpoint();
    driver.cells.snapshot();
    for (let index = 0; index < 60; index += 3) {
      await driver.write(`key:${index}`, `${round}`.repeat(index % 10 === 0 ? 40_000 : 500));
    }
    await driver.checkpoint();
    await driver.reopen();
    used.push(driver.cells.space.pageCount - driver.cells.space.freeCount);
  }
  expect(new Set(used).size, `pages in use: ${used.join(", ")}`).toBe(1);
});

test("what only a snapshot sees may leave memory once it is written", async () => {
  const driver = new Driver(48);
  const writeAll = async (letter: string): Promise<void> => {
    for (let index = 0; index < 200; index++)
      await driver.write(`key:${index}`, letter.repeat(500));
  };
  await writeAll("a");
  const snapshot = driver.cells.snapshot();
  await writeAll("b");
  await driver.checkpoint();
  const { cache } = driver.cells;
  expect(cache.dirtyCount).toBe(0);
  cache.unpinAll();
  expect(cache.ensureFree(cache.frameCount)).toBe(true);
  const seen = await driver.scan(snapshot.root, "", undefined, false);
  expect(new Set(seen.map(([, content]) => content[0]))).toEqual(new Set(["a"]));
});

test("a snapshot keeps what it sees, also when a later one is released before", async () => {
  const driver = new Driver(200);
  const writeAll = async (letter: string): Promise<void> => {
    for (let index = 0; index < 200; index++)
      await driver.write(`key:${index}`, letter.repeat(500));
  };
  await writeAll("a");
  const snapshot = driver.cells.snapshot();
  const model = rowsOf(driver.model);
  await driver.write("key:0", "b");
  driver.cells.snapshot().release();
  for (const letter of ["c", "d"]) {
    await writeAll(letter);
    driver.cells.snapshot().release();
  }
  expect(await driver.scan(snapshot.root, "", undefined, false)).toEqual(model);
});

test("rows that are packed may be separated by what other separators do not begin with", async () => {
  // Wherever the last leaf begins: it has rows of both kinds, of which few stay there.
  for (let rowCount = 900; rowCount < 931; rowCount += 5) {
    const driver = new Driver(200);
    const nameOf = (index: number): string => `a:${String(index).padStart(4, "0")}`;
    for (let index = 0; index < rowCount; index++) {
      await driver.write(nameOf(index), "x".repeat(500));
    }
    for (let index = 0; index < rowCount; index++) {
      if (index % 5 < 2) await driver.write(nameOf(index), undefined);
    }
    for (let index = 0; index < 14; index++) await driver.write(`b:${index}`, "y".repeat(500));
    await driver.checkpoint();
    await driver.compact(2000, true, 10_000);
    await driver.expectSound();
    expect(await driver.get("b:0")).toBe("y".repeat(500));
  }
});

test("a scan ends before its end, wherever in a leaf that is", async () => {
  const driver = new Driver(200);
  const names = Array.from({ length: 80 }, (_, index) => `key:${String(index).padStart(3, "0")}`);
  for (const name of names) await driver.write(name, "x".repeat(900));
  for (const [index, end] of names.entries()) {
    const before = await driver.scan(driver.current, "", end, false);
    expect(before.map(([name]) => name)).toEqual(names.slice(0, index));
    const reverse = await driver.scan(driver.current, end, undefined, true);
    expect(reverse.map(([name]) => name)).toEqual(names.slice(index).toReversed());
  }
});

test("a value that is moved stays where it was for those who see it there", async () => {
  const driver = new Driver(200);
  for (let index = 0; index < 30; index++) {
    await driver.write(`key:${index}`, String.fromCodePoint(65 + index).repeat(40_000));
  }
  await driver.checkpoint();
  for (let index = 0; index < 20; index++) await driver.write(`key:${index}`, undefined);
  await driver.checkpoint();
  const { space } = driver.cells;
  const snapshot = driver.cells.snapshot();
  expect(space.deadCount).toBe(0);
  await driver.compact(50, false, 10_000);
  expect(space.deadCount).toBeGreaterThan(10);
  await driver.spoilFree();
  expect(await driver.scan(snapshot.root, "", undefined, false)).toEqual(rowsOf(driver.model));
  await driver.reopen();
  expect(await driver.scan(driver.current, "", undefined, false)).toEqual(rowsOf(driver.model));
});
