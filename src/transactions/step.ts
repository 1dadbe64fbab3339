/**
 * A step: what a body of code sees of the store while it runs. Redis commands, the library's reads
 * and writes, and everything else that touches data is a body `(step) => result`.
 *
 * A body is synchronous and may be run more than once: where it needs a page that is not in memory
 * or a lock that another holds, the run is abandoned (an exception that a body must not catch
 * passes through it), what it wrote is forgotten, and it runs again from its start when it can get
 * further. So a body has no effects but through its step, and what it returns.
 *
 * Keys are bytes, at most `limits.keyBytesMax`. Views of values are valid until the next call.
 */

import type { Lsn } from "../base/ids.ts";

export interface Step {
  /** The wall clock when this run began, in milliseconds since 1970. */
  readonly nowMs: number;

  /**
   * Looks up the key `source[at, at + length)`, seeing what this transaction wrote. If it is
   * present the value is `valueBytes[valueAt, valueAt + valueLength)`, until the next call.
   */
  find(source: Uint8Array, at: number, length: number): boolean;
  /** As `find`, and takes the exclusive lock, for a read that a write will follow. */
  findForUpdate(source: Uint8Array, at: number, length: number): boolean;
  readonly valueBytes: Uint8Array;
  readonly valueAt: number;
  readonly valueLength: number;
  /** The log position of the last write of what was found; 0 if this transaction wrote it. */
  readonly version: Lsn;

  /**
   * Tells which keys are looked up from here on, until it is told otherwise or the run ends. They
   * are asked for only if one of them is not in memory: those that are not either are loaded with
   * it.
   */
  willFind(keys: Iterable<Uint8Array>): void;

  /**
   * Writes the key and makes room for a value of `valueLength` bytes: the caller fills
   * `buffer[result, result + valueLength)`, all of it, before any other call of the step.
   */
  put(source: Uint8Array, at: number, length: number, valueLength: number): number;
  /** Where `put` made room; look it up again after every `put`. */
  readonly buffer: Uint8Array;
  /** Removes the key, present or not. */
  remove(source: Uint8Array, at: number, length: number): void;
  /** Removes every key from `start` up to, not including, `end`. Locks the range. */
  removeRange(start: Uint8Array, end: Uint8Array): void;

  /** A copy of the value of `key`. */
  get(key: Uint8Array): Uint8Array | undefined;
  getForUpdate(key: Uint8Array): Uint8Array | undefined;
  set(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;

  /**
   * Visits present keys of `[start, end)` in order (in reverse order if `reverse`) until `visit`
   * returns false. Locks what it passed over, gaps included. The visitor must not call the step.
   */
  scan(range: ScanRange, visit: (entry: ScanEntry) => boolean): void;
  /** How many keys begin with the census prefix of this key; see `store/census.ts`. */
  count(censusPrefix: Uint8Array): number;
}

export interface ScanRange {
  readonly start: Uint8Array;
  /** Undefined: to the end of all keys. */
  readonly end: Uint8Array | undefined;
  readonly reverse?: boolean;
}

/** The same object at every visit; what it holds is valid only during the visit. */
export interface ScanEntry {
  readonly keyBytes: Uint8Array;
  readonly keyLength: number;
  readonly valueBytes: Uint8Array;
  readonly valueAt: number;
  readonly valueLength: number;
  readonly version: Lsn;
}

/** What `tryRun` returns instead of a result when the body could not run to its end at once. */
export const MUST_WAIT: unique symbol = Symbol("must wait");

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * The longest it may wait for pages, locks and room, and for `begin` the longest the transaction
   * may be open; `ERR_TIMEOUT` after it.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Where each body is a transaction: hears, if there is a result, before it is settled of the
   * position that it depends on, which is that of its own entry if it wrote.
   */
  readonly answered?: ((position: Lsn) => void) | undefined;
}

/** One place to run bodies: each body one transaction, or all of them within one. */
export interface Runner {
  /**
   * Runs the body to its end within this turn, or does nothing and returns `MUST_WAIT`. What the
   * body throws is thrown after its writes are forgotten.
   */
  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT;
  /**
   * Runs the body as often as it takes. Where each body is a transaction it resolves, or rejects
   * with what the body threw, only when what that tells is settled.
   */
  run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T>;
}

/**
 * The store as its doors see it: a runner whose bodies are transactions by themselves.
 *
 * A result, a refusal or a thrown error may leave the process only when `settledLsn` has reached
 * `answerLsn` as it was when `tryRun` gave it: read it at once. (`run` waits for that by itself.)
 */
export interface TransactionStore extends Runner {
  readonly answerLsn: Lsn;
  readonly settledLsn: Lsn;
  /** Calls `listener` after `settledLsn` has risen. Returns how to stop that. */
  onSettled(listener: () => void): () => void;
  /** Rejects if the store fails before. */
  whenSettled(position: Lsn): Promise<void>;
  /** The fault that stopped the store, if one did; nothing more will settle. */
  readonly failure: Error | undefined;
  onFailure(listener: (failure: Error) => void): () => void;
  begin(options?: BeginOptions): InteractiveTransaction;
}

export interface BeginOptions extends RunOptions {
  /** The age of an earlier attempt, so that a transaction that was wounded grows older. */
  readonly age?: number | undefined;
  /** How many attempts came before. */
  readonly attempts?: number | undefined;
  /**
   * It is likely to end in the turn in which it begins: it may do without locks for so long, and
   * is aborted if another changes what it has read. Not for what was aborted before.
   */
  readonly isBrief?: boolean | undefined;
}

/** A transaction of many steps, with locks held from the first read or write to the end. */
export interface InteractiveTransaction extends Runner {
  readonly age: number;
  /** Why it was aborted, once it was: wounded, timed out, the store failed. */
  readonly aborted: Error | undefined;
  onAbort(listener: (reason: Error) => void): void;
  /** The key or range that it waits to lock now, and who is in its way, in words. */
  readonly waitsFor?: string | undefined;
  /**
   * Appends and applies what was written, and lets go of the locks. Resolves with the position
   * that must be settled before anyone is told.
   */
  commit(): Promise<Lsn>;
  /** Runs the body and commits, within this turn; or does nothing and returns `MUST_WAIT`. */
  tryCommit(body: (step: Step) => void): Lsn | typeof MUST_WAIT;
  rollback(): void;
  /** The position that must be settled before anything it read or refused is told. */
  readonly answerLsn: Lsn;
}
