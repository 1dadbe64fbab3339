/**
 * Everything that an array does in the background (rebuilding, catching up, taking a spare,
 * replacing, growing, scrubbing), while it is written to: with a crash at every operation of any
 * member, with members lost besides; with a crash within the recovery from it; and with each
 * member, the new one too, failing at every operation.
 *
 * Nothing that was acknowledged is lost, and the work is done in the end, or given up with the
 * member that it was about.
 */

import assert from "node:assert/strict";
import { isFault } from "../../src/base/fault.ts";
import {
  lossesAt,
  perform,
  type Work,
  WORK_SIZE_BYTES,
  works,
} from "../../src/raid/background-work.suite.ts";
import { choices, CrashRun, drawSteps } from "../../src/raid/crash-run.suite.ts";
import { shapeName, type SmallShape } from "../../src/raid/test-array.suite.ts";
import { FaultPlan } from "../../src/volume/fault-plan.ts";
import { geometryOf, redundantShapes } from "./raid-workload.ts";

export interface RaidWorkScope {
  readonly works: readonly Work[];
  readonly shapes: readonly SmallShape[];
  /** A crash comes at every so many-th moment; 1: at each. */
  readonly momentStep: number;
  /** At every so many-th moment the recovery crashes, too. */
  readonly recoveryStep: number;
  /** Every so many-th operation of a member fails, each in its own run. */
  readonly operationStep: number;
  /** Hears how far it is, as often as may be. */
  readonly tell?: (what: string) => void;
}

export const wholeRaidWorkScope: RaidWorkScope = {
  works,
  shapes: redundantShapes,
  momentStep: 1,
  recoveryStep: 7,
  operationStep: 1,
};

export interface RaidWorkReport {
  crashes: number;
  recoveries: number;
  /** Runs in which a member failed, and in how many of them that was one too many. */
  failures: number;
  beyond: number;
}

export async function raidWorkCampaign(
  seed: number,
  scope: RaidWorkScope,
): Promise<RaidWorkReport> {
  const report: RaidWorkReport = { crashes: 0, recoveries: 0, failures: 0, beyond: 0 };
  for (const work of scope.works) {
    for (const shape of scope.shapes) {
      if (!work.fits(shape)) continue;
      await crashWork(seed, work, shape, scope, report);
      await failWork(seed, work, shape, scope, report);
    }
  }
  return report;
}

async function crashWork(
  seed: number,
  work: Work,
  shape: SmallShape,
  { momentStep, recoveryStep, tell }: RaidWorkScope,
  report: RaidWorkReport,
): Promise<void> {
  const where = `seed ${seed}, ${work.title}, ${shapeName(shape)}`;
  const { run, ended } = await perform(work, shape, seed * 10);
  for (let moment = seed % momentStep; moment < run.moments.length; moment += momentStep) {
    tell?.(`${work.title}, ${shapeName(shape)}, crash at ${moment} of ${run.moments.length}`);
    for (const crash of ["process", "power"] as const) {
      const losses = lossesAt(work, shape, moment < ended);
      const lost = losses[report.crashes % losses.length] ?? [];
      const refuted = await run.refute({ moment, seed: moment + seed, crash, lost });
      assert.equal(refuted, undefined, where);
      report.crashes++;
    }
  }
  const most = geometryOf(shape).lossesMax - work.lossesFewer;
  const losses = choices(shape.memberCount, Math.max(0, most));
  for (let moment = seed % recoveryStep; moment < ended; moment += recoveryStep) {
    if (run.moments.length <= moment) break;
    tell?.(`${work.title}, ${shapeName(shape)}, crashes after ${moment} of ${ended}`);
    const crash = moment % 2 === 0 ? "process" : "power";
    const point = { moment, seed: moment, crash, lost: [] } as const;
    assert.equal(await run.refuteTwice(point, 5, losses), undefined, where);
    report.recoveries++;
  }
}

async function failWork(
  seed: number,
  work: Work,
  shape: SmallShape,
  { operationStep, tell }: RaidWorkScope,
  report: RaidWorkReport,
): Promise<void> {
  for (let member = 0; member <= shape.memberCount; member++) {
    for (let skip = (seed + member) % operationStep; ; skip += operationStep) {
      tell?.(`${work.title}, ${shapeName(shape)}, disk ${member} fails at ${skip}`);
      if (!(await failOnce(seed, work, shape, member, skip, report))) break;
      report.failures++;
    }
  }
}

/** Whether the member had so many operations that it failed. */
async function failOnce(
  seed: number,
  work: Work,
  shape: SmallShape,
  member: number,
  skip: number,
  report: RaidWorkReport,
): Promise<boolean> {
  const where = `seed ${seed}, ${work.title}, ${shapeName(shape)}, disk${member} at ${skip}`;
  const plan = new FaultPlan();
  const run = await CrashRun.create(shape, WORK_SIZE_BYTES, plan);
  await run.run(drawSteps(seed, 6, WORK_SIZE_BYTES));
  await run.run(work.before);
  const operations = ["write", "durable", "sync", "grow"] as const;
  const fault = { kind: "error" } as const;
  plan.add({ operations, path: `disk${member}`, skip, count: "forever", fault });
  try {
    await work.begin(run);
    await run.run(drawSteps(seed + 1, 6, WORK_SIZE_BYTES));
    await run.array.settled();
    await run.array.sync();
  } catch (error) {
    assert.ok(isFault(error), `${where}: ${String(error)}`);
  }
  await run.array.settled();
  const { lossesMax } = geometryOf(shape);
  const isBeyond = lossesMax <= work.lossesFewer && member < shape.memberCount;
  const { failure } = run.array;
  assert.ok(isBeyond || failure === undefined, `${where}: ${failure?.message}`);
  if (failure === undefined) {
    const refuted = run.model.refute(await run.content(), run.moments.length);
    assert.equal(refuted, undefined, where);
  } else report.beyond++;
  for (const moment of [run.moments.length - 1, (skip * 13) % run.moments.length]) {
    const point = { moment, seed: skip, crash: "power", lost: [] } as const;
    assert.equal(await run.refute(point), undefined, where);
  }
  return 0 < plan.struckCount;
}
