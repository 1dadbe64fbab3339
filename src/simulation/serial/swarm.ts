/**
 * What a seed makes of a run: which workloads, how many clients, what the store is like, and what
 * happens to it. Each run has a few of many things, so that they meet in all combinations.
 */

import type { SeededRandom } from "../../base/random.ts";
import type { StoreOptions } from "../../store/options.ts";
import type { FaultRule } from "../../volume/fault-plan.ts";
import type { Death } from "../simulated-process.ts";
import type { FullTime } from "./full-disk.ts";
import type { ClockJumps } from "./wild-clock.ts";
import type { Workload } from "./workload.ts";
import { ballast } from "./workloads/ballast.ts";
import { bank } from "./workloads/bank.ts";
import { counters } from "./workloads/counters.ts";
import { hoard } from "./workloads/hoard.ts";
import { listAppend } from "./workloads/list-append.ts";
import { phantoms } from "./workloads/phantoms.ts";
import { queue } from "./workloads/queue.ts";
import { ring } from "./workloads/ring.ts";
import { times } from "./workloads/times.ts";
import { writeSkew } from "./workloads/write-skew.ts";

/** How one life of the store ends. */
export type LifeEnd =
  | { readonly kind: "close" }
  /** The process or the machine stops, then. */
  | { readonly kind: "crash"; readonly how: Death; readonly afterMs: number }
  /** It stops before this operation on the disk. */
  | { readonly kind: "crash-at"; readonly how: Death; readonly operation: number }
  /** The disk refuses this write and all that follow, or this read alone. */
  | { readonly kind: "disk-error"; readonly strikes: "writes" | "read"; readonly operation: number }
  /** The process stands still, another opens the store, and then the first goes on. */
  | { readonly kind: "take-over"; readonly afterMs: number };

export interface SwarmPlan {
  readonly workloads: readonly Workload[];
  readonly clientCount: number;
  readonly actsPerClient: number;
  readonly thinkMsMax: number;
  readonly impatiencePercent: number;
  readonly store: Partial<StoreOptions>;
  /** Present in every life. */
  readonly diskRules: readonly FaultRule[];
  /** When the disk is full, in every life. */
  readonly full?: FullTime | undefined;
  /** How the clock of the machine is set, in every life. */
  readonly jumps?: ClockJumps | undefined;
  /** Of every life but the last, which is closed. */
  readonly ends: readonly LifeEnd[];
}

const MB = 1 << 20;
const HOUR_MS = 3_600_000;
/** Half as large again as the smallest cache. */
const BALLAST_ROWS = 4000;

export function planOf(random: SeededRandom): SwarmPlan {
  const chosen = workloadsOf(random);
  const isLarge = random.chance(30);
  const spread = chosen.flatMap((workload) => workload.spread ?? []);
  const workloads = isLarge ? [...chosen, ballast(spread, BALLAST_ROWS)] : chosen;
  const plan: SwarmPlan = {
    workloads,
    clientCount: 8 + random.below(random.chance(20) ? 57 : 25),
    actsPerClient: isLarge ? 10 : 6 + random.below(10),
    thinkMsMax: [0.2, 2, 8][random.below(3)] ?? 2,
    impatiencePercent: random.chance(50) ? 0 : 1 + random.below(20),
    store: storeOf(random),
    diskRules: random.chance(25) ? slowDisk(random) : [],
    ends: Array.from({ length: random.below(4) }, () => endOf(random, isLarge)),
  };
  if (random.chance(20)) return withFullDisk(plan, fullTime(random, isLarge));
  return random.chance(25) ? withWildClock(plan, jumpsOf(random)) : plan;
}

function workloadsOf(random: SeededRandom): readonly Workload[] {
  const all = [
    bank(3 + random.below(40)),
    listAppend(2 + random.below(12)),
    ring(4 + random.below(16)),
    writeSkew(1 + random.below(4)),
    phantoms(1 + random.below(4)),
    counters(1 + random.below(5)),
    queue(),
  ];
  const first = random.below(all.length);
  return all.filter((_, index) => random.chance(25) || index === first);
}

function storeOf(random: SeededRandom): Partial<StoreOptions> {
  return {
    cacheBytes: 4 * MB,
    logBytes: 4 * MB,
    pagesBytes: MB,
    checkpointLogShare: [0.02, 0.1, 0.5][random.below(3)] ?? 0.5,
    checkpointDirtyShare: [0.02, 0.1, 0.4][random.below(3)] ?? 0.4,
    transactionTimeoutMs: random.chance(20) ? 60 : 30_000,
    shrinkBytesMin: random.chance(50) ? MB / 16 : 16 * MB,
    stallMs: 200,
  };
}

function slowDisk(random: SeededRandom): readonly FaultRule[] {
  const delayMs = 1 + random.below(20);
  const skip = random.below(200);
  const count = 1 + random.below(50);
  const operations = random.chance(50)
    ? (["read"] as const)
    : (["write", "durable", "sync"] as const);
  return [{ operations, skip, count, fault: { kind: "slow", delayMs } }];
}

/** With somebody to use up the room that is left. */
export function withFullDisk(plan: SwarmPlan, full: FullTime): SwarmPlan {
  const hoarder = hoard(full.refuses === "growth");
  return { ...plan, full, workloads: [hoarder, ...plan.workloads] };
}

/** With somebody to look at the time; nobody has to wait for so long that he is told so. */
export function withWildClock(plan: SwarmPlan, jumps: ClockJumps): SwarmPlan {
  const store = { ...plan.store, transactionTimeoutMs: 30_000 };
  return { ...plan, jumps, impatiencePercent: 0, store, workloads: [times(), ...plan.workloads] };
}

function jumpsOf(random: SeededRandom): ClockJumps {
  return { everyMsMax: [2, 20, 200][random.below(3)] ?? 20, offsetMsMax: 4 * HOUR_MS };
}

function fullTime(random: SeededRandom, isLarge: boolean): FullTime {
  return {
    refuses: random.chance(70) ? "growth" : "pages",
    afterMs: random.below(10),
    forMs: 20 + random.below(isLarge ? 300 : 120),
  };
}

function endOf(random: SeededRandom, isLarge: boolean): LifeEnd {
  const how: Death = random.chance(50) ? "process" : "power";
  const afterMs = random.below(isLarge ? 300 : 120);
  const operation = random.below(isLarge ? 900 : 300);
  const choice = random.below(100);
  if (choice < 10) return { kind: "close" };
  if (choice < 45) return { kind: "crash", how, afterMs };
  if (choice < 75) return { kind: "crash-at", how, operation };
  if (choice < 80) return { kind: "disk-error", strikes: "writes", operation };
  if (choice < 85) return { kind: "disk-error", strikes: "read", operation };
  return { kind: "take-over", afterMs };
}
