import { describe, expect, test } from "vitest";
import { choices, CrashRun, drawSteps } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import { shapeName, type SmallShape } from "./test-array.suite.ts";

const SIZE_BYTES = 4096;
/** In both a row is written in place while an earlier block of it is synced. */
const SEEDS = [19, 35];

/** Long chunks, so that many rows are written alike, and stripes in part and whole. */
const shapes: readonly SmallShape[] = [
  { level: 0, memberCount: 3, blockBytes: 64, chunkBlocks: 4 },
  { level: 1, memberCount: 2, blockBytes: 64, chunkBlocks: 4 },
  { level: 4, memberCount: 4, blockBytes: 64, chunkBlocks: 8 },
  { level: 5, memberCount: 4, blockBytes: 64, chunkBlocks: 4 },
  { level: 6, memberCount: 5, blockBytes: 64, chunkBlocks: 4 },
];

describe("rows that are written as columns", () => {
  for (const shape of shapes) {
    test(`${shapeName(shape)} keeps what was acknowledged through a loss of power`, async () => {
      const { lossesMax } = new Geometry({ ...shape, layout: "left-symmetric" });
      const losses = choices(shape.memberCount, lossesMax);
      for (const seed of SEEDS) {
        const run = await CrashRun.create(shape, SIZE_BYTES);
        await run.run(drawSteps(seed, 20, SIZE_BYTES));
        expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
        for (let moment = seed % 5; moment < run.moments.length; moment += 5) {
          const lost = losses[(moment * 7 + seed) % losses.length] ?? [];
          const crash = { moment, seed: moment + seed, crash: "power", lost } as const;
          expect(await run.refute(crash)).toBeUndefined();
        }
      }
    });
  }
});
