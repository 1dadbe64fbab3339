/**
 * Presence and time: whether a row that is there has expired is decided by the log alone. Whoever
 * would answer that a row has expired removes it first, in the same body, so that the answer waits
 * for that and no later one can contradict it.
 */

import type { Step } from "../transactions/step.ts";
import { deadlineOf } from "./value-codec.ts";

/** Looks up the key `source[0, length)`; what has expired is removed, and absent. */
export function findLive(step: Step, source: Uint8Array, length: number): boolean {
  if (!step.find(source, 0, length)) return false;
  if (isLiveNow(step)) return true;
  step.remove(source, 0, length);
  return false;
}

/** As `findLive`, with the exclusive lock. */
export function findLiveForUpdate(step: Step, source: Uint8Array, length: number): boolean {
  if (!step.findForUpdate(source, 0, length)) return false;
  if (isLiveNow(step)) return true;
  step.remove(source, 0, length);
  return false;
}

/** Most rows have no deadline, and for those nobody looks at the clock. */
function isLiveNow(step: Step): boolean {
  const deadlineMs = deadlineOf(step.valueBytes, step.valueAt, step.valueLength);
  return deadlineMs === undefined || step.nowMs < deadlineMs;
}

/** A row, in the result of a look-up or of a scan. */
interface FoundRow {
  readonly valueBytes: Uint8Array;
  readonly valueAt: number;
  readonly valueLength: number;
}

/** Whether a row that was just found has not expired. */
export function isLive(row: FoundRow, nowMs: number): boolean {
  const deadlineMs = deadlineOf(row.valueBytes, row.valueAt, row.valueLength);
  return deadlineMs === undefined || nowMs < deadlineMs;
}
