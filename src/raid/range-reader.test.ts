import { expect, test } from "vitest";
import { equalBytes } from "../base/bytes.ts";
import { SeededRandom } from "../base/random.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { assembleArray, createArray, type RaidArray } from "./array.ts";
import { pattern } from "./crash-run.suite.ts";
import { layoutShapes, smallAssembly, smallOptions, type SmallShape } from "./test-array.suite.ts";
import { shapeName, smallShapes, testWorld } from "./test-array.suite.ts";

/** What is read of it in whole stripes. */
const five: SmallShape = { level: 5, memberCount: 4, blockBytes: 64, chunkBlocks: 2 };
const STRIPE_BYTES = 3 * 2 * 64;

class CountedVolume extends MemoryVolume {
  readCount = 0;
  readBytes = 0;

  override async read(at: number, target: Uint8Array): Promise<void> {
    this.readCount++;
    this.readBytes += target.length;
    await super.read(at, target);
  }
}

test("a range of many stripes takes one read of each member", async () => {
  const { array, members, content } = await filled(five, 8 * STRIPE_BYTES);
  await expectRead(array, content, STRIPE_BYTES, 5 * STRIPE_BYTES);
  expect(members.map(({ readCount }) => readCount)).toEqual([1, 1, 1, 1]);
});

test("without a member, too, and each block is read once", async () => {
  for (const shape of [five, { ...five, level: 4 }, { ...five, level: 6 }] as const) {
    const stripeBytes = shape.level === 6 ? 2 * 2 * 64 : STRIPE_BYTES;
    const { array, members, content } = await filled(shape, 8 * stripeBytes);
    await array.fail(0);
    await array.checkpoint();
    for (const member of members) member.readCount = member.readBytes = 0;
    await expectRead(array, content, 0, 5 * stripeBytes);
    expect(members.map(({ readCount }) => readCount)).toEqual([0, 1, 1, 1]);
    for (const { readBytes } of members) expect(readBytes).toBeLessThanOrEqual(5 * 2 * 64);
  }
});

test("what nobody wrote is not read from members, and what is far apart not with it", async () => {
  const sizeBytes = 32 * 4096;
  const shape = { level: 0, memberCount: 2, blockBytes: 4096, chunkBlocks: 1 } as const;
  const { array, members, content } = await filled(shape, sizeBytes);
  await array.trim(2 * 4096, sizeBytes - 4 * 4096);
  await array.checkpoint();
  content.fill(0, 2 * 4096, sizeBytes - 2 * 4096);
  for (const member of members) member.readCount = member.readBytes = 0;
  await expectRead(array, content, 0, sizeBytes);
  expect(members.map(({ readCount }) => readCount)).toEqual([1, 1]);
  const far = await filled(shape, 3 * sizeBytes);
  await far.array.trim(2 * 4096, 3 * sizeBytes - 4 * 4096);
  await far.array.checkpoint();
  far.content.fill(0, 2 * 4096, 3 * sizeBytes - 2 * 4096);
  for (const member of far.members) member.readCount = member.readBytes = 0;
  await expectRead(far.array, far.content, 0, 3 * sizeBytes);
  expect(far.members.map(({ readCount }) => readCount)).toEqual([2, 2]);
  expect(far.members.map(({ readBytes }) => readBytes)).toEqual([2 * 4096, 2 * 4096]);
});

test("any range holds what was written, with any members that may be missing", async () => {
  for (const shape of [...smallShapes, ...layoutShapes]) {
    const random = new SeededRandom(7);
    const { array, content } = await filled(shape, 4096);
    const losses = [0, 1, shape.memberCount - 1, 0, 1, 1, 2][shape.level] ?? 0;
    for (let lost = 0; lost <= losses; lost++) {
      for (let turn = 0; turn < 30; turn++) {
        const at = random.below(4096);
        const length = 1 + random.below(4096 - at);
        // Some of it is in memory, and some nowhere.
        const fresh = new Uint8Array(1 + random.below(300)).fill(turn);
        const to = random.below(4096 - fresh.length);
        if (turn % 3 === 0) {
          await array.write(to, fresh);
          content.set(fresh, to);
        }
        if (turn % 10 === 5) {
          await array.trim(Math.floor(to / 512) * 512, 512);
          content.fill(0, Math.floor(to / 512) * 512, Math.floor(to / 512) * 512 + 512);
        }
        if (turn % 10 === 9) await array.checkpoint();
        await expectRead(array, content, at, length, `${shapeName(shape)} without ${lost}`);
      }
      if (lost < losses) await array.fail((lost * 2) % shape.memberCount);
    }
  }
});

async function expectRead(
  array: RaidArray,
  content: Uint8Array,
  at: number,
  length: number,
  message = "",
): Promise<void> {
  const target = new Uint8Array(length);
  await array.read(at, target);
  expect(equalBytes(target, content.subarray(at, at + length)), message).toBe(true);
}

/** An array of which all is in place. */
async function filled(
  shape: SmallShape,
  sizeBytes: number,
): Promise<{
  readonly array: RaidArray;
  readonly members: readonly CountedVolume[];
  readonly content: Uint8Array;
}> {
  const { memberCount, blockBytes } = shape;
  const options = { ...smallOptions(shape, sizeBytes), groupTableBlocks: 16 };
  const made = Array.from(
    { length: memberCount },
    (_, index) =>
      new CountedVolume(0, {
        name: `disk${index}`,
        writeUnitBytes: blockBytes,
      }),
  );
  const array = await createArray(testWorld(), made, options);
  const content = pattern(sizeBytes, 3);
  await array.writeDurable(0, content);
  await array.close();
  const members = made.map(
    ({ image, name }) => new CountedVolume(image, { name, writeUnitBytes: blockBytes }),
  );
  const again = await assembleArray(testWorld(2), members, smallAssembly);
  for (const member of members) member.readCount = member.readBytes = 0;
  return { array: again, members, content };
}
