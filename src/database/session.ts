/**
 * What the public database needs of the store behind it, in bytes: its own process's store, or one
 * that another process holds. Every answer it gives is settled, but for those within a
 * transaction, whose `settled` says when what they were given may leave.
 *
 * Keys are `source[0, length)`, valid during the call only. Rows are handed to a reader where they
 * lie, and the reader keeps nothing of them.
 */

import type { Lsn } from "../base/ids.ts";
import type { SettleListener } from "./settle-queue.ts";
import type { TransactionId } from "./transaction-id.ts";
import type { KeyRange } from "./tuple.ts";
import type { Write } from "./write-set.ts";

/** What `getCached` gives when the answer is not to be had at once. */
export const NOT_IN_MEMORY: unique symbol = Symbol("not in memory");

/** Reads the row `bytes[at, at + length)`, which was last written at `version`. */
export type RowReader<T> = (bytes: Uint8Array, at: number, length: number, version: Lsn) => T;

/** The same object at every visit; what it holds is valid only during the visit. */
export interface RowEntry {
  readonly keyBytes: Uint8Array;
  readonly keyLength: number;
  readonly valueBytes: Uint8Array;
  readonly valueAt: number;
  readonly valueLength: number;
}

export type EntryReader<T> = (entry: RowEntry) => T;

export interface ChunkRequest {
  readonly range: KeyRange;
  readonly reverse: boolean;
  readonly rowsMax: number;
}

export interface Chunk<T> {
  readonly entries: readonly T[];
  /** What of the range was not looked at yet. */
  readonly rest: KeyRange | undefined;
}

/** Something that waits may be given up. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A key with the version that it must have; 0 for absent. */
export interface Check {
  readonly key: Uint8Array;
  readonly version: Lsn;
}

/** Writes that are made if all checks hold, in one step. */
export interface Batch {
  readonly checks: readonly Check[];
  readonly writes: Iterable<Write>;
  readonly earliestDeadlineMs: number;
}

export type BatchAnswer =
  | { readonly ok: true; readonly version: Lsn }
  | { readonly ok: false; readonly failedIndex: number };

export interface BeginRequest {
  readonly id: TransactionId;
  /** The age of the first attempt. */
  readonly age: number | undefined;
  readonly attempts: number;
  readonly timeoutMs: number;
}

/** What is to be written. */
export interface CommitRequest {
  readonly writes: Iterable<Write>;
  readonly writeCount: number;
  readonly earliestDeadlineMs: number;
}

/** A change that was committed; the row is undefined where the key was deleted. */
export interface RowChange {
  readonly key: Uint8Array;
  readonly row: Uint8Array | undefined;
}

export interface Beginning {
  /** Nothing is missed of what is told after it. */
  readonly after: Lsn;
  /** Where it begins if what came after that is no longer in the log. */
  readonly otherwise?: Lsn | undefined;
}

export interface ChangeSet {
  readonly version: Lsn;
  readonly changes: readonly RowChange[];
}

/** What became of a transaction, and if it was committed, where. */
export type OutcomeAnswer =
  | { readonly outcome: "committed"; readonly version: Lsn }
  | { readonly outcome: "aborted" };

export interface Reads {
  get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined>;
  getMany<T>(keys: readonly Uint8Array[], read: RowReader<T>): Promise<readonly (T | undefined)[]>;
  scan<T>(request: ChunkRequest, read: EntryReader<T>, options?: WaitOptions): Promise<Chunk<T>>;
}

export interface Session {
  /** The newest position that is settled, as far as is known here. */
  readonly settledLsn: Lsn;
  get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined>;
  getCached<T>(
    source: Uint8Array,
    length: number,
    read: RowReader<T>,
  ): T | undefined | typeof NOT_IN_MEMORY;
  getMany<T>(keys: readonly Uint8Array[], read: RowReader<T>): Promise<readonly (T | undefined)[]>;
  /** The row is `row[0, rowLength)`, during the call, with its deadline, if it has one. */
  set(
    source: Uint8Array,
    length: number,
    row: Uint8Array,
    rowLength: number,
    deadlineMs: number | undefined,
  ): Promise<void>;
  delete(source: Uint8Array, length: number): Promise<void>;
  runBatch(batch: Batch): Promise<BatchAnswer>;
  /** The name of a transaction that is about to begin. It must be ended. */
  newTransactionId(): TransactionId | Promise<TransactionId>;
  /** No attempt of the transaction follows. */
  endTransactionId(id: TransactionId): void;
  begin(request: BeginRequest): SessionTransaction | Promise<SessionTransaction>;
  /**
   * Names and begins a transaction; `isBrief` if it is likely to end within this turn. Its name
   * must be ended. Undefined where all that it did would be asked of another process.
   */
  tryBegin(timeoutMs: number, isBrief: boolean): SessionTransaction | undefined;
  snapshot(): Promise<SessionSnapshot>;
  /** The changes within the range of every transaction after `after`, without empty ones. */
  changes(range: KeyRange, after: Lsn, signal: AbortSignal): AsyncIterable<ChangeSet>;
  /** Where a watch begins that is to tell what is committed from now on. */
  beginning(): Promise<Beginning>;
  outcome(id: TransactionId): Promise<OutcomeAnswer>;
  close(): Promise<void>;
}

export interface SessionSnapshot extends Reads {
  readonly position: Lsn;
  release(): void;
}

export interface SessionTransaction extends Reads {
  /** Its name: another than was asked for if the session of that one is over. */
  readonly id: TransactionId;
  readonly age: number;
  /** Why it was aborted, once it was. */
  readonly aborted: Error | undefined;
  onAbort(listener: (reason: Error) => void): void;
  /** What it waits to lock now, and who is in its way, in words, if this process knows. */
  readonly waitsFor?: string | undefined;
  getForUpdate<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined>;
  /** Makes these writes part of the transaction, so that what follows sees them. */
  apply(writes: Iterable<Write>): Promise<void>;
  /**
   * The row of the answer that was kept for the idempotency key, if there is one. Otherwise the
   * key is this transaction's until its end.
   */
  claim(key: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * Resolves with the position of the commit when that is settled. Calls `onUndecided` when it can
   * no longer be said that the commit was not made.
   */
  commit(request: CommitRequest, onUndecided: () => void): Promise<Lsn>;
  /**
   * Commits within this turn, and tells the listener when that is settled, maybe at once. Returns
   * false if it did nothing, because it would have to wait.
   */
  tryCommit(request: CommitRequest, listener: SettleListener): boolean;
  /** Ends it, unless it is past being stopped. */
  rollback(): void;
  /** Whether a commit is under way that cannot be stopped, and is not known to have been made. */
  readonly isCommitting: boolean;
  /** Resolves when all that it read is settled. */
  settled(): Promise<void>;
}
