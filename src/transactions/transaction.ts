/**
 * An interactive transaction: bodies that run one after the other, with all they read and wrote
 * locked until the end.
 *
 * It is strict two-phase locking: every lock is taken before what it protects is used, and all are
 * let go at once, in the turn in which the writes are appended and applied, or at the roll-back. A
 * transaction that is wounded, or runs for too long, is rolled back in that turn, and everything
 * it is asked afterwards is refused with the reason.
 */

import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import { Lease } from "../cells/cells.ts";
import type { LockMode } from "../locks/lock-mode.ts";
import type { Owner } from "../locks/lock-owner.ts";
import type { LockTarget } from "../locks/lock-target.ts";
import { REFUSED_LARGE, type Store, WAIT_FENCE, WAIT_PAGE } from "../store/store.ts";
import type { Clock } from "../world/world.ts";
import type { PendingWrites } from "./pending-writes.ts";
import { ABANDONED, RunStep, type StepLocks, type StepSettings, WAIT_LOCK } from "./run-step.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type RunOptions,
  type Step,
} from "./step.ts";
import {
  keyTarget,
  type LockHolder,
  rangeTarget,
  type TransactionLocks,
} from "./transaction-locks.ts";
import { Deadline } from "./waiting.ts";

export interface TransactionParts {
  readonly store: Store;
  readonly locks: TransactionLocks;
  readonly settings: StepSettings;
  readonly clock: Clock;
  readonly age: number;
  readonly options: BeginOptions | undefined;
  /** Empty, and its own until it has ended. */
  readonly writes: PendingWrites;
  /** Called once, when it has ended in whatever way. */
  readonly ended: (transaction: Transaction) => void;
}

export class Transaction implements InteractiveTransaction, LockHolder, StepLocks {
  readonly age: number;
  readonly attempts: number;
  isGranted = false;
  readonly #store: Store;
  readonly #locks: TransactionLocks;
  readonly #owner: Owner;
  readonly #step: RunStep;
  readonly #writes: PendingWrites;
  readonly #lease: Lease;
  readonly #clock: Clock;
  readonly #deadline: Deadline;
  readonly #ended: (transaction: Transaction) => void;
  readonly #stopTimer: () => void;
  readonly #abortListeners: ((reason: Error) => void)[] = [];
  #wake: (() => void) | undefined;
  #failWait: ((reason: Error) => void) | undefined;
  #isWaitingForLock = false;
  #aborted: Error | undefined;
  #isOver = false;
  #isBusy = false;
  readonly #queue: (() => void)[] = [];

  constructor(parts: TransactionParts) {
    const { store, clock, options } = parts;
    this.#store = store;
    this.#locks = parts.locks;
    this.#clock = clock;
    this.#ended = parts.ended;
    this.age = parts.age;
    this.attempts = options?.attempts ?? 0;
    this.#writes = parts.writes;
    this.#step = new RunStep(store, parts.settings, this.#writes, this);
    this.#lease = new Lease(store.cells);
    this.#owner = this.#locks.begin(this);
    const timeoutMs = options?.timeoutMs ?? store.options.transactionTimeoutMs;
    this.#deadline = new Deadline(clock, options, timeoutMs);
    this.#stopTimer = clock.after(timeoutMs, () => this.abort(tooSlow(timeoutMs)));
  }

  get aborted(): Error | undefined {
    return this.#aborted;
  }

  get answerLsn(): Lsn {
    return this.#step.answer;
  }

