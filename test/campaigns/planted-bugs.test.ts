/**
 * Bugs that are planted on purpose, each of which the campaigns must catch. The naive rule for the
 * end of the log is planted in `src/log/log.crash.test.ts`.
 */

import { expect, test } from "vitest";
import { Applier } from "../../src/store/applier.ts";
import { MUST_WAIT, type RunOptions, type Step } from "../../src/transactions/step.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { lsn } from "../../src/base/ids.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import { arrayGrounds } from "../support/ground.ts";
import { formattedImage, inWorld, openOn } from "../support/small-store.ts";
import { type CrashScope, crashCampaign, wholeScope } from "./crash-campaign.ts";
import { takeOver } from "./take-over.ts";

type Body<T> = (step: Step) => T;

const SHORT: CrashScope = {
  ...wholeScope,
  operationCount: 60,
  continueStep: 1_000_000,
  recoveryStep: 1_000_000,
};

test("an answer before its transaction is durable is caught", async () => {
  const plant = (engine: Transactions): void => {
    const run = engine.run.bind(engine);
    engine.whenSettled = () => Promise.resolve();
    engine.run = async <T>(body: Body<T>, options?: RunOptions): Promise<T> => {
      const result = engine.tryRun(body);
      if (result !== MUST_WAIT) return result;
      return await run(body, options);
    };
  };
  await expect(crashCampaign(5, { ...SHORT, plant })).rejects.toThrow("was promised");
  for (const ground of arrayGrounds) {
    const scope = { ...SHORT, operationCount: 150, eventStep: 3, ground, plant };
    await expect(crashCampaign(5, scope)).rejects.toThrow("was promised");
  }
});

test("a thrown error answered before what it tells of is durable is caught", async () => {
  const plant = (engine: Transactions): void => {
    const tryRun = engine.tryRun.bind(engine);
    const whenSettled = engine.whenSettled.bind(engine);
    let hasThrown = false;
    engine.tryRun = (body) => {
      hasThrown = true;
      queueMicrotask(() => (hasThrown = false));
      const result = tryRun(body);
      hasThrown = false;
      return result;
    };
    // Whoever catches what it threw asks in the same turn.
    engine.whenSettled = (position) => {
      const isEarly = hasThrown;
      hasThrown = false;
      return whenSettled(isEarly ? lsn(0) : position);
    };
  };
  await expect(crashCampaign(5, { ...SHORT, plant })).rejects.toThrow("was promised");
});

test("a checkpoint that believes what was never synced is caught", async () => {
  const plant = ({ store }: Transactions): void => {
    store.volume.sync = () => Promise.resolve();
  };
  const scope = { ...SHORT, operationCount: 150, eventStep: 4 };
  await expect(crashCampaign(5, { ...scope, plant })).rejects.toThrow("not what was written");
});

test("a page fault between append and apply is caught", async () => {
  expect(await countTogether()).toBe(40);
  const apply = Reflect.get(Applier.prototype, "apply");
  Applier.prototype.apply = function (bytes, at, length, position) {
    const copy = bytes.slice(at, at + length);
    setImmediate(() => apply.call(this, copy, 0, length, position));
  };
  try {
    expect(await countTogether()).toBeLessThan(40);
  } finally {
    Applier.prototype.apply = apply;
  }
});

test("a write whose pages were not made sure of is caught", async () => {
  const prepare = Reflect.get(Applier.prototype, "prepare");
  const image = await formattedImage({ ringBytes: 2 << 20, pagesBytes: 16 << 20 });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const write = async (row: number): Promise<void> => {
      const key = Uint8Array.of(1, row >>> 8, row);
      await engine.run((step) => step.set(key, new Uint8Array(3500)));
    };
    for (let row = 0; row < 2000; row++) await write(row);
    Applier.prototype.prepare = () => 3;
    try {
      const skipped = (async () => {
        for (let row = 0; row < 2000; row++) await write(row);
      })();
      await expect(skipped).rejects.toThrow("made resident");
    } finally {
      Applier.prototype.prepare = prepare;
    }
    await engine.store.abandon();
  });
});

const STOPS_MS = [0.5, 1, 2, 3, 5, 6];

test("a holder that was replaced tells nothing more, wherever it was stopped", async () => {
  let told = 0;
  for (const [seed, stopAfterMs] of STOPS_MS.entries()) {
    told += await takeOver(seed, stopAfterMs, { stallMs: 1000 });
  }
  expect(told).toBeGreaterThan(5);
});

test("a holder that outlives its take-over is caught", async () => {
  const noFence = { stallMs: 1e9 };
  for (const [seed, stopAfterMs] of STOPS_MS.entries()) {
    await expect(takeOver(seed, stopAfterMs, noFence)).rejects.toThrow();
  }
});

/** What a counter shows that two clients have counted up twenty times each. */
async function countTogether(): Promise<number | undefined> {
  const image = await formattedImage();
  return await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const key = Uint8Array.of(1);
    const countUp = (step: Step): void => {
      step.set(key, Uint8Array.of((step.get(key)?.[0] ?? 0) + 1));
    };
    for (let count = 0; count < 20; count++) {
      await Promise.all([engine.run(countUp), engine.run(countUp)]);
    }
    const shown = await engine.run((step) => step.get(key)?.[0]);
    await engine.store.abandon();
    return shown;
  });
}
