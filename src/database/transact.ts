/**
 * Runs the body of a transaction until one attempt is committed.
 *
 * It guarantees that
 *
 *  1. an attempt that another transaction was in the way of is followed by another, after a
 *     random pause, with the age of the first, so that it is the oldest in the end;
 *  2. a body that throws is rolled back and not run again; what it threw leaves when all that it
 *     had read is settled;
 *  3. no attempt begins while the body of another still runs;
 *  4. an end by time or signal is `ERR_TIMEOUT` or `ERR_ABORTED` only if nothing was or will be
 *     committed, and `ERR_COMMIT_UNKNOWN` with the id otherwise.
 */

import { Fault, isFault } from "../base/fault.ts";
import type { World } from "../world/world.ts";
import { decodeAnswer, encodeAnswer, idempotencyRowKey } from "./idempotency.ts";
import type { RowValues } from "./row-values.ts";
import type { Session, SessionTransaction } from "./session.ts";
import { commitUnknown } from "./settle-queue.ts";
import { Transaction } from "./transaction.ts";
import { formatTransactionId, type TransactionId } from "./transaction-id.ts";
import { versionOf } from "./version.ts";

/** What is run as a transaction. It may run more than once, and never twice at a time. */
export type TransactionBody<T> = (tx: Transaction) => Promise<T> | T;

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

/** What all transactions of a database have in common. */
export interface TransactContext {
  readonly world: World;
  readonly session: Session;
  readonly values: RowValues;
  readonly counts: TransactCounts;
  /** Hears of what callbacks after a commit threw. */
  readonly onError: (error: unknown) => void;
}

export interface TransactCounts {
  committedCount: number;
  rolledBackCount: number;
  retriedCount: number;
}

/** How an attempt ended that another one follows. */
interface Retry {
  readonly reason: Fault;
  readonly age: number;
}

/** Pauses grow to this many milliseconds. */
const PAUSE_MS_MAX = 4;

export class Transact<T> {
  readonly #context: TransactContext;
  readonly #body: TransactionBody<T>;
  readonly #options: TransactOptions;
  readonly #timeoutMs: number;
  readonly #idempotencyKey: Uint8Array | undefined;
  #id: TransactionId | undefined;
  #current: SessionTransaction | undefined;
  #transaction: Transaction | undefined;
  /** Why it is to end, if time or signal said so. */
  #stopped: Fault | undefined;
  #isUndecided = false;
  #reject: ((reason: unknown) => void) | undefined;

  constructor(context: TransactContext, body: TransactionBody<T>, options: TransactOptions) {
    const { settings } = context.values;
    this.#context = context;
    this.#body = body;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? settings.timeoutMs;
    const { idempotencyKey } = options;
    this.#idempotencyKey =
      idempotencyKey === undefined ? undefined : idempotencyRowKey(idempotencyKey);
  }

