/** Ten times as much data as the cache holds, and how long it takes to open it. */

import { expect, test } from "vitest";
import { fromLatin1, latin1 } from "../../src/base/bytes.ts";
import { SeededRandom } from "../../src/base/random.ts";
import type { Runner, Step } from "../../src/transactions/step.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { formattedImage, inWorld, openOn } from "../support/small-store.ts";
import { SlowVolume } from "../support/slow-volume.ts";

const ROW_COUNT = 13_000;
const VALUE_BYTES = 3000;
const SHAPE = { ringBytes: 4 << 20, pagesBytes: 4 << 20 };

test("data ten times the cache: writes, reads, scans and snapshots at once", async () => {
  const image = await formattedImage(SHAPE);
  await fill(image, ROW_COUNT);
  await inWorld(2, async (world) => {
    const random = new SeededRandom(2);
    const volume = new SlowVolume(new MemoryVolume(image), world.clock, random.stream("volume"));
    const engine = await openOn(world, volume);
    const versions = new Uint8Array(ROW_COUNT);
    const clients = Array.from({ length: 6 }, async (_, client) => {
      await useRows(engine, random.stream(`client ${client}`), client, versions);
    });
    await Promise.all(clients);
    expect(await countRows(engine)).toBe(ROW_COUNT);
    for (let row = 0; row < ROW_COUNT; row += 37) {
      expect(await versionOf(engine, row), keyOf(row)).toBe(versions[row]);
    }
    expect(engine.store.cells.cache.evictionCount).toBeGreaterThan(1000);
    await engine.close();
  });
});

test("opening reads no more for more data", async () => {
  const read: number[] = [];
  for (const rowCount of [500, 8000]) {
    const image = await formattedImage(SHAPE);
    await fill(image, rowCount);
    await inWorld(3, async (world) => {
      const volume = new SlowVolume(new MemoryVolume(image), world.clock, new SeededRandom(3));
      const engine = await openOn(world, volume);
      read.push(volume.readBytes);
      expect(volume.readCount).toBeLessThan(20);
      await engine.close();
    });
  }
  // But for the allocation map: a bit for each page.
  expect(read[1]).toBeLessThan((read[0] as number) + 1000);
});

async function fill(image: PagedImage, rowCount: number): Promise<void> {
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    for (let row = 0; row < rowCount; row += 20) {
      await engine.run((step) => {
        for (let next = row; next < row + 20; next++) setVersion(step, next, 0);
      });
    }
    await engine.close();
  });
}

/** Each client writes rows of its own, and reads those of all. */
async function useRows(
  engine: Transactions,
  random: SeededRandom,
  client: number,
  versions: Uint8Array,
): Promise<void> {
  for (let count = 0; count < 150; count++) {
    const row = random.below(2000) * 6 + client;
    const kind = random.below(10);
    if (kind < 5) {
      const version = ((versions[row] as number) + 1) % 256;
      await engine.run((step) => setVersion(step, row, version));
      versions[row] = version;
    } else if (kind < 8) expect(await versionOf(engine, row)).toBe(versions[row]);
    else if (kind < 9) expect(await scanFrom(engine, row)).toBe(Math.min(60, ROW_COUNT - row));
    else {
      const version = versions[row];
      const snapshot = await engine.snapshot();
      await engine.run((step) => setVersion(step, row, ((version ?? 0) + 1) % 256));
      versions[row] = ((version ?? 0) + 1) % 256;
      expect(await versionOf(snapshot, row)).toBe(version);
      snapshot.release();
    }
  }
}

async function countRows(engine: Transactions): Promise<number> {
  let count = 0;
  for (let from = 0; from < ROW_COUNT; from += 60) count += await scanFrom(engine, from);
  return count;
}

/** How many rows there are from this one on, at most 60, all of them whole. */
async function scanFrom(runner: Pick<Runner, "run">, row: number): Promise<number> {
  return await runner.run((step) => {
    let count = 0;
    step.scan({ start: fromLatin1(keyOf(row)), end: undefined }, (entry) => {
      expect(latin1(entry.keyBytes, 0, entry.keyLength)).toBe(keyOf(row + count));
      expect(entry.valueLength).toBe(VALUE_BYTES);
      return ++count < 60;
    });
    return count;
  });
}

async function versionOf(runner: Pick<Runner, "run">, row: number): Promise<number | undefined> {
  const value = await runner.run((step) => step.get(fromLatin1(keyOf(row))));
  expect(value?.every((byte) => byte === value[0])).toBe(true);
  return value?.[0];
}

function setVersion(step: Step, row: number, version: number): void {
  step.set(fromLatin1(keyOf(row)), new Uint8Array(VALUE_BYTES).fill(version));
}

function keyOf(row: number): string {
  return `row ${String(row).padStart(6, "0")}`;
}
