/**
 * The database: what users of the library hold. It is the same whether the store is this process's
 * own or another's that it is served by.
 *
 * Whatever it answers, an absence or a refusal too, is durable, and no crash takes it back.
 * Keys are strings, bytes or tuples; values are bytes or anything structured. Every failure is an
 * error with a `code`, and says in `applied` whether the work may have been done.
 */

import type { World } from "../world/world.ts";
import { Atomic } from "./atomic.ts";
import type { Entry, RowValues, SetOptions } from "./row-values.ts";
import { Scan, type ScanOptions } from "./scan.ts";
import type { NOT_IN_MEMORY, RowReader, Session } from "./session.ts";
import { Snapshot } from "./snapshot.ts";
import { TimeLimits } from "../transactions/time-limits.ts";
import {
  Transact,
  type TransactContext,
  type TransactCounts,
  type TransactionBody,
} from "./transact.ts";
import type { TransactOptions } from "./transact-options.ts";
import { parseTransactionId } from "./transaction-id.ts";
import { TurnLine } from "./turn-line.ts";
import type { Key } from "./tuple.ts";
import { type Version, versionOf } from "./version.ts";
import { Watch, type WatchOptions, type WatchTarget } from "./watch.ts";

/** What can be said of a database at a moment. */
export interface DatabaseStats {
  /** Everything up to this commit is durable. */
  readonly settledVersion: Version;
  /** Of `transact`, in this process. */
  readonly transactionsCommitted: number;
  /** Those that ended with an error. */
  readonly transactionsRolledBack: number;
  /** Attempts that were in the way of others and were made again. */
  readonly attemptsRetried: number;
}

/** An open database. */
export class Database {
  readonly #session: Session;
  readonly #values: RowValues;
  readonly #context: TransactContext;
  readonly #counts: TransactCounts = { committedCount: 0, rolledBackCount: 0, retriedCount: 0 };
  readonly #watches = new Set<Watch>();
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    world: World,
    session: Session,
    values: RowValues,
    onError: (error: unknown) => void,
  ) {
    this.#session = session;
    this.#values = values;
    const line = new TurnLine(world.clock);
    const limits = new TimeLimits(world.clock);
    this.#context = { world, session, values, counts: this.#counts, line, limits, onError };
  }

  /** The value of the key, or undefined if it is absent. */
  get<T = unknown>(key: Key): Promise<T | undefined> {
    return this.#get(key, this.#values.readValue as RowReader<T>);
  }

  /** The value with the version of its last write, for `check`; undefined if it is absent. */
  getEntry<T = unknown>(key: Key): Promise<Entry<T> | undefined> {
    return this.#get(key, this.#values.readEntry as RowReader<Entry<T>>);
  }

  /** The values of the keys, in their order, all as of one moment. */
  async getMany<T = unknown>(keys: readonly Key[]): Promise<(T | undefined)[]> {
    const copies = this.#values.keys.copies(keys);
    return [...(await this.#session.getMany(copies, this.#values.readValue as RowReader<T>))];
  }

  /**
   * The value of the key if it can be had at once, undefined if it is absent, and `NOT_IN_MEMORY`
   * if `get` would have to wait: for a page, a lock, or for what was just written to be durable.
   */
  getCached<T = unknown>(key: Key): T | undefined | typeof NOT_IN_MEMORY {
    const { keys } = this.#values;
    const read = this.#values.readValue as RowReader<T>;
    return this.#session.getCached(keys.bytes, keys.encode(key), read);
  }

  /** Resolves when the value is durable. */
  set(key: Key, value: unknown, options?: SetOptions): Promise<void> {
    try {
      const values = this.#values;
      const deadlineMs = values.deadline(options);
      values.encode(key, value, deadlineMs);
      const { keys, keyLength, row, rowLength } = values;
      return this.#session.set(keys.bytes, keyLength, row, rowLength, deadlineMs);
    } catch (error) {
      return rejected(error);
    }
  }

  /** Resolves when the key is durably absent, whether or not it was before. */
  delete(key: Key): Promise<void> {
    try {
      const { keys } = this.#values;
      return this.#session.delete(keys.bytes, keys.encode(key));
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Runs the body as a transaction: as if it were alone, and all of it or nothing. Resolves with
   * what it returns when that is durable.
   *
   * The body may run more than once, since it is run again when another transaction was in its
   * way; what it does outside belongs into `tx.afterCommit`. If it throws, everything is rolled
   * back and it is not run again.
   */
  transact<T>(body: TransactionBody<T>, options: TransactOptions = {}): Promise<T> {
    try {
      return new Transact(this.#context, body, options).run();
    } catch (error) {
      return rejected(error);
    }
  }

  /** Begins a batch of checks and writes that is committed in one step, or not at all. */
  atomic(): Atomic {
    return new Atomic(this.#session, this.#values);
  }

  /** The rows of a range, in order, all as of one moment. */
  scan<T = unknown>(options: ScanOptions = {}): Scan<T> {
    return new Scan<T>(this.#values, options, () => this.#session.snapshot());
  }

  /** Everything as it is now. Close it when it is no longer needed. */
  async snapshot(): Promise<Snapshot> {
    return new Snapshot(await this.#session.snapshot(), this.#values);
  }

  /** What is committed, in the order of the commits. It ends when the database is closed. */
  watch<T = unknown>(target: WatchTarget = {}, options: WatchOptions = {}): Watch<T> {
    const watch = new Watch<T>(this.#session, this.#values, target, options, (ended) => {
      this.#watches.delete(ended as Watch);
    });
    if (options.signal?.aborted !== true) this.#watches.add(watch as Watch);
    return watch;
  }

  /**
   * Whether the transaction of this id (`tx.id`, or `details.id` of `ERR_COMMIT_UNKNOWN`) was
   * committed. One that has no outcome yet is decided by the question: it is aborted, and cannot
   * be committed any more. One that wrote nothing counts as aborted. `ERR_OUTCOME_FORGOTTEN` if
   * it was too long ago.
   */
  async outcome(id: string): Promise<"committed" | "aborted"> {
    const { outcome } = await this.#session.outcome(parseTransactionId(id));
    return outcome;
  }

  /** How far it has come and what it has done. */
  stats(): DatabaseStats {
    const { committedCount, rolledBackCount, retriedCount } = this.#counts;
    return {
      settledVersion: versionOf(this.#session.settledLsn),
      transactionsCommitted: committedCount,
      transactionsRolledBack: rolledBackCount,
      attemptsRetried: retriedCount,
    };
  }

  /**
   * Ends when all that was committed is durable. Transactions that are under way are rolled back,
   * and whatever is asked for from here on is `ERR_CLOSED`.
   */
  async close(): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    this.#context.limits.close();
    this.#closing ??= this.#session.close();
    await this.#closing;
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #get<T>(key: Key, read: RowReader<T>): Promise<T | undefined> {
    try {
      const { keys } = this.#values;
      return this.#session.get(keys.bytes, keys.encode(key), read);
    } catch (error) {
      return rejected(error);
    }
  }
}

/** What an asynchronous function does with what it throws. */
function rejected(error: unknown): Promise<never> {
  return Promise.reject(error);
}
