/** Both copies of the newest superblock rot: the one before may tell less than there was. */

import { expect, test } from "vitest";
import { compareBytes } from "../base/bytes.ts";
import { bestChecksums } from "../base/checksums.ts";
import { isFault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { SuperblockZone } from "./superblock.ts";
import { inspectStore, verifyStore } from "./verify.ts";

const COPY_BYTES = 16_384;
const ROW_COUNT = 200;
/** A checkpoint hides what the log has, and so there are few. */
const OPTIONS = { checkpointLogShare: 0.9, checkpointDirtyShare: 0.7 };

test("after the file was cut it is refused, and nothing is written", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    for (let row = 0; row < ROW_COUNT; row++) await setRow(engine, row, 20_000);
    await engine.run((step) => {
      for (let row = 1; row < ROW_COUNT; row++) step.delete(keyOf(row));
    });
    const before = image.sizeBytes;
    await engine.close();
    expect(image.sizeBytes).toBeLessThan(before);
    await loseNewest(image);
    const kept = image.copy();
    const volume = (): MemoryVolume => new MemoryVolume(image);
    for (const look of [
      () => openOn(world, volume()),
      () => inspectStore(world, volume()),
      () => verifyStore(world, volume(), () => undefined),
    ]) {
      const refusal: unknown = await look().catch((error: unknown) => error);
      expect(isFault(refusal, "ERR_CORRUPT"), String(refusal)).toBe(true);
      expect(String(refusal)).toMatch(/both copies of a superblock are damaged.*Restore a backup/u);
    }
    expect(compareBytes(bytesOf(image), bytesOf(kept))).toBe(0);
  });
});

test("where the log goes on at places that only the newest names, it is refused", async () => {
  const image = await formattedImage({ ringBytes: 1 << 20, pagesBytes: 4 << 20 });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), OPTIONS);
    const told: { readonly image: PagedImage; readonly rowCount: number }[] = [];
    const writes = Array.from({ length: 16 }, async (_, row) => {
      await setRow(engine, row, 50_000);
      told.push({ image: image.copy(), rowCount: row + 1 });
    });
    await Promise.all(writes);
    const outcomes: string[] = [];
    for (const { image: copy, rowCount } of told) {
      await loseNewest(copy);
      const lengthOf = (row: number): number | undefined => (row < rowCount ? 50_000 : undefined);
      outcomes.push(await holdsAll(world, copy, lengthOf));
    }
    expect(outcomes).toContainEqual(expect.stringMatching(/newer superblock, which is lost/u));
    await engine.close();
  });
});

test("at any time it is whole or refused", { timeout: 30_000 }, async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const random = new SeededRandom(7);
    const model = new Map<number, number>();
    let engine = await openOn(world, new MemoryVolume(image), OPTIONS);
    const outcomes: string[] = [];
    for (let count = 0; count < 150; count++) {
      engine = await change(world, engine, image, random, model);
      const copy = image.copy();
      await loseNewest(copy);
      outcomes.push(await holdsAll(world, copy, (row) => model.get(row) ?? 0));
    }
    await engine.close();
    const wholeCount = outcomes.filter((outcome) => outcome === "whole").length;
    expect(wholeCount).toBeGreaterThan(20);
    expect(wholeCount).toBeLessThan(130);
  });
});

/** One row more or less, or a checkpoint, or another opening. */
async function change(
  world: World,
  engine: Transactions,
  image: PagedImage,
  random: SeededRandom,
  model: Map<number, number>,
): Promise<Transactions> {
  const choice = random.below(100);
  const first = random.below(ROW_COUNT - 60);
  if (choice < 5) await engine.store.checkpoint();
  else if (choice < 20) {
    await (choice < 12 ? engine.close() : engine.store.abandon());
    return await openOn(world, new MemoryVolume(image), OPTIONS);
  } else if (choice < 28) {
    await engine.run((step) => {
      for (let row = first; row < first + 60; row++) step.delete(keyOf(row));
    });
    for (let row = first; row < first + 60; row++) model.delete(row);
  } else {
    const length = 1 + random.below(random.chance(20) ? 20_000 : 1000);
    await Promise.all([0, 1, 2].map((row) => setRow(engine, first + row, length)));
    for (let row = first; row < first + 3; row++) model.set(row, length);
  }
  return engine;
}

/** Of two copies, both. */
async function loseNewest(image: PagedImage): Promise<void> {
  const volume = new MemoryVolume(image);
  const { sequence } = await SuperblockZone.open(volume, bestChecksums(), async () => true);
  for (const index of sequence % 2 === 0 ? [0, 1] : [2, 3]) {
    image.write(index * COPY_BYTES + 60, Uint8Array.of(0xff));
  }
}

/** A store is there with rows of these lengths, and can be written to; or why it is refused. */
async function holdsAll(
  world: World,
  image: PagedImage,
  lengthOf: (row: number) => number | undefined,
): Promise<string> {
  try {
    const engine = await openOn(world, new MemoryVolume(image), OPTIONS);
    for (let row = 0; row < ROW_COUNT; row++) {
      const value = await engine.run((step) => step.get(keyOf(row)));
      const length = value?.length ?? 0;
      expect(length, `row ${row}`).toBe(lengthOf(row) ?? length);
    }
    for (let row = 0; row < 30; row++) await setRow(engine, row, 20_000);
    await engine.close();
    return "whole";
  } catch (error) {
    if (isFault(error, "ERR_CORRUPT")) return error.message;
    throw error;
  }
}

async function setRow(engine: Transactions, row: number, length: number): Promise<void> {
  await engine.run((step) => step.set(keyOf(row), new Uint8Array(length).fill(row)));
}

function bytesOf(image: PagedImage): Uint8Array {
  const bytes = new Uint8Array(image.sizeBytes);
  image.read(0, bytes);
  return bytes;
}

function keyOf(row: number): Uint8Array {
  return Uint8Array.of(1, row >>> 8, row);
}
