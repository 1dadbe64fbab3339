import { describe, expect, test } from "vitest";
import { SeededRandom } from "../base/random.ts";
import { gammaQuantile, gammaTails, normalReach } from "./gamma-distribution.ts";
import { estimateMean, estimateRate, figuresOf } from "./measured.ts";
import { readCounters } from "./read-counters.ts";
import { uniform } from "./simulated-array.ts";

describe("quantiles", () => {
  test("of chi-squared are those of the tables", () => {
    const chiSquared = (degrees: number, above: number): number =>
      2 * gammaQuantile(degrees / 2, above);
    expect(chiSquared(1, 0.05)).toBeCloseTo(3.841, 3);
    expect(chiSquared(2, 0.05)).toBeCloseTo(5.991, 3);
    expect(chiSquared(10, 0.975)).toBeCloseTo(3.247, 3);
    expect(chiSquared(10, 0.025)).toBeCloseTo(20.483, 3);
    expect(chiSquared(100, 0.05)).toBeCloseTo(124.342, 3);
  });

  test("of the normal distribution are those everybody knows", () => {
    expect(normalReach(0.95)).toBeCloseTo(1.959964, 6);
    expect(normalReach(0.99)).toBeCloseTo(2.575829, 6);
  });

  test("of a whole shape agree with the sum of Poisson's probabilities", () => {
    for (const [shape, value] of [
      [1, 1e-9],
      [3, 0.5],
      [10, 25],
      [400, 380],
      [3, 90],
    ] as const) {
      let [term, above] = [Math.exp(-value), 0];
      for (let k = 0; k < shape; k++) {
        above += term;
        term *= value / (k + 1);
      }
      expect(gammaTails(shape, value).above / above).toBeCloseTo(1, 10);
    }
  });
});

describe("a rate", () => {
  test("of three events in a hundred hours, as in tables of exact Poisson limits", () => {
    const { estimate, low, high } = estimateRate(3, 100, 0.95);
    expect(estimate).toBe(0.03);
    expect(low * 100).toBeCloseTo(0.6187, 4);
    expect(high * 100).toBeCloseTo(8.7673, 4);
  });

  test("of none is bounded above all the same, and its estimate is a guess", () => {
    const none = estimateRate(0, 1_000, 0.95);
    expect(none.low).toBe(0);
    expect(none.high * 1_000).toBeCloseTo(-Math.log(0.025), 9);
    expect(none.estimate * 1_000).toBeCloseTo(Math.LN2, 9);
    expect(none.isGuess).toBe(true);
  });

  test("is within its interval at least as often as promised", () => {
    const random = new SeededRandom(11);
    for (const expected of [0.5, 3, 20]) {
      let held = 0;
      const trials = 600;
      for (let trial = 0; trial < trials; trial++) {
        const { low, high } = estimateRate(poisson(expected, random), 1, 0.9);
        if (low <= expected && expected <= high) held++;
      }
      expect(held / trials).toBeGreaterThan(0.87);
      expect(held / trials, "and not by being wide").toBeLessThan(0.985);
    }
  });
});

function poisson(mean: number, random: SeededRandom): number {
  let count = 0;
  for (let time = -Math.log(uniform(random)); time < mean; count++) {
    time -= Math.log(uniform(random));
  }
  return count;
}

test("a mean of exponential times is within its interval as often as promised", () => {
  const random = new SeededRandom(12);
  let held = 0;
  const trials = 600;
  for (let trial = 0; trial < trials; trial++) {
    const values = Array.from({ length: 4 }, () => -10 * Math.log(uniform(random)));
    const { low, high } = estimateMean(values, 0.9);
    if (low <= 10 && 10 <= high) held++;
  }
  expect(Math.abs(held / trials - 0.9)).toBeLessThan(0.035);
});

describe("counters", () => {
  const text = '{"diskHours": 140160, "failures": 2, "repairHours": [9, 11]}';

  test("become the figures of the model", () => {
    const figures = figuresOf(readCounters(text), 0.95);
    expect(figures.mttfHours.estimate).toBe(70_080);
    expect(figures.mttfHours.low).toBeLessThan(70_080);
    expect(figures.mttfHours.high).toBeGreaterThan(70_080);
    expect(figures.mttrHours?.estimate).toBe(10);
    expect(figures.errorsPerBit).toBeUndefined();
  });

  test("of bytes become a rate for each bit", () => {
    const counters = { diskHours: 1, failures: 0, repairHours: [], readBytes: 1e15, readErrors: 4 };
    expect(figuresOf(counters, 0.95).errorsPerBit?.estimate).toBeCloseTo(5e-16, 25);
  });

  test("may lie within what an array says of itself", () => {
    expect(readCounters(`{"level": 5, "measured": ${text}}`)).toEqual(readCounters(text));
  });

  test.each([
    ["{", "no JSON"],
    ["[]", "an object"],
    ['{"failures": 1}', "diskHours is missing"],
    ['{"diskHours": "9", "failures": 1}', "diskHours is no number"],
    ['{"diskHours": 9, "failures": 1, "repairHours": 3}', "repairHours is no list"],
    ['{"diskHours": 0, "failures": 0}', "diskHours must be"],
    ['{"diskHours": 9, "failures": 0.5}', "failures must be"],
    ['{"diskHours": 9, "failures": 1, "repairHours": [0]}', "repairHours must be"],
    ['{"diskHours": 9, "failures": 1, "readErrors": 1}', "readBytes must be"],
  ])("that cannot be are refused: %s", (wrong, message) => {
    expect(() => figuresOf(readCounters(wrong), 0.95)).toThrow(message);
  });
});
