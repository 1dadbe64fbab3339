import { expect, test } from "vitest";
import { openArrayParts } from "./array-parts.ts";
import { formatMembers } from "./format-members.ts";
import { memoryMember, smallOptions, testWorld } from "./test-array.suite.ts";

test("a checkpoint may begin at the very moment at which a batch is durable", async () => {
  const world = testWorld();
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 } as const;
  const options = smallOptions(shape, 1024);
  const volumes = [0, 1, 2].map((index) => memoryMember(index, 0));
  const { record, layout, seats } = await formatMembers(world, volumes, options);
  const parts = openArrayParts(world, { record, layout, seats, spares: [] }, options);
  const { checkpointer, core, journal, writer } = parts;
  await parts.members.save();

  const bytes = new Uint8Array(1024).fill(3);
  const ticket = await writer.writeThrough(0, bytes);
  const durable = journal.waitFor(ticket);
  while (journal.durable.batch === 0) await Promise.resolve();
  await checkpointer.run();
  await durable;

  expect(core.pending.rowCount).toBe(0);
  const found = new Uint8Array(1024);
  await parts.reader.read(0, found);
  expect(found).toEqual(bytes);
});

test("whole stripes that are written over are journalled without their parity", async () => {
  const world = testWorld();
  for (const [level, memberCount] of [
    [4, 4],
    [5, 4],
    [6, 5],
  ] as const) {
    const shape = { level, memberCount, blockBytes: 512, chunkBlocks: 2 } as const;
    const options = smallOptions(shape, 64 * 1024);
    const volumes = Array.from({ length: memberCount }, (_, index) => memoryMember(index, 0));
    const { record, layout, seats } = await formatMembers(world, volumes, options);
    const parts = openArrayParts(world, { record, layout, seats, spares: [] }, options);
    const { journal, ring, writer } = parts;
    await parts.members.save();

    const { stripeBytes } = parts.core.shape.geometry;
    /** Of the batches that a durable write takes. */
    const journalled = async (byteCount: number): Promise<number> => {
      const before = ring.next.position;
      const source = new Uint8Array(byteCount).fill(ring.next.batch);
      await journal.waitFor(await writer.writeThrough(0, source));
      return (ring.next.position - before) * layout.unitBytes;
    };
    await journalled(stripeBytes);
    await parts.checkpointer.run();
    expect(await journalled(stripeBytes)).toBe(512 + stripeBytes);
    await parts.checkpointer.run();
    // One block of data and the parity of its row.
    expect(await journalled(512)).toBe(512 + 512 * (1 + parts.core.shape.geometry.parityCount));
    await parts.checkpointer.run();
  }
});
