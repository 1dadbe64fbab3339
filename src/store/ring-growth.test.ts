/** The room of a store's ring: taken as the log needs it, used again, given back, and refused. */

import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import { pageRanges, storedLogRanges } from "../simulation/serial/page-ranges.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { FaultPlan, type FaultRule } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { verifyStore } from "./verify.ts";

const KB = 1 << 10;
const MB = 1 << 20;
const SHAPE = { ringBytes: 4 * MB, pagesBytes: 2 * MB };
const SEGMENT_BYTES = 64 * KB;
/** A quarter of the ring. */
const KEPT_BYTES = MB;
/** Checkpoints come only when they are asked for, or when nothing else makes room. */
const RARELY = { checkpointLogShare: 0.9, checkpointDirtyShare: 0.7 };

test("the ring has room for what is live, and some ahead, wherever its head is", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), RARELY);
    const { log } = engine.store;
    expect(log.placedBytes).toBe(KEPT_BYTES);
    let [most, fewest] = [0, Number.POSITIVE_INFINITY];
    for (let index = 0; index < 160; index++) {
      await put(engine, index % 8, 60 * KB);
      if (index % 12 === 11) await engine.store.checkpoint();
      if (log.durablePosition * 4096 > log.ringBytes) fewest = Math.min(fewest, log.placedBytes);
      most = Math.max(most, log.placedBytes);
    }
    expect(log.durablePosition * 4096).toBeGreaterThan(2 * log.ringBytes);
    expect(fewest, "what was placed is used again").toBe(most);
    expect(most).toBeLessThan(2.5 * MB);
    await engine.close();
  });
});

test("a closed store keeps the lowest places of its ring, and the rest is free", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const before = storedLogRanges(image);
    const engine = await openOn(world, new MemoryVolume(image), RARELY);
    for (let index = 0; index < 40; index++) await put(engine, index % 4, 60 * KB);
    const { log, cells } = engine.store;
    const placedBytes = log.placedBytes;
    expect(placedBytes).toBeGreaterThan(2 * KEPT_BYTES);
    const usedCount = (): number => cells.space.pageCount - cells.space.freeCount;
    const usedBefore = usedCount();
    await engine.close();
    expect(log.placedBytes).toBe(KEPT_BYTES);
    const givenPages = (placedBytes - KEPT_BYTES) / PAGE_BYTES;
    expect(usedCount()).toBeLessThanOrEqual(usedBefore - givenPages + 64);
    expect(places(image)).toEqual(places(image, before));

    const again = await openOn(world, new MemoryVolume(image), RARELY);
    expect(again.store.log.placedBytes).toBe(KEPT_BYTES);
    for (let index = 0; index < 40; index++) await put(again, index % 4, 60 * KB);
    expect(await again.run((step) => step.get(keyOf(3)))).toHaveLength(60 * KB);
    await again.close();
    const { findings } = await verifyStore(world, new MemoryVolume(image), () => undefined);
    expect(findings).toEqual([]);
  });
});

test("a transaction of the largest size has room, however little the ring had", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), { ...RARELY, cacheBytes: 32 * MB });
    for (let index = 0; index < 12; index++) await put(engine, index, 60 * KB);
    const most = engine.store.log.ringBytes / 8 - 200;
    for (let index = 0; index < 20; index++) await put(engine, 100, most);
    await engine.store.abandon();
    const again = await openOn(world, new MemoryVolume(image), { cacheBytes: 32 * MB });
    expect(await again.run((step) => step.get(keyOf(100)))).toHaveLength(most);
    await again.close();
  });
});

test("on a full disk the ring does with what it has, until there is room again", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const full = rule("grow");
    plan.add(full);
    const engine = await openOn(world, faulty(world, image, plan), RARELY);
    const { log } = engine.store;
    for (let index = 0; index < 1200; index++) await put(engine, index % 4, 4 * KB);
    const { placedBytes } = log;
    expect(placedBytes).toBeLessThan(2.5 * MB);
    expect(log.durablePosition * 4096).toBeGreaterThan(3 * placedBytes);

    // Whatever a transaction may be, there is room for it where a checkpoint gives up all else.
    await put(engine, 9, 400 * KB);
    plan.remove(full);
    for (let index = 0; index < 20; index++) await put(engine, index, 60 * KB);
    expect(log.placedBytes).toBeGreaterThan(placedBytes);
    await engine.close();
  });
});

