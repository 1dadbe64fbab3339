/**
 * Runs a whole campaign: `npm run campaign -- crash --seeds 1000 --from 1`. One that fails is run
 * again by `npm run campaign -- crash --from SEED --seeds 1`.
 */

import { parseArgs } from "node:util";
import { arrayGrounds, type Ground } from "../support/ground.ts";
import { crashCampaign, wholeArrayScope, wholeScope } from "./crash-campaign.ts";
import { failureCampaign, wholeArrayFailureScope, wholeFailureScope } from "./failure-campaign.ts";
import { raidCrashCampaign, wholeRaidCrashScope } from "./raid-crash-campaign.ts";
import { raidFailureCampaign, wholeRaidFailureScope } from "./raid-failure-campaign.ts";
import { raidRotCampaign, wholeRaidRotScope } from "./raid-rot-campaign.ts";
import { raidStoreRotCampaign, wholeRaidStoreRotScope } from "./raid-store-rot-campaign.ts";
import { raidUsersCampaign } from "./raid-users-campaign.ts";
import { raidWorkCampaign, wholeRaidWorkScope } from "./raid-work-campaign.ts";
import { rotCampaign, wholeRotScope } from "./rot-campaign.ts";
import { modelCampaign, modelScopeOf } from "./model-campaign.ts";

/** Says how far a campaign is, to whoever waits for it. */
type Tell = (what: string) => void;

const TELL_INTERVAL_MS = 10_000;

const CAMPAIGNS: Readonly<Record<string, (seed: number, tell: Tell) => Promise<object>>> = {
  model: async (seed) => await modelCampaign(seed),
  rot: async (seed) => await rotCampaign(seed, wholeRotScope),
  failure: async (seed) => await failureCampaign(seed, wholeFailureScope),
  crash: async (seed) => await crashCampaign(seed, wholeScope),
  "raid-crash": async (seed) => await raidCrashCampaign(seed, wholeRaidCrashScope),
  "raid-failure": async (seed) => await raidFailureCampaign(seed, wholeRaidFailureScope),
  "raid-rot": async (seed) => await raidRotCampaign(seed, wholeRaidRotScope),
  "raid-store-crash": async (seed, tell) =>
    await onEach(tell, async (ground, tellOfIt) => {
      return await crashCampaign(seed, { ...wholeArrayScope, ground, tell: tellOfIt });
    }),
  "raid-store-failure": async (seed, tell) =>
    await onEach(tell, async (ground, tellOfIt) => {
      return await failureCampaign(seed, { ...wholeArrayFailureScope, ground, tell: tellOfIt });
    }),
  "raid-store-model": async (seed, tell) =>
    await onEach(tell, async (ground) => {
      return await modelCampaign(seed, { ...modelScopeOf(seed), ground });
    }),
  "raid-store-rot": async (seed, tell) =>
    await raidStoreRotCampaign(seed, { ...wholeRaidStoreRotScope, tell }),
  "raid-users": async (seed) => await raidUsersCampaign(seed),
  "raid-work": async (seed, tell) => await raidWorkCampaign(seed, { ...wholeRaidWorkScope, tell }),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "10" },
    from: { type: "string", default: "1" },
  },
});

if (positionals.length === 0) {
  console.error(
    `Name a campaign: npm run campaign -- NAME [--seeds 10] [--from 1]. ` +
      `There are ${Object.keys(CAMPAIGNS).join(" ")}`,
  );
  process.exitCode = 2;
}
for (const name of positionals) await runCampaign(name);

/** A campaign over a store, on an array of each level. */
async function onEach(
  tell: Tell,
  campaign: (ground: Ground, tell: Tell) => Promise<object>,
): Promise<object> {
  const reports: Record<string, object> = {};
  for (const ground of arrayGrounds) {
    reports[ground.name] = await campaign(ground, (what) => tell(`${ground.name}, ${what}`));
  }
  return reports;
}

async function runCampaign(name: string): Promise<void> {
  const campaign = CAMPAIGNS[name];
  if (campaign === undefined) {
    console.error(
      `There is no campaign "${name}": name one of ${Object.keys(CAMPAIGNS).join(" ")}`,
    );
    process.exitCode = 2;
    return;
  }
  const first = Number(values.from);
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    const startedMs = performance.now();
    try {
      const report = await campaign(seed, teller(name, seed));
      const elapsed = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(`${name} seed ${seed}: ok in ${elapsed} s ${JSON.stringify(report, plain)}`);
    } catch (error) {
      process.exitCode = 1;
      console.error(`${name} seed ${seed}: FAILED`, error);
    }
  }
}

/** Of all that it is told it prints a line every ten seconds. */
function teller(name: string, seed: number): Tell {
  let toldMs = performance.now();
  return (what) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < TELL_INTERVAL_MS) return;
    toldMs = nowMs;
    console.error(`${name} seed ${seed}: ${what}`);
  };
}

/** Sets and maps as what JSON knows. */
function plain(_name: string, value: unknown): unknown {
  if (value instanceof Set) return [...value];
  return value instanceof Map ? Object.fromEntries(value) : value;
}
