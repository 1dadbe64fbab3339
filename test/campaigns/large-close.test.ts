/**
 * Closes that move pages, and the openings that follow, of stores of which the cache holds a small
 * part: what is moved does not stay in memory, and several checkpoints are taken on the way.
 *
 * A crash comes at operations all through such a close, and at each operation of the opening behind
 * it, also where the close had come to nothing. Whatever is left must open with all rows, have room
 * for more, and nothing may be wrong with it.
 */

import assert from "node:assert/strict";
import { expect, test } from "vitest";
import { SeededRandom } from "../../src/base/random.ts";
import type { StoreOptions } from "../../src/store/options.ts";
import { SuperblockZone } from "../../src/store/superblock.ts";
import { verifyStore } from "../../src/store/verify.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { type Crash, CrashImages } from "../../src/volume/crash-images.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { RecordingVolume } from "../../src/volume/recording-volume.ts";
import { formattedImage, inWorld, openOn, smallOptions } from "../support/small-store.ts";

const ROW_COUNT = 6000;
const GROUP = 20;
/** So many of a hundred rows in a row stay; the others are removed before the store is closed. */
const LIVE_OF_100 = 60;
const LIVE_COUNT = (ROW_COUNT / 100) * LIVE_OF_100;
const ROW_BYTES = 3000;
/** Some rows have pages of their own. */
const LONG_EVERY = 100;
const LONG_BYTES = 40_000;
/** How many crashes come within a close, and within how many openings behind one they come. */
const CLOSE_POINTS = 10;
const OPENING_POINTS = 3;
/** The last of a close: two copies of a superblock, and the cut of what it names no more. */
const CUT_EVENTS = 8;
const DEAF: Partial<StoreOptions> = { closeMovesBytesMax: 0, shrinkBytesMin: 2 ** 40 };

test("a store is closed shorter with a cache of a fraction of it", async () => {
  const { recording, begun, checkpointCount } = await closing();
  const written = recording.writes.filter((one) => begun < one.begun);
  const writtenBytes = written.reduce((sum, { bytes }) => sum + bytes.length, 0);
  expect(LIVE_COUNT * ROW_BYTES).toBeGreaterThan(2.5 * smallOptions.cacheBytes);
  expect(writtenBytes).toBeGreaterThan(1.5 * smallOptions.cacheBytes);
  expect(checkpointCount).toBeGreaterThan(3);
  expect(recording.sizeBytes).toBeLessThan(recording.before.sizeBytes * 0.8);
  await expectWhole(new CrashImages(recording, "process").after(recording.point, 1));
});

test.each(["process", "power"] as const)(
  "a crash of the %s in the close of a store larger than its cache, and in the opening behind it",
  { timeout: 300_000 },
  async (crash) => {
    const { recording, begun } = await closing();
    const images = new CrashImages(recording, crash);
    const step = Math.floor((recording.point - CUT_EVENTS - begun) / CLOSE_POINTS);
    const openingEvery = Math.floor(CLOSE_POINTS / OPENING_POINTS);
    let openingCrashes = 0;
    for (let index = 1; index <= CLOSE_POINTS; index++) {
      const point = begun + index * step;
      const left = images.after(point, point);
      if (index % openingEvery === 1) openingCrashes += await crashOpening(left, crash);
      await expectWhole(left);
    }
    for (let point = recording.point - CUT_EVENTS; point <= recording.point; point++) {
      const left = images.after(point, point);
      await expectPages(left);
      if (point % 4 === 0) await expectWhole(left.copy());
      if (point === recording.point) openingCrashes += await crashOpening(left, crash);
    }
    expect(openingCrashes).toBeGreaterThan(30);
  },
);

interface Closing {
  readonly recording: RecordingVolume;
  /** The event with which the close began. */
  readonly begun: number;
  readonly checkpointCount: number;
}

let closingOnce: Promise<Closing> | undefined;

/** The close of the used store. */
function closing(): Promise<Closing> {
  closingOnce ??= close();
  return closingOnce;
}

async function close(): Promise<Closing> {
  const recording = new RecordingVolume(await usedImage());
  return await inWorld(2, async (world, { trace }) => {
    const engine = await openOn(world, recording);
    await engine.run((step) => step.set(keyOf(1), valueOf(1)));
    let checkpointCount = 0;
    trace.listener = ({ name }) => {
      if (name === "checkpoint") checkpointCount++;
    };
    const begun = recording.point;
    await engine.close();
    return { recording, begun, checkpointCount };
  });
}

