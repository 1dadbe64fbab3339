import { expect, test } from "vitest";
import type { Lsn } from "../../../base/ids.ts";
import { openEngine } from "../../../transactions/open-engine.ts";
import type { FaultRule } from "../../../volume/fault-plan.ts";
import { defaultRedisRunOptions, type RedisSight, runRedis } from "./redis-run.ts";

const SEEDS: readonly number[] = [1, 2, 3, 4, 5, 6];
const EXPECTED: readonly RedisSight[] = [
  "connection-lost",
  "gave-way",
  "lock-wait",
  "unacknowledged-commit-lost",
];

/** Commits are seen for a while before they are durable. */
const slowSync: FaultRule = {
  operations: ["durable", "sync"],
  skip: 40,
  count: "forever",
  fault: { kind: "slow", delayMs: 4 },
};

test("what Redis clients are told holds, through crashes of the server", async () => {
  const sights = new Set<RedisSight>();
  for (const seed of SEEDS) {
    const diskRules = seed % 2 === 0 ? [slowSync] : [];
    const report = await runRedis({ ...defaultRedisRunOptions, seed, drain, diskRules });
    expect(report.violations, `seed ${seed}`).toEqual([]);
    for (const sight of report.sights) sights.add(sight);
  }
  expect(EXPECTED.filter((sight) => !sights.has(sight))).toEqual([]);
});

test("the same seed gives the same run of Redis clients", async () => {
  const options = { ...defaultRedisRunOptions, seed: 7, drain };
  expect(await runRedis(options)).toEqual(await runRedis(options));
});

test("a door that answers before it is durable is found out", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { violations } = await runRedis({
      ...defaultRedisRunOptions,
      seed,
      drain,
      crashCount: 4,
      diskRules: [slowSync],
      open: async (world, directory, options) => {
        const engine = await openEngine(world, directory, options);
        const { store } = engine;
        Object.defineProperty(engine, "settledLsn", { get: (): Lsn => store.appendedLsn });
        return engine;
      },
    });
    if (violations.some((one) => /has lost|was taken, and is free|must be from/.test(one))) return;
  }
  expect.unreachable("no client missed anything");
});

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
