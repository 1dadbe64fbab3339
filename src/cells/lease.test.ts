import { expect, test } from "vitest";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";

test("who gave up before a long value came does not keep it in memory", async () => {
  const image = await formattedImage();
  const value = new Uint8Array(60_000);
  await inWorld(1, async (world) => {
    const memory = new MemoryVolume(image);
    let slowMs = 0;
    const volume = new HookedVolume(memory, async (operation) => {
      if (operation !== "read" || slowMs === 0) return;
      await new Promise<void>((resolve) => world.clock.after(slowMs, resolve));
    });
    const engine = await openOn(world, volume);
    const { cells } = engine.store;
    for (let last = 0; last < 20; last++) {
      await engine.run((step) => step.set(Uint8Array.of(1, last), value));
    }
    await engine.store.checkpoint();
    slowMs = 50;
    for (let last = 0; last < 40; last++) {
      const key = Uint8Array.of(1, last % 20);
      await engine.run((step) => step.get(key), { timeoutMs: 10 }).catch(() => undefined);
      await new Promise<void>((resolve) => world.clock.after(100, resolve));
    }
    expect(cells.extents.cleanBytes).toBeLessThanOrEqual((4 << 20) / 8);
    await engine.close();
  });
});

test("more readers than the cache has pages do not take from each other what they wait for", async () => {
  const image = await formattedImage({ ringBytes: 4 << 20, pagesBytes: 1 << 20 });
  const value = new Uint8Array(3000);
  const keyOf = (index: number): Uint8Array => Uint8Array.of(1, index >>> 8, index);
  await inWorld(1, async (world) => {
    const memory = new MemoryVolume(image);
    const volume = new HookedVolume(memory, async (operation) => {
      if (operation === "read") await new Promise<void>((resolve) => world.clock.soon(resolve));
    });
    const engine = await openOn(world, volume);
    for (let index = 0; index < 2000; index++) {
      await engine.run((step) => step.set(keyOf(index), value));
    }
    const { cache } = engine.store.cells;
    await engine.store.checkpoint();
    const missesBefore = cache.missCount;
    const found = Array.from({ length: 2000 }, (_, index) => {
      return engine.run((step) => step.get(keyOf(index))?.length);
    });
    expect(new Set(await Promise.all(found))).toEqual(new Set([3000]));
    expect(cache.missCount - missesBefore).toBeLessThan(2 * cache.frameCount);
    await engine.close();
  });
});

test("what a transaction pinned that came to nothing is not in the way of readers", async () => {
  const image = await formattedImage({ ringBytes: 4 << 20, pagesBytes: 1 << 20 });
  const value = new Uint8Array(3900);
  const keyOf = (index: number): Uint8Array => Uint8Array.of(1, index >>> 8, index);
  const middle = { start: keyOf(800), end: keyOf(1200) };
  await inWorld(1, async (world) => {
    const volume = new HookedVolume(new MemoryVolume(image), async (operation) => {
      if (operation === "read") await new Promise<void>((done) => world.clock.after(1, done));
    });
    const engine = await openOn(world, volume);
    const { cache } = engine.store.cells;
    for (let index = 0; index < 2000; index++) {
      await engine.run((step) => step.set(keyOf(index), value));
    }
    await engine.store.checkpoint();
    // The first are dirty, and the last pinned.
    for (let index = 0; cache.dirtyCount < 0.39 * cache.frameCount; index += 3) {
      await engine.run((step) => step.set(keyOf(index), value));
    }
    const removal = engine.run(
      (step) => {
        for (let index = 2000; index-- > 0;) step.delete(keyOf(index));
      },
      { timeoutMs: 10_000 },
    );
    await expect(removal).rejects.toMatchObject({ code: "ERR_LIMIT" });
    let rowCount = 0;
    await engine.run(
      (step) => {
        rowCount = 0;
        step.scan(middle, () => ++rowCount > 0);
      },
      { timeoutMs: 5000 },
    );
    expect(rowCount).toBe(400);
    await engine.close();
  });
});

test("a body may read as many long values as memory holds", async () => {
  const image = await formattedImage({ ringBytes: 4 << 20, pagesBytes: 16 << 20 });
  const value = new Uint8Array(4200);
  // So long that few are in a leaf, and most leaves are asked for ahead.
  const keys = Array.from({ length: 600 }, (_, index) => {
    return Uint8Array.of(1, index >>> 8, index, ...new Uint8Array(1000));
  });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    for (const key of keys) await engine.run((step) => step.set(key, value));
    await engine.close();
    const again = await openOn(world, new MemoryVolume(image));
    let runCount = 0;
    const lengths = await again.run((step) => {
      runCount++;
      step.willFind(keys);
      return keys.map((key) => step.get(key)?.length);
    });
    expect(new Set(lengths)).toEqual(new Set([value.length]));
    expect(runCount, "values are loaded together").toBeLessThan(60);
    await again.close();
  });
});