/** Of a store in which all rows were written in any order, and twice, before some were removed. */
async function usedImage(): Promise<PagedImage> {
  const image = await formattedImage({ ringBytes: 4 << 20, pagesBytes: 4 << 20 });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), DEAF);
    for (let round = 0; round < 2; round++) {
      await inGroups(shuffled(ROW_COUNT), async (rows) => await write(engine, rows));
    }
    // They lie behind all others, and have to be moved, too.
    const long = Array.from(
      { length: ROW_COUNT / LONG_EVERY },
      (_, index) => index * LONG_EVERY + 1,
    );
    for (const row of long) await write(engine, [row]);
    const removed = Array.from({ length: ROW_COUNT }, (_, row) => row).filter(
      (row) => !isLive(row),
    );
    await inGroups(removed, async (rows) => {
      await engine.run((step) => rows.forEach((row) => step.delete(keyOf(row))));
    });
    await engine.close();
  });
  return image;
}

/** Opens the store and writes to it, with a crash at every operation on the way. */
async function crashOpening(image: PagedImage, crash: Crash): Promise<number> {
  const recording = new RecordingVolume(image);
  await inWorld(3, async (world) => {
    const engine = await openOn(world, recording);
    await write(engine, [1, 2, 100, 101]);
    await engine.store.abandon();
  });
  const images = new CrashImages(recording, crash);
  for (let point = 0; point <= recording.point; point++) {
    const left = images.after(point, point);
    await inWorld(4, async (world) => {
      const engine = await openOn(world, new MemoryVolume(left));
      await expectRows(engine, 37);
      await engine.store.abandon();
    });
  }
  return recording.point + 1;
}

/** All rows are there, there is room for others, and nothing is wrong with the store. */
async function expectWhole(image: PagedImage): Promise<void> {
  await inWorld(5, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    await expectRows(engine, 1);
    // What the map calls free is used, and what it does not stays as it is.
    await inGroups(shuffled(600), async (rows) => {
      await write(engine, rows.filter(isLive));
    });
    await engine.store.checkpoint();
    await expectRows(engine, 1);
    await engine.close();
    const { findings } = await verifyStore(world, new MemoryVolume(image), () => undefined);
    assert.deepEqual(findings, [], "nothing is wrong on the volume");
  });
}

/** There are as many pages as the superblock names, or more. */
async function expectPages(image: PagedImage): Promise<void> {
  await inWorld(6, async (world) => {
    const volume = new MemoryVolume(image);
    const { current } = await SuperblockZone.open(volume, world.checksums, async () => true);
    const { at, pageCount, pageBytes } = current.pages;
    assert(at + pageCount * pageBytes <= volume.sizeBytes, "no page is named that was cut off");
  });
}

/** Looks at every so many-th row. */
async function expectRows(engine: Transactions, every: number): Promise<void> {
  assert.equal(await engine.run((step) => step.count(Uint8Array.of(1))), LIVE_COUNT);
  for (let row = 0; row < ROW_COUNT; row += every) {
    const found = await engine.run((step) => step.get(keyOf(row)));
    const expected = isLive(row) ? valueOf(row) : undefined;
    assert.equal(found?.length, expected?.length, `row ${row}`);
    for (const at of [0, 1, (expected?.length ?? 2) - 2, (expected?.length ?? 2) - 1]) {
      assert.equal(found?.[at], expected?.[at], `row ${row}`);
    }
  }
}

async function write(engine: Transactions, rows: readonly number[]): Promise<void> {
  await engine.run((step) => rows.forEach((row) => step.set(keyOf(row), valueOf(row))));
}

async function inGroups(
  rows: readonly number[],
  work: (group: readonly number[]) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < rows.length; from += GROUP) await work(rows.slice(from, from + GROUP));
}

function shuffled(count: number): readonly number[] {
  const random = new SeededRandom(count);
  const rows = Array.from({ length: count }, (_, row) => row);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [rows[last], rows[other]] = [rows[other] as number, rows[last] as number];
  }
  return rows;
}

function isLive(row: number): boolean {
  return row % 100 < LIVE_OF_100;
}

function keyOf(row: number): Uint8Array {
  return Uint8Array.of(1, row >>> 8, row);
}

function valueOf(row: number): Uint8Array {
  const length = row % LONG_EVERY === 1 ? LONG_BYTES : ROW_BYTES;
  const value = new Uint8Array(length).fill(row);
  value[1] = row >>> 8;
  value[length - 2] = row >>> 8;
  return value;
}
