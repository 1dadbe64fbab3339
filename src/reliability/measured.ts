/**
 * From what was counted on real disks to the figures of the model, each with the interval in which
 * the truth lies with the given confidence, if failures come at a constant rate:
 *
 * - r failures in T hours: r / T an hour, between the quantiles of chi-squared with 2r and with
 *   2r + 2 degrees of freedom, over 2T. This interval (Garwood's) is exact for counts: it holds at
 *   least as often as it says, also where nothing has failed yet.
 * - k repairs of S hours in all: S / k, by chi-squared with 2k degrees of freedom.
 *
 * Where nothing has failed yet, the rate that is as likely to be too high as too low stands in for
 * the estimate: 0.69 / T. It is a guess, and marked as one.
 */

import { Fault } from "../base/fault.ts";
import { gammaQuantile } from "./gamma-distribution.ts";

/** What an array counts about its disks. */
export interface MeasuredCounters {
  /** Hours of all disks together: eight disks for a day are 192. */
  readonly diskHours: number;
  readonly failures: number;
  /** How long each repair took, from the failure until redundancy was back. */
  readonly repairHours: readonly number[];
  /** What was read in all, and how often it could not be; both 0 where nobody counts. */
  readonly readBytes: number;
  readonly readErrors: number;
}

/** What counters say of a figure, with the interval in which it likely lies. */
export interface Estimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  /** Nothing was seen, and the estimate only says where the truth may well be. */
  readonly isGuess: boolean;
}

/** What counters of real disks say. */
export interface MeasuredFigures {
  readonly failuresPerHour: Estimate;
  readonly mttfHours: Estimate;
  /** Undefined where nothing was repaired yet. */
  readonly mttrHours: Estimate | undefined;
  /** Undefined where nothing was read. */
  readonly errorsPerBit: Estimate | undefined;
}

const BITS_PER_BYTE = 8;

/** Estimates from counters, with intervals that hold this often: 0.95. */
export function figuresOf(counters: MeasuredCounters, confidence: number): MeasuredFigures {
  checkCounters(counters);
  const { diskHours, failures, repairHours, readBytes, readErrors } = counters;
  const failuresPerHour = estimateRate(failures, diskHours, confidence);
  return {
    failuresPerHour,
    mttfHours: inverse(failuresPerHour),
    mttrHours: repairHours.length === 0 ? undefined : estimateMean(repairHours, confidence),
    errorsPerBit:
      readBytes === 0 ? undefined : estimateRate(readErrors, readBytes * BITS_PER_BYTE, confidence),
  };
}

/** The rate of what happened so often in so much of something. */
export function estimateRate(count: number, exposure: number, confidence: number): Estimate {
  const outside = (1 - confidence) / 2;
  return {
    estimate: (count === 0 ? gammaQuantile(1, 0.5) : count) / exposure,
    low: count === 0 ? 0 : gammaQuantile(count, 1 - outside) / exposure,
    high: gammaQuantile(count + 1, outside) / exposure,
    isGuess: count === 0,
  };
}

/** The mean of what lasts an exponential time and was seen to last so long. */
export function estimateMean(values: readonly number[], confidence: number): Estimate {
  const outside = (1 - confidence) / 2;
  const sum = values.reduce((total, value) => total + value, 0);
  return {
    estimate: sum / values.length,
    low: sum / gammaQuantile(values.length, outside),
    high: sum / gammaQuantile(values.length, 1 - outside),
    isGuess: false,
  };
}

function inverse({ estimate, low, high, isGuess }: Estimate): Estimate {
  return { estimate: 1 / estimate, low: 1 / high, high: 1 / low, isGuess };
}

function checkCounters(counters: MeasuredCounters): void {
  const { diskHours, failures, repairHours, readBytes, readErrors } = counters;
  demand(0 < diskHours && Number.isFinite(diskHours), "diskHours", "a number above 0");
  demand(Number.isSafeInteger(failures) && 0 <= failures, "failures", "a whole number");
  const lasted = repairHours.every((hours) => 0 < hours && Number.isFinite(hours));
  demand(lasted, "repairHours", "a list of numbers above 0");
  demand(0 <= readBytes && Number.isFinite(readBytes), "readBytes", "a number, at least 0");
  demand(Number.isSafeInteger(readErrors) && 0 <= readErrors, "readErrors", "a whole number");
  demand(readErrors === 0 || 0 < readBytes, "readBytes", "above 0 where there are readErrors");
}

function demand(holds: boolean, name: string, what: string): void {
  if (!holds) throw new Fault("ERR_ARGUMENT", `${name} must be ${what}`, { name });
}
