import fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, fromLatin1, latin1 } from "../base/bytes.ts";
import { bestChecksums } from "../base/checksums.ts";
import { lsn, viewNumber } from "../base/ids.ts";
import { Slab } from "../base/slab.ts";
import { decodeMap, readMap } from "../cells/allocation-map.ts";
import {
  Cells,
  CELLS_OVERHEAD_BYTES,
  type CellsOptions,
  type CheckpointRoot,
  Lease,
} from "../cells/cells.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { SCANNED } from "../cells/scan.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { Census } from "./census.ts";
import { Dependencies } from "./dependencies.ts";
import { PageGrowth } from "./page-growth.ts";
import { Replay } from "./replay.ts";
import { TreeWalk } from "./tree-walk.ts";
import { encodeWrite, ENTRY_WRITES, PUT, REMOVE } from "./write-set.ts";

const PAGES = 64;
const SEED = 7;

interface Write {
  readonly key: string;
  /** Undefined: the row is removed. */
  readonly value: string | undefined;
}

type Entry = readonly Write[];
type Rows = Map<string, { readonly value: string; readonly version: number }>;

/** Cells of a store that is opened again and again, each time with a log of its own. */
class Machine {
  readonly volume = new MemoryVolume(PAGES * PAGE_BYTES);
  census = new Census();
  cells: Cells;
  root: CheckpointRoot | undefined;
  readonly #frameCount: number;
  #lastLsn = 0;

  constructor(frameCount: number) {
    this.#frameCount = frameCount;
    this.cells = Cells.create(this.#options(), PAGES);
  }

  #options(): CellsOptions {
    const cacheBytes = this.#frameCount * PAGE_BYTES;
    const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
    const checksums = bestChecksums();
    return { slab, volume: this.volume, pagesAt: 0, checksums, checksumSeed: SEED, cacheBytes };
  }

  get pageCount(): number {
    return Math.floor(this.volume.sizeBytes / PAGE_BYTES);
  }

  /** Opens the last checkpoint and replays these entries, of which so many lie in one batch. */
  async replay(entries: readonly Entry[], perBatch: number): Promise<void> {
    if (this.root !== undefined) {
      this.cells = await Cells.open(this.#options(), this.root, this.pageCount, () => undefined);
    }
    const growth = new PageGrowth(this.volume, this.cells, 0);
    const replay = new Replay(this.cells, this.census, new Dependencies(), growth);
    for (let first = 0; first < entries.length; first += perBatch) {
      const buffer = replay.nextBuffer();
      const bodies = entries.slice(first, first + perBatch).map(encodeEntry);
      const batch = concatBytes(bodies);
      const isLarge = buffer.length < batch.length;
      if (!isLarge) buffer.set(batch);
      let bodyAt = 0;
      for (const body of bodies) {
        this.#lastLsn++;
        await replay.visit({
          lsn: lsn(this.#lastLsn),
          kind: ENTRY_WRITES,
          view: viewNumber(1),
          bytes: isLarge ? batch : buffer,
          bodyAt,
          bodyBytes: body.length,
        });
        bodyAt += body.length;
      }
      // What was visited may be overwritten.
      (isLarge ? batch : buffer).fill(0xee);
    }
    await replay.end(lsn(this.#lastLsn));
  }

  async checkpoint(): Promise<void> {
    let checkpoint = this.cells.beginCheckpoint(this.census.encode());
    while (checkpoint === undefined) {
      await new PageGrowth(this.volume, this.cells, 0).grow();
      checkpoint = this.cells.beginCheckpoint(this.census.encode());
    }
    this.root = await this.cells.writeCheckpoint(checkpoint, () => undefined, "in slices");
    this.cells.finishCheckpoint(checkpoint);
  }

  async rows(): Promise<Rows> {
    const { scanner, tree } = this.cells;
    const lease = new Lease(this.cells);
    for (;;) {
      const rows: Rows = new Map();
      const range = { start: new Uint8Array(0), end: undefined };
      const scanned = scanner.forward(tree.rootPage, tree.rootLevel, range, (row) => {
        const key = latin1(row.keyBytes, 0, row.keyLength);
        const value = latin1(row.valueBytes, row.valueAt, row.valueLength);
        rows.set(key, { value, version: row.version });
        return true;
      });
      if (scanned === SCANNED) {
        lease.release();
        return rows;
      }
      await lease.loadMissing();
    }
  }

  /** Holds the checkpoint to every rule of the format, and its map to what the tree reaches. */
  async verify(): Promise<void> {
    if (this.root === undefined) throw new Error("there is no checkpoint");
    const walk = new TreeWalk({
      volume: this.volume,
      checksums: bestChecksums(),
      checksumSeed: SEED,
      pagesAt: 0,
      pageCount: this.pageCount,
      onPages: () => undefined,
    });
    await walk.walk(this.root);
    expect(walk.findings).toEqual([]);
    expect(walk.census.equals(this.census)).toBe(true);
    const place = { volume: this.volume, pagesAt: 0, checksums: bestChecksums() };
    const { bytes, pages } = await readMap({ ...place, checksumSeed: SEED }, this.root);
    const { map } = decodeMap(bytes);
    const used = Array.from(map, (word, index) => word ^ (walk.reached[index] ?? 0));
    const left = Array.from({ length: this.pageCount }, (_, page) => page).filter(
      (page) => (((used[page >>> 5] ?? 0) >>> (page & 31)) & 1) === 1,
    );
    expect(left).toEqual([0, ...pages]);
  }
}

function encodeEntry(entry: Entry): Uint8Array {
  return concatBytes(
    entry.map(({ key, value }) => {
      const content = value === undefined ? new Uint8Array(0) : fromLatin1(value);
      const kind = value === undefined ? REMOVE : PUT;
      const bytes = new Uint8Array(8 + key.length + content.length);
      const at = encodeWrite(bytes, 0, kind, fromLatin1(key), 0, key.length, content.length);
      bytes.set(content, at);
      return bytes;
    }),
  );
}

function applyTo(rows: Rows, entries: readonly Entry[], firstLsn: number): void {
  entries.forEach((entry, index) => {
    for (const { key, value } of entry) {
      if (value === undefined) rows.delete(key);
      else rows.set(key, { value, version: firstLsn + index });
    }
  });
}

function inOrder(rows: Rows): [string, unknown][] {
  return [...rows].toSorted(([left], [right]) => (left < right ? -1 : 1));
}

const numbered = (number: number): string => `key:${String(number).padStart(8, "0")}`;
const dense = fc.integer({ min: 0, max: 1500 }).map(numbered);
const short = fc
  .array(fc.constantFrom("a", "b", "\0", "\xff"), { maxLength: 6 })
  .map((parts) => parts.join(""));
const long = fc
  .tuple(fc.constantFrom("key:0", "q"), fc.integer({ min: 1, max: 20 }), short)
  .map(([letter, times, rest]) => `${letter.repeat(times * 60)}${rest}`);
const key = fc.oneof(
  { weight: 12, arbitrary: dense },
  { weight: 2, arbitrary: short },
  { weight: 1, arbitrary: long },
);
const value = fc
  .tuple(
    fc.constantFrom("v", "w", "x"),
    fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 120 }) },
      { weight: 2, arbitrary: fc.constantFrom(100, 700, 1000, 1100, 4000) },
      { weight: 1, arbitrary: fc.constantFrom(5000, 16384, 40000) },
    ),
  )
  .map(([letter, length]) => letter.repeat(length));
