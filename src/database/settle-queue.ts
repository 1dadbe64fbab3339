/**
 * Answers that wait for their position to be settled, in the order in which they were given. An
 * answer whose position is settled already does not wait.
 *
 * When the store fails, what only read is `ERR_UNAVAILABLE`, and what had appended a commit is
 * `ERR_COMMIT_UNKNOWN` with the id of its transaction.
 */

import { Fault, messageOf } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { TransactionStore } from "../transactions/step.ts";
import { formatTransactionId, type TransactionId } from "./transaction-id.ts";

interface Waiter {
  readonly position: Lsn;
  readonly unknown: UnknownCommit | undefined;
  readonly listener: SettleListener;
}

/** Is told once, one or the other. */
export interface SettleListener {
  settled(): void;
  failed(reason: Error): void;
}

/** A commit that was appended. Writes of single keys have no id. */
export interface UnknownCommit {
  readonly id: TransactionId | undefined;
}

const WRITE_WITHOUT_ID: UnknownCommit = { id: undefined };
const SETTLED: Promise<undefined> = Promise.resolve(undefined);

export class SettleQueue {
  readonly #store: TransactionStore;
  #waiters: Waiter[] = [];
  #first = 0;

  constructor(store: TransactionStore) {
    this.#store = store;
    store.onSettled(() => {
      this.#release();
    });
    store.onFailure((failure) => {
      this.#fail(failure);
    });
  }

  /** Whether what depends on the position may leave at once. */
  has(position: Lsn): boolean {
    return position <= this.#store.settledLsn;
  }

  /** Resolves with `value` when the position is settled. */
  answer<T>(position: Lsn, value: T): Promise<T> {
    if (this.has(position)) return Promise.resolve(value);
    return this.#wait(position, value, undefined);
  }

  /** The answer to a write that was appended at `position`. */
  written(position: Lsn): Promise<undefined> {
    if (this.has(position)) return SETTLED;
    return this.#wait(position, undefined, WRITE_WITHOUT_ID);
  }

  /** The answer to a commit that was appended at `position`. */
  committed<T>(position: Lsn, value: T, id: TransactionId): Promise<T> {
    if (this.has(position)) return Promise.resolve(value);
    return this.#wait(position, value, { id });
  }

  /** Tells the listener, maybe at once, what became of a commit that was appended at `position`. */
  tell(position: Lsn, listener: SettleListener, id: TransactionId | undefined): void {
    const unknown = id === undefined ? undefined : { id };
    const { failure } = this.#store;
    if (this.has(position)) listener.settled();
    else if (failure !== undefined) listener.failed(failureFor(unknown, failure));
    else this.#waiters.push({ position, unknown, listener });
  }

  /** Rejects with `reason` when the position is settled: a refusal is an answer too. */
  async refuse(position: Lsn, reason: unknown): Promise<never> {
    // Once the store has failed nothing settles any more, and the reason is most likely that.
    if (this.#store.failure === undefined) await this.answer(position, undefined);
    throw reason;
  }

  #wait<T>(position: Lsn, value: T, unknown: UnknownCommit | undefined): Promise<T> {
    const { failure } = this.#store;
    if (failure !== undefined) return Promise.reject(failureFor(unknown, failure));
    return new Promise<T>((resolve, reject) => {
      const listener = { settled: () => resolve(value), failed: reject };
      this.#waiters.push({ position, unknown, listener });
    });
  }

  #release(): void {
    const settled = this.#store.settledLsn;
    const waiters = this.#waiters;
    let first = this.#first;
    while (first < waiters.length) {
      const waiter = waiters[first] as Waiter;
      if (settled < waiter.position) break;
      first++;
      waiter.listener.settled();
    }
    if (first === waiters.length) {
      this.#waiters = [];
      this.#first = 0;
    } else if (waiters.length < 2 * first) {
      this.#waiters = waiters.slice(first);
      this.#first = 0;
    } else {
      this.#first = first;
    }
  }

  #fail(failure: Error): void {
    this.#release();
    const waiters = this.#waiters.slice(this.#first);
    this.#waiters = [];
    this.#first = 0;
    for (const waiter of waiters) waiter.listener.failed(failureFor(waiter.unknown, failure));
  }
}

/** What a caller is told whose commit may or may not have been made. */
export function commitUnknown(id: TransactionId | undefined, reason: unknown): Fault {
  if (id === undefined) {
    const message =
      `it is not known whether this write was made: ${messageOf(reason)}; ` +
      "read the key once the database is open again";
    return new Fault("ERR_COMMIT_UNKNOWN", message, {}, reason);
  }
  const text = formatTransactionId(id);
  const message =
    `it is not known whether transaction ${text} was committed: ${messageOf(reason)}; ` +
    "ask `outcome` with that id";
  return new Fault("ERR_COMMIT_UNKNOWN", message, { id: text }, reason);
}

function failureFor(unknown: UnknownCommit | undefined, failure: Error): Error {
  if (unknown !== undefined) return commitUnknown(unknown.id, failure);
  const message = `the store failed before this answer was certain: ${failure.message}`;
  return new Fault("ERR_UNAVAILABLE", `${message}; open it again`, {}, failure);
}
