import { expect, test } from "vitest";
import type { SimulatedWorld } from "../simulation/simulated-world.ts";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";

const KEY = Uint8Array.of(1, 1);
const HOUR_MS = 3_600_000;

/** The store in a new process of the machine, whose clock is so much off by then. */
async function openOff(
  simulation: SimulatedWorld,
  image: PagedImage,
  offsetMs: number,
): Promise<{ engine: Transactions; now: () => Promise<number> }> {
  const machine = simulation.node("a");
  machine.clock.wallOffsetMs = offsetMs;
  const { world } = machine.start();
  const engine = await openOn(world, new MemoryVolume(image));
  return { engine, now: async () => await engine.run((step) => step.nowMs) };
}

function wait(simulation: SimulatedWorld, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    simulation.after(delayMs, resolve);
  });
}

test("time goes on where a store that was closed left off, though the clock is behind", async () => {
  const image = await formattedImage();
  await inWorld(1, async (_, simulation) => {
    const first = await openOff(simulation, image, 0);
    await wait(simulation, 60_000);
    const leftMs = await first.now();
    await first.engine.close();

    const second = await openOff(simulation, image, -HOUR_MS);
    const beganMs = await second.now();
    expect(beganMs).toBeGreaterThanOrEqual(leftMs);
    expect(beganMs).toBeLessThan(leftMs + 1000);
    await wait(simulation, 5000);
    expect(await second.now()).toBeGreaterThanOrEqual(beganMs + 4999);
    expect(await second.now()).toBeLessThan(beganMs + 6000);
    await second.engine.close();
  });
});

test("after a crash it goes on from what the log tells, to the second", async () => {
  const image = await formattedImage();
  await inWorld(1, async (_, simulation) => {
    const first = await openOff(simulation, image, 0);
    for (let count = 0; count < 30; count++) {
      await wait(simulation, 400);
      await first.engine.run((step) => step.set(KEY, Uint8Array.of(count)));
    }
    const leftMs = await first.now();
    await first.engine.store.abandon();

    const second = await openOff(simulation, image, -HOUR_MS);
    expect(await second.now()).toBeGreaterThanOrEqual(leftMs - 1000);
    expect(await second.engine.run((step) => step.get(KEY))).toEqual(Uint8Array.of(29));
    await second.engine.close();
  });
});

test("nor is more missing where the disk takes seconds for a batch", async () => {
  const image = await formattedImage();
  await inWorld(1, async (_, simulation) => {
    const { world } = simulation.node("a").start();
    let isSlow = false;
    const volume = new HookedVolume(new MemoryVolume(image), async () => {
      if (isSlow) await wait(simulation, 4000);
    });
    const engine = await openOn(world, volume, { stallMs: 60_000 });
    isSlow = true;
    await wait(simulation, 2000);
    const first = engine.run((step) => step.set(KEY, Uint8Array.of(1)));
    await wait(simulation, 3500);
    const leftMs = await engine.run((step) => {
      step.set(KEY, Uint8Array.of(2));
      return step.nowMs;
    });
    await first;
    isSlow = false;
    await engine.store.abandon();

    const second = await openOff(simulation, image, -HOUR_MS);
    expect(await second.engine.run((step) => step.get(KEY))).toEqual(Uint8Array.of(2));
    expect(await second.now()).toBeGreaterThanOrEqual(leftMs - 1000);
    await second.engine.close();
  });
});

test("the clock counts where it is ahead", async () => {
  const image = await formattedImage();
  await inWorld(1, async (_, simulation) => {
    const first = await openOff(simulation, image, 0);
    const leftMs = await first.now();
    await first.engine.close();
    const second = await openOff(simulation, image, HOUR_MS);
    expect(await second.now()).toBeGreaterThanOrEqual(leftMs + HOUR_MS);
    await second.engine.close();
  });
});

test("the time is noted beside commits, about once a second, and never alone", async () => {
  const image = await formattedImage();
  await inWorld(1, async (_, simulation) => {
    const { engine } = await openOff(simulation, image, 0);
    const before = engine.appendedLsn;
    await wait(simulation, 30_000);
    expect(engine.appendedLsn).toBe(before);
    for (let count = 0; count < 100; count++) {
      await wait(simulation, 50);
      await engine.run((step) => step.set(KEY, Uint8Array.of(count)));
    }
    const noted = engine.appendedLsn - before - 100;
    expect(noted).toBeGreaterThanOrEqual(4);
    expect(noted).toBeLessThanOrEqual(6);
    await engine.close();
  });
});
