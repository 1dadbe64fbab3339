import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, latin1 } from "../base/bytes.ts";
import { bestChecksums } from "../base/checksums.ts";
import { Slab } from "../base/slab.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { Cells, CELLS_OVERHEAD_BYTES } from "./cells.ts";
import { fillInnerCell, openSlot } from "./page-edit.ts";
import { writeHead } from "./page-heads.ts";
import { align4, garbageOf, gapBytes, INNER_CELL_BYTES, PAGE_BYTES, SLOT_BYTES } from "./page.ts";
import { NO_FRAMES, NO_PAGES, Preparation, READY } from "./prepare.ts";
import { SCANNED } from "./scan.ts";
import { Merger, ONE_BY_ONE, type SortedRows } from "./tree-merge.ts";
import type { Tree } from "./tree.ts";

const PAGE_COUNT = 500;
const SEPARATOR_BYTES_MAX = 8192;
const LEVELS_MAX = 4;
const SEPARATORS_MAX = 8;
/** All rows begin with this byte, and no separator that is there before them does. */
const MIDDLE = 128;

/** A separator on the left or on the right of the rows. */
interface Side {
  readonly isLeft: boolean;
  readonly length: number;
}

/** An inner page above the rows: its separators, and about how many bytes are free in the end. */
interface Inner {
  readonly sides: readonly Side[];
  readonly fillsLeft: boolean;
  readonly free: number;
}

interface Write {
  readonly key: Uint8Array;
  readonly isPut: boolean;
  readonly valueBytes: number;
}

class ListedRows implements SortedRows {
  readonly bytes: Uint8Array = new Uint8Array(PAGE_BYTES);
  readonly keyAt = 0;
  readonly version: number;
  readonly #writes: readonly Write[];
  isPut = false;
  keyBytes = 0;
  valueBytes = 0;
  changeCount = 0;

  constructor(writes: readonly Write[], version: number) {
    this.#writes = writes;
    this.version = version;
  }

  get count(): number {
    return this.#writes.length;
  }

  go(index: number): void {
    const { key, isPut, valueBytes } = this.#writes[index] as Write;
    this.bytes.set(key);
    this.bytes.fill(this.version, key.length, key.length + valueBytes);
    this.isPut = isPut;
    this.keyBytes = key.length;
    this.valueBytes = valueBytes;
  }

  changed(): void {
    this.changeCount++;
  }
}

const separatorLength = fc.oneof(
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3000 }) },
  { weight: 3, arbitrary: fc.integer({ min: 3900, max: 5500 }) },
  { weight: 3, arbitrary: fc.integer({ min: 7000, max: SEPARATOR_BYTES_MAX }) },
);
const inner: fc.Arbitrary<Inner> = fc.record({
  sides: fc.array(fc.record({ isLeft: fc.boolean(), length: separatorLength }), {
    maxLength: SEPARATORS_MAX - 1,
    size: "max",
  }),
  fillsLeft: fc.boolean(),
  free: fc.oneof(fc.constant(0), fc.nat(600)),
});
const batch: fc.Arbitrary<readonly Write[]> = fc
  .record({
    word: fc.nat(2),
    wordBytes: fc.constantFrom(1, 30, 900, 900),
    valueBytes: fc.constantFrom(4, 80, 80, 900),
    rows: fc.uniqueArray(fc.tuple(fc.nat(255), fc.nat(4)), {
      selector: ([number]) => number,
      minLength: 3,
      maxLength: 40,
      size: "max",
    }),
  })
  .map(({ word, wordBytes, valueBytes, rows }) =>
    rows
      .map(([number, kind]) => {
        const words = new Uint8Array(wordBytes).fill(word);
        const key = Uint8Array.from([MIDDLE, ...words, number]);
        const isPut = kind > 0;
        return { key, isPut, valueBytes: isPut ? valueBytes : 0 };
      })
      .toSorted((left, right) => compareBytes(left.key, right.key)),
  );

test("rows are merged with no more pages and frames than were asked for", () => {
  const inners = fc.array(inner, { maxLength: LEVELS_MAX, size: "max" });
  const batches = fc.array(fc.tuple(batch, fc.boolean()), { minLength: 1, maxLength: 4 });
  fc.assert(fc.property(inners, batches, expectMerged), {
    numRuns: 150,
    seed: 1,
    endOnFailure: true,
  });
});

test("where no half of a page has room for a long separator, one page of a level is split", () => {
  const full = innerOf([4100], [4200, 8000]);
  const words = new Uint8Array(900);
  const writes = Array.from({ length: 40 }, (_, number) => {
    return { key: Uint8Array.of(MIDDLE, ...words, number), isPut: true, valueBytes: 80 };
  });
  for (const lowest of [innerOf([3000], [5200, 8000]), innerOf([5200, 8000], [3000])]) {
    for (let depth = 0; depth < LEVELS_MAX; depth++) {
      const inners = [...Array.from({ length: depth }, () => full), lowest];
      for (const count of [16, 18, 40]) expectMerged(inners, [[writes.slice(0, count), false]]);
    }
  }
});

function innerOf(left: readonly number[], right: readonly number[]): Inner {
  const sides = [
    ...left.map((length) => ({ isLeft: true, length })),
    ...right.map((length) => ({ isLeft: false, length })),
  ];
  return { sides, fillsLeft: true, free: 0 };
}

