/**
 * Everything that an array does in the background, each begun while a small array is written, so
 * that a crash, a failure or a close can be tried at every point of it.
 */

import { expect } from "vitest";
import { choices, CrashRun, drawSteps, type RunStep } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import type { SmallShape } from "./test-array.suite.ts";

export const WORK_SIZE_BYTES = 2048;

/** What is done to a small array while it is written, and how many members it has then. */
export interface Work {
  readonly title: string;
  readonly before: readonly RunStep[];
  readonly begin: (run: CrashRun) => Promise<void>;
  /** Who sits in the roles at the end, by their number in the run. */
  readonly seated: (shape: SmallShape) => readonly number[];
  /** How many may be lost while it is under way. */
  readonly lossesFewer: number;
  readonly fits: (shape: SmallShape) => boolean;
}

const failFirst: RunStep = {
  kind: "other",
  run: async (run) => {
    await run.array.fail(0);
  },
};

function others(shape: SmallShape): number[] {
  return Array.from({ length: shape.memberCount - 1 }, (_, index) => index + 1);
}

export const works: readonly Work[] = [
  {
    title: "rebuilding onto a new member",
    before: [failFirst],
    begin: async (run) => {
      const added = await run.array.add(run.addVolume());
      expect(added).toEqual({ kind: "rebuilding", role: 0 });
    },
    seated: (shape) => [shape.memberCount, ...others(shape)],
    lossesFewer: 1,
    fits: ({ level }) => level !== 0,
  },
  {
    title: "catching up of a member that was away",
    before: [failFirst, ...drawSteps(77, 3, WORK_SIZE_BYTES)],
    begin: async (run) => {
      const added = await run.array.add(run.againVolume(0));
      expect(added).toEqual({ kind: "re-added", role: 0 });
    },
    seated: (shape) => [0, ...others(shape)],
    lossesFewer: 1,
    fits: ({ level }) => level !== 0,
  },
  {
    title: "a spare that takes over",
    before: [
      {
        kind: "other",
        run: async (run) => {
          expect(await run.array.add(run.addVolume())).toEqual({ kind: "spare" });
        },
      },
    ],
    begin: async (run) => {
      await run.array.fail(0);
    },
    seated: (shape) => [shape.memberCount, ...others(shape)],
    lossesFewer: 1,
    fits: ({ level }) => level !== 0,
  },
  {
    title: "replacing a member that serves",
    before: [],
    begin: async (run) => {
      await run.array.replace(0, run.addVolume());
    },
    seated: (shape) => [shape.memberCount, ...others(shape)],
    lossesFewer: 0,
    fits: () => true,
  },
  {
    title: "growing by a member",
    before: [],
    begin: async (run) => {
      await run.array.growBy(run.addVolume());
    },
    seated: (shape) => [0, ...others(shape), shape.memberCount],
    lossesFewer: 0,
    fits: () => true,
  },
  {
    title: "growing by a member, and in size meanwhile",
    before: [],
    begin: async (run) => {
      await run.array.growBy(run.addVolume());
      const sizeBytes = run.array.sizeBytes + WORK_SIZE_BYTES;
      await run.grow(sizeBytes);
      for (const at of [WORK_SIZE_BYTES - 10, sizeBytes - 100]) {
        await run.step({ kind: "write", at, length: 100, value: 50, isDurable: true });
      }
    },
    seated: (shape) => [0, ...others(shape), shape.memberCount],
    lossesFewer: 0,
    fits: () => true,
  },
  {
    title: "a scrub",
    before: [],
    begin: async (run) => {
      void run.array.scrub();
    },
    seated: (shape) => [0, ...others(shape)],
    lossesFewer: 0,
    fits: () => true,
  },
];

/** Does the work while the array is written; and from which moment on it was done. */
export async function perform(
  work: Work,
  shape: SmallShape,
  seed: number,
): Promise<{ readonly run: CrashRun; readonly ended: number }> {
  const run = await CrashRun.create(shape, WORK_SIZE_BYTES);
  await run.run(drawSteps(seed, 6, WORK_SIZE_BYTES));
  await run.run(work.before);
  await work.begin(run);
  await run.run(drawSteps(seed + 1, 6, WORK_SIZE_BYTES));
  await run.array.settled();
  const ended = run.moments.length + 1;
  await run.run(drawSteps(seed + 2, 3, WORK_SIZE_BYTES));
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
  expect(run.array.status().health).toBe("whole");
  expect(run.array.status().job).toBeUndefined();
  return { run, ended };
}

/** The members that may be lost at a moment, of those choices one that depends on the moment. */
export function lossAt(
  work: Work,
  shape: SmallShape,
  moment: number,
  ended: number,
): readonly number[] {
  const losses = lossesAt(work, shape, moment < ended);
  return losses[moment % losses.length] ?? [];
}

/** All choices of members that may be lost, the new one among them, while the work is under way. */
export function lossesAt(
  work: Work,
  shape: SmallShape,
  isUnderWay: boolean,
): readonly (readonly number[])[] {
  const everyone = Array.from({ length: shape.memberCount + 1 }, (_, index) => index);
  const from = isUnderWay ? everyone : work.seated(shape);
  const most = lossesMaxOf(shape) - (isUnderWay ? work.lossesFewer : 0);
  return choices(from.length, most).map((losses) => losses.map((index) => from[index] ?? 0));
}

export function lossesMaxOf(shape: SmallShape): number {
  return new Geometry({ ...shape, layout: "left-symmetric" }).lossesMax;
}
