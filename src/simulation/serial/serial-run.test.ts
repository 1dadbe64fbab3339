import { expect, test } from "vitest";
import { runSerial } from "./serial-run.ts";
import type { FullTime } from "./full-disk.ts";
import { type SwarmPlan, withFullDisk, withWildClock } from "./swarm.ts";
import { ballast } from "./workloads/ballast.ts";
import { bank } from "./workloads/bank.ts";
import { counters } from "./workloads/counters.ts";
import { EXPECTED_SIGHTS, type Sight } from "./sights.ts";

const MB = 1 << 20;
/** In order, so that a set that was chosen shows the same every time. */
const SEEDS: readonly number[] = Array.from({ length: 24 }, (_, index) => index + 1);
const SEEDS_TORN: readonly number[] = [1, 2, 3, 4, 5, 6];
const SEEDS_FULL: readonly number[] = [1, 2];
const SEEDS_CLOCK: readonly number[] = [1, 2, 3, 4];
const SEEDS_TWICE: readonly number[] = [3, 11];
/** More than a minute by themselves: a busy machine must not be taken for one that hangs. */
const LONG = { timeout: 600_000 };

test("random runs are serializable, and nothing acknowledged is lost", LONG, async () => {
  const sights = new Set<Sight>();
  for (const seed of SEEDS_TORN) {
    const report = await runSerial({ seed, drain, plan: tornPlan() });
    expect(report.violations, `torn batches, seed ${seed}`).toEqual([]);
    for (const sight of report.sights) sights.add(sight);
  }
  for (const seed of SEEDS_FULL) {
    for (const refuses of ["growth", "pages"] as const) {
      const report = await runSerial({ seed, drain, plan: fullPlan(refuses) });
      expect(report.violations, `full disks, seed ${seed}`).toEqual([]);
      for (const sight of report.sights) sights.add(sight);
    }
  }
  for (const seed of SEEDS_CLOCK) {
    const report = await runSerial({ seed, drain, plan: wildClockPlan() });
    expect(report.violations, `clocks that jump, seed ${seed}`).toEqual([]);
    for (const sight of report.sights) sights.add(sight);
  }
  for (const seed of SEEDS) {
    const report = await runSerial({ seed, drain });
    expect(report.violations, again(seed)).toEqual([]);
    for (const sight of report.sights) sights.add(sight);
  }
  expect(EXPECTED_SIGHTS.filter((sight) => !sights.has(sight))).toEqual([]);
});

test("the same seed gives the same run", LONG, async () => {
  for (const seed of SEEDS_TWICE) {
    const first = await runSerial({ seed, drain });
    const second = await runSerial({ seed, drain });
    expect(second, again(seed)).toEqual(first);
  }
});

/** The process dies again and again while a batch of many units is on its way to a slow disk. */
function tornPlan(): SwarmPlan {
  return {
    workloads: [counters(3), ballast(["ballast/"], 40)],
    clientCount: 16,
    actsPerClient: 12,
    thinkMsMax: 1,
    impatiencePercent: 0,
    store: { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB },
    diskRules: [
      {
        operations: ["write", "durable"],
        skip: 40,
        count: "forever",
        fault: { kind: "slow", delayMs: 3 },
      },
    ],
    ends: Array.from({ length: 6 }, (_, index) => ({
      kind: "crash",
      how: index % 2 === 0 ? "process" : "power",
      afterMs: 30 + 3 * index,
    })),
  };
}

/** Clients want more room than there is for a while, which outlasts two crashes. */
function fullPlan(refuses: FullTime["refuses"]): SwarmPlan {
  const plan: SwarmPlan = {
    workloads: [counters(3), bank(5)],
    clientCount: 18,
    actsPerClient: 14,
    thinkMsMax: 1,
    impatiencePercent: 0,
    store: { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB },
    diskRules: [],
    ends: [
      { kind: "crash", how: "process", afterMs: 90 },
      { kind: "crash", how: "power", afterMs: 120 },
    ],
  };
  return withFullDisk(plan, { refuses, afterMs: 1, forMs: 100 });
}

/** The date jumps by hours, across stops of every kind. */
function wildClockPlan(): SwarmPlan {
  const plan: SwarmPlan = {
    workloads: [counters(3), bank(5)],
    clientCount: 18,
    actsPerClient: 14,
    thinkMsMax: 4,
    impatiencePercent: 0,
    store: { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB, stallMs: 200 },
    diskRules: [],
    ends: [
      { kind: "crash", how: "process", afterMs: 40 },
      { kind: "close" },
      { kind: "crash", how: "power", afterMs: 60 },
      { kind: "take-over", afterMs: 30 },
    ],
  };
  return withWildClock(plan, { everyMsMax: 5, offsetMsMax: 14_400_000 });
}

function again(seed: number): string {
  return `holdfast sim --seed ${seed}`;
}

async function drain(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
