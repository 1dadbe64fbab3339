/**
 * A run of writes on a small array of every level, and a crash at every operation of any member,
 * by the death of the process and by several of the ways in which a loss of power can leave the
 * disks; each time with every choice of members lost besides that the level survives.
 *
 * After each the array must be assembled, hold in every block what was acknowledged last or what
 * was begun later, and be sound: a scrub finds nothing. At some points the assembly crashes, too,
 * with members lost only then, and what was read once stays. So it does where one was lost before,
 * which the assembly is about to record.
 */

import assert from "node:assert/strict";
import { SeededRandom } from "../../src/base/random.ts";
import { choices, CrashRun } from "../../src/raid/crash-run.suite.ts";
import { shapeName, type SmallShape } from "../../src/raid/test-array.suite.ts";
import {
  drawWrites,
  geometryOf,
  lossesOf,
  operationsOf,
  redundantShapes,
  sizeOf,
} from "./raid-workload.ts";

export interface RaidCrashScope {
  readonly shapes: readonly SmallShape[];
  readonly stepCount: number;
  /** A crash comes at every so many-th moment; 1: at each. */
  readonly momentStep: number;
  readonly powerVariants: number;
  /** Of the choices of members to lose, so many at each moment, in turn. */
  readonly lossCount: number;
  /** At every so many-th moment the recovery crashes, too, at every so many-th of its own. */
  readonly recoveryStep: number;
  readonly recoveryMomentStep: number;
}

export const wholeRaidCrashScope: RaidCrashScope = {
  shapes: redundantShapes,
  stepCount: 40,
  momentStep: 1,
  powerVariants: 2,
  lossCount: Number.POSITIVE_INFINITY,
  recoveryStep: 7,
  recoveryMomentStep: 3,
};

/** What was done, so that a campaign that tests nothing does not pass unnoticed. */
export interface RaidCrashReport {
  operationCount: number;
  momentCount: number;
  crashCount: number;
  /** With members lost besides. */
  lossCount: number;
  recoveryCount: number;
}

export async function raidCrashCampaign(
  seed: number,
  scope: RaidCrashScope,
): Promise<RaidCrashReport> {
  const report: RaidCrashReport = {
    operationCount: 0,
    momentCount: 0,
    crashCount: 0,
    lossCount: 0,
    recoveryCount: 0,
  };
  for (const shape of scope.shapes) await crashShape(seed, shape, scope, report);
  return report;
}

async function crashShape(
  seed: number,
  shape: SmallShape,
  scope: RaidCrashScope,
  report: RaidCrashReport,
): Promise<void> {
  const where = `seed ${seed}, ${shapeName(shape)}`;
  const delays = seed % 2 === 0 ? new SeededRandom(seed).stream("delays") : undefined;
  const run = await CrashRun.create(shape, sizeOf(shape), undefined, delays);
  const steps = drawWrites(seed, scope.stepCount, shape);
  await run.run(steps);
  assert.equal(run.model.refute(await run.content(), run.moments.length), undefined, where);
  report.operationCount += operationsOf(steps);
  report.momentCount += run.moments.length;
  const losses = lossesOf(shape);
  let turn = seed;
  for (const crash of ["process", "power"] as const) {
    const variants = crash === "process" ? 1 : scope.powerVariants;
    for (let moment = seed % scope.momentStep; moment < run.moments.length;) {
      for (let variant = 0; variant < variants; variant++) {
        for (let index = 0; index < Math.min(scope.lossCount, losses.length); index++) {
          const lost = losses[turn++ % losses.length] ?? [];
          const refuted = await run.refute({ moment, seed: moment + variant * 77, crash, lost });
          assert.equal(refuted, undefined, where);
          report.crashCount++;
          if (lost.length > 0) report.lossCount++;
        }
      }
      moment += scope.momentStep;
    }
    await crashRecoveries(run, crash, where, { ...scope, losses, seed }, report);
  }
}

async function crashRecoveries(
  run: CrashRun,
  crash: "process" | "power",
  where: string,
  scope: RaidCrashScope & {
    readonly losses: readonly (readonly number[])[];
    readonly seed: number;
  },
  report: RaidCrashReport,
): Promise<void> {
  const { losses, recoveryMomentStep, recoveryStep } = scope;
  const { lossesMax } = geometryOf(run.shape);
  const { memberCount } = run.shape;
  // With more missing at once than go on without force, nothing can be said of a second crash.
  const spareable = Math.min(lossesMax, memberCount - lossesMax - 1);
  const fewer = choices(memberCount, Math.max(0, spareable - 1));
  for (let moment = scope.seed % recoveryStep; moment < run.moments.length;) {
    const point = { moment, seed: moment, crash, lost: [] };
    const refuted = await run.refuteTwice(point, recoveryMomentStep, losses);
    assert.equal(refuted, undefined, where);
    report.recoveryCount++;
    if (spareable > 0) {
      const without = { ...point, lost: [moment % memberCount] };
      const found = await run.refuteTwice(without, recoveryMomentStep, fewer);
      assert.equal(found, undefined, where);
      report.recoveryCount++;
    }
    moment += recoveryStep;
  }
}
