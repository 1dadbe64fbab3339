/** How attempts of `transact` fail, as its callers are told. */

import { Fault, isFault } from "../base/fault.ts";
import { formatTransactionId, type TransactionId } from "./transaction-id.ts";

/** Whether another attempt may do better. */
export function isRetryable(reason: Error): reason is Fault {
  if (!isFault(reason, "ERR_ABORTED") && !isFault(reason, "ERR_CONFLICT")) return false;
  return reason.details["isFinal"] !== true;
}

export function conflict(reason: Fault, attempts: number, id: TransactionId): Fault {
  const message = `${attempts} attempts were in the way of others; the last: ${reason.message}`;
  const details = { ...reason.details, attempts, id: formatTransactionId(id) };
  return new Fault("ERR_CONFLICT", message, details, reason);
}

export function timedOut(timeoutMs: number, waitsFor: string | undefined): Fault {
  const waiting = waitsFor === undefined ? "" : `, and waits for ${waitsFor} now`;
  const message = `the transaction took longer than ${timeoutMs} ms${waiting}: do less in it`;
  return new Fault("ERR_TIMEOUT", `${message}, or raise timeoutMs`, { timeoutMs });
}

export function endedBy(signal: AbortSignal): Fault {
  return new Fault("ERR_ABORTED", "the caller's signal ended the transaction", {}, signal.reason);
}
