/** Stores whose volumes have no more room. */

import { expect, test } from "vitest";
import { type Fault, isFault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import { GENERATION_COUNT_MAX } from "../log/generations.ts";
import { pageRanges, storedLogRanges } from "../simulation/serial/page-ranges.ts";
import type { Step } from "../transactions/step.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { FaultPlan, type FaultRule } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";

/** With room for some pages beside those that are kept in reserve. */
const SHAPE = { ringBytes: 2 << 20, pagesBytes: 2 << 20 };
const VALUE_BYTES = 3000;

test("who removes rows may note it in rows of the store's own", async () => {
  await onFullStore(async ({ engine, rowCount }) => {
    for (let index = 0; index < rowCount; index++) {
      await run(engine, (step) => {
        step.delete(keyOf(index));
        step.set(ownKey(index), new Uint8Array(40));
      });
    }
    expect(await run(engine, (step) => step.get(ownKey(0)))).toHaveLength(40);
    await run(engine, (step) => step.set(keyOf(0), new Uint8Array(VALUE_BYTES)));
    await engine.close();
  });
});

test("who removes more than is put needs no room", async () => {
  await onFullStore(async ({ engine }) => {
    await run(engine, (step) => {
      for (let index = 0; index < 4; index++) step.delete(keyOf(index));
      step.set(keyOf(0), new Uint8Array(VALUE_BYTES));
    });
    const twice = run(engine, (step) => {
      step.delete(keyOf(7));
      step.delete(keyOf(7));
      step.set(keyOf(5000), new Uint8Array(VALUE_BYTES + 1000));
    });
    await expect(twice, "a row is removed once").rejects.toMatchObject({ code: "ERR_FULL" });
    await engine.close();
  });
});

test("rows of the store's own leave room for removes", async () => {
  await onFullStore(async ({ engine, rowCount }) => {
    const put = (index: number) => (step: Step) => {
      step.set(ownKey(index), new Uint8Array(VALUE_BYTES));
    };
    expect((await runUntilFull(engine, put)).count).toBeGreaterThan(10);
    for (let index = 0; index < rowCount; index++) {
      await run(engine, (step) => step.delete(keyOf(index)));
    }
    await run(engine, put(0));
    await engine.close();
  });
});

test("a store says that its disk is full, until some room was found", async () => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const fault = { kind: "full" } as const;
    const full: FaultRule = { operations: ["grow"], skip: 0, count: "forever", fault };
    plan.add(full);
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const engine = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts));
    const put = (index: number) => (step: Step) => {
      step.set(keyOf(index), new Uint8Array(VALUE_BYTES));
    };
    expect(engine.store.isDiskFull).toBe(false);
    await runUntilFull(engine, put);
    expect(engine.store.isDiskFull).toBe(true);
    plan.remove(full);
    await run(engine, put(5000));
    expect(engine.store.isDiskFull).toBe(false);

    const noPages = pageRanges(storedLogRanges(image)).map((range): FaultRule => ({
      ...full,
      operations: ["write", "durable"],
      range,
    }));
    for (const rule of noPages) plan.add(rule);
    await expect(engine.store.checkpoint()).rejects.toMatchObject({ code: "ERR_FULL" });
    expect(engine.store.isDiskFull).toBe(true);
    for (const rule of noPages) plan.remove(rule);
    await engine.store.checkpoint();
    expect(engine.store.isDiskFull).toBe(false);
    await engine.close();
  });
});

