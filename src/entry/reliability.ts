/**
 * What `holdfast/reliability` exports: MTTF, MTTR and availability, the mean time to data loss and
 * its probability, exactly and by simulation, and what counters of real disks say. None of it needs
 * the rest of Holdfast, and all of it runs in a browser too.
 */

export { Fault, type FaultCode } from "../base/fault.ts";

export {
  type FailureAndRepair,
  HOURS_PER_YEAR,
  type RedundantMembers,
  type RepairOrder,
  availability,
  downHoursPerYear,
  mtbfHours,
  nines,
  redundantUnavailability,
  unavailability,
} from "../reliability/availability.ts";
export {
  type ArrayModel,
  type GroupModel,
  type SectorErrors,
  noSectorErrors,
  plainGroup,
} from "../reliability/group-model.ts";
export { lossProbability, mttdlHours, wholeLossProbability } from "../reliability/array-loss.ts";
export {
  type SimulatedEstimate,
  type SimulationOptions,
  defaultSimulationOptions,
  simulateLossProbability,
  simulateMttdl,
} from "../reliability/monte-carlo.ts";
export { type Layout, layoutOf, layoutsFor } from "../reliability/layouts.ts";
export {
  type Comparison,
  type LayoutReport,
  type MemberModel,
  arrayOf,
  reportOnLayout,
} from "../reliability/comparison.ts";
export { drawNines, plotLosses } from "../reliability/loss-plot.ts";
export { describeComparison, describeMeasured } from "../reliability/reliability-words.ts";
export {
  type Estimate,
  type MeasuredCounters,
  type MeasuredFigures,
  estimateMean,
  estimateRate,
  figuresOf,
} from "../reliability/measured.ts";
export { readCounters } from "../reliability/read-counters.ts";
export { parseBytes, parseHours, parseShare } from "../reliability/quantities.ts";
