import { expect, test } from "vitest";
import { bestChecksums } from "../base/checksums.ts";
import { lsn } from "../base/ids.ts";
import { SeededRandom } from "../base/random.ts";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { RecordingVolume } from "../volume/recording-volume.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn, smallShape } from "../../test/support/small-store.ts";
import { SUPERBLOCK_ZONE_BYTES, SuperblockZone } from "./superblock.ts";

const KEY = Uint8Array.of(1, 1);

test("a process that stands still while it closes its store closes it all the same", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const engine = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts));
    const fault = { kind: "slow", delayMs: 5000 } as const;
    plan.add({ operations: ["durable"], skip: 0, count: "forever", fault });
    const told = engine.run((step) => step.set(KEY, KEY));
    await engine.close();
    await told;

    const again = await openOn(world, new MemoryVolume(image));
    expect(await again.run((step) => step.get(KEY))).toEqual(KEY);
    await again.close();
  });
});

test("a lone superblock is made two before anything else is written", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    await engine.run((step) => step.set(KEY, KEY));
    await engine.store.checkpoint();
    await engine.run((step) => step.set(KEY, Uint8Array.of(2)));
    await engine.store.abandon();
    const believed = (): Promise<boolean> => Promise.resolve(true);
    const before = await SuperblockZone.open(new MemoryVolume(image), bestChecksums(), believed);
    const secondCopy = before.sequence % 2 === 0 ? 1 : 3;
    image.write(secondCopy * 16_384, new Uint8Array(16_384));

    const volume = new RecordingVolume(image);
    const again = await openOn(world, volume);
    expect(volume.writes[0]?.at).toBe(secondCopy * 16_384);
    expect(await again.run((step) => step.get(KEY))).toEqual(Uint8Array.of(2));
    await again.close();
  });
});

test("a store in no hurry takes its checkpoints while clients write, and rests in between", async () => {
  const image = await formattedImage({ ...smallShape, ringBytes: 1 << 20 });
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const volume = new FaultyVolume(new MemoryVolume(image), parts);
    const engine = await openOn(world, volume);
    const fault = { kind: "slow", delayMs: 1 } as const;
    const range = { at: SUPERBLOCK_ZONE_BYTES + (1 << 20), length: 2 ** 40 };
    plan.add({ operations: ["durable"], range, skip: 0, count: "forever", fault });
    for (let row = 0; row < 600; row++) {
      await engine.run((step) => step.set(Uint8Array.of(1, row >>> 8, row), new Uint8Array(3000)));
    }
    expect(engine.store.checkpointCount).toBeGreaterThan(1);
    expect(engine.store.log.usedBytes).toBeLessThan(1 << 20);
    await engine.close();
    await checkRows(world, new MemoryVolume(image), 600);
  });
});

async function checkRows(world: World, volume: MemoryVolume, rowCount: number): Promise<void> {
  const engine = await openOn(world, volume);
  expect(await engine.run((step) => step.count(Uint8Array.of(1)))).toBe(rowCount);
  await engine.close();
}

test("a store that could not apply what it appended answers nothing more", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const { tree } = engine.store.cells;
    tree.put = () => {
      throw new Error("a bug");
    };
    expect(() => engine.tryRun((step) => step.set(KEY, KEY))).toThrow("a bug");
    expect(() => engine.tryRun((step) => step.get(KEY))).toThrow("stopped: a bug");
    await engine.close();
  });
});

test("who waits for memory for a page hears at once that the store failed", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const first = await openOn(world, new MemoryVolume(image));
    for (let row = 0; row < 40; row++) {
      await first.run((step) => step.set(Uint8Array.of(1, row), new Uint8Array(3000)));
    }
    await first.close();

    const plan = new FaultPlan();
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const engine = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts));
    const { cache } = engine.store.cells;
    // What is dirty stays in memory, and so the next write needs no other page.
    await engine.run((step) => step.set(KEY, KEY));
    while (cache.ensureFree(1)) cache.borrow();
    const beganMs = world.clock.monotonicMs();
    const waiting = [
      engine.run((step) => step.get(Uint8Array.of(1, 39))),
      engine.begin().run((step) => step.get(Uint8Array.of(1, 20))),
    ].map((read) => read.catch((error: unknown) => error));
    plan.add({ operations: ["durable"], skip: 0, count: "forever", fault: { kind: "error" } });
    await expect(engine.run((step) => step.set(KEY, KEY))).rejects.toThrow();
    for (const error of await Promise.all(waiting)) expect(String(error)).toMatch(/stopped: /u);
    expect(world.clock.monotonicMs() - beganMs).toBeLessThan(1000);
    await engine.store.abandon();
  });
});

test("a batch of many writes is on its way before they are applied", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const events: string[] = [];
    const volume = new HookedVolume(new MemoryVolume(image), (operation) => {
      events.push(operation);
    });
    const engine = await openOn(world, volume);
    const { tree } = engine.store.cells;
    const put = tree.put.bind(tree);
    tree.put = (...args) => {
      if (events.at(-1) !== "put") events.push("put");
      return put(...args);
    };
    const eventsOf = async (rowCount: number): Promise<readonly string[]> => {
      events.length = 0;
      await engine.run((step) => {
        for (let row = 0; row < rowCount; row++) step.set(Uint8Array.of(1, row), KEY);
      });
      return [...events];
    };
    expect(await eventsOf(200)).toEqual(["write", "put"]);
    expect(await eventsOf(2)).toEqual(["put", "write"]);
    await engine.close();
  });
});

test("any number may wait for what is to be settled", { timeout: 20_000 }, async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const { store } = engine;
    const told = engine.run((step) => step.set(KEY, KEY));
    expect(store.settledLsn).toBeLessThan(store.appendedLsn);
    let count = 0;
    const waiting = Array.from({ length: 100_000 }, async () => {
      await store.whenSettled(store.appendedLsn);
      count++;
    });
    await Promise.all([told, ...waiting]);
    expect(count).toBe(100_000);
    const never = store.whenSettled(lsn(store.appendedLsn + 1));
    await engine.close();
    await expect(never).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});

test("who closes a store once more hears of it when it is closed", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    for (const close of ["close", "abandon"] as const) {
      const volume = new MemoryVolume(image);
      let isClosed = false;
      const closeVolume = volume.close.bind(volume);
      volume.close = async () => {
        await new Promise<void>((resolve) => world.clock.after(20, resolve));
        await closeVolume();
        isClosed = true;
      };
      const engine = await openOn(world, volume);
      let isOver = false;
      engine.atClose(async () => {
        await new Promise<void>((resolve) => world.clock.after(20, resolve));
        isOver = true;
      });
      engine.run((step) => step.set(KEY, KEY)).catch(() => undefined);
      void engine.store[close]();
      await engine.store.close();
      expect(isClosed, "the store is closed").toBe(true);
      void engine.close();
      await engine.close();
      expect(isOver, "what is done at the end is done").toBe(true);
    }
  });
});
