/** How a transaction of the library is run, and what is refused. */

import { Fault } from "../base/fault.ts";
import { typeName } from "../base/type-name.ts";
import { requireOptions } from "./option-names.ts";

/** How a transaction is run. */
export interface TransactOptions {
  /** Ends the transaction when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** How long it may take, all attempts together. */
  readonly timeoutMs?: number | undefined;
  /**
   * Names what is to be done once: while the answer is kept, a repeat with the same key gets it
   * instead of running. The answer must be a value that can be stored.
   */
  readonly idempotencyKey?: string | undefined;
  /** How often the body is run before `ERR_CONFLICT`. */
  readonly attemptsMax?: number | undefined;
}

const TRANSACT_OPTIONS: readonly string[] = [
  "signal",
  "timeoutMs",
  "idempotencyKey",
  "attemptsMax",
];

/** Refuses a body that cannot be run, and options that make no sense. */
export function checkTransact(body: unknown, options: TransactOptions): void {
  if (typeof body !== "function") {
    const message = `a transaction is a function that is given it, not ${typeName(body)}`;
    throw new Fault("ERR_ARGUMENT", message);
  }
  requireOptions(options, TRANSACT_OPTIONS, "transact");
  const { timeoutMs = 1, attemptsMax = 1 } = options;
  if (typeof timeoutMs !== "number" || !(0 < timeoutMs)) {
    const message = `timeoutMs is a positive number of milliseconds, not ${String(timeoutMs)}`;
    throw new Fault("ERR_ARGUMENT", message, { timeoutMs });
  }
  const isWhole = Number.isSafeInteger(attemptsMax) || attemptsMax === Number.POSITIVE_INFINITY;
  if (isWhole && 1 <= attemptsMax) return;
  const message = `attemptsMax is a whole number of at least 1, not ${String(attemptsMax)}`;
  throw new Fault("ERR_ARGUMENT", message, { attemptsMax });
}
