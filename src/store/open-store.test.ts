import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";

/** Rows of which four share a page, in a tree of several times the cache. */
const ROW_COUNT = 2800;
const VALUE_BYTES = 3500;
const SHORT_VALUE = new Uint8Array(100).fill(9);
const SHAPE = { ringBytes: 2 << 20, pagesBytes: 16 << 20 };

test("a store opens with the cache it was written with, whatever its log asks for", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const random = new SeededRandom(1);
    const parts = { plan, random, clock: world.clock, crash: () => undefined };
    const volume = new FaultyVolume(new MemoryVolume(image), parts);
    const patient = { checkpointDirtyShare: 0.7, checkpointLogShare: 0.9 };
    const engine = await openOn(world, volume, patient);
    await fill(engine);
    await engine.store.checkpoint();

    // The superblock of the next checkpoint never lands, though its pages do.
    const range = { at: 0, length: 65_536 };
    plan.add({
      operations: ["durable"],
      range,
      skip: 0,
      count: "forever",
      fault: { kind: "stalled" },
    });
    for (let leaf = 0; leaf < 100; leaf++) await writeRow(engine, leaf * 4, 1);
    const checkpoint = engine.store.checkpoint().catch(() => undefined);
    await new Promise<void>((resolve) => world.clock.after(5000, resolve));
    const rows = Array.from({ length: 70 }, (_, index) => 1000 + index * 4);
    for (const row of rows) await writeRow(engine, row, 2);
    const count = await writeAsManyAsAccepted(engine, rows);
    expect(count).toBeGreaterThan(40);

    const again = await openOn(world, new MemoryVolume(image.copy()), patient);
    expect(again.appendedLsn).toBe(engine.appendedLsn);
    for (const row of rows.slice(0, count)) {
      expect(await again.run((step) => step.get(keyOf(row)))).toEqual(SHORT_VALUE);
    }
    plan.clear();
    await checkpoint;
  });
});

test("a transaction that touches more pages than the cache holds is refused at once", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    await fill(engine);
    const beganMs = world.clock.monotonicMs();
    const tooMuch = engine.run((step) => {
      for (let row = 0; row < ROW_COUNT; row += 8) step.set(keyOf(row), Uint8Array.of(1));
    });
    await expect(tooMuch).rejects.toMatchObject({ code: "ERR_LIMIT" });
    expect(world.clock.monotonicMs() - beganMs).toBeLessThan(1000);
    for (let row = 0; row < ROW_COUNT; row += 8) {
      expect((await engine.run((step) => step.get(keyOf(row))))?.length).toBe(VALUE_BYTES);
    }
    await engine.close();
  });
});

/** Writes rows of so many pages in one transaction; of how many. */
async function writeAsManyAsAccepted(
  engine: Transactions,
  rows: readonly number[],
): Promise<number> {
  for (let count = rows.length; ; count--) {
    try {
      await engine.run((step) => {
        for (const row of rows.slice(0, count)) step.set(keyOf(row), SHORT_VALUE);
      });
      return count;
    } catch (error) {
      if (!isFault(error, "ERR_LIMIT")) throw error;
    }
  }
}

async function fill(engine: Transactions): Promise<void> {
  for (let row = 0; row < ROW_COUNT; row += 4) {
    await engine.run((step) => {
      for (let next = row; next < row + 4; next++) step.set(keyOf(next), valueOf(0));
    });
  }
}

async function writeRow(engine: Transactions, row: number, value: number): Promise<void> {
  await engine.run((step) => step.set(keyOf(row), valueOf(value)));
}

function keyOf(row: number): Uint8Array {
  return Uint8Array.of(1, row >>> 8, row);
}

function valueOf(value: number): Uint8Array {
  return new Uint8Array(VALUE_BYTES).fill(value);
}
