/**
 * A fixed slice of work in the background interrupted; `npm run campaign -- raid-work` runs more.
 */

import { describe, expect, test } from "vitest";
import { works } from "../../src/raid/background-work.suite.ts";
import { raidWorkCampaign, wholeRaidWorkScope } from "./raid-work-campaign.ts";

describe("work in the background, interrupted by crashes and failures at its steps", () => {
  test.each(works.map((work) => [work.title, work] as const))(
    "%s loses nothing, and is done in the end",
    async (_title, work) => {
      const slice = { momentStep: 9, recoveryStep: 97, operationStep: 13 };
      const report = await raidWorkCampaign(1, { ...wholeRaidWorkScope, ...slice, works: [work] });
      expect(report.crashes).toBeGreaterThan(200);
      expect(report.recoveries).toBeGreaterThan(5);
      expect(report.failures).toBeGreaterThan(50);
    },
  );
});
