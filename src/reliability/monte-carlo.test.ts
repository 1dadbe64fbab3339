import { describe, expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { lossProbability, mttdlHours } from "./array-loss.ts";
import { type ArrayModel, type GroupModel, plainGroup } from "./group-model.ts";
import {
  defaultSimulationOptions,
  type SimulatedEstimate,
  simulateLossProbability,
  simulateMttdl,
} from "./monte-carlo.ts";

const sectorErrors = {
  errorsPerBit: 1e-15,
  memberBytes: 8e12,
  latentMttfHours: 5e5,
  scrubHours: 336,
};
/** Members, tolerated failures, groups. */
const sizes = [
  [2, 1, 1],
  [2, 1, 4],
  [8, 1, 1],
  [8, 2, 1],
  [3, 2, 1],
  [5, 2, 1],
  [6, 2, 2],
] as const;
/** Common disks; the same, a million times as fast repaired as failing; bad ones; and none. */
const times = [
  [1.2e6, 24],
  [1e6, 1],
  [1_000, 50],
  [5e4, 5e4],
] as const;
const extras: readonly (readonly [string, Partial<GroupModel>])[] = [
  ["plain", {}],
  ["serial repair", { repair: "serial" }],
  ["a spare", { spareCount: 1, replaceHours: 100 }],
  ["a common cause", { commonCauseShare: 0.01 }],
  ["sector errors", { sectorErrors }],
];
const MISSION_HOURS = 8_760;
const PATHS = 400;

interface Case {
  readonly array: ArrayModel;
  readonly seed: number;
}

function casesOf(more: Partial<GroupModel>): readonly Case[] {
  const cases: Case[] = [];
  for (const [memberCount, toleratedCount, groupCount] of sizes) {
    for (const [mttfHours, mttrHours] of times) {
      const members = { memberCount, toleratedCount, mttfHours, mttrHours };
      const array = { group: { ...plainGroup(members), ...more }, groupCount };
      // Seeds of their own: else all would be lucky or unlucky together.
      const seed = 100 * cases.length + memberCount;
      cases.push({ array, seed }, { array, seed: seed + 7 });
    }
  }
  return cases;
}

function holds({ low, high }: SimulatedEstimate, exact: number): boolean {
  return low * (1 - 1e-12) <= exact && exact <= high * (1 + 1e-12);
}

describe.each(extras)("with %s", (_, more) => {
  const cases = casesOf(more);

  test("the exact mean lies in 95 of 100 intervals, as it should, give or take", () => {
    const held = cases.filter(({ array, seed }) => {
      const options = { seed, pathCount: PATHS, confidence: 0.95 };
      return holds(simulateMttdl(array, options), mttdlHours(array));
    });
    expect(held.length / cases.length).toBeGreaterThan(0.87);
  });

  test("and so does the exact probability of loss", () => {
    const held = cases.filter(({ array, seed }) => {
      const options = { seed, pathCount: PATHS, confidence: 0.95 };
      const simulated = simulateLossProbability(array, MISSION_HOURS, options);
      return holds(simulated, lossProbability(array, MISSION_HOURS));
    });
    expect(held.length / cases.length).toBeGreaterThan(0.87);
  });
});

const rare: ArrayModel = {
  group: plainGroup({ memberCount: 8, toleratedCount: 2, mttfHours: 1.2e6, mttrHours: 24 }),
  groupCount: 1,
};

test("what happens once in a billion missions is seen in some thousand", () => {
  const options = { seed: 1, pathCount: 20_000, confidence: 0.95 };
  const exact = lossProbability(rare, 43_800);
  const { estimate, low, high } = simulateLossProbability(rare, 43_800, options);
  expect(exact).toBeLessThan(1e-8);
  expect((high - low) / estimate).toBeLessThan(0.06);
  expect(holds({ estimate, low, high }, exact)).toBe(true);
});

test("latent errors have gathered since the last scrub, and no longer", () => {
  const members = { memberCount: 8, toleratedCount: 1, mttfHours: 1e6, mttrHours: 24 };
  const latent = { errorsPerBit: 0, memberBytes: 0, latentMttfHours: 5e5, scrubHours: 2_000 };
  const array = { group: { ...plainGroup(members), sectorErrors: latent }, groupCount: 1 };
  const options = { seed: 3, pathCount: 20_000, confidence: 0.99 };
  const loss = simulateLossProbability(array, 43_800, options);
  const mean = simulateMttdl(array, options);
  for (const { estimate, low, high } of [loss, mean]) {
    expect((high - low) / estimate).toBeLessThan(0.1);
  }
  expect(holds(loss, lossProbability(array, 43_800))).toBe(true);
  expect(holds(mean, mttdlHours(array))).toBe(true);
});

test("the intervals are narrow enough to tell a model that is wrong by a tenth", () => {
  const options = { seed: 2, pathCount: 20_000, confidence: 0.95 };
  const slower = { ...rare, group: { ...rare.group, mttrHours: 24 * 1.1 } };
  const forgotten = { ...rare, group: { ...rare.group, repair: "serial" as const } };
  for (const wrong of [slower, forgotten]) {
    expect(holds(simulateMttdl(rare, options), mttdlHours(wrong))).toBe(false);
    const loss = simulateLossProbability(rare, 43_800, options);
    expect(holds(loss, lossProbability(wrong, 43_800))).toBe(false);
  }
});

test("wider confidence is a wider interval, and the same seed the same dice", () => {
  const options = { seed: 3, pathCount: 500, confidence: 0.95 };
  const first = simulateMttdl(rare, options);
  expect(simulateMttdl(rare, options)).toEqual(first);
  expect(simulateMttdl(rare, { ...options, seed: 4 }).estimate).not.toBe(first.estimate);
  const wider = simulateMttdl(rare, { ...options, confidence: 0.99 });
  expect((wider.high - wider.low) / (first.high - first.low)).toBeCloseTo(2.5758 / 1.96, 3);
});

test("without redundancy nothing is left to chance but the time", () => {
  const sole = plainGroup({ memberCount: 4, toleratedCount: 0, mttfHours: 1e4, mttrHours: 1 });
  const array = { group: sole, groupCount: 1 };
  const options = { seed: 5, pathCount: 10, confidence: 0.95 };
  const { low, high } = simulateLossProbability(array, 100, options);
  expect(high - low).toBeLessThan(1e-15);
  expect(low).toBeCloseTo(-Math.expm1(-0.04), 14);
});

test("where all failures have a common cause, the dice end and agree with the chain", () => {
  const group = plainGroup({ memberCount: 4, toleratedCount: 1, mttfHours: 1e5, mttrHours: 24 });
  const array = { group: { ...group, commonCauseShare: 1 }, groupCount: 2 };
  const options = { ...defaultSimulationOptions, pathCount: 100 };
  const loss = simulateLossProbability(array, 43_800, options);
  expect(loss.estimate).toBeCloseTo(lossProbability(array, 43_800), 12);
  expect(simulateMttdl(array, options).estimate / mttdlHours(array)).toBeCloseTo(1, 9);
});

test("too few paths say nothing and are refused", () => {
  const options = { seed: 1, pathCount: 1, confidence: 0.95 };
  try {
    simulateMttdl(rare, options);
    expect.unreachable();
  } catch (error) {
    expect(isFault(error, "ERR_ARGUMENT")).toBe(true);
  }
});
