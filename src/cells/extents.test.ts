import { expect, test } from "vitest";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";

test("an empty value under a long key is not taken for the long value beside it", async () => {
  const image = await formattedImage();
  const long = (last: number): Uint8Array => new Uint8Array(5000).fill(1).fill(last, 4999);
  const value = new Uint8Array(9000).fill(7);
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    await engine.run((step) => {
      step.set(long(1), new Uint8Array(0));
      step.set(long(2), value);
      step.set(long(3), new Uint8Array(0));
    });
    await engine.run((step) => step.set(long(4), value));
    for (const last of [1, 2, 3, 4]) {
      const found = await engine.run((step) => step.get(long(last)));
      expect(found).toEqual(last % 2 === 0 ? value : new Uint8Array(0));
    }
    await engine.close();
  });
});
