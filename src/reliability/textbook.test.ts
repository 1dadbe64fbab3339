import { describe, expect, test } from "vitest";
import { availability, downHoursPerYear, HOURS_PER_YEAR, unavailability } from "./availability.ts";
import { lossProbability, mttdlHours } from "./array-loss.ts";
import { plainGroup } from "./group-model.ts";
import { figuresOf } from "./measured.ts";

/** D. Patterson, G. Gibson, R. Katz: A Case for Redundant Arrays of Inexpensive Disks, 1988. */
describe("Patterson, Gibson and Katz: 100 data disks of 30,000 hours, repaired in one", () => {
  // Groups of G data and C check disks; the paper's formula leaves out the time to the first
  // failure and the first of the two rates, so that its figures are a little below the exact ones.
  test.each([
    ["RAID 1", 1, 1, 4_500_000],
    ["RAID 2, the disks of which are counted as if one failure were too many", 10, 4, 494_500],
    ["RAID 3 to 5", 10, 1, 820_000],
  ])("%s with groups of %d and %d", (_, data, check, hours) => {
    const memberCount = data + check;
    const sizes = { memberCount, toleratedCount: 1, mttfHours: 30_000, mttrHours: 1 };
    const group = plainGroup(sizes);
    const formula = 30_000 ** 2 / ((100 + check * (100 / data)) * (data + check - 1) * 1);
    expect(Math.abs(formula / hours - 1)).toBeLessThan(0.003);
    const exact = mttdlHours({ group, groupCount: 100 / data });
    expect(exact).toBeGreaterThan(formula);
    expect(exact / formula).toBeLessThan(1.002);
  });

  test("100 disks without redundancy last 300 hours", () => {
    const sizes = { memberCount: 100, toleratedCount: 0, mttfHours: 30_000, mttrHours: 1 };
    expect(mttdlHours({ group: plainGroup(sizes), groupCount: 1 })).toBeCloseTo(300, 9);
  });

  test("the probability of a second failure while one is repaired", () => {
    // 1 - e^(-MTTR (G + C - 1) / MTTF), for a repair of fixed length; ours are exponential.
    const sizes = { memberCount: 10, toleratedCount: 0, mttfHours: 30_000, mttrHours: 1 };
    const loss = lossProbability({ group: plainGroup(sizes), groupCount: 1 }, 1);
    expect(loss).toBeCloseTo(-Math.expm1(-10 / 30_000), 16);
  });
});

/** G. Gibson: Redundant Disk Arrays, thesis, UCB/CSD 91/613, 1990. */
test("Gibson: MTTF^2 / (N (N + 1) MTTR) for N + 1 disks", () => {
  for (const n of [1, 4, 10]) {
    const sizes = { memberCount: n + 1, toleratedCount: 1, mttfHours: 100_000, mttrHours: 10 };
    const exact = mttdlHours({ group: plainGroup(sizes), groupCount: 1 });
    const formula = 100_000 ** 2 / (n * (n + 1) * 10);
    expect(exact / formula).toBeGreaterThan(1);
    expect(exact / formula - 1).toBeCloseTo((2 * n + 1) * 1e-4, 9);
  }
});

/** J. Saltzer, M. F. Kaashoek: Principles of Computer System Design, chapter 8. */
describe("Saltzer and Kaashoek, chapter 8", () => {
  const voting = (count: number, mttrHours: number): number => {
    const toleratedCount = (count - 1) / 2;
    const sizes = { memberCount: count, toleratedCount, mttfHours: HOURS_PER_YEAR, mttrHours };
    return mttdlHours({ group: plainGroup(sizes), groupCount: 1 });
  };

  test("three modules that vote fail sooner than one: after 5/6 of its MTTF", () => {
    expect(voting(3, Number.POSITIVE_INFINITY) / HOURS_PER_YEAR).toBeCloseTo(5 / 6, 12);
    expect(voting(5, Number.POSITIVE_INFINITY) / HOURS_PER_YEAR).toBeCloseTo(47 / 60, 12);
  });

  test("and yet they are better for a short mission", () => {
    const lost = (memberCount: number, toleratedCount: number, hours: number): number => {
      const mttrHours = Number.POSITIVE_INFINITY;
      const sizes = { memberCount, toleratedCount, mttfHours: HOURS_PER_YEAR, mttrHours };
      return lossProbability({ group: plainGroup(sizes), groupCount: 1 }, hours);
    };
    // As likely as one module to fail at ln 2 of its MTTF, where both are 1/2.
    const even = Math.LN2 * HOURS_PER_YEAR;
    expect(lost(3, 1, even)).toBeCloseTo(0.5, 12);
    expect(lost(1, 0, even)).toBeCloseTo(0.5, 12);
    expect(lost(3, 1, even / 10)).toBeLessThan(lost(1, 0, even / 10));
    expect(lost(3, 1, even * 2)).toBeGreaterThan(lost(1, 0, even * 2));
  });

  test("repair makes the difference: MTTF^2 / (6 MTTR)", () => {
    const formula = HOURS_PER_YEAR ** 2 / (6 * 10);
    expect(formula / HOURS_PER_YEAR).toBeCloseTo(146, 9);
    expect(voting(3, 10)).toBeCloseTo(formula + (5 / 6) * HOURS_PER_YEAR, 3);
  });

  test("availability is MTTF / (MTTF + MTTR)", () => {
    expect(availability({ mttfHours: 1_000, mttrHours: 1 })).toBeCloseTo(0.999, 5);
    const daily = unavailability({ mttfHours: 24, mttrHours: 24 / 1_439 });
    expect(downHoursPerYear(daily) * 60).toBeCloseTo(365, 0);
  });

  /** MIT 6.033, lecture notes on availability, 2011 and 2013. */
  test("1,000 disks for 3,000 hours, of which 10 fail, have an MTTF of 300,000 hours", () => {
    const counters = { failures: 10, repairHours: [], readBytes: 0, readErrors: 0 };
    const { mttfHours } = figuresOf({ ...counters, diskHours: 1_000 * 3_000 }, 0.95);
    expect(mttfHours.estimate).toBeCloseTo(300_000, 6);
  });
});

/** B. Schroeder, G. Gibson: Disk failures in the real world, FAST 2007. */
test("Schroeder and Gibson: an MTTF of 1,000,000 hours is an annual failure rate of 0.88 %", () => {
  const sizes = { memberCount: 1, toleratedCount: 0, mttfHours: 1e6, mttrHours: 1 };
  const year = lossProbability({ group: plainGroup(sizes), groupCount: 1 }, HOURS_PER_YEAR);
  // The rate is 8,760 hours over the MTTF; of one disk a year sees a little less than that.
  expect(HOURS_PER_YEAR / 1e6).toBeCloseTo(0.0088, 4);
  expect(year).toBeCloseTo(-Math.expm1(-HOURS_PER_YEAR / 1e6), 14);
});

test("repair of two at once makes RAID 6 last about twice as long as one after the other", () => {
  const sizes = { memberCount: 8, toleratedCount: 2, mttfHours: 1e6, mttrHours: 10 };
  const group = plainGroup(sizes);
  const [parallel, serial] = [group, { ...group, repair: "serial" as const }];
  const ratio =
    mttdlHours({ group: parallel, groupCount: 1 }) / mttdlHours({ group: serial, groupCount: 1 });
  expect(ratio).toBeCloseTo(2, 3);
  // The formula that is written most often is that of the serial one.
  const formula = 1e18 / (8 * 7 * 6 * 100);
  expect(mttdlHours({ group: serial, groupCount: 1 }) / formula).toBeCloseTo(1, 2);
});
