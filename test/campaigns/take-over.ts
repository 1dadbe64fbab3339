/**
 * Two processes on one volume: the first counts up, is stopped at some moment, is replaced by the
 * second, which goes on counting, and is resumed. No number may be told twice, and none that was
 * told may be missing in the end.
 */

import assert from "node:assert/strict";
import { isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../../src/simulation/simulated-world.ts";
import type { StoreOptions } from "../../src/store/options.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { World } from "../../src/world/world.ts";
import { formattedImage, openOn } from "../support/small-store.ts";
import { SlowVolume } from "../support/slow-volume.ts";

const COUNTER = Uint8Array.of(1, 1);
const NUMBERS_EACH = 60;

/** How many numbers the first was told of in all. */
export async function takeOver(
  seed: number,
  stopAfterMs: number,
  options: Partial<StoreOptions>,
): Promise<number> {
  const simulation = new SimulatedWorld({
    ...defaultSimulationOptions,
    seed,
    drain: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const image = await formattedImage();
  const machine = simulation.node("a");
  const [first, second] = [machine.start(), machine.start()];
  const open = async (world: World): Promise<Transactions> => {
    const random = new SeededRandom(seed).stream(String(world.process.pid));
    const volume = new SlowVolume(new MemoryVolume(image), world.clock, random);
    return await openOn(world, volume, options);
  };
  const told: number[] = [];
  const opened = await simulation.run(async () => await open(first.world));
  const counting = countUp(opened, told);
  const beside = checkpoints(opened);
  await simulation.runFor(stopAfterMs);
  first.pause();
  await simulation.runFor(10_000);

  const toldBefore = told.length;
  const successor = await simulation.run(async () => await open(second.world));
  first.resume();
  await simulation.run(async () => {
    await Promise.all([counting, beside, countUp(successor, told)]);
    await successor.close();
  });
  await simulation.run(async () => {
    const engine = await open(second.world);
    const last = await engine.run(readCounter);
    assert.equal(new Set(told).size, told.length, "no number is told twice");
    assert(
      told.every((number) => number <= last),
      "what was told is there",
    );
    await engine.close();
  });
  return toldBefore;
}

async function countUp(engine: Transactions, told: number[]): Promise<void> {
  for (let count = 0; count < NUMBERS_EACH; count++) {
    try {
      told.push(
        await engine.run((step) => {
          const next = readCounter(step) + 1;
          step.set(COUNTER, Uint8Array.of(next));
          return next;
        }),
      );
    } catch (error) {
      if (!isFault(error, "ERR_UNAVAILABLE") && !isFault(error, "ERR_COMMIT_UNKNOWN")) throw error;
      return;
    }
  }
}

async function checkpoints(engine: Transactions): Promise<void> {
  try {
    for (let count = 0; count < 5; count++) await engine.store.checkpoint();
  } catch (error) {
    if (!isFault(error)) throw error;
  }
}

function readCounter(step: Parameters<Parameters<Transactions["run"]>[0]>[0]): number {
  return step.get(COUNTER)?.[0] ?? 0;
}
