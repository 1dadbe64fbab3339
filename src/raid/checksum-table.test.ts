import { expect, test } from "vitest";
import type { MemoryVolume } from "../volume/memory-volume.ts";
import { assembleArray, createArray } from "./array.ts";
import { contentOf, pattern } from "./crash-run.suite.ts";
import { memoryMember, smallAssembly, smallOptions, testWorld } from "./test-array.suite.ts";

const SIZE_BYTES = 16_384;

test("a stripe whose entries lie in two table blocks is there after the array was closed", async () => {
  // A table block has the entries of 60 rows, which are no whole number of chunks of 8.
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 8 } as const;
  const stripeBytes = 1024;
  for (let at = 0; at < SIZE_BYTES; at += stripeBytes) {
    const members = [0, 1, 2].map((index) => memoryMember(index, 0));
    const array = await createArray(testWorld(), members, smallOptions(shape, SIZE_BYTES));
    const content = new Uint8Array(SIZE_BYTES);
    content.set(pattern(stripeBytes, 1), at);
    // Nothing else is written, so that no other change has either table block written.
    await array.write(at, content.subarray(at, at + stripeBytes));
    await array.close();
    const again = await assembleArray(testWorld(3), members.map(copyOf), smallAssembly);
    expect(await contentOf(again)).toEqual(content);
  }
});

function copyOf({ image, name }: MemoryVolume): MemoryVolume {
  return memoryMember(Number(name.slice(4)), image.copy());
}
