/** Writes of a checkpoint that take long, while what they bring to the volume is let go. */

import { expect, test } from "vitest";
import { HookedVolume } from "../log/hooked-volume.suite.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";

const KB = 1 << 10;
const MB = 1 << 20;
/** Those before it are where the row is put that is written meanwhile. */
const HELD_WRITE = 3;
const SHAPE = { ringBytes: 4 * MB, pagesBytes: 8 * MB };
/** Checkpoints come only when they are asked for. */
const RARELY = { checkpointLogShare: 0.9, checkpointDirtyShare: 0.7, cacheBytes: 16 * MB };

test.each([
  ["values", 60 * KB],
  ["rows", 3 * KB],
])("pages of %s are not used again before their late write has ended", async (_, lengthBytes) => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const held = new Signal();
    const late = new Signal();
    let writeCount: number | undefined;
    const volume = new HookedVolume(new MemoryVolume(image), async (operation, at, bytes) => {
      if (writeCount === undefined || operation !== "write" || isOfLog(engine, at)) return;
      if (bytes.every((byte) => byte === 0) || ++writeCount !== HELD_WRITE) return;
      held.give();
      await late.given;
    });
    const engine = await openOn(world, volume, RARELY);
    const groups = groupsOf(lengthBytes);
    for (const group of groups) {
      const value = new Uint8Array(lengthBytes).fill(7);
      await engine.run((step) => group.forEach((index) => step.set(keyOf(index), value)));
    }
    const view = await engine.snapshot();
    for (const group of groups) {
      await engine.run((step) => group.forEach((index) => step.delete(keyOf(index))));
    }
    writeCount = 0;
    const checkpoint = engine.store.checkpoint();
    await held.given;
    view.release();
    const { placedBytes } = engine.store.log;
    for (let index = 1; index <= 24; index++) await put(engine, index);
    expect(engine.store.log.placedBytes).toBeGreaterThan(placedBytes);
    late.give();
    await checkpoint;
    const settled = engine.settledLsn;
    await engine.store.abandon();
    const again = await openOn(world, new MemoryVolume(image), RARELY);
    expect(again.appendedLsn).toBeGreaterThanOrEqual(settled);
    const found = await again.run((step) => step.get(keyOf(1000)));
    expect(found?.every((byte) => byte === 24)).toBe(true);
    await again.close();
  });
});

class Signal {
  give: () => void = () => undefined;
  readonly given: Promise<void> = new Promise((resolve) => (this.give = resolve));
}

function isOfLog(engine: Transactions, at: number): boolean {
  const { places, segmentBytes } = engine.store.log;
  return at < 65_536 || places.some((place) => place <= at && at < place + segmentBytes);
}

/** Keys of values that are a mebibyte, those of a transaction together. */
function groupsOf(lengthBytes: number): readonly (readonly number[])[] {
  const size = Math.floor((256 * KB) / lengthBytes);
  return Array.from({ length: 4 }, (_, group) =>
    Array.from({ length: size }, (_unused, index) => group * size + index),
  );
}

/** Always the same row, so that it is the log which needs room. */
async function put(engine: Transactions, byte: number): Promise<void> {
  await engine.run((step) => step.set(keyOf(1000), new Uint8Array(60 * KB).fill(byte)));
}

function keyOf(index: number): Uint8Array {
  return Uint8Array.of(1, index >>> 8, index);
}