const put = fc.record({ key, value });
const remove = fc.record({ key, value: fc.constant(undefined) });
const mixed = fc.oneof({ weight: 6, arbitrary: put }, { weight: 4, arbitrary: remove });
/** Writes of which many come to a leaf, and so are merged into it. */
const crowded = fc.record({
  key: fc.integer({ min: 0, max: 300 }).map(numbered),
  value: fc.constantFrom("v".repeat(150), "w".repeat(150), "x".repeat(40), undefined),
});
/** The same is written to, or removed from, many keys in a row. */
const sweep = fc
  .record({
    first: fc.integer({ min: 0, max: 300 }),
    count: fc.integer({ min: 1, max: 150 }),
    value: fc.oneof(
      fc.constantFrom(undefined, "y".repeat(5000)),
      fc.integer({ min: 0, max: 400 }).map((length) => "z".repeat(length)),
    ),
  })
  .map(({ first, count, value: written }) =>
    Array.from({ length: count }, (_, index) => ({ key: numbered(first + index), value: written })),
  );
const entryOf = (write: fc.Arbitrary<Write>): fc.Arbitrary<Entry> =>
  fc.array(write, { minLength: 1, maxLength: 12, size: "max" });
const logOf = (entry: fc.Arbitrary<Entry>, maxLength: number): fc.Arbitrary<Entry[]> =>
  fc.array(entry, { size: "max", maxLength });
const log = fc.oneof(
  logOf(entryOf(mixed), 100),
  logOf(entryOf(crowded), 100),
  logOf(sweep, 12),
  logOf(fc.oneof(entryOf(crowded), entryOf(mixed)), 60),
);

test("a window at a time leaves what entry by entry leaves", { timeout: 60_000 }, async () => {
  const round = fc.record({ log, perBatch: fc.constantFrom(1, 7, 1000) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(round, { minLength: 1, maxLength: 4, size: "max" }),
      fc.constantFrom(40, 64, 150, 400, 1100),
      async (rounds, frameCount) => {
        const machine = new Machine(frameCount);
        const rows: Rows = new Map();
        let nextLsn = 1;
        for (const { log: entries, perBatch } of rounds) {
          await machine.replay(entries, perBatch);
          applyTo(rows, entries, nextLsn);
          nextLsn += entries.length;
          expect(inOrder(await machine.rows())).toEqual(inOrder(rows));
          await machine.checkpoint();
          await machine.verify();
        }
      },
    ),
    { seed: 3, numRuns: 15, endOnFailure: true },
  );
});

test("an entry larger than the buffer comes in its turn, with a cache of any size", async () => {
  const machine = new Machine(40);
  const large = Array.from({ length: 60 }, (_, index) => ({
    key: numbered(index),
    value: "b".repeat(5000),
  }));
  const entries: Entry[] = [[{ key: numbered(3), value: "a" }], large];
  await machine.replay([...entries, [{ key: numbered(4), value: "c" }]], 1000);
  const rows = await machine.rows();
  expect(rows.get(numbered(3))).toEqual({ value: "b".repeat(5000), version: 2 });
  expect(rows.get(numbered(4))).toEqual({ value: "c", version: 3 });
  await machine.checkpoint();
  await machine.verify();
});

test("long values do not gather in memory beyond their share of the cache", async () => {
  const machine = new Machine(64);
  const entries = Array.from({ length: 25 }, (_, index) => [
    { key: numbered(index), value: "v".repeat(40_000) },
  ]);
  await machine.replay(entries, 1000);
  expect(machine.cells.extents.dirtyBytes).toBeLessThan((64 * PAGE_BYTES) / 8 + 2 * 40_000);
  expect((await machine.rows()).size).toBe(25);
});
