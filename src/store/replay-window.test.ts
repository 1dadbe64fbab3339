import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, fromLatin1, latin1 } from "../base/bytes.ts";
import { bestChecksums } from "../base/checksums.ts";
import { Slab } from "../base/slab.ts";
import { Cells, CELLS_OVERHEAD_BYTES } from "../cells/cells.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { Census } from "./census.ts";
import { ReplayRows } from "./replay-rows.ts";
import { ReplayWindow, WINDOW_WRITE_BYTES_MAX } from "./replay-window.ts";
import { encodeWrite, PUT, REMOVE, WRITE_HEADER_BYTES } from "./write-set.ts";

const FRAMES = 200;
const FIRST_VERSION = 2 ** 33;

interface Write {
  readonly key: Uint8Array;
  readonly valueBytes: number;
}

/** A row, as a text. */
type Row = string;

function makeCells(): Cells {
  const cacheBytes = FRAMES * PAGE_BYTES;
  const slab = new Slab(cacheBytes + CELLS_OVERHEAD_BYTES);
  const checksums = bestChecksums();
  const volume = new MemoryVolume(FRAMES * PAGE_BYTES);
  const options = { slab, volume, pagesAt: 0, checksums, checksumSeed: 7, cacheBytes };
  return Cells.create(options, FRAMES);
}

function rowOf(key: string, valueBytes: number, fill: number, version: number): Row {
  return `${key} ${valueBytes} ${fill} ${version}`;
}

/** Adds the writes, as many as there is room for. */
function addAll(window: ReplayWindow, writes: readonly Write[]): number {
  for (const [index, { key, valueBytes }] of writes.entries()) {
    const bytes = new Uint8Array(3 + WRITE_HEADER_BYTES + key.length + valueBytes);
    const kind = valueBytes === 0 ? REMOVE : PUT;
    bytes.fill(index, encodeWrite(bytes, 3, kind, key, 0, key.length, valueBytes));
    const length = bytes.length - 3;
    if (!window.add(bytes, 3, length, key.length, FIRST_VERSION + index, -1)) return index;
  }
  return writes.length;
}

function takeAll(window: ReplayWindow, cells: Cells): Row[] {
  const rows = new ReplayRows(cells.cache.slab, window, new Census());
  const taken: Row[] = [];
  for (let range = 0; range < window.rangeCount; range++) {
    window.begin(range);
    for (let index = 0; index < rows.count; index++) {
      rows.go(index);
      const { bytes, keyAt, keyBytes, valueBytes, version } = rows;
      const fill = valueBytes === 0 ? 0 : (bytes[keyAt + keyBytes] as number);
      taken.push(rowOf(latin1(bytes, keyAt, keyBytes), valueBytes, fill, version));
    }
    window.end(range);
  }
  window.clear();
  return taken;
}

function expectedOf(writes: readonly Write[]): Row[] {
  const last = new Map(writes.map(({ key }, index) => [latin1(key), index]));
  return [...last.values()]
    .map((index) => ({ ...(writes[index] as Write), index }))
    .toSorted((left, right) => compareBytes(left.key, right.key))
    .map(({ key, valueBytes, index }) => {
      const fill = valueBytes === 0 ? 0 : index & 0xff;
      return rowOf(latin1(key), valueBytes, fill, FIRST_VERSION + index);
    });
}

const numbered = fc
  .integer({ min: 0, max: 4000 })
  .map((number) => fromLatin1(`key:${String(number).padStart(6, "0")}`));
const any = fc.uint8Array({ maxLength: 8 });
const write = fc.record({
  key: fc.oneof(numbered, numbered, any),
  valueBytes: fc.oneof(fc.constant(0), fc.constantFrom(20, 300, 1500), fc.nat(60)),
});

test("writes come in the order of their keys, of each key the last", () => {
  const cells = makeCells();
  const { residentCount } = cells.cache;
  const log = fc.array(write, { minLength: 1, maxLength: 1200, size: "max" });
  fc.assert(
    fc.property(fc.array(log, { minLength: 1, maxLength: 2 }), fc.constantFrom(8, 100), runWindow),
    { seed: 1, numRuns: 25 },
  );

  function runWindow(logs: readonly Write[][], framesMax: number): void {
    const window = new ReplayWindow(cells.cache, framesMax);
    for (const writes of logs) {
      const count = addAll(window, writes);
      expect(count).toBeGreaterThan(0);
      expect(takeAll(window, cells)).toEqual(expectedOf(writes.slice(0, count)));
      expect(cells.cache.residentCount).toBe(residentCount);
    }
  }
});

test("a window of enough frames parts the keys into ranges", () => {
  const cells = makeCells();
  const window = new ReplayWindow(cells.cache, 100);
  const writes = Array.from({ length: 4000 }, (_, index) => {
    return { key: fromLatin1(`key:${(index * 7919) % 10_000}`), valueBytes: 200 };
  });
  expect(addAll(window, writes)).toBe(writes.length);
  expect(window.rangeCount).toBe(6);
  expect(takeAll(window, cells)).toEqual(expectedOf(writes));
  expect(window.rangeCount).toBe(1);
});

test("the longest write that may be has room in a frame", () => {
  const cells = makeCells();
  const window = new ReplayWindow(cells.cache, 1);
  const valueBytes = WINDOW_WRITE_BYTES_MAX - WRITE_HEADER_BYTES - 3;
  const writes = [1, 2].map((byte) => ({ key: new Uint8Array(3).fill(byte), valueBytes }));
  expect(addAll(window, writes)).toBe(1);
  expect(takeAll(window, cells)).toEqual(expectedOf(writes.slice(0, 1)));
});