test("a store opens on a full disk, as often as its table of openings has room", async () => {
  await onFullStore(async ({ engine, image, world }) => {
    await engine.store.abandon();
    for (let opening = 0; opening < GENERATION_COUNT_MAX + 10; opening++) {
      const again = await openOn(world, fullVolume(world, image, "grow"));
      await run(again, (step) => step.delete(keyOf(opening)));
      await again.store.abandon();
    }
    // Where the disk refuses even what it held before, no checkpoint can forget them.
    let count = 0;
    const refusal = await openUntilRefused(world, image, () => count++);
    expect(refusal.code).toBe("ERR_FULL");
    expect(count).toBeGreaterThan(GENERATION_COUNT_MAX / 2);
    const again = await openOn(world, new MemoryVolume(image));
    expect(await run(again, (step) => step.get(keyOf(99 + count)))).toBeUndefined();
    expect(await run(again, (step) => step.get(keyOf(100 + count)))).toHaveLength(VALUE_BYTES);
    await run(again, (step) => step.delete(keyOf(100 + count)));
    await again.store.abandon();
    const last = await openOn(world, new MemoryVolume(image));
    expect(await run(last, (step) => step.get(keyOf(100 + count)))).toBeUndefined();
    expect(await run(last, (step) => step.get(keyOf(101 + count)))).toHaveLength(VALUE_BYTES);
    await last.close();
  });
});

test("a store that can write no pages is closed cleanly all the same", async () => {
  await onFullStore(async ({ engine, image, world }) => {
    await engine.store.abandon();
    const full = await openOn(world, fullVolume(world, image, "write"));
    await run(full, (step) => step.delete(keyOf(0)));
    await full.close();
    const again = await openOn(world, new MemoryVolume(image));
    expect(await run(again, (step) => step.get(keyOf(0)))).toBeUndefined();
    expect(await run(again, (step) => step.get(keyOf(1)))).toHaveLength(VALUE_BYTES);
    await again.close();
  });
});

async function openUntilRefused(
  world: World,
  image: PagedImage,
  opened: () => void,
): Promise<Fault> {
  for (let opening = 0; opening <= GENERATION_COUNT_MAX; opening++) {
    try {
      const again = await openOn(world, fullVolume(world, image, "write"));
      await run(again, (step) => step.delete(keyOf(100 + opening)));
      await again.store.abandon();
      opened();
    } catch (error) {
      if (isFault(error)) return error;
      throw error;
    }
  }
  throw new Error("nothing was refused");
}

interface Scene {
  readonly world: World;
  readonly engine: Transactions;
  readonly image: PagedImage;
  readonly rowCount: number;
}

async function onFullStore(body: (scene: Scene) => Promise<void>): Promise<void> {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, fullVolume(world, image, "grow"));
    const { count } = await runUntilFull(engine, (index) => (step) => {
      step.set(keyOf(index), new Uint8Array(VALUE_BYTES).fill(index));
    });
    await body({ world, engine, image, rowCount: count });
  });
}

/** Its zone of pages cannot grow; with "write", it takes no pages at all. */
function fullVolume(world: World, image: PagedImage, operation: "grow" | "write"): FaultyVolume {
  const plan = new FaultPlan();
  const fault = { kind: "full" } as const;
  plan.add({ operations: ["grow"], skip: 0, count: "forever", fault });
  const operations = ["write", "durable"] as const;
  const ranges = operation === "write" ? pageRanges(storedLogRanges(image)) : [];
  for (const range of ranges) plan.add({ operations, range, skip: 0, count: "forever", fault });
  const { clock } = world;
  const parts = { plan, random: new SeededRandom(1), clock, crash: () => undefined };
  return new FaultyVolume(new MemoryVolume(image), parts);
}

/** How many bodies were run before one was refused for want of room. */
async function runUntilFull(
  engine: Transactions,
  body: (index: number) => (step: Step) => void,
): Promise<{ count: number }> {
  for (let count = 0; count < 4000; count++) {
    try {
      await run(engine, body(count));
    } catch (error) {
      if (isFault(error, "ERR_FULL")) return { count };
      throw error;
    }
  }
  throw new Error("nothing was refused");
}

async function run<T>(engine: Transactions, body: (step: Step) => T): Promise<T> {
  return await engine.run(body);
}

function keyOf(index: number): Uint8Array {
  return Uint8Array.of(1, index >>> 8, index);
}

function ownKey(index: number): Uint8Array {
  return Uint8Array.of(0, index >>> 8, index);
}
