import { describe, expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import type { AbsorbingChain } from "./absorbing-chain.ts";
import { lossProbability, mttdlHours, wholeLossProbability } from "./array-loss.ts";
import { groupChain } from "./group-chain.ts";
import { type ArrayModel, type GroupModel, plainGroup } from "./group-model.ts";
import { lossWithin } from "./loss-probability.ts";
import { latentErrorProbability } from "./sector-errors.ts";

interface Size {
  readonly n: number;
  readonly f: number;
  readonly mttf: number;
  readonly mttr: number;
}

function groupOf({ n, f, mttf, mttr }: Size, more: Partial<GroupModel> = {}): GroupModel {
  const size = { memberCount: n, toleratedCount: f, mttfHours: mttf, mttrHours: mttr };
  return { ...plainGroup(size), ...more };
}

function one(size: Size, more: Partial<GroupModel> = {}): ArrayModel {
  return { group: groupOf(size, more), groupCount: 1 };
}

/** How many units of rounding lie between, about. */
function expectSame(actual: number, expected: number, relative = 1e-13): void {
  expect(Math.abs(actual / expected - 1), `${actual} for ${expected}`).toBeLessThan(relative);
}

const stiffness = [1e-3, 1, 1e3, 1e6, 1e9, 1e12];

describe("times out of all proportion", () => {
  const extremes = [1e-15, 1, 1e200];
  test.each(extremes)("give numbers that make sense, and soon: MTTF %d h", (mttf) => {
    for (const mttr of [...extremes, Number.POSITIVE_INFINITY]) {
      for (const f of [0, 1, 3]) {
        for (const groupCount of f === 1 ? [1, 3] : [1]) {
          const array = { group: groupOf({ n: 4, f, mttf, mttr }), groupCount };
          const mean = mttdlHours(array);
          expect(mean, `${mttr} ${f} ${groupCount}`).toBeGreaterThanOrEqual(0);
          expect(mean).toBeGreaterThanOrEqual((mttf / 4 / groupCount) * 0.999);
          for (const hours of [1, 43_800, 1e200]) {
            const loss = lossProbability(array, hours);
            expect(loss).toBeGreaterThanOrEqual(0);
            expect(loss).toBeLessThanOrEqual(1);
          }
        }
      }
    }
  });
});

test.each([1e-308, 1e-16, 1e201, Number.MAX_VALUE])("%d hours are refused", (hours) => {
  const odd: readonly Partial<GroupModel>[] = [
    { mttfHours: hours },
    { mttrHours: hours },
    { replaceHours: hours },
  ];
  const size = { n: 4, f: 1, mttf: 1e6, mttr: 24 };
  for (const more of odd) {
    expect(() => mttdlHours(one(size, more))).toThrow("Hours must be a number, at least 1e-15");
  }
  expect(() => lossProbability(one(size), hours)).toThrow("missionHours must be");
});

describe("the mean time to data loss", () => {
  test.each(stiffness)("is the closed form of one failure survived, mu/lambda %d", (ratio) => {
    const lambda = 1e-6;
    const mu = ratio * lambda;
    for (const n of [2, 3, 8, 100]) {
      const exact = ((2 * n - 1) * lambda + mu) / (n * (n - 1) * lambda * lambda);
      expectSame(mttdlHours(one({ n, f: 1, mttf: 1 / lambda, mttr: 1 / mu })), exact);
    }
  });

  test.each(stiffness)("is the closed form of two failures survived, mu/lambda %d", (ratio) => {
    const mu = ratio;
    for (const [repair, second] of [
      ["serial", mu],
      ["parallel", 2 * mu],
    ] as const) {
      const n = 8;
      // Up by n, n - 1, n - 2; down by mu and by `second`: the means of passing from each state
      // to the next, added up.
      const first = 1 / n;
      const next = (1 + mu * first) / (n - 1);
      const last = (1 + second * next) / (n - 2);
      const array = one({ n, f: 2, mttf: 1, mttr: 1 / mu }, { repair });
      expectSame(mttdlHours(array), first + next + last);
    }
  });

  test("without repair is the sum of the waits for one failure after the other", () => {
    for (const [n, f] of [
      [1, 0],
      [8, 0],
      [3, 1],
      [5, 2],
      [4, 3],
      [16, 15],
    ] as const) {
      let waits = 0;
      for (let failed = 0; failed <= f; failed++) waits += 1_000 / (n - failed);
      expectSame(mttdlHours(one({ n, f, mttf: 1_000, mttr: Number.POSITIVE_INFINITY })), waits);
    }
  });

  test("of mirrors beside each other is that of the chain that counts degraded ones", () => {
    const [lambda, mu, groups] = [1e-5, 0.1, 4];
    // With d mirrors degraded: one more at 2 lambda (groups - d), one less at mu d, loss at
    // lambda d.
    const hours = meanByElimination(groups, (d) => ({
      up: 2 * lambda * (groups - d),
      down: mu * d,
      loss: lambda * d,
    }));
    const group = groupOf({ n: 2, f: 1, mttf: 1 / lambda, mttr: 1 / mu });
    expectSame(mttdlHours({ group, groupCount: groups }), hours, 1e-12);
  });

  test("of mirrors that nobody repairs is an integral that can be done by hand", () => {
    // With u = e^-t the integral of (2u - u^2)^4 / u from 0 to 1.
    const group = groupOf({ n: 2, f: 1, mttf: 1, mttr: Number.POSITIVE_INFINITY });
    const exact = 16 / 4 - 32 / 5 + 24 / 6 - 8 / 7 + 1 / 8;
    expectSame(mttdlHours({ group, groupCount: 4 }), exact, 1e-12);
  });

  test("of single disks side by side is that of RAID 0", () => {
    const size = { n: 1, f: 0, mttf: 1e6, mttr: 24 };
    const sideBySide = mttdlHours({ group: groupOf(size), groupCount: 12 });
    expectSame(sideBySide, mttdlHours(one({ ...size, n: 12 })), 1e-12);
  });
});

/** Of a chain of states 0 to `top` in a row, each with a rate up, down, and to the end. */
function meanByElimination(
  top: number,
  rates: (state: number) => { up: number; down: number; loss: number },
): number {
  // m(d) = (1 + up m(d+1) + down m(d-1)) / all, written as m(d) = a m(d-1) + b, from the top.
  let [a, b] = [0, 0];
  for (let state = top; 0 < state; state--) {
    const { up, down, loss } = rates(state);
    const left = down + loss + up * (1 - a);
    [a, b] = [down / left, (1 + up * b) / left];
  }
  const { up, loss } = rates(0);
  return (1 + up * b) / (loss + up * (1 - a));
}

describe("the probability of data loss", () => {
  test.each(stiffness)("of a mirror is the closed form at any time, mu/lambda %d", (ratio) => {
    const lambda = 1e-6;
    const mu = ratio * lambda;
    const array = one({ n: 2, f: 1, mttf: 1 / lambda, mttr: 1 / mu });
    const mean = mttdlHours(array);
    // Sooner than a repair takes, the closed form itself would lose its digits.
    for (const hours of [100 / mu, mean / 1e6, mean / 10, mean, 20 * mean]) {
      if (hours < 10 / (mu + 3 * lambda)) continue;
      expectSame(lossProbability(array, hours), mirrorLoss(lambda, mu, hours), 1e-12);
    }
  });

  test("without repair is binomial, however small", () => {
    const exact = (n: number, f: number, hours: number): number => {
      const failed = -Math.expm1(-hours);
      let sum = 0;
      for (let k = f + 1; k <= n; k++) {
        sum += choose(n, k) * failed ** k * Math.exp(-hours * (n - k));
      }
      return sum;
    };
    for (const [n, f] of [
      [2, 1],
      [8, 2],
      [5, 4],
      [16, 15],
    ] as const) {
      const array = one({ n, f, mttf: 1, mttr: Number.POSITIVE_INFINITY });
      for (const hours of [1e-12, 1e-3, 0.1, 1]) {
        expectSame(lossProbability(array, hours), exact(n, f, hours), 1e-12);
      }
    }
  });

  test("is what plain uniformization says, jump by jump", () => {
    const sectorErrors = {
      errorsPerBit: 1e-15,
      memberBytes: 8e12,
      latentMttfHours: 5e5,
      scrubHours: 336,
    };
    const more = { spareCount: 1, replaceHours: 100, commonCauseShare: 0.01, sectorErrors };
    for (const [n, f] of [
      [8, 1],
      [8, 2],
      [4, 3],
    ] as const) {
      const group = groupOf({ n, f, mttf: 1e5, mttr: 24 }, more);
      const chain = groupChain(group);
      const [exact, plain] = [lossWithin(chain, 8_760).lost, uniformized(chain, 8_760)];
      expectSame(exact, plain, 1e-11);
    }
  });

  test("keeps its digits where it is next to nothing and where it is next to one", () => {
    const array = one({ n: 16, f: 15, mttf: 1.2e6, mttr: 24 });
    // So long before a first loss, losses come at a constant rate.
    expectSame(lossProbability(array, 43_800), 43_800 / mttdlHours(array), 1e-2);
    expect(lossProbability(array, 43_800)).toBeLessThan(1e-70);
    const survived = lossWithin(groupChain(groupOf({ n: 4, f: 0, mttf: 1, mttr: 1 })), 10).survived;
    expectSame(survived, Math.exp(-40), 1e-12);
  });

  test("of groups side by side is what is left when all survive", () => {
    const group = groupOf({ n: 3, f: 1, mttf: 1e3, mttr: 100 });
    const single = lossProbability({ group, groupCount: 1 }, 500);
    const survived = (1 - single) ** 5;
    expect(lossProbability({ group, groupCount: 5 }, 500)).toBeCloseTo(1 - survived, 13);
  });

  test("is none at once and certain in the end", () => {
    const array = one({ n: 3, f: 1, mttf: 10, mttr: 1 });
    expect(lossProbability(array, 0)).toBe(0);
    expect(lossProbability(array, 1e9)).toBe(1);
  });
});

function mirrorLoss(lambda: number, mu: number, hours: number): number {
  const sum = 3 * lambda + mu;
  const fast = (sum + Math.sqrt(sum * sum - 8 * lambda * lambda)) / 2;
  const slow = (2 * lambda * lambda) / fast;
  return (
    -Math.expm1(-slow * hours) +
    (slow / (fast - slow)) * (Math.exp(-fast * hours) - Math.exp(-slow * hours))
  );
}

function choose(n: number, k: number): number {
  let count = 1;
  for (let at = 1; at <= k; at++) count = (count * (n - k + at)) / at;
  return count;
}

/** The sum over Poisson many jumps of a chain in discrete time. */
function uniformized({ stateCount, rates }: AbsorbingChain, hours: number): number {
  const width = stateCount + 1;
  const leaving = Array.from({ length: stateCount }, (_, state) =>
    rates.subarray(state * width, (state + 1) * width).reduce((sum, rate) => sum + rate, 0),
  );
  const perHour = Math.max(...leaving);
  const mean = perHour * hours;
  let here = new Float64Array(width);
  here[0] = 1;
  let [lost, logWeight] = [0, -mean];
  for (let jump = 0; jump < mean + 50 * Math.sqrt(mean) + 100; jump++) {
    lost += Math.exp(logWeight) * (here[stateCount] ?? 0);
    logWeight += Math.log(mean / (jump + 1));
    const next = new Float64Array(width);
    next[stateCount] = here[stateCount] ?? 0;
    for (const [state, left] of leaving.entries()) {
      const share = here[state] ?? 0;
      for (let to = 0; to < width; to++) {
        const rate = to === state ? perHour - left : (rates[state * width + to] ?? 0);
        next[to] = (next[to] ?? 0) + (share * rate) / perHour;
      }
    }
    here = next;
  }
  return lost;
}

describe("sector errors", () => {
  const size = { n: 8, f: 1, mttf: 1e6, mttr: 24 };
  const none = groupOf(size).sectorErrors;

  test("of reading turn a rebuild without redundancy into a loss", () => {
    const sectorErrors = { ...none, errorsPerBit: 1e-15, memberBytes: 8e12 };
    const [lambda, mu] = [1e-6, 1 / 24];
    const unreadable = -Math.expm1(-7 * 8e12 * 8 * 1e-15);
    // From fresh to degraded; from there to loss, or back with what rebuilds succeed.
    const loss = 7 * lambda + mu * unreadable;
    const back = mu * (1 - unreadable);
    const exact = (1 / (8 * lambda)) * (1 + back / loss) + 1 / loss;
    expectSame(mttdlHours(one(size, { sectorErrors })), exact, 1e-9);
  });

  test("that gather between scrubs count by half an interval, and during a rebuild", () => {
    const sectorErrors = { ...none, latentMttfHours: 1e6, scrubHours: 200 };
    const hours = 1_000;
    const more = lossProbability(one(size, { sectorErrors }), hours);
    const less = lossProbability(one(size), hours);
    // About one disk fails 8e-3 times; then 7 disks have had 100 hours, and 24 more follow.
    expectSame(more - less, 8e-3 * (7 * 124e-6), 0.05);
    const often = { ...sectorErrors, scrubHours: 2 };
    expect(lossProbability(one(size, { sectorErrors: often }), hours)).toBeLessThan(more / 2);
  });

  test("gather alike whether few or many, between one formula and the other", () => {
    const before = (scrubHours: number): number =>
      latentErrorProbability(
        groupOf(size, { sectorErrors: { ...none, latentMttfHours: 7, scrubHours } }),
      );
    for (const gathered of [1e-12, 1e-6, 9.99e-4, 1.001e-3, 0.01, 1, 50]) {
      // The chance of none, averaged over all moments between two scrubs.
      const parts = 1_000;
      let sum = 0;
      for (let part = 0; part < parts; part++) {
        sum -= Math.expm1((-gathered * (part + 0.5)) / parts);
      }
      expectSame(before(gathered), sum / parts, 1e-3);
    }
    expectSame(before(1e-12), 5e-13, 1e-9);
    expectSame(before(9.999_999e-4), before(1.000_000_1e-3), 1e-6);
  });

  test("lose blocks and not the array, and nothing while redundancy is left", () => {
    const sectorErrors = { ...none, errorsPerBit: 1e-15, memberBytes: 8e12 };
    const array = one(size, { sectorErrors });
    expect(wholeLossProbability(array, 8_760)).toBe(lossProbability(one(size), 8_760));
    const double = { ...size, f: 2 };
    const ratio =
      lossProbability(one(double, { sectorErrors }), 8_760) / lossProbability(array, 8_760);
    expect(ratio).toBeLessThan(1e-3);
  });

  test("on a disk alone are losses as they come", () => {
    const sectorErrors = { ...none, latentMttfHours: 3e6, scrubHours: 1 };
    expectSame(mttdlHours(one({ ...size, n: 1, f: 0 }, { sectorErrors })), 1 / (1e-6 + 1 / 3e6));
  });
});

describe("spares, common causes", () => {
  const size = { n: 8, f: 1, mttf: 1e5, mttr: 10 };

  test("a spare saves the wait for a new disk, and a second hardly more", () => {
    const wait = { replaceHours: 100 };
    const means = [0, 1, 2].map((spareCount) => mttdlHours(one(size, { ...wait, spareCount })));
    const instantly = mttdlHours(one(size));
    const [none = 0, first = 0, second = 0] = means;
    expect(none).toBeLessThan(first / 5);
    expect(first).toBeLessThan(second);
    expect(second).toBeLessThan(instantly);
    expectSame(second, instantly, 1e-3);
  });

  test("without a spare the wait and the rebuild follow one another", () => {
    const [lambda, mu, nu] = [1e-5, 0.1, 0.01];
    // Degraded and waiting, then degraded and rebuilding; loss from both at 7 lambda.
    const arrives = nu / (nu + 7 * lambda);
    const rebuilt = mu / (mu + 7 * lambda);
    const stay = 1 / (nu + 7 * lambda) + arrives / (mu + 7 * lambda);
    const exact = (1 / (8 * lambda) + stay) / (1 - arrives * rebuilt);
    expectSame(mttdlHours(one(size, { replaceHours: 1 / nu })), exact, 1e-11);
  });

  test("a common cause takes the group whatever redundancy it has", () => {
    const array = one({ n: 4, f: 3, mttf: 1e5, mttr: 1 }, { commonCauseShare: 0.02 });
    expectSame(mttdlHours(array), 1e5 / 0.02, 1e-9);
    expectSame(mttdlHours(one(size, { commonCauseShare: 1 })), 1e5);
  });
});

test.each([
  ["toleratedCount", { n: 3, f: 3, mttf: 1, mttr: 1 }],
  ["memberCount", { n: 0, f: 0, mttf: 1, mttr: 1 }],
  ["mttfHours", { n: 2, f: 1, mttf: Number.NaN, mttr: 1 }],
  ["mttrHours", { n: 2, f: 1, mttf: 1, mttr: 0 }],
])("a model that cannot be is refused by its %s", (name, size) => {
  try {
    mttdlHours(one(size));
    expect.unreachable();
  } catch (error) {
    expect(isFault(error, "ERR_ARGUMENT") && error.details).toEqual({ name });
  }
});
