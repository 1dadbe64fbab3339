/** A fixed slice of members that lie; `npm run campaign -- raid-rot` runs more. */

import { describe, expect, test } from "vitest";
import { shapeName } from "../../src/raid/test-array.suite.ts";
import { raidRotCampaign, wholeRaidRotScope } from "./raid-rot-campaign.ts";
import { redundantShapes } from "./raid-workload.ts";

describe("rot, lost and misdirected writes, syncs that lie, and old copies of members", () => {
  test.each(redundantShapes.map((shape) => [shapeName(shape), shape] as const))(
    "%s answers right, names who lied, and puts it right",
    async (_name, shape) => {
      const scope = { ...wholeRaidRotScope, shapes: [shape] };
      const slice = { sectorStep: 5, writeStep: 5, momentStep: 9 };
      const report = await raidRotCampaign(2, { ...scope, ...slice });
      expect(report.damaged).toBeGreaterThan(30);
      expect(report.misplaced).toBeGreaterThan(5);
      expect(report.rolledBack).toBeGreaterThan(10);
      expect(report.repaired).toBeGreaterThan(5);
    },
  );
});
