import { expect, test } from "vitest";
import {
  availability,
  downHoursPerYear,
  mtbfHours,
  nines,
  redundantUnavailability,
  unavailability,
} from "./availability.ts";

test("MTBF is MTTF and MTTR together, and availability what share of it works", () => {
  const member = { mttfHours: 999, mttrHours: 1 };
  expect(mtbfHours(member)).toBe(1_000);
  expect(availability(member)).toBeCloseTo(0.999, 12);
  expect(unavailability(member)).toBe(0.001);
  expect(nines(unavailability(member))).toBeCloseTo(3, 12);
});

test("what is hardly ever missing keeps its digits", () => {
  const down = unavailability({ mttfHours: 1e20, mttrHours: 1 });
  expect(down).toBe(1e-20);
  expect(nines(down)).toBeCloseTo(20, 12);
});

test("five nines are five minutes and a quarter a year", () => {
  expect(downHoursPerYear(1e-5) * 60).toBeCloseTo(5.256, 3);
});

test("what is never repaired is down in the end", () => {
  const never = { mttfHours: 10, mttrHours: Number.POSITIVE_INFINITY };
  expect([availability(never), unavailability(never)]).toEqual([0, 1]);
  expect(redundantUnavailability({ ...never, ...three, repair: "serial" })).toBe(1);
});

const three = { memberCount: 3, toleratedCount: 1 };

test("independent members repaired at once are down as coins fall", () => {
  const member = { mttfHours: 90, mttrHours: 10 };
  const members = { ...three, ...member, repair: "parallel" } as const;
  expect(redundantUnavailability(members)).toBeCloseTo(3 * 0.1 ** 2 * 0.9 + 0.1 ** 3, 14);
});

test("one repair after the other makes a queue", () => {
  // Shares of time with 0, 1, 2, 3 down are as 1 : 3r : 6r^2 : 6r^3.
  const r = 0.25;
  const members = { ...three, mttfHours: 4, mttrHours: 1, repair: "serial" } as const;
  const all = 1 + 3 * r + 6 * r ** 2 + 6 * r ** 3;
  expect(redundantUnavailability(members)).toBeCloseTo((6 * r ** 2 + 6 * r ** 3) / all, 14);
});
