import { expect, test } from "vitest";
import { testVolume } from "../volume/volume.suite.ts";
import { assembleArray, createArray } from "./array.ts";
import {
  layoutShapes,
  memoryMember,
  shapeName,
  smallAssembly,
  smallOptions,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

for (const shape of [...smallShapes, ...layoutShapes]) {
  testVolume(shapeName(shape), async () => {
    const members = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
    const world = testWorld();
    const volume = await createArray(world, members, smallOptions(shape, 65_536));
    const reopen = async () => {
      // Not closed, so that all that is in the journal has to be replayed.
      const images = members.map(({ image }, index) => memoryMember(index, image.copy()));
      return await assembleArray(testWorld(2), images.toReversed(), smallAssembly);
    };
    return { volume, reopen };
  });
}

test("an array closed is an array opened again", async () => {
  for (const shape of smallShapes) {
    const members = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
    const array = await createArray(testWorld(), members, smallOptions(shape, 65_536));
    await array.write(1000, new Uint8Array(5000).fill(7));
    await array.close();
    const again = members.map(({ image }, index) => memoryMember(index, image));
    const opened = await assembleArray(testWorld(2), again, smallAssembly);
    const bytes = new Uint8Array(7000);
    await opened.read(0, bytes);
    expect(bytes).toEqual(new Uint8Array(7000).fill(7, 1000, 6000));
    await opened.close();
  }
});
