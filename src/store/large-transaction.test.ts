/** Transactions that are longer than what a full disk has room for of the log. */

import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { SeededRandom } from "../base/random.ts";
import type { Step } from "../transactions/step.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { FaultPlan, type FaultRule } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";

const MB = 1 << 20;
/** 16 MiB of the ring have places, of which 4 are the reserve; no free pages are a segment. */
const SHAPE = { ringBytes: 256 * MB, pagesBytes: 2 * MB };
const OPTIONS = { cacheBytes: 16 * MB, logBytes: SHAPE.ringBytes, checkpointLogShare: 0.01 };
const FULL: FaultRule = {
  operations: ["grow"],
  skip: 0,
  count: "forever",
  fault: { kind: "full" },
};

test.each([
  ["alone", false],
  ["while others write", true],
])("one is refused, loses nothing, and is taken when there is room: %s", async (_, isBusy) => {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    plan.add(FULL);
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const engine = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts), OPTIONS);
    await engine.run((step) => step.set(keyOf(1), new Uint8Array(100)));
    const over = { isOver: !isBusy };
    const others = Array.from({ length: 3 }, async (_unused, client) => {
      while (!over.isOver) await engine.run((step) => writeLong(step, 50, client));
    });
    const refusal: unknown = await writeOnce(engine, 13).catch((error: unknown) => error);
    expect(isFault(refusal, "ERR_FULL"), String(refusal)).toBe(true);
    expect(String(refusal)).toMatch(/split it, or make room/);
    over.isOver = true;
    await Promise.all(others);
    expect(engine.failure).toBeUndefined();

    await engine.run((step) => removeAbsent(step, 13));
    const many: unknown = await engine
      .run((step) => removeAbsent(step, 17))
      .catch((error: unknown) => error);
    expect(isFault(many, "ERR_FULL"), "removes may use the reserve, and no more").toBe(true);
    await engine.run((step) => step.set(keyOf(2), new Uint8Array(200)));

    plan.remove(FULL);
    await writeOnce(engine, 13);
    await writeOnce(engine, 20);
    await engine.store.abandon();
    const again = await openOn(world, new MemoryVolume(image), OPTIONS);
    for (const [row, length] of [
      [1, 100],
      [2, 200],
      [3, 20],
    ] as const) {
      expect(await again.run((step) => step.get(keyOf(row)))).toHaveLength(length);
    }
    await again.close();
  });
});

/** One row, and so many mebibytes of log. */
async function writeOnce(engine: Transactions, megabytes: number): Promise<void> {
  await engine.run((step) => {
    step.set(keyOf(3), new Uint8Array(megabytes));
    removeAbsent(step, megabytes);
  });
}

function writeLong(step: Step, count: number, client: number): void {
  step.set(keyOf(4 + client), new Uint8Array(10));
  for (let row = 0; row < count; row++) step.delete(longKey(row));
}

/** Long keys take room in the log, and in the tree none. */
function removeAbsent(step: Step, megabytes: number): void {
  for (let row = 0; row < megabytes * 128; row++) step.delete(longKey(row));
}

function longKey(row: number): Uint8Array {
  const key = new Uint8Array(8150);
  key.set([1, 0xff, row >>> 8, row]);
  return key;
}

function keyOf(row: number): Uint8Array {
  return Uint8Array.of(1, row >>> 8, row);
}