  onAbort(listener: (reason: Error) => void): void {
    if (this.#aborted !== undefined) listener(this.#aborted);
    else this.#abortListeners.push(listener);
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    this.#requireOpen();
    // One thing at a time, as in `#enter`: what runs already may wait for a lock, or commit.
    if (this.#isBusy) return MUST_WAIT;
    const result = this.#attempt(body);
    if (result === MUST_WAIT && this.#isWaitingForLock) {
      this.#isWaitingForLock = false;
      this.#locks.cancel(this.#owner);
    }
    return result;
  }

  async run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    await this.#enter();
    try {
      const deadline =
        options === undefined
          ? this.#deadline
          : new Deadline(this.#clock, options, this.#store.options.transactionTimeoutMs);
      for (;;) {
        // It may have been wounded since it entered, or since its wait ended.
        this.#requireOpen();
        const result = this.#attempt(body);
        if (result !== MUST_WAIT) return result;
        await this.#waitFor(this.#step.blocked, deadline);
      }
    } finally {
      this.#leave();
    }
  }

  async commit(): Promise<Lsn> {
    await this.#enter();
    try {
      const { bytes, at, lengthBytes, count } = this.#writes;
      for (;;) {
        // As above: it would commit what its locks no longer protect.
        this.#requireOpen();
        if (count === 0) {
          this.#end();
          return this.answerLsn;
        }
        const position = this.#store.isClear
          ? this.#store.commit(bytes, at, lengthBytes)
          : WAIT_FENCE;
        if (position > 0) {
          this.#end();
          return lsn(position);
        }
        if (position === REFUSED_LARGE) throw touchesTooMuch();
        await this.#waitFor(position, this.#deadline);
      }
    } catch (error) {
      this.rollback();
      throw error;
    } finally {
      this.#leave();
    }
  }

  rollback(): void {
    if (this.#isOver) return;
    this.#end();
    this.#failWait?.(ended());
  }

  /** Rolls back at once, and refuses with `reason` what is asked later. */
  abort(reason: Error): void {
    if (this.#isOver) return;
    this.#aborted = reason;
    this.#end();
    this.#failWait?.(reason);
    for (const listener of this.#abortListeners) listener(reason);
  }

  granted(): void {
    this.isGranted = true;
    this.#isWaitingForLock = false;
    this.#wake?.();
  }

  wounded(reason: Fault): void {
    this.abort(reason);
  }

  lockKey(_hash: number, key: Uint8Array, at: number, length: number, mode: LockMode): boolean {
    return this.#lock(keyTarget(key, at, length), mode);
  }

  lockRange(start: Uint8Array, end: Uint8Array | undefined, mode: LockMode): boolean {
    return this.#lock(rangeTarget(start, end), mode);
  }

  #lock(target: LockTarget, mode: LockMode): boolean {
    if (this.#locks.request(this.#owner, target, mode)) return true;
    this.#isWaitingForLock = true;
    return false;
  }

  #attempt<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    const step = this.#step;
    const { count, lengthBytes } = this.#writes;
    if (!this.#store.isClear) {
      step.blocked = WAIT_FENCE;
      return MUST_WAIT;
    }
    step.begin();
    try {
      return body(step);
    } catch (error) {
      if (this.#isOver) throw this.#aborted ?? error;
      this.#writes.rollBackTo(count, lengthBytes);
      if (error === ABANDONED) return MUST_WAIT;
      throw error;
    }
  }

  async #waitFor(reason: number, deadline: Deadline): Promise<void> {
    const over = new Promise<never>((_resolve, reject) => {
      this.#failWait = reject;
    });
    try {
      await deadline.wait(Promise.race([over, this.#whatGoesOn(reason)]));
    } catch (error) {
      if (this.#isWaitingForLock && !this.#isOver) this.#locks.cancel(this.#owner);
      this.#isWaitingForLock = false;
      throw error;
    } finally {
      this.#failWait = undefined;
      this.#wake = undefined;
    }
    this.#requireOpen();
  }

  #whatGoesOn(reason: number): Promise<void> {
    if (reason === WAIT_LOCK) {
      if (this.isGranted) return Promise.resolve();
      return new Promise((resolve) => (this.#wake = resolve));
    }
    if (reason === WAIT_PAGE) return this.#lease.loadMissing();
    return this.#store.progress(reason);
  }

  /** One thing at a time: what is asked at once waits for its turn. */
  async #enter(): Promise<void> {
    while (this.#isBusy) await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      this.#requireOpen();
    } catch (error) {
      this.#queue.shift()?.();
      throw error;
    }
    this.#isBusy = true;
  }

  #leave(): void {
    this.#isBusy = false;
    this.#lease.release();
    this.#queue.shift()?.();
  }

  #end(): void {
    this.#isOver = true;
    this.#stopTimer();
    this.#locks.release(this.#owner);
    this.#lease.release();
    this.#ended(this);
  }

  #requireOpen(): void {
    if (this.#aborted !== undefined) throw this.#aborted;
    if (this.#isOver) throw ended();
    this.#store.requireOpen();
  }
}

function ended(): Fault {
  return new Fault("ERR_CLOSED", "The transaction has ended: begin another for more work");
}

function tooSlow(timeoutMs: number): Fault {
  return new Fault(
    "ERR_TIMEOUT",
    `The transaction was open for ${timeoutMs} ms, which is the limit, and was rolled back. Keep ` +
      'other work out of it, or raise "timeoutMs"',
    { timeoutMs },
  );
}

export function touchesTooMuch(): Fault {
  return new Fault(
    "ERR_LIMIT",
    'The transaction writes to more pages than "cacheBytes" can hold at once: split it, or raise ' +
      "the setting",
    { setting: "cacheBytes" },
  );
}
