/** A fixed slice of the failures of members; `npm run campaign -- raid-failure` runs more. */

import { describe, expect, test } from "vitest";
import { shapeName } from "../../src/raid/test-array.suite.ts";
import { raidFailureCampaign, wholeRaidFailureScope } from "./raid-failure-campaign.ts";
import { geometryOf, redundantShapes } from "./raid-workload.ts";

describe("members that fail at any of their operations, one or two or one too many", () => {
  test.each(redundantShapes.map((shape) => [shapeName(shape), shape] as const))(
    "%s goes on, loses nothing, and takes them back",
    async (_name, shape) => {
      const most = geometryOf(shape).lossesMax;
      const isWide = most === 2 && shape.level === 6;
      const slice = { operationStep: isWide ? 19 : 7, secondStep: isWide ? 19 : 9, crashCount: 2 };
      const scope = { ...wholeRaidFailureScope, ...slice, assemblyStep: 90, shapes: [shape] };
      const report = await raidFailureCampaign(2, scope);
      expect(report.single).toBeGreaterThan(7);
      if (most > 1) expect(report.pairs).toBeGreaterThan(10);
      expect(report.crashes).toBeGreaterThan(30);
      expect(report.caughtUp).toBeGreaterThan(7);
      expect(report.assemblies).toBeGreaterThan(10);
    },
  );
});
