import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { CrashImages } from "../volume/crash-images.ts";
import { RecordingVolume } from "../volume/recording-volume.ts";
import { assembleArray, createArray } from "./array.ts";
import { contentOf } from "./crash-run.suite.ts";
import {
  memoryMember,
  smallAssembly,
  smallOptions,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

test("an array whose making crashes is there, or can simply be made again", async () => {
  const seen = new Set<string>();
  for (const shape of smallShapes) {
    const options = smallOptions(shape, 2048);
    const moments: number[][] = [];
    const members: RecordingVolume[] = [];
    for (let index = 0; index < shape.memberCount; index++) {
      const named = { name: `disk${index}`, writeUnitBytes: 64 };
      members.push(
        new RecordingVolume(0, named, async () => {
          moments.push(members.map(({ point }) => point));
          await Promise.resolve();
        }),
      );
    }
    await createArray(testWorld(), members, options);
    moments.push(members.map(({ point }) => point));
    for (const [moment, points] of moments.entries()) {
      const left = members.map((member, index) => {
        const image = new CrashImages(member, "power").after(points[index] ?? 0, moment);
        return memoryMember(index, image);
      });
      const found = await assembleArray(testWorld(2), left, smallAssembly).catch(codeOf);
      const array =
        typeof found === "string" ? await createArray(testWorld(3), left, options) : found;
      seen.add(typeof found === "string" ? found : "there");
      expect(await contentOf(array)).toEqual(new Uint8Array(2048));
      await array.writeDurable(100, new Uint8Array(500).fill(3));
      await array.close();
    }
  }
  expect([...seen].toSorted()).toEqual(["ERR_FORMAT", "there"]);
});

function codeOf(error: unknown): string {
  return isFault(error) ? error.code : String(error);
}
