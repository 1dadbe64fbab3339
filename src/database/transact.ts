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
 *
 * The first attempt takes the short way where it can: its body has its turn in the line of those
 * that are likely to end at once, and is committed in the turn in which it ends, without locks and
 * without waiting. Whatever does not go so well leads back to the long way.
 */

import { type Fault, isFault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { World } from "../world/world.ts";
import { decodeAnswer, encodeAnswer, idempotencyRowKey } from "./idempotency.ts";
import type { RowValues } from "./row-values.ts";
import type { CommitRequest, Session, SessionTransaction } from "./session.ts";
import { commitUnknown, type SettleListener } from "./settle-queue.ts";
import type { TimeLimited, TimeLimits } from "../transactions/time-limits.ts";
import { conflict, endedBy, isRetryable, timedOut } from "./transact-faults.ts";
import { checkTransact, type TransactOptions } from "./transact-options.ts";
import { Transaction } from "./transaction.ts";
import type { TransactionId } from "./transaction-id.ts";
import type { TurnLine } from "./turn-line.ts";
import { versionOf } from "./version.ts";

/** What is run as a transaction. It may run more than once, and never twice at a time. */
export type TransactionBody<T> = (tx: Transaction) => Promise<T> | T;

/** What all transactions of a database have in common. */
export interface TransactContext {
  readonly world: World;
  readonly session: Session;
  readonly values: RowValues;
  readonly counts: TransactCounts;
  readonly line: TurnLine;
  readonly limits: TimeLimits;
  /** Hears of what callbacks after a commit threw. */
  readonly onError: (error: unknown) => void;
}

export interface TransactCounts {
  committedCount: number;
  rolledBackCount: number;
  retriedCount: number;
}

/** How an attempt ended that was committed, and is settled. */
interface Done<T> {
  readonly value: T;
}

/** How an attempt ended that another one follows. */
interface Retry {
  readonly reason: Fault;
  readonly age: number;
}

/** Pauses grow to this many milliseconds. */
const PAUSE_MS_MAX = 4;

export class Transact<T> implements TimeLimited, SettleListener {
  readonly endMs: number;
  limitedAt = -1;
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
  /** What the body returned, on the short way. */
  #value: T | undefined;
  #resolve: ((value: T) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;

  constructor(context: TransactContext, body: TransactionBody<T>, options: TransactOptions) {
    const { settings } = context.values;
    checkTransact(body, options);
    this.#context = context;
    this.#body = body;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? settings.timeoutMs;
    this.endMs = context.world.clock.monotonicMs() + this.#timeoutMs;
    const { idempotencyKey } = options;
    this.#idempotencyKey =
      idempotencyKey === undefined ? undefined : idempotencyRowKey(idempotencyKey);
  }

  run(): Promise<T> {
    const { signal } = this.#options;
    if (signal?.aborted === true) return Promise.reject(endedBy(signal));
    signal?.addEventListener("abort", this.#onSignal);
    this.#context.limits.add(this);
    return new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (!this.#mayBeBrief()) this.#goOn(undefined);
      else void this.#context.line.enter(this).then((isBrief) => this.#begin(isBrief));
    });
  }

  timeIsOver(): void {
    this.#stop(timedOut(this.#timeoutMs, this.#current?.waitsFor));
  }

  /** What was committed on the short way is durable. */
  settled(): void {
    this.#isUndecided = false;
    this.#context.counts.committedCount++;
    this.#endId();
    this.#tell(this.#value as T);
  }

  /** What was committed on the short way, or only read, will never be known to be durable. */
  failed(reason: Error): void {
    if (!this.#isUndecided) this.#context.counts.rolledBackCount++;
    this.#endId();
    this.#refuse(reason);
  }

  /** A repeat waits for the first of its key; and the only attempt there may be is a safe one. */
  #mayBeBrief(): boolean {
    return this.#idempotencyKey === undefined && 1 < this.#attemptsMax;
  }

  get #attemptsMax(): number {
    return this.#options.attemptsMax ?? this.#context.values.settings.attemptsMax;
  }

  /** Begins the first attempt: its turn has come. */
  #begin(isBrief: boolean): void {
    const { session, line } = this.#context;
    try {
      const inner =
        this.#stopped === undefined ? session.tryBegin(this.#timeoutMs, isBrief) : undefined;
      if (inner !== undefined) {
        this.#runBriefly(inner);
        return;
      }
      if (this.#stopped === undefined) this.#goOn(undefined);
    } catch (error) {
      this.#refuse(error);
    }
    line.leave(this);
  }

  #runBriefly(inner: SessionTransaction): void {
    const tx = this.#enter(inner);
    try {
      const returned = this.#body(tx);
      if (!isPromise(returned)) this.#commitBriefly(inner, tx, returned);
      else {
        Promise.resolve(returned).then(
          (value) => this.#commitBriefly(inner, tx, value),
          (error: unknown) => this.#fallBack(inner, tx, Promise.reject(error)),
        );
      }
    } catch (error) {
      this.#fallBack(inner, tx, Promise.reject(error));
    }
  }

  #commitBriefly(inner: SessionTransaction, tx: Transaction, value: T): void {
    try {
      this.#checkStopped();
      tx.end();
      this.#value = value;
      this.#isUndecided = tx.hasWritten;
      // Callbacks run in the context of the body, which what is called by the disk has not.
      const mayBeBrief = tx.afterCommits.length === 0 && tx.flushing === undefined;
      if (mayBeBrief && inner.tryCommit(requestOf(tx), this)) {
        this.#current = undefined;
        tx.letGo();
        this.#context.line.leave(this);
        return;
      }
    } catch (error) {
      this.#fallBack(inner, tx, Promise.reject(error));
      return;
    }
    this.#fallBack(inner, tx, this.#commit(inner, tx, value));
  }

  /** Goes on the long way with what the first attempt comes to. */
  #fallBack(inner: SessionTransaction, tx: Transaction, ending: Promise<Done<T>>): void {
    this.#isUndecided = false;
    this.#context.line.leave(this);
    this.#goOn(this.#conclude(inner, tx, ending));
  }

  #goOn(first: Promise<Done<T> | Retry> | undefined): void {
    this.#runAttempts(first).then(
      (value) => this.#tell(value),
      (error: unknown) => this.#refuse(error),
    );
  }

  async #runAttempts(first: Promise<Done<T> | Retry> | undefined): Promise<T> {
    const { session, counts } = this.#context;
    const attemptsMax = this.#attemptsMax;
    try {
      this.#id ??= await session.newTransactionId();
      let age: number | undefined;
      let ending = first;
      for (let attempts = 0; ; attempts++) {
        ending ??= this.#attempt(this.#id, age, attempts);
        const result = await ending;
        if ("value" in result) return result.value;
        if (attemptsMax <= attempts + 1) throw conflict(result.reason, attempts + 1, this.#id);
        counts.retriedCount++;
        age = result.age;
        await this.#pause(attempts);
        ending = undefined;
      }
    } finally {
      this.#endId();
    }
  }

  async #attempt(
    id: TransactionId,
    age: number | undefined,
    attempts: number,
  ): Promise<Done<T> | Retry> {
    this.#checkStopped();
    const { session } = this.#context;
    const inner = await session.begin({ id, age, attempts, timeoutMs: this.#timeoutMs });
    const tx = this.#enter(inner);
    return await this.#conclude(inner, tx, this.#runBody(inner, tx));
  }

  #enter(inner: SessionTransaction): Transaction {
    this.#id = inner.id;
    const tx = new Transaction(inner, this.#context.values);
    this.#current = inner;
    this.#transaction = tx;
    inner.onAbort((reason) => {
      tx.endWithin(reason);
      // What cannot be tried again need not wait for its body, which may wait for ever.
      if (!isRetryable(reason) && !inner.isCommitting) this.#refuse(reason);
    });
    return tx;
  }

  async #runBody(inner: SessionTransaction, tx: Transaction): Promise<Done<T>> {
    const claimed = this.#idempotencyKey;
    const earlier = claimed === undefined ? undefined : await inner.claim(claimed);
    if (earlier !== undefined) {
      inner.rollback();
      await inner.settled();
      return { value: decodeAnswer(earlier) as T };
    }
    // Who was told that it ended does not see its body begin.
    this.#checkStopped();
    const value = await this.#body(tx);
    this.#checkStopped();
    tx.end();
    if (claimed !== undefined) this.#keepAnswer(tx, claimed, value);
    return await this.#commit(inner, tx, value);
  }

  async #commit(inner: SessionTransaction, tx: Transaction, value: T): Promise<Done<T>> {
    if (tx.flushing !== undefined) await tx.flushing;
    const position = await inner.commit(requestOf(tx), () => {
      this.#isUndecided = true;
      if (this.#stopped !== undefined) this.#refuse(commitUnknown(this.#id, this.#stopped));
    });
    this.#isUndecided = false;
    this.#committed(tx, position);
    return { value };
  }

  /** What comes of an attempt. Throws what the caller is to get. */
  async #conclude(
    inner: SessionTransaction,
    tx: Transaction,
    ending: Promise<Done<T>>,
  ): Promise<Done<T> | Retry> {
    try {
      return await ending;
    } catch (error) {
      return await this.#afterError(inner, tx, error);
    } finally {
      tx.end();
      tx.letGo();
      this.#current = undefined;
    }
  }

  #committed(tx: Transaction, position: Lsn): void {
    this.#context.counts.committedCount++;
    // Whoever was told that it is not known has drawn conclusions from that.
    if (this.#stopped !== undefined) return;
    for (const run of tx.afterCommits) this.#callAfterCommit(() => run(versionOf(position)));
  }

  #keepAnswer(tx: Transaction, key: Uint8Array, value: T): void {
    const { world, values } = this.#context;
    const deadlineMs = world.clock.wallMs() + values.settings.idempotencyKeptMs;
    const row = encodeAnswer(value, deadlineMs, values.settings);
    tx.writes.put(key, key.length, row, row.length, deadlineMs);
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

  /** What follows the attempt that ended by `error`. */
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
    if (this.#isUndecided) this.#refuse(commitUnknown(this.#id, reason));
    // Else it is known soon whether there is a commit, and the promise settles by that.
    else if (this.#current?.isCommitting !== true) {
      this.#current?.rollback();
      this.#refuse(reason);
    }
  }

  readonly #onSignal = (): void => {
    const { signal } = this.#options;
    if (signal !== undefined) this.#stop(endedBy(signal));
  };

  #tell(value: T): void {
    this.#unwatch();
    this.#resolve?.(value);
  }

  #refuse(reason: unknown): void {
    this.#unwatch();
    this.#reject?.(reason);
  }

  #unwatch(): void {
    this.#context.limits.delete(this);
    this.#options.signal?.removeEventListener("abort", this.#onSignal);
  }

  /** No attempt follows. */
  #endId(): void {
    if (this.#id !== undefined) this.#context.session.endTransactionId(this.#id);
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

function requestOf(tx: Transaction): CommitRequest {
  const { writes, earliestDeadlineMs } = tx;
  return { writes, writeCount: writes.count, earliestDeadlineMs };
}

/** Of whatever realm or library it is. */
function isPromise<T>(returned: Promise<T> | T): returned is Promise<T> {
  if (typeof returned !== "object" || returned === null) return false;
  return "then" in returned && typeof returned.then === "function";
}
