/**
 * An interactive transaction: bodies that run one after the other, with all they read and wrote
 * locked until the end.
 *
 * It is strict two-phase locking: every lock is taken before what it protects is used, and all are
 * let go at once, in the turn in which the writes are appended and applied, or at the roll-back. A
 * transaction that is wounded, or runs for too long, is rolled back in that turn, and everything
 * it is asked afterwards is refused with the reason.
 *
 * A brief one has no locks until it must wait, or its turn is over, and writes nothing but in the
 * step that commits it. It notes what it reads, and goes on only while that is still so.
 */

import { must } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import { Lease } from "../cells/cells.ts";
import type { LockMode } from "../locks/lock-mode.ts";
import type { Owner } from "../locks/lock-owner.ts";
import type { LockTarget } from "../locks/lock-target.ts";
import { REFUSED_LARGE, type Store, WAIT_FENCE, WAIT_PAGE } from "../store/store.ts";
import type { Clock } from "../world/world.ts";
import type { NotedReads } from "./noted-reads.ts";
import type { PendingWrites } from "./pending-writes.ts";
import { ABANDONED, type RunStep, type StepLocks, WAIT_LOCK } from "./run-step.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type RunOptions,
  type Step,
} from "./step.ts";
import type { TimeLimited, TimeLimits } from "./time-limits.ts";
import {
  type InstantLocks,
  keyTarget,
  type LockHolder,
  rangeTarget,
  type TransactionLocks,
} from "./transaction-locks.ts";
import { Deadline } from "./waiting.ts";

/** What all transactions of a store have in common. */
export interface TransactionContext {
  readonly store: Store;
  readonly locks: TransactionLocks;
  /** For what commits in the turn in which it is asked. */
  readonly instantLocks: InstantLocks;
  readonly clock: Clock;
  readonly limits: TimeLimits;
  /** Called once, when it has ended in whatever way, with its workspace if that is free. */
  readonly ended: (transaction: Transaction, workspace: Workspace | undefined) => void;
}

/** What a transaction works with: dear to make and to collect, and so handed on to the next. */
export interface Workspace {
  readonly writes: PendingWrites;
  readonly reads: NotedReads;
  readonly step: RunStep;
}

export class Transaction implements InteractiveTransaction, LockHolder, StepLocks, TimeLimited {
  readonly age: number;
  readonly attempts: number;
  isGranted = false;
  /** Its place among those that are open. For `Transactions` alone. */
  openAt = -1;
  /** Once it has locks. */
  endMs = 0;
  limitedAt = -1;
  readonly #context: TransactionContext;
  readonly #store: Store;
  /** Its own until it has ended. */
  readonly #workspace: Workspace;
  readonly #step: RunStep;
  readonly #writes: PendingWrites;
  readonly #options: BeginOptions | undefined;
  /** Undefined as long as it has no locks. */
  #owner: Owner | undefined;
  #deadline: Deadline | undefined;
  #lease: Lease | undefined;
  #abortListeners: readonly ((reason: Error) => void)[] = NOBODY;
  #wake: (() => void) | undefined;
  #failWait: ((reason: Error) => void) | undefined;
  #isWaitingForLock = false;
  #aborted: Error | undefined;
  #isOver = false;
  #isBusy = false;
  #isRunning = false;
  /** Of the position that it depends on, once the workspace is no longer its own. */
  #answer: Lsn | undefined;
  #queue: (() => void)[] | undefined;

  constructor(
    context: TransactionContext,
    workspace: Workspace,
    age: number,
    options: BeginOptions | undefined,
  ) {
    this.age = age;
    this.attempts = options?.attempts ?? 0;
    this.#context = context;
    this.#store = context.store;
    this.#workspace = workspace;
    this.#step = workspace.step;
    this.#writes = workspace.writes;
    this.#options = options;
    workspace.step.answer = lsn(0);
    if (options?.isBrief === true) {
      workspace.reads.begin();
      workspace.step.locks = workspace.reads;
    } else this.#beginLocking();
  }

  get aborted(): Error | undefined {
    return this.#aborted;
  }

  get answerLsn(): Lsn {
    return this.#answer ?? this.#step.answer;
  }

