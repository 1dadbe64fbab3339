/**
 * Faults: what disks, networks, peers, operators and callers do wrong. Each has a stable code,
 * says whether the work it interrupted was applied, and its message says what to do.
 *
 * Codes never change; messages may.
 */

/** What went wrong. A code never changes its meaning. */
export type FaultCode =
  /** Another transaction kept the key through every attempt. */
  | "ERR_CONFLICT"
  /** Wounded, rolled back, its session is gone or its view has changed. */
  | "ERR_ABORTED"
  /** A time limit passed before the commit was appended. */
  | "ERR_TIMEOUT"
  /** The commit was appended, and it is not known whether it lasts: ask `outcome(id)`. */
  | "ERR_COMMIT_UNKNOWN"
  /** The store cannot serve now: it failed, or has too few members. */
  | "ERR_UNAVAILABLE"
  /** No room is left on the volume. */
  | "ERR_FULL"
  /** A limit was passed; the message names the setting. */
  | "ERR_LIMIT"
  /** Somebody else holds the data. */
  | "ERR_LOCKED"
  /** What was found is not a store, or is one of another version. */
  | "ERR_FORMAT"
  /** A checksum or an invariant of stored data does not hold. */
  | "ERR_CORRUPT"
  /** A read, write or sync of a device failed. */
  | "ERR_IO"
  /** Used after `close()`, or after its transaction ended. */
  | "ERR_CLOSED"
  /** The argument cannot be a key, a value or an option. */
  | "ERR_ARGUMENT"
  /** The changes asked for are no longer in the log. */
  | "ERR_VERSION_GONE"
  /** The snapshot was held for longer than the limit. */
  | "ERR_SNAPSHOT_TOO_OLD"
  /** The outcome was asked for after the time it is kept. */
  | "ERR_OUTCOME_FORGOTTEN";

/**
 * What every failure is reported as: test `code`, show `message`, and see in `applied` whether the
 * work may have been done.
 */
export class Fault extends Error {
  override readonly name = "HoldfastError";
  /** For programs: it stays the same, whatever the message says. */
  readonly code: FaultCode;
  /** Facts for programs: the key, the other transaction, the path, the position. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: FaultCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** `no`: definitely not applied, so it may be tried again. `unknown`: ask for the outcome. */
  get applied(): "no" | "unknown" {
    return this.code === "ERR_COMMIT_UNKNOWN" ? "unknown" : "no";
  }
}

/** Whether it is an error of this package; with a code, whether it is that one. */
export function isFault(error: unknown, code?: FaultCode): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
