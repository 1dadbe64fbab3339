/**
 * A run of writes on a small array whose members fail: each member at every of its operations, and
 * for RAID 6 each pair, one after the other; by an error, halfway through, for want of room, or by
 * never answering.
 *
 * The array goes on, and nobody who writes or reads hears of it. What it leaves, after a crash at
 * any moment too, holds what was acknowledged; a member that is put back catches up. With one more
 * failure than the level survives it stops, and what was acknowledged is there once they are back.
 *
 * The same for each member at every operation of the assembly of what a crash left, reads too.
 */

import assert from "node:assert/strict";
import { isFault, messageOf } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import {
  choices,
  type CrashPoint,
  CrashRun,
  type RunStep,
} from "../../src/raid/crash-run.suite.ts";
import {
  memoryMember,
  shapeName,
  smallAssembly,
  type SmallShape,
  testWorld,
} from "../../src/raid/test-array.suite.ts";
import {
  FaultPlan,
  type StorageFault,
  type StorageOperation,
} from "../../src/volume/fault-plan.ts";
import { drawWrites, geometryOf, lossesOf, redundantShapes, sizeOf } from "./raid-workload.ts";

export interface RaidFailureScope {
  readonly shapes: readonly SmallShape[];
  readonly stepCount: number;
  /** Every so many-th operation of a member fails, each in its own run. */
  readonly operationStep: number;
  /** The same for the second of a pair. */
  readonly secondStep: number;
  /** How many crashes are tried after each run. */
  readonly crashCount: number;
  /** What a crash leaves at every so many-th moment is assembled with failures. */
  readonly assemblyStep: number;
}

export const wholeRaidFailureScope: RaidFailureScope = {
  shapes: redundantShapes,
  stepCount: 20,
  operationStep: 1,
  secondStep: 3,
  crashCount: 4,
  assemblyStep: 61,
};

export interface RaidFailureReport {
  /** Runs in which one member failed, in which two did, and in which one more than may. */
  single: number;
  pairs: number;
  beyond: number;
  crashes: number;
  /** Members that were put back, and how many of them had to be copied only in part. */
  returned: number;
  caughtUp: number;
  /** Assemblies in which a member failed. */
  assemblies: number;
}

interface Failure {
  readonly member: number;
  readonly skip: number;
  readonly fault: StorageFault;
}

const CHANGES: readonly StorageOperation[] = ["write", "durable", "sync"];

const READS: readonly StorageOperation[] = ["read"];

const FAULTS: readonly StorageFault[] = [
  { kind: "error" },
  { kind: "short", keptBytes: 100 },
  { kind: "stalled" },
  { kind: "full" },
];

/** Those after which an operation ends. */
const CHANGE_FAULTS = FAULTS.filter(({ kind }) => kind !== "stalled");

export async function raidFailureCampaign(
  seed: number,
  scope: RaidFailureScope,
): Promise<RaidFailureReport> {
  const report: RaidFailureReport = {
    single: 0,
    pairs: 0,
    beyond: 0,
    crashes: 0,
    returned: 0,
    caughtUp: 0,
    assemblies: 0,
  };
  for (const shape of scope.shapes) {
    await failShape(seed, shape, scope, report);
    await failAssemblies(seed, shape, scope, report);
  }
  return report;
}

async function failShape(
  seed: number,
  shape: SmallShape,
  scope: RaidFailureScope,
  report: RaidFailureReport,
): Promise<void> {
  const steps = drawWrites(seed, scope.stepCount, shape);
  const { lossesMax, memberCount } = geometryOf(shape);
  const counts = await countChanges(seed, shape, steps);
  let turn = seed;
  const faultAt = (): StorageFault => FAULTS[turn++ % FAULTS.length] ?? { kind: "error" };
  for (let member = 0; member < memberCount; member++) {
    for (let skip = seed % scope.operationStep; skip < (counts[member] ?? 0);) {
      const first = { member, skip, fault: faultAt() };
      await failRun(seed, shape, steps, [first], scope, report);
      for (const second of followers(first, shape, counts, scope, turn)) {
        const failures = [first, { ...second, fault: faultAt() }];
        await failRun(seed, shape, steps, failures, scope, report);
        if (lossesMax < 2 || lossesMax === memberCount - 1) continue;
        const third = [0, 1, 2].find((one) => one !== member && one !== second.member) ?? 0;
        const last = { member: third, skip: second.skip, fault: faultAt() };
        await failRun(seed, shape, steps, [...failures, last], scope, report);
      }
      skip += scope.operationStep;
    }
  }
}