  async run(): Promise<T> {
    const { signal } = this.#options;
    if (signal?.aborted === true) throw endedBy(signal);
    const stop = (): void => {
      if (signal !== undefined) this.#stop(endedBy(signal));
    };
    signal?.addEventListener("abort", stop);
    const stopClock = this.#context.world.clock.after(this.#timeoutMs, () => {
      this.#stop(timedOut(this.#timeoutMs));
    });
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#reject = reject;
        this.#runAttempts().then(resolve, reject);
      });
    } finally {
      stopClock();
      signal?.removeEventListener("abort", stop);
    }
  }

  async #runAttempts(): Promise<T> {
    const { session, values } = this.#context;
    const attemptsMax = this.#options.attemptsMax ?? values.settings.attemptsMax;
    this.#id = await session.newTransactionId();
    try {
      let age: number | undefined;
      for (let attempts = 0; ; attempts++) {
        this.#checkStopped();
        const result = await this.#attempt(this.#id, age, attempts);
        if ("value" in result) return result.value;
        if (attemptsMax <= attempts + 1) throw conflict(result.reason, attempts + 1, this.#id);
        this.#context.counts.retriedCount++;
        age = result.age;
        await this.#pause(attempts);
      }
    } finally {
      session.endTransactionId(this.#id);
    }
  }

  async #attempt(
    id: TransactionId,
    age: number | undefined,
    attempts: number,
  ): Promise<{ readonly value: T } | Retry> {
    const { session, values } = this.#context;
    const timeoutMs = this.#timeoutMs;
    const inner = await session.begin({ id, age, attempts, timeoutMs });
    this.#id = inner.id;
    const tx = new Transaction(inner, values);
    this.#current = inner;
    this.#transaction = tx;
    inner.onAbort((reason) => {
      tx.end(reason);
      // What cannot be tried again need not wait for its body, which may wait for ever.
      if (!isRetryable(reason) && !inner.isCommitting) this.#reject?.(reason);
    });
    try {
      return await this.#runBody(inner, tx);
    } catch (error) {
      return await this.#afterError(inner, tx, error);
    } finally {
      tx.end();
      this.#current = undefined;
    }
  }

  async #runBody(inner: SessionTransaction, tx: Transaction): Promise<{ readonly value: T }> {
    const claimed = this.#idempotencyKey;
    const earlier = claimed === undefined ? undefined : await inner.claim(claimed);
    if (earlier !== undefined) {
      inner.rollback();
      await inner.settled();
      return { value: decodeAnswer(earlier) as T };
    }
    const value = await this.#body(tx);
    this.#checkStopped();
    tx.end();
    if (claimed !== undefined) this.#keepAnswer(tx, claimed, value);
    await this.#commit(inner, tx);
    return { value };
  }

  async #commit(inner: SessionTransaction, tx: Transaction): Promise<void> {
    const { writes } = tx;
    const version = await inner.commit({
      writes,
      writeCount: writes.count,
      earliestDeadlineMs: tx.earliestDeadlineMs,
      onUndecided: () => {
        this.#isUndecided = true;
        if (this.#stopped !== undefined) this.#reject?.(commitUnknown(this.#id, this.#stopped));
      },
    });
    this.#isUndecided = false;
    this.#context.counts.committedCount++;
    for (const run of tx.afterCommits) this.#callAfterCommit(() => run(versionOf(version)));
  }

  #keepAnswer(tx: Transaction, key: Uint8Array, value: T): void {
    const { world, values } = this.#context;
    const deadlineMs = world.clock.wallMs() + values.settings.idempotencyKeptMs;
    const row = encodeAnswer(value, deadlineMs, values.settings);
    tx.writes.put(key, key.length, row, deadlineMs);
  }

  #callAfterCommit(run: () => unknown): void {
    const { onError } = this.#context;
    try {
      const result = run();
      if (result instanceof Promise) result.catch(onError);
    } catch (error) {
      onError(error);
    }
  }

  /** What follows the attempt that ended by `error`. Throws what the caller is to get. */
  async #afterError(inner: SessionTransaction, tx: Transaction, error: unknown): Promise<Retry> {
    const { aborted } = inner;
    tx.end();
    inner.rollback();
    if (isFault(error, "ERR_COMMIT_UNKNOWN") && error.details["id"] === tx.id) throw error;
    this.#context.counts.rolledBackCount++;
    if (this.#stopped !== undefined) throw this.#stopped;
    if (aborted !== undefined) {
      // Whatever the body made of it, it ran on after its transaction was gone.
      if (!isRetryable(aborted)) throw aborted;
      return { reason: aborted, age: inner.age };
    }
    await inner.settled();
    throw error;
  }

  #stop(reason: Fault): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#transaction?.end(reason);
    if (this.#isUndecided) this.#reject?.(commitUnknown(this.#id, reason));
    // Else it is known soon whether there is a commit, and the promise settles by that.
    else if (this.#current?.isCommitting !== true) {
      this.#current?.rollback();
      this.#reject?.(reason);
    }
  }

  #checkStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Short at first; at random, so that those who met do not meet again. */
  async #pause(attempts: number): Promise<void> {
    const { clock, random } = this.#context.world;
    const longestMs = Math.min(2 ** attempts, PAUSE_MS_MAX);
    const delayMs = random.below(longestMs + 1);
    await new Promise<void>((resolve) => {
      if (delayMs === 0) clock.soon(resolve);
      else clock.after(delayMs, resolve);
    });
  }
}

/** Whether another attempt may do better. */
function isRetryable(reason: Error): reason is Fault {
  if (!isFault(reason, "ERR_ABORTED") && !isFault(reason, "ERR_CONFLICT")) return false;
  return reason.details["isFinal"] !== true;
}

function conflict(reason: Fault, attempts: number, id: TransactionId): Fault {
  const message = `${attempts} attempts were in the way of others; the last: ${reason.message}`;
  const details = { ...reason.details, attempts, id: formatTransactionId(id) };
  return new Fault("ERR_CONFLICT", message, details, reason);
}

function timedOut(timeoutMs: number): Fault {
  const message = `the transaction took longer than ${timeoutMs} ms: do less in it, or raise`;
  return new Fault("ERR_TIMEOUT", `${message} timeoutMs`, { timeoutMs });
}

function endedBy(signal: AbortSignal): Fault {
  return new Fault("ERR_ABORTED", "the caller's signal ended the transaction", {}, signal.reason);
}
