import { expect, test } from "vitest";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";

const UNIT_BYTES = 4096;

test("a clean shutdown says nothing of what is written after the next opening", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const before = await openOn(world, new MemoryVolume(image));
    await before.run((step) => step.set(Uint8Array.of(1), Uint8Array.of(1)));
    await before.close();

    const engine = await openOn(world, new MemoryVolume(image));
    const positions: number[] = [];
    for (let count = 0; count < 3; count++) {
      positions.push(engine.store.log.durablePosition);
      await engine.run((step) => step.set(Uint8Array.of(2, count), Uint8Array.of(count)));
    }
    await engine.store.abandon();
    // The first of them is lost, with which the mark would let the log end.
    const [first = 0] = positions;
    const [place = 0] = engine.store.log.places;
    image.write(place + first * UNIT_BYTES, new Uint8Array(UNIT_BYTES));
    const again = openOn(world, new MemoryVolume(image));
    await expect(again).rejects.toMatchObject({ code: "ERR_CORRUPT" });
  });
});
