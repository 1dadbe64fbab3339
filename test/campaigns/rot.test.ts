/** A fixed slice of the rot campaign. */

import { expect, test } from "vitest";
import { rotCampaign, wholeRotScope } from "./rot-campaign.ts";

test("rot, lost and misdirected writes are never told as truth", { timeout: 600_000 }, async () => {
  const report = await rotCampaign(1, { ...wholeRotScope, placeStep: 9, writeStep: 8 });
  for (const zone of ["log", "root", "inner", "leaf", "extent", "map", "write"] as const) {
    expect(report.named.get(zone), `damage of a ${zone} is named`).toBeGreaterThan(0);
  }
  expect(report.named.get("superblock"), "any one copy may rot").toBeUndefined();
  expect(report.harmless.get("superblock")).toBe(16);
});
