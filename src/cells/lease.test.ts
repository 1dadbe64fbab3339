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
