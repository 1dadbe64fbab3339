/**
 * Counters of real disks from JSON: an object with `diskHours` and `failures`, and where they are
 * known `repairHours`, `readBytes` and `readErrors`; or an object that has such a one as
 * `measured`, whatever else there is.
 */

import { Fault } from "../base/fault.ts";
import type { MeasuredCounters } from "./measured.ts";

/** Reads counters as JSON: those of `holdfast raid status --json`, or plain ones. */
export function readCounters(text: string): MeasuredCounters {
  const value = objectOf(parsed(text));
  const counters = value["measured"] === undefined ? value : objectOf(value["measured"]);
  return {
    diskHours: numberOf(counters, "diskHours", undefined),
    failures: numberOf(counters, "failures", undefined),
    repairHours: numbersOf(counters, "repairHours"),
    readBytes: numberOf(counters, "readBytes", 0),
    readErrors: numberOf(counters, "readErrors", 0),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Fault("ERR_ARGUMENT", "the counters are no JSON", {}, error);
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new Fault("ERR_ARGUMENT", "counters are an object with diskHours and failures");
}

function numberOf(
  counters: Readonly<Record<string, unknown>>,
  name: string,
  otherwise: number | undefined,
): number {
  const value = counters[name] ?? otherwise;
  if (typeof value === "number") return value;
  const found = value === undefined ? "is missing" : "is no number";
  throw new Fault("ERR_ARGUMENT", `${name} ${found} in the counters`, { name });
}

function numbersOf(counters: Readonly<Record<string, unknown>>, name: string): readonly number[] {
  const value = counters[name] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) return value;
  throw new Fault("ERR_ARGUMENT", `${name} is no list of numbers in the counters`, { name });
}
