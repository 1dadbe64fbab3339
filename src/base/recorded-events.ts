/**
 * What a run of the store looks like from outside, one record a transaction: what it read and in
 * which version, what it wrote, where in the log it was committed, and when it began and ended.
 * Recorders write it, checkers read it; it is also a format of files (NDJSON, one record a line,
 * described in docs/formats/history.md).
 *
 * Versions are log positions: the version of a value is the position of the commit that wrote it.
 * So the order of the versions of a key is known, and nothing has to be inferred.
 */

import { Fault } from "./fault.ts";

/** What one transaction read and wrote, and when it ran. */
export interface RecordedTransaction {
  readonly id: string;
  /** Transactions of one session run one after the other. */
  readonly session: string;
  /**
   * When it began and when its end was known to its caller, on one scale for the whole record:
   * a counter of events, or a clock that all share. One that ended before another began must
   * come before it. Undefined: it never heard of its end.
   */
  readonly began: number;
  readonly ended: number | undefined;
  /** `info`: it may have been committed and may not. */
  readonly status: "ok" | "fail" | "info";
  /** The log position of its commit; undefined if it wrote nothing or the position is unknown. */
  readonly lsn: number | undefined;
  readonly operations: readonly RecordedOperation[];
}

/**
 * Keys and values are strings of one character a byte (`latin1`), or any other strings whose order
 * is that of the keys. Values may be left out (or be digests); where both sides of a read have
 * one, they are compared.
 */
export type RecordedOperation =
  | RecordedRead
  | RecordedScan
  /** Sets the key. */
  | { readonly kind: "write"; readonly key: string; readonly value?: string | undefined }
  /** Removes the key, whether it was present or not. */
  | { readonly kind: "remove"; readonly key: string }
  /** Removes all keys from `start` up to, not including, `end`; undefined is the end of all. */
  | {
      readonly kind: "remove-range";
      readonly start: string;
      readonly end: string | undefined;
    };

/** A transaction read a key. */
export interface RecordedRead {
  readonly kind: "read";
  readonly key: string;
  /** Undefined: the key was absent. 0: the transaction found its own write. */
  readonly version: number | undefined;
  readonly value?: string | undefined;
  /** The end of the log as it was read. It tells which absence an absent key was. */
  readonly position?: number | undefined;
}

/** All that was present in `[start, end)`, which must be the range that was passed over. */
export interface RecordedScan {
  readonly kind: "scan";
  readonly start: string;
  readonly end: string | undefined;
  readonly found: readonly RecordedEntry[];
  readonly position?: number | undefined;
}

/** A row that a scan came across. */
export interface RecordedEntry {
  readonly key: string;
  readonly version: number;
  readonly value?: string | undefined;
}

/** One line of NDJSON, without its newline. */
export function encodeRecorded(transaction: RecordedTransaction): string {
  return JSON.stringify(transaction);
}

/** Reads one line of a record. */
export function decodeRecorded(line: string): RecordedTransaction {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (cause) {
    throw malformed("it is not JSON", line, cause);
  }
  return readRecorded(parsed, line);
}

/** Checks what `JSON.parse` gave for one line. */
export function readRecorded(parsed: unknown, line: string): RecordedTransaction {
  if (!isRecord(parsed)) throw malformed("it is not an object", line);
  const { id, session, began, ended, status, lsn, operations } = parsed;
  if (typeof id !== "string") throw malformed('"id" is not a string', line);
  if (typeof session !== "string") throw malformed('"session" is not a string', line);
  if (typeof began !== "number") throw malformed('"began" is not a number', line);
  if (!isOptional(ended, "number")) throw malformed('"ended" is not a number', line);
  if (!isOptional(lsn, "number")) throw malformed('"lsn" is not a number', line);
  if (status !== "ok" && status !== "fail" && status !== "info") {
    throw malformed('"status" is not "ok", "fail" or "info"', line);
  }
  if (!Array.isArray(operations)) throw malformed('"operations" is not an array', line);
  return {
    id,
    session,
    began,
    ended,
    status,
    lsn,
    operations: operations.map((operation: unknown) => readOperation(operation, line)),
  };
}

function readOperation(parsed: unknown, line: string): RecordedOperation {
  if (!isRecord(parsed)) throw malformed("an operation is not an object", line);
  const { kind } = parsed;
  switch (kind) {
    case "read": {
      const { key, version, value, position } = parsed;
      if (typeof key !== "string") throw malformed('a read has no "key"', line);
      if (!isOptional(version, "number")) throw malformed('"version" is not a number', line);
      if (!isOptional(value, "string")) throw malformed('"value" is not a string', line);
      if (!isOptional(position, "number")) throw malformed('"position" is not a number', line);
      return { kind, key, version, value, position };
    }
    case "scan": {
      const { found, position } = parsed;
      if (!Array.isArray(found)) throw malformed('a scan has no "found"', line);
      if (!isOptional(position, "number")) throw malformed('"position" is not a number', line);
      const entries = found.map((entry: unknown) => readEntry(entry, line));
      return { kind, ...readRange(parsed, line), found: entries, position };
    }
    case "write": {
      const { key, value } = parsed;
      if (typeof key !== "string") throw malformed('a write has no "key"', line);
      if (!isOptional(value, "string")) throw malformed('"value" is not a string', line);
      return { kind, key, value };
    }
    case "remove":
      if (typeof parsed["key"] !== "string") throw malformed('a remove has no "key"', line);
      return { kind, key: parsed["key"] };
    case "remove-range":
      return { kind, ...readRange(parsed, line) };
    default:
      throw malformed(`"${String(kind)}" is no kind of operation`, line);
  }
}

function readEntry(parsed: unknown, line: string): RecordedEntry {
  if (!isRecord(parsed)) throw malformed("an entry of a scan is not an object", line);
  const { key, version, value } = parsed;
  if (typeof key !== "string") throw malformed('an entry of a scan has no "key"', line);
  if (typeof version !== "number") throw malformed('an entry of a scan has no "version"', line);
  if (!isOptional(value, "string")) throw malformed('"value" is not a string', line);
  return { key, version, value };
}

function readRange(
  parsed: Record<string, unknown>,
  line: string,
): { readonly start: string; readonly end: string | undefined } {
  const { start, end } = parsed;
  if (typeof start !== "string") throw malformed('a range has no "start"', line);
  if (!isOptional(end, "string")) throw malformed('"end" is not a string', line);
  return { start, end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface OptionalTypes {
  readonly number: number;
  readonly string: string;
}

function isOptional<Type extends keyof OptionalTypes>(
  value: unknown,
  type: Type,
): value is OptionalTypes[Type] | undefined {
  return value === undefined || typeof value === type;
}

function malformed(reason: string, line: string, cause?: unknown): Fault {
  const shown = line.length > 120 ? `${line.slice(0, 120)}...` : line;
  return new Fault(
    "ERR_FORMAT",
    `cannot read a recorded transaction: ${reason}: ${shown}`,
    {},
    cause,
  );
}
