import { expect, test } from "vitest";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import { openEngine } from "./open-engine.ts";
import type { Transaction } from "./transaction.ts";
import type { Transactions } from "./transactions.ts";

const MB = 1 << 20;
const KEY = Uint8Array.of(1);

test("who is wounded in the turn of its commit does not commit", async () => {
  await withTwo(async (engine, older, younger) => {
    await younger.run((step) => step.set(KEY, KEY));
    const committed = younger.commit();
    expect(older.tryRun((step) => step.get(KEY) ?? "absent")).toBe("absent");
    await expect(committed).rejects.toMatchObject({ code: "ERR_ABORTED" });
    older.rollback();
    expect(await engine.run((step) => step.get(KEY))).toBeUndefined();
  });
});

test("who is wounded in the turn in which it asks for more is refused", async () => {
  await withTwo(async (engine, older, younger, first) => {
    first.rollback();
    await younger.run((step) => step.set(KEY, KEY));
    const asked = younger.run((step) => step.get(KEY));
    expect(older.tryRun((step) => step.get(KEY) ?? "absent")).toBe("absent");
    await expect(asked).rejects.toMatchObject({ code: "ERR_ABORTED" });
    older.rollback();
    expect(engine.locks.holderCount).toBe(0);
  });
});

test("who is wounded just when its wait is over gets nothing more", async () => {
  await withTwo(async (engine, older, younger, first) => {
    await first.run((step) => step.set(KEY, KEY));
    const other = Uint8Array.of(2);
    await younger.run((step) => step.set(other, KEY));
    const waited = younger.run((step) => step.set(KEY, other));
    let steps = 0;
    for (; steps < 20; steps++) await Promise.resolve();
    // The grant wakes the younger one; before it goes on, the older one needs what it holds.
    await first.commit();
    expect(older.tryRun((step) => step.get(other) ?? "absent")).toBe("absent");
    await expect(waited).rejects.toMatchObject({ code: "ERR_ABORTED" });
    older.rollback();
    expect(engine.locks.holderCount).toBe(0);
  });
});

async function withTwo(
  body: (
    engine: Transactions,
    older: Transaction,
    younger: Transaction,
    first: Transaction,
  ) => Promise<void>,
): Promise<void> {
  const simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed: 1, drain });
  await simulation.run(async () => {
    const engine = await openEngine(simulation.node("a").world, "/data", {
      program: "test",
      store: { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB },
    });
    const first = engine.begin();
    const older = engine.begin();
    const younger = engine.begin();
    await body(engine, older, younger, first);
    await engine.close();
  });
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