/** Who fails as the second: every other member, at some operation that is another each time. */
function followers(
  { member, skip }: Failure,
  shape: SmallShape,
  counts: readonly number[],
  { secondStep }: RaidFailureScope,
  turn: number,
): readonly Omit<Failure, "fault">[] {
  const found: Omit<Failure, "fault">[] = [];
  for (let other = 0; other < shape.memberCount; other++) {
    if (other === member) continue;
    const first = Math.max(0, skip - 4) + ((turn + other) % secondStep);
    for (let later = first; later < (counts[other] ?? 0); later += secondStep * 4) {
      found.push({ member: other, skip: later });
    }
  }
  return found;
}

/** How many operations each member sees when none fails. */
async function countChanges(
  seed: number,
  shape: SmallShape,
  steps: readonly RunStep[],
): Promise<readonly number[]> {
  const plan = new FaultPlan();
  const counts = Array.from({ length: shape.memberCount }, () => 0);
  const strike = plan.strike.bind(plan);
  plan.strike = (operation) => {
    const member = Number(operation.path.slice("disk".length));
    if (CHANGES.includes(operation.operation)) counts[member] = (counts[member] ?? 0) + 1;
    return strike(operation);
  };
  const run = await openRun(seed, shape, plan);
  counts.fill(0);
  await run.run(steps);
  return counts;
}

async function openRun(seed: number, shape: SmallShape, plan: FaultPlan): Promise<CrashRun> {
  const fresh = await CrashRun.create(shape, sizeOf(shape));
  const images = fresh.recordings.map(({ before }) => before.copy());
  const delays = seed % 2 === 0 ? new SeededRandom(seed).stream("delays") : undefined;
  const options = { ...smallAssembly, stallMs: 100 };
  return await CrashRun.over(shape, testWorld(), images, { plan, delays, options });
}

async function failRun(
  seed: number,
  shape: SmallShape,
  steps: readonly RunStep[],
  failures: readonly Failure[],
  scope: RaidFailureScope,
  report: RaidFailureReport,
): Promise<void> {
  const where = `seed ${seed}, ${shapeName(shape)}, ${JSON.stringify(failures)}`;
  const plan = new FaultPlan();
  const run = await openRun(seed, shape, plan);
  for (const { member, skip, fault } of failures) {
    plan.add({ operations: CHANGES, path: `disk${member}`, skip, count: "forever", fault });
  }
  const { lossesMax } = geometryOf(shape);
  const isBeyond = lossesMax < failures.length;
  const error = await throughStalls(run, run.run([...steps, { kind: "sync" }]));
  if (!isBeyond) assert.equal(error, undefined, where);
  if (error !== undefined) {
    assert.ok(isFault(error, "ERR_IO"), `${where}: ${messageOf(error)}`);
    assert.equal(run.array.status().health, "failed", where);
  } else if (run.array.failure === undefined) {
    await refuteContent(run, where);
  }
  assert.ok(isBeyond || run.array.failure === undefined, where);
  plan.clear();
  await crashAfter(run, where, isBeyond ? [] : failures, { ...scope, seed }, report);
  if (error === undefined && !isBeyond) await putBack(run, where, seed, report);
  if (isBeyond) report.beyond++;
  else if (failures.length === 1) report.single++;
  else report.pairs++;
}

/** The array may fail while it is read, since what is put in place in the background may. */
async function refuteContent(run: CrashRun, where: string): Promise<void> {
  const content = await run.content().catch((error: unknown) => {
    if (run.array.failure === undefined || error !== run.array.failure) throw error;
    return undefined;
  });
  if (content === undefined) return;
  assert.equal(run.model.refute(content, run.moments.length), undefined, where);
}

/** Lets time pass whenever nothing else goes on, until the work has ended; what it threw. */
async function throughStalls(run: CrashRun, work: Promise<void>): Promise<unknown> {
  const outcome = work.then(
    () => ({ error: undefined }),
    (error: unknown) => ({ error }),
  );
  for (let turn = 0; turn < 10_000; turn++) {
    const pause = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)));
    const settled = await Promise.race([outcome, pause]);
    if (settled !== undefined) return settled.error;
    run.world.clock.advance(100);
  }
  throw new Error("the run does not end");
}

