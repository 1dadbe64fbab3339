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
      const slice = { operationStep: isWide ? 9 : 3, secondStep: isWide ? 9 : 5, crashCount: 2 };
      const scope = { ...wholeRaidFailureScope, ...slice, shapes: [shape] };
      const report = await raidFailureCampaign(2, scope);
      expect(report.single).toBeGreaterThan(15);
      if (most > 1) expect(report.pairs).toBeGreaterThan(30);
      if (most < shape.memberCount) expect(report.crashes).toBeGreaterThan(60);
      expect(report.caughtUp).toBeGreaterThan(15);
    },
  );
});
