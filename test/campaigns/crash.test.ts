/** A fixed slice of the crash campaign; `npm run campaign -- crash` runs more of it. */

import { expect, test } from "vitest";
import { crashCampaign, wholeScope } from "./crash-campaign.ts";

test("a crash at every operation of a long run", { timeout: 600_000 }, async () => {
  const scope = { ...wholeScope, operationCount: 180, powerVariants: 1, recoveryStep: 450 };
  const report = await crashCampaign(1, scope);
  expect(report.operationCount).toBeGreaterThan(180);
  expect(report.crashCount).toBeGreaterThan(720);
  expect(report.recoveryCrashCount).toBeGreaterThan(50);
  expect(report.checkpointCount).toBeGreaterThan(5);
  expect(report.ringRounds).toBeGreaterThan(1);
  expect(report.tornTailCount).toBeGreaterThan(10);
});

test.each([2, 3, 4])("a crash at every operation of a short run, seed %i", async (seed) => {
  const scope = { ...wholeScope, operationCount: 25, recoveryStep: 90 };
  const report = await crashCampaign(seed, scope);
  expect(report.crashCount).toBeGreaterThan(200);
});
