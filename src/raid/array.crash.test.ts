import { describe, expect, test } from "vitest";
import { choices, CrashRun, drawSteps } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import { shapeName, type SmallShape, smallShapes } from "./test-array.suite.ts";

const SIZE_BYTES = 2048;

describe("a crash at any operation of any member", () => {
  for (const shape of smallShapes) {
    test(`${shapeName(shape)} keeps what was acknowledged, whichever members are lost`, async () => {
      const run = await CrashRun.create(shape, SIZE_BYTES);
      await run.run(drawSteps(shape.memberCount + shape.level, 24, SIZE_BYTES));
      expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
      const losses = choices(shape.memberCount, lossesMaxOf(shape));
      for (let moment = 0; moment < run.moments.length; moment += 2) {
        const lost = losses[moment % losses.length] ?? [];
        const crash = moment % 3 === 0 ? "process" : "power";
        expect(await run.refute({ moment, seed: moment, crash, lost })).toBeUndefined();
      }
    });
  }
});

function lossesMaxOf(shape: SmallShape): number {
  return new Geometry({ ...shape, layout: "left-symmetric" }).lossesMax;
}