  get waitsFor(): string | undefined {
    if (!this.#isWaitingForLock || this.#owner === undefined) return undefined;
    return this.#context.locks.describeWait(this.#owner);
  }

  onAbort(listener: (reason: Error) => void): void {
    if (this.#aborted !== undefined) listener(this.#aborted);
    else this.#abortListeners = [...this.#abortListeners, listener];
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    this.#requireOpen();
    // One thing at a time, as in `#enter`: what runs already may wait for a lock, or commit.
    if (this.#isBusy) return MUST_WAIT;
    const result = this.#attempt(body);
    if (result === MUST_WAIT) this.#stopWaitingForLock();
    // What it writes is to be locked until it commits.
    else if (this.#owner === undefined && this.#writes.count > 0) {
      this.#writes.clear();
      return MUST_WAIT;
    }
    return result;
  }

  tryCommit(body: (step: Step) => void): Lsn | typeof MUST_WAIT {
    this.#requireOpen();
    if (this.#isBusy) return MUST_WAIT;
    const { count, lengthBytes } = this.#writes;
    // From here to its end there is only this turn, as for any body that runs within one.
    if (this.#owner === undefined) this.#step.locks = this.#context.instantLocks;
    try {
      if (this.#attempt(body) === MUST_WAIT) this.#stopWaitingForLock();
      else {
        const position = this.#append();
        if (position >= 0) return lsn(position);
        this.#writes.rollBackTo(count, lengthBytes);
      }
    } catch (error) {
      this.rollback();
      throw error;
    }
    if (this.#owner === undefined) this.#step.locks = this.#workspace.reads;
    return MUST_WAIT;
  }

  async run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    await this.#enter();
    try {
      this.takeLocks();
      const deadline = options === undefined ? undefined : this.#deadlineOf(options);
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
      this.takeLocks();
      for (;;) {
        const position = this.#append();
        if (position >= 0) return lsn(position);
        await this.#waitFor(position, undefined);
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

  /**
   * Protects what it has read by locks, if it has none yet. Aborts it if another has changed
   * that, or has it locked.
   */
  takeLocks(): void {
    if (this.#owner !== undefined || this.#isOver) return;
    try {
      if (this.#workspace.reads.areCurrent() && this.#lockNoted()) return;
    } catch (error) {
      // Nobody who calls has asked for these locks, so that it is told to whoever asks next.
      if (!(error instanceof Fault)) throw error;
      this.abort(error);
    }
    this.abort(overtaken(this));
  }

  /** Whether all that was noted is locked, and is still so. */
  #lockNoted(): boolean {
    const owner = this.#beginLocking();
    const { reads } = this.#workspace;
    const { locks } = this.#context;
    const isLocked = reads.lockAll((target, mode) => {
      return !this.#isOver && locks.request(owner, target, mode);
    });
    // Who gives way is told at once, and may write what is not locked yet, or close the store.
    return isLocked && !this.#isOver && reads.areCurrent();
  }

  timeIsOver(): void {
    this.abort(tooSlow(this.#timeoutMs, this.waitsFor));
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
    const owner = must(this.#owner, "a transaction without locks is locked by what it notes");
    if (this.#context.locks.request(owner, target, mode)) return true;
    this.#isWaitingForLock = true;
    return false;
  }

  #stopWaitingForLock(): void {
    if (!this.#isWaitingForLock) return;
    this.#isWaitingForLock = false;
    if (this.#owner !== undefined) this.#context.locks.cancel(this.#owner);
  }

  #beginLocking(): Owner {
    const { locks, clock, limits } = this.#context;
    this.endMs = clock.monotonicMs() + this.#timeoutMs;
    limits.add(this);
    this.#step.locks = this;
    this.#owner = locks.begin(this);
    return this.#owner;
  }

  /** Refuses to go on with what is no longer so. */
  #requireCurrent(): void {
    if (this.#owner !== undefined || this.#workspace.reads.areCurrent()) return;
    const reason = overtaken(this);
    this.abort(reason);
    throw reason;
  }

  #attempt<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    const step = this.#step;
    const { count, lengthBytes } = this.#writes;
    if (!this.#store.isClear) {
      step.blocked = WAIT_FENCE;
      return MUST_WAIT;
    }
    this.#requireCurrent();
    step.begin();
    this.#isRunning = true;
    try {
      return body(step);
    } catch (error) {
      if (this.#isOver) throw this.#aborted ?? error;
      this.#writes.rollBackTo(count, lengthBytes);
      if (error === ABANDONED) return MUST_WAIT;
      throw error;
    } finally {
      this.#isRunning = false;
    }
  }

  /** Appends what was written, and ends; or gives the reason to wait for. */
  #append(): number {
    // It may have been wounded meanwhile, and would commit what its locks no longer protect.
    this.#requireOpen();
    const { bytes, at, lengthBytes, count } = this.#writes;
    let position: number = this.answerLsn;
    if (count > 0) {
      if (!this.#store.isClear) return WAIT_FENCE;
      position = this.#store.commit(bytes, at, lengthBytes);
      if (position === REFUSED_LARGE) throw touchesTooMuch();
      if (position < 0) return position;
    }
    this.#end();
    return position;
  }

  /** Waits for as long as it is allowed to, by `limit` if there is one. */
  async #waitFor(reason: number, limit: Deadline | undefined): Promise<void> {
    const deadline = limit ?? (this.#deadline ??= this.#ownDeadline());
    const over = new Promise<never>((_resolve, reject) => {
      this.#failWait = reject;
    });
    try {
      const goesOn = Promise.race([over, this.#whatGoesOn(reason)]);
      await deadline.wait(goesOn, () => this.waitsFor);
    } catch (error) {
      if (!this.#isOver) this.#stopWaitingForLock();
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
    if (reason === WAIT_PAGE) {
      this.#lease ??= new Lease(this.#store.cells);
      return this.#lease.loadMissing();
    }
    return this.#store.progress(reason);
  }

  /** One thing at a time: what is asked at once waits for its turn, and nobody comes between. */
  async #enter(): Promise<void> {
    if (this.#isBusy) {
      await new Promise<void>((resolve) => {
        this.#queue ??= [];
        this.#queue.push(resolve);
      });
    }
    this.#isBusy = true;
    try {
      this.#requireOpen();
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  #leave(): void {
    this.#lease?.release();
    const next = this.#queue?.shift();
    this.#isBusy = next !== undefined;
    next?.();
  }

  #end(): void {
    this.#isOver = true;
    this.#answer = this.#step.answer;
    this.#context.limits.delete(this);
    if (this.#owner !== undefined) this.#context.locks.release(this.#owner);
    this.#lease?.release();
    this.#context.ended(this, this.#isRunning ? undefined : this.#workspace);
  }

  get #timeoutMs(): number {
    return this.#options?.timeoutMs ?? this.#store.options.transactionTimeoutMs;
  }

  /** For all its waits that have none of their own: until its time is over. */
  #ownDeadline(): Deadline {
    return new Deadline(this.#context.clock, this.#options, this.#timeoutMs, this.endMs);
  }

  #deadlineOf(options: RunOptions | undefined): Deadline {
    return new Deadline(this.#context.clock, options, this.#store.options.transactionTimeoutMs);
  }

  #requireOpen(): void {
    if (this.#aborted !== undefined) throw this.#aborted;
    if (this.#isOver) throw ended();
    this.#store.requireOpen();
  }
}

const NOBODY: readonly ((reason: Error) => void)[] = [];

function overtaken({ age, attempts }: Transaction): Fault {
  return new Fault(
    "ERR_ABORTED",
    `Transaction ${age} had no locks yet when another changed or locked what it had read ` +
      `(attempt ${attempts + 1}): try again, with the age of this attempt`,
    { transaction: age, attempts: attempts + 1 },
  );
}

function ended(): Fault {
  return new Fault("ERR_CLOSED", "The transaction has ended: begin another for more work");
}

function tooSlow(timeoutMs: number, waitsFor: string | undefined): Fault {
  const over = `${timeoutMs} ms, which is the limit`;
  const message =
    waitsFor === undefined
      ? `The transaction was open for ${over}, and was rolled back. Keep other work out of it, ` +
        'or raise "timeoutMs"'
      : `The transaction waited for ${waitsFor} when its time was over: ${over}. It was rolled ` +
        'back: try again, or raise "timeoutMs"';
  return new Fault("ERR_TIMEOUT", message, { setting: "timeoutMs", timeoutMs });
}

export function touchesTooMuch(): Fault {
  return new Fault(
    "ERR_LIMIT",
    'The transaction writes to more pages than "cacheBytes" can hold at once: split it, or raise ' +
      "the setting",
    { setting: "cacheBytes" },
  );
}
