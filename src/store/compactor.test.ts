/** Stores whose volumes get shorter. */

import { expect, test } from "vitest";
import { SeededRandom } from "../base/random.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import type { SnapshotView } from "../transactions/engine.ts";
import type { Step } from "../transactions/step.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { FaultPlan, type FaultRule } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn, smallShape } from "../../test/support/small-store.ts";
import type { StoreOptions } from "./options.ts";
import { verifyStore } from "./verify.ts";

const ROW_COUNT = 1200;
const VALUE_BYTES = 1200;
const MB = 1 << 20;
const SHAPE = { ...smallShape, ringBytes: 4 * MB };
const DEAF: Partial<StoreOptions> = { closeMovesBytesMax: 0, shrinkBytesMin: 2 ** 40 };

test("a close gives back what is free, whatever lay at the end", async () => {
  const image = await usedImage();
  const before = image.sizeBytes;
  await openAndClose(image);
  expect(image.sizeBytes).toBeLessThan(before * 0.6);
  // Rows of 1,225 bytes on pages that are filled to seven eighths, the ring, and some room.
  const rows = (ROW_COUNT / 2) * 1225 * 1.3;
  expect(image.sizeBytes).toBeLessThan(rows + SHAPE.ringBytes + 100 * PAGE_BYTES);
  await expectWhole(image);
});

test("rows are the same afterwards, and may be written at once", async () => {
  const image = await usedImage();
  await openAndClose(image);
  await inWorld(3, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    await expectRows(engine);
    await writeRows(engine, new SeededRandom(3), 2);
    await expectRows(engine, 2);
    await engine.close();
  });
  await expectWhole(image);
});

test("nothing is moved where nothing may be, and only as much as may be", async () => {
  const size = async (closeMovesBytesMax: number): Promise<number> => {
    const image = await usedImage();
    await openAndClose(image, { closeMovesBytesMax });
    await expectWhole(image);
    return image.sizeBytes;
  };
  const sizes = [await size(0), await size(1 * MB), await size(64 * MB)];
  expect(sizes).toEqual(sizes.toSorted((left, right) => right - left));
  expect(new Set(sizes).size).toBe(3);
});

test("long values are moved down, too", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), DEAF);
    for (let round = 0; round < 2; round++) {
      for (let row = 0; row < 60; row++) {
        const value = new Uint8Array(50_000).fill(row);
        await engine.run((step) => step.set(keyOf(row), value));
      }
      await engine.store.checkpoint();
    }
    for (let row = 0; row < 50; row++) await engine.run((step) => step.delete(keyOf(row)));
    await engine.close();
  });
  const before = image.sizeBytes;
  await openAndClose(image);
  expect(image.sizeBytes).toBeLessThan(before - 3 * MB);
  await expectWhole(image);
  await inWorld(2, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    for (let row = 50; row < 60; row++) {
      const found = await engine.run((step) => step.get(keyOf(row)));
      expect(found?.length).toBe(50_000);
      expect(found?.every((byte) => byte === row)).toBe(true);
    }
    await engine.close();
  });
});

test("a store is closed cleanly where there is no room, and where a page cannot be read", async () => {
  const faults: readonly FaultRule[] = [
    { operations: ["grow", "write"], skip: 0, count: "forever", fault: { kind: "full" } },
    { operations: ["truncate"], skip: 0, count: "forever", fault: { kind: "full" } },
    { operations: ["read"], skip: 0, count: 1, fault: { kind: "error" } },
    { operations: ["read"], skip: 3, count: "forever", fault: { kind: "error" } },
  ];
  for (const fault of faults) {
    const image = await usedImage();
    const before = image.sizeBytes;
    await inWorld(2, async (world) => {
      const plan = new FaultPlan();
      const engine = await openOn(world, faulty(world, image, plan));
      plan.add(fault);
      await engine.close();
    });
    expect(image.sizeBytes).toBeLessThanOrEqual(before);
    await expectWhole(image);
    await inWorld(3, async (world) => {
      const engine = await openOn(world, new MemoryVolume(image));
      await expectRows(engine);
      await engine.close();
    });
  }
});

