/** A fixed slice of the crashes of arrays; `npm run campaign -- raid-crash` runs more of them. */

import { describe, expect, test } from "vitest";
import { shapeName } from "../../src/raid/test-array.suite.ts";
import { raidCrashCampaign, wholeRaidCrashScope } from "./raid-crash-campaign.ts";
import { redundantShapes } from "./raid-workload.ts";

describe("a crash at every operation of every member, and members lost besides", () => {
  test.each(redundantShapes.map((shape) => [shapeName(shape), shape] as const))(
    "%s holds what was acknowledged, also when its recovery crashes",
    async (_name, shape) => {
      const slice = { ...wholeRaidCrashScope, shapes: [shape], lossCount: 1, powerVariants: 1 };
      for (const seed of [1, 2]) {
        const scope = { ...slice, recoveryStep: 31, recoveryMomentStep: 5 };
        const report = await raidCrashCampaign(seed, scope);
        expect(report.operationCount).toBeGreaterThan(30);
        expect(report.operationCount).toBeLessThan(101);
        expect(report.crashCount).toBeGreaterThan(300);
        expect(report.lossCount).toBeGreaterThan(200);
        expect(report.recoveryCount).toBeGreaterThan(10);
      }
    },
  );
});
