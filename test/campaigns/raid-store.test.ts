/**
 * Fixed slices of the campaigns over stores, with the store on an array of each level;
 * `npm run campaign -- raid-store-crash` and so on run more.
 */

import { describe, expect, test } from "vitest";
import { arrayGrounds } from "../support/ground.ts";
import { crashCampaign, wholeArrayScope } from "./crash-campaign.ts";
import { failureCampaign, wholeArrayFailureScope } from "./failure-campaign.ts";
import { modelCampaign, modelScopeOf } from "./model-campaign.ts";
import { raidStoreRotCampaign, wholeRaidStoreRotScope } from "./raid-store-rot-campaign.ts";

const grounds = arrayGrounds.map((ground) => [ground.name, ground] as const);

describe("a store on an array", () => {
  test.each(grounds)(
    "of %s holds what anybody was told of after crashes, also of the recovery",
    async (_name, ground) => {
      const slice = { operationCount: 200, eventStep: 13, powerVariants: 1 };
      const steps = { recoveryStep: 20, recoveryEventStep: 11 };
      const scope = { ...wholeArrayScope, ...slice, ...steps, ground };
      const report = await crashCampaign(1, scope);
      expect(report.crashCount).toBeGreaterThan(35);
      expect(report.recoveryCrashCount).toBeGreaterThan(10);
      if (ground.lossesMax > 0) expect(report.lossCount).toBeGreaterThan(20);
    },
  );

  test.each(grounds)(
    "of %s outlives the failure of any change of any disk",
    async (_name, ground) => {
      const slice = { transactionCount: 25, operationStep: 75 };
      const report = await failureCampaign(1, { ...wholeArrayFailureScope, ...slice, ground });
      expect(report.runCount).toBeGreaterThan(12);
      if (ground.lossesMax === 0) expect(report.stoppedCount).toBeGreaterThan(5);
      else expect(report.degradedCount).toBeGreaterThan(5);
    },
  );

  test.each(grounds)("of %s is never told a disk's lies as truth", async (_name, ground) => {
    const slice = { transactionCount: 30, sectorStep: 110, writeStep: 60 };
    const scope = { ...wholeRaidStoreRotScope, ...slice, grounds: [ground] };
    const report = await raidStoreRotCampaign(1, scope);
    expect(report.damaged).toBeGreaterThan(12);
    if (ground.lossesMax === 0) expect(report.named).toBeGreaterThan(1);
    else expect(report.misplaced).toBeGreaterThan(3);
    if (ground.lossesMax > 0) expect(report.repaired).toBeGreaterThan(5);
  });

  test.each(grounds)(
    "of %s answers as a map does while disks fail and come back",
    async (_name, ground) => {
      const scope = { ...modelScopeOf(0), operationCount: 200, ground };
      const report = await modelCampaign(1, scope);
      expect(report.reopenCount + report.crashCount).toBeGreaterThan(0);
      if (ground.lossesMax > 0) expect(report.failedCount).toBeGreaterThan(1);
      if (ground.lossesMax > 0) expect(report.returnedCount).toBeGreaterThan(1);
    },
  );
});
