/** Bodies that look up and write rows all over a tree which is much larger than the cache. */

import { expect, test, vi } from "vitest";
import { SeededRandom } from "../base/random.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";

const MB = 1 << 20;
const ROW_COUNT = 40_000;
const ROWS_AT_ONCE = 200;
const TRANSACTIONS = 60;
/** Of one: it misses, it lacks frames or room, it is done. */
const ATTEMPTS_MAX = 5;

test("what a transaction misses is asked for at once, and so are the frames that it lacks", async () => {
  const image = await formattedImage({ ringBytes: 4 * MB, pagesBytes: 48 * MB });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), { cacheBytes: 24 * MB });
    const write = async (indexes: readonly number[], byte: number): Promise<void> => {
      const value = new Uint8Array(900).fill(byte);
      await engine.run((step) => {
        for (const index of indexes) step.set(keyOf(index), value);
      });
    };
    for (let first = 0; first < ROW_COUNT; first += ROWS_AT_ONCE) {
      await write(
        Array.from({ length: ROWS_AT_ONCE }, (_, index) => first + index),
        1,
      );
    }

    const random = new SeededRandom(3);
    const commits = vi.spyOn(engine.store, "commit");
    const missesBefore = engine.store.cells.cache.missCount;
    const written = new Set<number>();
    for (let count = 0; count < TRANSACTIONS; count++) {
      const indexes = Array.from({ length: ROWS_AT_ONCE }, () => random.below(ROW_COUNT));
      await write(indexes, 2);
      for (const index of indexes) written.add(index);
    }
    const misses = engine.store.cells.cache.missCount - missesBefore;
    expect(misses).toBeGreaterThan((TRANSACTIONS * ROWS_AT_ONCE) / 2);
    expect(commits.mock.calls.length).toBeLessThan(TRANSACTIONS * ATTEMPTS_MAX);

    for (let index = 0; index < ROW_COUNT; index += 7) {
      const value = await engine.run((step) => step.get(keyOf(index)));
      expect(value?.[0]).toBe(written.has(index) ? 2 : 1);
    }
    await engine.close();
  });
});

test.each(["the present", "a snapshot"])(
  "what is looked up in %s is loaded together",
  async (of) => {
    const image = await formattedImage({ ringBytes: 4 * MB, pagesBytes: 16 * MB });
    await inWorld(1, async (world) => {
      const engine = await openOn(world, new MemoryVolume(image), { cacheBytes: 4 * MB });
      for (let first = 0; first < 10_000; first += 50) {
        await engine.run((step) => {
          for (let index = first; index < first + 50; index++) {
            step.set(keyOf(index), Uint8Array.of(index, ...new Uint8Array(900)));
          }
        });
      }
      const indexes = Array.from({ length: 100 }, (_, index) => index * 99);
      const keys = indexes.map(keyOf);
      const view = await engine.snapshot();
      const runner = of === "a snapshot" ? view : engine;
      let runCount = 0;
      const found = await runner.run((step) => {
        runCount++;
        step.willFind(keys);
        return keys.map((key) => step.get(key)?.[0]);
      });
      expect(found).toEqual(indexes.map((index) => index & 255));
      expect(runCount).toBeGreaterThan(2);
      expect(runCount).toBeLessThan(12);
      view.release();
      await engine.close();
    });
  },
);

function keyOf(index: number): Uint8Array {
  return Uint8Array.of(1, index >>> 8, index);
}
