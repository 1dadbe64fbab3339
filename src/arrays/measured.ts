/** What an array has counted about its disks, as the arithmetic of reliability takes it. */

import type { RaidCounters } from "../raid/superblock.ts";

/** As `MeasuredCounters` of `reliability/measured.ts`. */
export interface ArrayMeasurements {
  readonly diskHours: number;
  readonly failures: number;
  readonly repairHours: readonly number[];
  readonly readBytes: number;
  readonly readErrors: number;
}

const SECONDS_PER_HOUR = 3600;
/** Repairs are counted in whole seconds, and none takes no time at all. */
const REPAIR_SECONDS_MIN = 0.5;

/** Undefined as long as there is no time over which anything was counted. */
export function measuredOf(counters: RaidCounters): ArrayMeasurements | undefined {
  const { memberSeconds, membersFailed, repairs, repairSeconds, readBytes, readErrors } = counters;
  if (memberSeconds === 0) return undefined;
  // Of repairs the sum is known; the estimate of their mean depends on nothing else.
  const mean = Math.max(REPAIR_SECONDS_MIN, repairs === 0 ? 0 : repairSeconds / repairs);
  return {
    diskHours: memberSeconds / SECONDS_PER_HOUR,
    failures: membersFailed,
    repairHours: Array.from({ length: repairs }, () => mean / SECONDS_PER_HOUR),
    readBytes,
    readErrors,
  };
}