test("where the log can have no room rows can still be removed", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const first = await openOn(world, new MemoryVolume(image), RARELY);
    for (let index = 0; index < 300; index++) await put(first, index, 100);
    await first.close();
    const plan = new FaultPlan();
    const engine = await openOn(world, faulty(world, image, plan), RARELY);
    // No checkpoint can be taken, and the ring can have no other places.
    plan.add(rule("grow"));
    for (const range of pageRanges(storedLogRanges(image))) {
      plan.add({ ...rule("write"), operations: ["write", "durable"], range });
    }
    let refusal: unknown;
    for (let index = 0; refusal === undefined && index < 400; index++) {
      refusal = await refusalOf(put(engine, index % 300, 4 * KB));
    }
    expect(isFault(refusal, "ERR_FULL"), String(refusal)).toBe(true);
    for (let index = 0; index < 30; index++) {
      await engine.run((step) => step.delete(keyOf(299 - index)));
    }
    await engine.store.abandon();
    const again = await openOn(world, new MemoryVolume(image));
    expect(await again.run((step) => step.get(keyOf(299)))).toBeUndefined();
    expect(await again.run((step) => step.get(keyOf(200)))).toBeDefined();
    await again.close();
  });
});

test("what users stored is zero before it is a place of the ring", async () => {
  const image = await formattedImage({ ...SHAPE, pagesBytes: 6 * MB });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), RARELY);
    const { store } = engine;
    const imitation = new Uint8Array(200 * KB).fill(0xf5);
    for (let index = 0; index < 12; index++) {
      await engine.run((step) => step.set(keyOf(index), imitation));
    }
    await store.checkpoint();
    for (let index = 0; index < 12; index++) await engine.run((step) => step.delete(keyOf(index)));
    await store.checkpoint();
    const sizeBytes = image.sizeBytes;
    for (let index = 0; store.log.placedBytes < 3 * MB; index++) await put(engine, 1, 60 * KB);
    expect(image.sizeBytes, "free pages are taken before the volume grows").toBe(sizeBytes);
    const [ahead] = store.log.places.slice(store.log.lastSegment + 2);
    const found = new Uint8Array(SEGMENT_BYTES);
    image.read(ahead ?? 0, found);
    expect(ahead).toBeGreaterThan(0);
    expect(found.every((byte) => byte === 0)).toBe(true);
    await engine.close();
  });
});

test.each(["error", "full"] as const)(
  "a superblock that cannot name a place stops the store (%s)",
  async (kind) => {
    const image = await formattedImage(SHAPE);
    await inWorld(1, async (world) => {
      const plan = new FaultPlan();
      const engine = await openOn(world, faulty(world, image, plan), RARELY);
      const range = { at: 0, length: 65_536 };
      plan.add({ ...rule("durable"), range, skip: 1, fault: { kind } });
      let count = 0;
      while (engine.failure === undefined && count < 100) {
        await put(engine, count, 60 * KB).catch(() => undefined);
        count++;
      }
      expect(engine.failure?.message).toMatch(/stopped/);
      const settled = engine.settledLsn;
      await engine.store.abandon();
      const again = await openOn(world, new MemoryVolume(image));
      expect(again.appendedLsn).toBeGreaterThanOrEqual(settled);
      for (let index = 0; index < 40; index++) await put(again, index % 4, 60 * KB);
      await again.close();
    });
  },
);

function rule(operation: "grow" | "write" | "durable"): FaultRule {
  return { operations: [operation], skip: 0, count: "forever", fault: { kind: "full" } };
}

function faulty(world: World, image: PagedImage, plan: FaultPlan): FaultyVolume {
  const random = new SeededRandom(1);
  const { clock } = world;
  return new FaultyVolume(new MemoryVolume(image), { plan, random, clock, crash: () => undefined });
}

async function refusalOf(done: Promise<void>): Promise<unknown> {
  return await done.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function put(engine: Transactions, index: number, lengthBytes: number): Promise<void> {
  await engine.run((step) => step.set(keyOf(index), new Uint8Array(lengthBytes).fill(index)));
}

function keyOf(index: number): Uint8Array {
  return Uint8Array.of(1, index >>> 8, index);
}

function places(image: PagedImage, ranges = storedLogRanges(image)): readonly number[] {
  return ranges.map(({ at }) => at).toSorted((a, b) => a - b);
}