/** Crashes of the run at its end and at moments that differ from run to run. */
async function crashAfter(
  run: CrashRun,
  where: string,
  failures: readonly Failure[],
  { crashCount, seed }: RaidFailureScope & { readonly seed: number },
  report: RaidFailureReport,
): Promise<void> {
  const { lossesMax } = geometryOf(run.shape);
  const failed = failures.map(({ member }) => member);
  // With more failures than may be nobody is lost for good.
  const losses = failures.length === 0 ? [[]] : lossesOf(run.shape);
  const fitting = losses.filter((lost) => new Set([...lost, ...failed]).size <= lossesMax);
  const random = new SeededRandom(seed).stream(where);
  for (let count = 0; count < crashCount; count++) {
    const last = run.moments.length - 1;
    const moment = count === 0 ? last : random.below(last + 1);
    const lost = fitting[random.below(fitting.length)] ?? [];
    const crash = random.chance(30) ? "process" : "power";
    const point = { moment, seed: random.below(1000), crash, lost } as const;
    assert.equal(await run.refute(point), undefined, where);
    report.crashes++;
  }
}

/** Gives the members that failed to the array again, without what they had not synced. */
async function putBack(
  run: CrashRun,
  where: string,
  seed: number,
  report: RaidFailureReport,
): Promise<void> {
  const { array } = run;
  const moment = run.moments.length - 1;
  const images = run.images({ moment, seed, crash: "power", lost: [] });
  for (const { role, state } of array.status().members) {
    if (state !== "missing") continue;
    const added = await array.add(memoryMember(role, images[role] ?? 0));
    report.returned++;
    if (added.kind === "re-added") report.caughtUp++;
  }
  await array.settled();
  assert.equal(array.status().health, "whole", where);
  assert.equal(run.model.refute(await run.content(), run.moments.length), undefined, where);
  const found = await array.scrub();
  assert.deepEqual([found?.repaired, found?.lostAt, found?.parityRepaired], [0, [], 0], where);
  await array.close();
}

async function failAssemblies(
  seed: number,
  shape: SmallShape,
  { assemblyStep, stepCount }: RaidFailureScope,
  report: RaidFailureReport,
): Promise<void> {
  const run = await CrashRun.create(shape, sizeOf(shape));
  await run.run(drawWrites(seed, stepCount, shape));
  for (let moment = seed % assemblyStep; moment < run.moments.length; moment += assemblyStep) {
    const crash = moment % 2 === 0 ? "process" : "power";
    const point = { moment, seed: moment, crash, lost: [] } as const;
    for (let member = 0; member < shape.memberCount; member++) {
      for (const operations of [CHANGES, READS]) {
        for (let skip = 0; await failAssembly(run, point, member, operations, skip); skip++) {
          report.assemblies++;
        }
      }
    }
  }
}

/** Whether the member had so many operations that it failed. */
async function failAssembly(
  run: CrashRun,
  point: CrashPoint,
  member: number,
  operations: readonly StorageOperation[],
  skip: number,
): Promise<boolean> {
  const { shape } = run;
  const { isMirror, lossesMax } = geometryOf(shape);
  const where = `${shapeName(shape)}, ${JSON.stringify({ point, member, operations, skip })}`;
  const plan = new FaultPlan();
  // Half of a mirror might have gone on alone, if it doesn't say who it is.
  const count = isMirror && operations === READS ? 1 : "forever";
  const fault = operations === READS ? FAULTS[0] : CHANGE_FAULTS[skip % CHANGE_FAULTS.length];
  plan.add({ operations, path: `disk${member}`, skip, count, fault: fault ?? { kind: "error" } });
  try {
    const again = await CrashRun.over(shape, testWorld(point.seed), run.images(point), { plan });
    const content = await again.content();
    assert.equal(run.model.refute(content, point.moment), undefined);
    // What was read once stays.
    for (const version of again.model.change(0, content, 0)) version.durable = 0;
    const others = choices(shape.memberCount, lossesMax - 1).filter((one) => !one.includes(member));
    const lost = others[skip % others.length] ?? [];
    const later = { moment: again.moments.length - 1, seed: skip, crash: "power", lost } as const;
    assert.equal(await again.refute(later), undefined);
  } catch (error) {
    throw new Error(`${where}: ${messageOf(error)}`, { cause: error });
  }
  return 0 < plan.struckCount;
}
