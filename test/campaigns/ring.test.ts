/** Campaigns over stores whose rings get their room, move it, and give it back. */

import { expect, test } from "vitest";
import { crashCampaign, wholeScope } from "./crash-campaign.ts";
import { failureCampaign, wholeFailureScope } from "./failure-campaign.ts";

/** A ring of many segments, of which few are kept. */
const shape = { ringBytes: 1 << 20, pagesBytes: 1 << 20 };

test("a crash at every operation while the ring gets room", { timeout: 600_000 }, async () => {
  const report = await crashCampaign(17, {
    ...wholeScope,
    shape,
    operationCount: 130,
    powerVariants: 1,
    recoveryStep: 900,
  });
  expect(report.crashCount).toBeGreaterThan(500);
  expect(report.placedCount).toBeGreaterThan(1);
  expect(report.movedCount).toBeGreaterThan(1);
  expect(report.givenBackCount).toBe(1);
});

test("each change of the volume fails while the ring gets room", { timeout: 600_000 }, async () => {
  const report = await failureCampaign(3, { ...wholeFailureScope, shape, operationStep: 11 });
  expect(report.stoppedCount).toBeGreaterThan(20);
});
