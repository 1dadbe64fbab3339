/**
 * What `holdfast/history` exports: schedules, conflict graphs, and checkers of histories. None of
 * it needs the rest of Holdfast, and all of it runs in a browser too.
 */

export {
  decodeRecorded,
  encodeRecorded,
  type RecordedEntry,
  type RecordedOperation,
  type RecordedRead,
  type RecordedScan,
  type RecordedTransaction,
} from "../base/recorded-events.ts";
export { Fault, type FaultCode } from "../base/fault.ts";

export { type Schedule, type ScheduledOperation, formatSchedule } from "../history/schedule.ts";
export { parseSchedule } from "../history/parse-schedule.ts";
export {
  type ScheduleOptions,
  type ScheduleReport,
  drawSchedule,
  drawWaits,
  reportOnSchedule,
} from "../history/schedule-report.ts";
export { describeSchedule } from "../history/schedule-words.ts";

export {
  type Anomaly,
  type AnomalyName,
  type Fact,
  type ProofStep,
  type Verdict,
  explain,
} from "../history/verdict.ts";
export { type IsolationLevel, forbids, isolationLevels } from "../history/isolation.ts";
export type { TransactionReport } from "../history/transaction-report.ts";
export { TransactionLog } from "../history/transaction-log.ts";
export { checkListAppend } from "../history/list-append.ts";
export { checkRegisters } from "../history/rw-register.ts";
export {
  type RecordedOptions,
  checkRecorded,
  reportOnRecorded,
} from "../history/recorded-check.ts";
export { refuteProof } from "../history/replay-proof.ts";
export { refuteRecordedProof } from "../history/replay-recorded.ts";

export type { Operation } from "../history/operation-history.ts";
export type { Model } from "../history/model.ts";
export {
  casRegisterModel,
  counterModel,
  keyValueModel,
  lockModel,
  queueModel,
  registerModel,
  setModel,
} from "../history/models.ts";
export {
  type CounterExample,
  type LinearizabilityOptions,
  type LinearizabilityReport,
  checkLinearizable,
} from "../history/linearizability.ts";

export type { HistoryEvent } from "../history/history-events.ts";
export { HistoryReader, type HistorySink } from "../history/history-reader.ts";
export {
  type CheckOptions,
  type CheckReport,
  type WorkloadCheck,
  defaultCheckOptions,
  startCheck,
  workloadNames,
} from "../history/workloads.ts";
export { type Drawing, toDot, toSvg } from "../history/drawing.ts";
export { drawAnomaly, drawReport } from "../history/draw-anomaly.ts";
