/**
 * The words of reliability, each with one meaning:
 *
 * - MTTF, mean time to failure: from when something works again until it fails.
 * - MTTR, mean time to repair: from the failure until it works again.
 * - MTBF, mean time between failures: from one failure to the next, so MTBF = MTTF + MTTR.
 * - Availability: the share of all time in which it works, MTTF / MTBF.
 * - Nines: how often a ten divides what is missing to one; 0.999 has three, 0.95 has 1.3.
 *
 * What is missing to one is computed itself and never as a difference, since of 1e-20 a difference
 * would leave nothing. Times are hours, a year has 365 days, as in data sheets and textbooks.
 */

/** Of 365 days. */
export const HOURS_PER_YEAR = 8_760;

/** How often something fails and how long it then takes; `mttrHours` may be infinite. */
export interface FailureAndRepair {
  readonly mttfHours: number;
  readonly mttrHours: number;
}

/** The mean time from one failure to the next. */
export function mtbfHours({ mttfHours, mttrHours }: FailureAndRepair): number {
  return mttfHours + mttrHours;
}

/** The share of all time in which it works. */
export function availability({ mttfHours, mttrHours }: FailureAndRepair): number {
  return 1 / (1 + mttrHours / mttfHours);
}

/** What availability leaves: the share of all time in which it does not work. */
export function unavailability({ mttfHours, mttrHours }: FailureAndRepair): number {
  return mttrHours === Number.POSITIVE_INFINITY ? 1 : mttrHours / (mttfHours + mttrHours);
}

/** The nines of a thing whose complement is this small: three for 0.001. */
export function nines(complement: number): number {
  return complement === 0 ? Number.POSITIVE_INFINITY : Math.max(0, -Math.log10(complement));
}

/** How much of an average year it does not work. */
export function downHoursPerYear(unavailable: number): number {
  return unavailable * HOURS_PER_YEAR;
}

/** Members of which some may be down. */
export interface RedundantMembers extends FailureAndRepair {
  readonly memberCount: number;
  /** So many members may be down, and the whole still works. */
  readonly toleratedCount: number;
  /** Whether every failed member is repaired at once, or one after the other. */
  readonly repair: RepairOrder;
}

/** Whether members are repaired all at once, or one after the other. */
export type RepairOrder = "parallel" | "serial";

/**
 * The share of all time in which more members are down than are tolerated. Members fail, and are
 * repaired, whether or not the whole works.
 */
export function redundantUnavailability(members: RedundantMembers): number {
  const { memberCount, toleratedCount, mttfHours, mttrHours, repair } = members;
  if (mttrHours === Number.POSITIVE_INFINITY) return 1;

  // Relative shares of time with so many down; the chain goes up and down by one.
  let share = 1;
  let working = 1;
  let failed = 0;
  for (let down = 1; down <= memberCount; down++) {
    const crews = repair === "parallel" ? down : 1;
    share *= ((memberCount - down + 1) * mttrHours) / (crews * mttfHours);
    if (down <= toleratedCount) working += share;
    else failed += share;
  }
  return failed / (working + failed);
}
