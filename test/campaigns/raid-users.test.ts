/** A fixed slice of users of one array at once; `npm run campaign -- raid-users` runs more. */

import { expect, test } from "vitest";
import { smallShapes } from "../../src/raid/test-array.suite.ts";
import { raidUsersCampaign } from "./raid-users-campaign.ts";

const SEEDS = 15;

test("users at once read what they wrote, while members come and go", async () => {
  let runs = 0;
  for (let seed = 1; seed <= SEEDS; seed++) runs += (await raidUsersCampaign(seed)).runs;
  expect(runs).toBe(SEEDS * smallShapes.length);
});
