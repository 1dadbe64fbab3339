/**
 * Stores that get shorter while they are closed, with crashes all through the close, and with
 * operations of it failing: whatever is left must open with all rows, and nothing may be wrong with
 * it. So it must when it is opened, and closed, once more.
 */

import assert from "node:assert/strict";
import { expect, test } from "vitest";
import { SeededRandom } from "../../src/base/random.ts";
import { PAGE_BYTES } from "../../src/cells/page.ts";
import { isFault } from "../../src/base/fault.ts";
import type { StoreOptions } from "../../src/store/options.ts";
import { verifyStore } from "../../src/store/verify.ts";
import { CrashImages } from "../../src/volume/crash-images.ts";
import { FaultPlan, type FaultRule } from "../../src/volume/fault-plan.ts";
import { FaultyVolume } from "../../src/volume/faulty-volume.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { RecordingVolume } from "../../src/volume/recording-volume.ts";
import type { Volume } from "../../src/volume/volume.ts";
import type { World } from "../../src/world/world.ts";
import { formattedImage, inWorld, openOn, smallShape } from "../support/small-store.ts";

const ROW_COUNT = 400;
/** A crash comes after every so many-th event, a failure at every so many-th operation. */
const EVENT_STEP = 6;
const OPERATION_STEP = 7;
/** Takes no checkpoint by itself, and gives nothing back. */
const DEAF: Partial<StoreOptions> = {
  cacheBytes: 16 << 20,
  checkpointLogShare: 0.9,
  closeMovesBytesMax: 0,
  shrinkBytesMin: 2 ** 40,
};

test.each(["process", "power"] as const)(
  "a crash of the %s in a close that moves pages",
  { timeout: 200_000 },
  async (crash) => {
    const image = await usedImage();
    const recording = new RecordingVolume(image);
    let begun = 0;
    let compactionCount = 0;
    await inWorld(2, async (world, { trace }) => {
      trace.listener = ({ name }) => {
        if (name === "compacted") compactionCount++;
      };
      const engine = await openOn(world, recording);
      await engine.run((step) => step.set(keyOf(0), valueOf(0)));
      begun = recording.point;
      await engine.close();
    });
    expect(recording.sizeBytes).toBeLessThan(recording.before.sizeBytes - 50 * PAGE_BYTES);
    expect(compactionCount).toBe(1);
    const images = new CrashImages(recording, crash);
    const sizes = new Set<number>();
    for (let point = begun; ; point = Math.min(point + EVENT_STEP, recording.point)) {
      const left = images.after(point, point);
      sizes.add(left.sizeBytes);
      await expectWhole(left);
      if (point === recording.point) break;
    }
    expect(sizes.size).toBeGreaterThan(1);
    expect(recording.point - begun).toBeGreaterThan(60);
  },
);

test("an operation that fails in a close that moves pages", { timeout: 200_000 }, async () => {
  const operations = ["write", "durable", "sync", "grow", "truncate"] as const;
  const image = await usedImage();
  let failedCount = 0;
  for (const kind of ["error", "full"] as const) {
    for (const count of [1, "forever"] as const) {
      for (let skip = 0; ; skip += OPERATION_STEP) {
        const left = image.copy();
        const rule = { operations, skip, count, fault: { kind } };
        const struck = await closeWith(left, rule);
        if (struck === "no") break;
        if (struck === "failed") failedCount++;
        await expectWhole(left);
      }
    }
  }
  expect(failedCount).toBeGreaterThan(5);
});

/** Opens and closes the store on a volume that fails; whether anything was struck. */
async function closeWith(image: PagedImage, rule: FaultRule): Promise<"no" | "failed" | "closed"> {
  return await inWorld(2, async (world) => {
    const plan = new FaultPlan();
    const random = new SeededRandom(1);
    const parts = { plan, random, clock: world.clock, crash: () => undefined };
    const volume = new FaultyVolume(new MemoryVolume(image), parts);
    const engine = await openOn(world, volume);
    await engine.run((step) => step.set(keyOf(0), valueOf(0)));
    const struck: string[] = [];
    const strike = plan.strike.bind(plan);
    plan.strike = (operation) => {
      const found = strike(operation);
      if (found !== undefined) struck.push(operation.operation);
      return found;
    };
    plan.add(rule);
    const error: unknown = await engine.close().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (struck.length === 0) return "no";
    assert(error === undefined || isFault(error), "what goes wrong is told as a fault");
    return error === undefined ? "closed" : "failed";
  });
}

/** Of a store whose rows, some of them long, lie behind as many free pages. */
async function usedImage(): Promise<PagedImage> {
  const image = await formattedImage({ ...smallShape, ringBytes: 8 << 20 });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), DEAF);
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < ROW_COUNT; index++) {
        const row = (index * 7) % ROW_COUNT;
        await engine.run((step) => step.set(keyOf(row), valueOf(row)));
      }
      await engine.store.checkpoint();
    }
    await engine.close();
  });
  return image;
}

/** All rows are there, when it is opened, and again when that was closed; and nothing is wrong. */
async function expectWhole(image: PagedImage): Promise<void> {
  for (const isAgain of [false, true]) {
    await inWorld(3, async (world) => {
      const engine = await openOn(world, new MemoryVolume(image));
      assert.equal(await engine.run((step) => step.count(Uint8Array.of(1))), ROW_COUNT);
      for (let row = 0; row < ROW_COUNT; row++) {
        const found = await engine.run((step) => step.get(keyOf(row)));
        assert(found?.length === valueOf(row).length);
        assert(found.every((byte) => byte === (row & 0xff)));
      }
      if (!isAgain) await engine.run((step) => step.set(keyOf(4), valueOf(4)));
      await engine.close();
      await expectNothingWrong(world, new MemoryVolume(image));
    });
  }
}

async function expectNothingWrong(world: World, volume: Volume): Promise<void> {
  const { findings } = await verifyStore(world, volume, () => undefined);
  assert.deepEqual(findings, [], "nothing is wrong on the volume");
}

function keyOf(row: number): Uint8Array {
  return Uint8Array.of(1, row >>> 8, row);
}

function valueOf(row: number): Uint8Array {
  return new Uint8Array(row % 20 === 0 ? 20_000 : 3800).fill(row & 0xff);
}