/** Merges the batches one after the other, some of them with a snapshot behind. */
function expectMerged(
  inners: readonly Inner[],
  batches: readonly (readonly [readonly Write[], boolean])[],
): void {
  const cells = makeCells(inners);
  const model = new Map(rowsOf(cells));
  let snapshot = cells.snapshot();
  batches.forEach(([writes, isSeen], index) => {
    const rows = new ListedRows(writes, index + 1);
    expect(mergeAll(cells, rows)).toBe(applyTo(model, rows));
    const expected = [...model].toSorted(([left], [right]) => (left < right ? -1 : 1));
    expect(rowsOf(cells)).toEqual(expected);
    if (!isSeen) return;
    snapshot.release();
    snapshot = cells.snapshot();
  });
}

/** A tree with few rows, of which every page above the middle is about full, from the root down. */
function makeCells(inners: readonly Inner[]): Cells {
  const cacheBytes = PAGE_COUNT * PAGE_BYTES;
  const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
  const volume = new MemoryVolume(PAGE_COUNT * PAGE_BYTES);
  const checksums = bestChecksums();
  const options = { slab, volume, pagesAt: 0, checksums, checksumSeed: 7, cacheBytes };
  const cells = Cells.create(options, PAGE_COUNT);
  const { tree } = cells;
  tree.rootPage = makeBranch(tree, inners.length);
  tree.rootLevel = inners.length;
  inners.forEach(({ sides, fillsLeft, free }, depth) => {
    const level = inners.length - depth;
    let byte = depth * SEPARATORS_MAX;
    for (const { isLeft, length } of sides) {
      if (length <= roomAbove(tree, level)) addBranch(tree, level, byte++, isLeft, length);
    }
    const rest = Math.min(roomAbove(tree, level) - free, SEPARATOR_BYTES_MAX);
    if (rest > 0) addBranch(tree, level, byte, fillsLeft, rest);
  });
  return cells;
}

/** A page at `level` with one below it on each level, and no row. */
function makeBranch(tree: Tree, level: number): number {
  const { slab, separator } = tree;
  const number = tree.makePage(level, separator, 0);
  if (level === 0) return number;
  const page = tree.cache.find(number);
  const child = makeBranch(tree, level - 1);
  const cell = openSlot(slab, page, 0, 0, INNER_CELL_BYTES, tree.scratch);
  fillInnerCell(slab, cell, child, separator, 0, 0);
  writeHead(slab, page, 0);
  return number;
}

function addBranch(tree: Tree, level: number, byte: number, isLeft: boolean, length: number): void {
  const first = isLeft ? byte : 254 - byte;
  const separator = new Uint8Array(length).fill(first);
  tree.splitter.addSeparator(level, separator, makeBranch(tree, level - 1));
  // Of a branch that is lost, this row is missed.
  tree.put(Uint8Array.of(first, 255), 0, 2, separator, 0, 0, 1);
}

/** How long a separator has room in the page at `level` above the middle. */
function roomAbove(tree: Tree, level: number): number {
  tree.descend(level, Uint8Array.of(MIDDLE), 0, 1);
  const page = tree.path[level] as number;
  const free = gapBytes(tree.slab, page) + garbageOf(tree.slab, page);
  return align4(free - SLOT_BYTES - INNER_CELL_BYTES - 3);
}

/** Merges the rows with as few pages and frames as will do; how many keys came or went. */
function mergeAll({ tree, space, cache }: Cells, rows: ListedRows): number {
  const limits = { dirtyFramesMax: PAGE_COUNT, framesMax: PAGE_COUNT };
  const merger = new Merger(tree, new Preparation(tree, limits));
  for (let index = 0; index < rows.count;) {
    const taken: number[] = [];
    while (space.freeCount > 0) taken.push(space.allocate());
    limits.dirtyFramesMax = cache.dirtyCount;
    let merged = merger.merge(rows, index);
    for (; merged === NO_FRAMES || merged === NO_PAGES; merged = merger.merge(rows, index)) {
      if (merged === NO_FRAMES) limits.dirtyFramesMax++;
      else space.retire(taken.pop() as number, 1, tree.generation, tree.generation);
    }
    expect([READY, ONE_BY_ONE]).toContain(merged);
    expect(cache.dirtyCount).toBeLessThanOrEqual(limits.dirtyFramesMax);
    for (const page of taken) space.retire(page, 1, tree.generation, tree.generation);
    if (merged === READY) index = merger.end;
    else for (; index < merger.end; index++) writeOne(tree, rows, index);
  }
  return rows.changeCount;
}

function writeOne(tree: Tree, rows: ListedRows, index: number): void {
  rows.go(index);
  const { isPut, bytes, keyBytes, valueBytes, version } = rows;
  const existed = isPut
    ? tree.put(bytes, 0, keyBytes, bytes, keyBytes, valueBytes, version)
    : tree.remove(bytes, 0, keyBytes);
  if (existed !== isPut) rows.changed();
}

/** What the rows leave in a map; how many keys came or went. */
function applyTo(model: Map<string, string>, rows: ListedRows): number {
  let changeCount = 0;
  for (let index = 0; index < rows.count; index++) {
    rows.go(index);
    const { isPut, bytes, keyBytes, valueBytes } = rows;
    const key = latin1(bytes, 0, keyBytes);
    if (model.has(key) !== isPut) changeCount++;
    if (isPut) model.set(key, latin1(bytes, keyBytes, valueBytes));
    else model.delete(key);
  }
  return changeCount;
}

function rowsOf({ tree, scanner }: Cells): [string, string][] {
  const rows: [string, string][] = [];
  const range = { start: new Uint8Array(0), end: undefined };
  const scanned = scanner.forward(tree.rootPage, tree.rootLevel, range, (row) => {
    const key = latin1(row.keyBytes, 0, row.keyLength);
    rows.push([key, latin1(row.valueBytes, row.valueAt, row.valueLength)]);
    return true;
  });
  expect(scanned).toBe(SCANNED);
  return rows;
}