test("a store in use gives back what its writers need no more, and keeps what they do", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const volume = new MemoryVolume(image);
    const engine = await openOn(world, volume);
    const snapshots: SnapshotView[] = [];
    // Nothing that a snapshot sees may be used again, so that the zone becomes long.
    for (let round = 0; round < 8; round++) {
      await writeRows(engine, new SeededRandom(1), round);
      snapshots.push(await engine.snapshot());
      await engine.store.checkpoint();
    }
    for (const snapshot of snapshots) snapshot.release();
    const long = volume.sizeBytes;
    for (let row = 0; row < ROW_COUNT; row++) {
      await engine.run((step) => step.delete(keyOf(row)));
    }
    for (let round = 0; round < 8; round++) {
      await engine.run((step) => step.set(keyOf(round), new Uint8Array(100)));
      await engine.store.checkpoint();
    }
    const short = volume.sizeBytes;
    expect(short).toBeLessThan(long * 0.75);
    for (let round = 0; round < 8; round++) {
      await engine.run((step) => step.set(keyOf(round), new Uint8Array(200)));
      await engine.store.checkpoint();
      expect(volume.sizeBytes).toBe(short);
    }
    await engine.store.abandon();
  });
  await inWorld(2, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    expect(await engine.run((step) => step.count(Uint8Array.of(1)))).toBe(8);
    await engine.close();
  });
  await expectWhole(image);
});

let used: PagedImage | undefined;

/** Of a store in which rows were written in any order, several times, and half of them removed. */
async function usedImage(): Promise<PagedImage> {
  used ??= await makeUsedImage();
  return used.copy();
}

async function makeUsedImage(): Promise<PagedImage> {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), DEAF);
    for (let round = 0; round < 2; round++) await writeRows(engine, new SeededRandom(7), round);
    await writeRows(engine, new SeededRandom(8), 1);
    for (let row = 1; row < ROW_COUNT; row += 2) {
      await engine.run((step) => step.delete(keyOf(row)));
    }
    await engine.close();
  });
  return image;
}

async function openAndClose(image: PagedImage, options: Partial<StoreOptions> = {}): Promise<void> {
  await inWorld(2, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), options);
    await engine.close();
  });
}

/** Writes all rows in an order that the seed decides. */
async function writeRows(
  engine: Transactions,
  random: SeededRandom,
  content: number,
): Promise<void> {
  const rows = Array.from({ length: ROW_COUNT }, (_, row) => row);
  for (let last = rows.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [rows[last], rows[other]] = [rows[other] as number, rows[last] as number];
  }
  for (let from = 0; from < rows.length; from += 10) {
    await engine.run((step) => {
      for (const row of rows.slice(from, from + 10)) step.set(keyOf(row), valueOf(row, content));
    });
  }
}

/** Those of `usedImage`, or all of them. */
async function expectRows(engine: Transactions, content?: number): Promise<void> {
  for (let row = 0; row < ROW_COUNT; row++) {
    const isThere = content !== undefined || row % 2 === 0;
    const expected = isThere ? valueOf(row, content ?? 1) : undefined;
    const found = await engine.run((step: Step) => step.get(keyOf(row)));
    expect(found?.length).toBe(expected?.length);
    expect(found?.[0]).toBe(expected?.[0]);
    expect(found?.[VALUE_BYTES - 1]).toBe(expected?.[VALUE_BYTES - 1]);
  }
}

async function expectWhole(image: PagedImage): Promise<void> {
  await inWorld(4, async (world) => {
    const report = await verifyStore(world, new MemoryVolume(image), () => undefined);
    expect(report.findings).toEqual([]);
    expect(report.description.isCleanlyClosed).toBe(true);
    const { at, pageCount } = report.description.pages;
    expect(at + pageCount * PAGE_BYTES).toBeLessThanOrEqual(image.sizeBytes);
  });
}

function faulty(world: World, image: PagedImage, plan: FaultPlan): FaultyVolume {
  const random = new SeededRandom(1);
  const parts = { plan, random, clock: world.clock, crash: () => undefined };
  return new FaultyVolume(new MemoryVolume(image), parts);
}

function keyOf(row: number): Uint8Array {
  return Uint8Array.of(1, row >>> 16, row >>> 8, row);
}

function valueOf(row: number, content: number): Uint8Array {
  return new Uint8Array(VALUE_BYTES).fill((row + content) & 0xff);
}
