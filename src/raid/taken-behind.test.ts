import { describe, expect, test } from "vitest";
import { equalBytes } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import type { MemoryVolume } from "../volume/memory-volume.ts";
import { assembleArray, createArray, type RaidArray } from "./array.ts";
import { choices, contentOf, pattern } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import {
  memoryMember,
  shapeName,
  smallAssembly,
  smallOptions,
  type SmallShape,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

const SIZE_BYTES = 8192;

const parityShapes = smallShapes.filter(({ level }) => 4 <= level);

describe("members that are behind and taken by force", () => {
  test.each(parityShapes.map((shape) => [shapeName(shape), shape] as const))(
    "show on %s what is right, or nothing",
    async (_name, shape) => {
      const { lossesMax } = new Geometry({ ...shape, layout: "left-symmetric" });
      for (const behind of choices(shape.memberCount, lossesMax)) {
        for (let gone = 0; gone < shape.memberCount; gone++) {
          if (behind.length < lossesMax || behind.includes(gone)) continue;
          await tryForce(shape, behind, gone);
        }
      }
    },
  );
});

async function tryForce(shape: SmallShape, behind: readonly number[], gone: number): Promise<void> {
  const what = `${JSON.stringify(behind)} behind, ${gone} gone`;
  const { members, content } = await written(shape, behind);
  const left = members.filter((_, index) => index !== gone);
  const options = { ...smallAssembly, force: true };
  const array = await assembleArray(testWorld(5), left, options);
  const before = await refuted(array, shape, content, what);
  await array.settled();
  const after = await refuted(array, shape, content, what);
  expect(after, what).toBe(before);
  // Most was not touched since they left.
  expect(after, what).toBeLessThan(SIZE_BYTES / shape.blockBytes / 2);
  await array.close();
}

/** How many blocks are told as lost; the others must be right. */
async function refuted(
  array: RaidArray,
  { blockBytes }: SmallShape,
  content: Uint8Array,
  what: string,
): Promise<number> {
  let lost = 0;
  for (let at = 0; at < SIZE_BYTES; at += blockBytes) {
    const bytes = new Uint8Array(blockBytes);
    const outcome: unknown = await array.read(at, bytes).catch((error: unknown) => error);
    if (isFault(outcome, "ERR_CORRUPT")) lost++;
    else if (!equalBytes(bytes, content.subarray(at, at + blockBytes))) {
      expect.fail(`${what}: wrong at ${at}`);
    }
  }
  return lost;
}

/** A closed array that some members left; parts were written, and trimmed, before and since. */
async function written(
  shape: SmallShape,
  behind: readonly number[],
): Promise<{ readonly members: MemoryVolume[]; readonly content: Uint8Array }> {
  const images = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
  const array = await createArray(testWorld(), images, smallOptions(shape, SIZE_BYTES));
  await array.writeDurable(0, pattern(SIZE_BYTES - 1024, 1));
  await array.checkpoint();
  await array.writeDurable(4096, pattern(500, 2));
  for (const role of behind) await array.fail(role);
  await array.writeDurable(512, pattern(300, 3));
  await array.writeDurable(SIZE_BYTES - 1000, pattern(400, 4));
  await array.trim(2048, 1024);
  const content = await contentOf(array);
  await array.close();
  const members = images.map(({ image }, index) => memoryMember(index, image));
  return { members, content };
}
