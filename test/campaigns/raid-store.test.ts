/** A fixed slice of stores on arrays; `npm run campaign -- raid-store` runs more. */

import { describe, expect, test } from "vitest";
import { raidStoreCampaign, wholeRaidStoreScope } from "./raid-store-campaign.ts";

describe("a store on an array, whose members are lost in crashes and fail under it", () => {
  test.each(wholeRaidStoreScope.shapes.map((shape) => [shape.level, shape] as const))(
    "RAID %i holds what anybody was told of, and nobody hears of a member that fails",
    async (_level, shape) => {
      const slice = { transactionCount: 30, crashCount: 20, failureCount: 4 };
      const scope = { ...wholeRaidStoreScope, ...slice, shapes: [shape] };
      const report = await raidStoreCampaign(1, scope);
      expect(report.crashes).toBeGreaterThan(18);
      expect(report.failures).toBe(4);
      expect(report.membersLost).toBeGreaterThan(3);
    },
  );
});
