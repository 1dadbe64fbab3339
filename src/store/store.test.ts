import { expect, test } from "vitest";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";

const KEY = Uint8Array.of(1);

test("what was appended before a close is answered, however slow the disk is", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    let slowMs = 0;
    const volume = new HookedVolume(new MemoryVolume(image), async (operation) => {
      if (operation !== "write" || slowMs === 0) return;
      await new Promise<void>((resolve) => world.clock.after(slowMs, resolve));
    });
    const engine = await openOn(world, volume, { stallMs: 1000 });
    slowMs = 3000;
    const written = [1, 2].map((value) =>
      engine.run((step) => step.set(KEY, Uint8Array.of(value))),
    );
    const closed = engine.close();
    await Promise.all(written);
    await closed;
    const again = await openOn(world, new MemoryVolume(image));
    expect(await again.run((step) => step.get(KEY))).toEqual(Uint8Array.of(2));
    await again.close();
  });
});
