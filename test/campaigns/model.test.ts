/** A fixed slice of the model campaign. */

import { expect, test } from "vitest";
import { modelCampaign, modelScopes } from "./model-campaign.ts";

test.each([0, 1, 4, 5])("a store answers as a map and a shadow store do, seed %i", async (seed) => {
  const report = await modelCampaign(seed);
  expect(report.transactionCount).toBeGreaterThan(300);
  expect(report.reopenCount + report.crashCount).toBeGreaterThan(2);
  expect(report.snapshotCount).toBeGreaterThan(2);
  expect(report.ringRounds).toBeGreaterThan(0);
});

test.each([2, 3])("a store of many rows answers as a map does, seed %i", async (seed) => {
  const scope = modelScopes[seed];
  const report = await modelCampaign(seed, { ...scope, operationCount: 900 } as typeof scope);
  expect(report.rowCount).toBeGreaterThan(500);
  if (seed === 3) expect(report.evictionCount).toBeGreaterThan(0);
});
