/**
 * Transactions on a store: every body and every interactive transaction runs as if it were alone,
 * in the order of the log.
 *
 * Why that is so:
 *
 *  1. A body that runs to its end within one turn reads the state after the newest entry and
 *     appends the next one. It stands between two entries of the log, so what others have locked
 *     and not yet written is behind it, and it may read that freely. It writes nothing that
 *     another has locked, so what others have read stays as they read it.
 *  2. An interactive transaction holds locks on all it read and wrote, ranges included, when its
 *     entry is appended; so what it read is what the log holds just before that entry. One without
 *     locks looks, in that same turn, whether nothing of what it read was written since, and
 *     writes as a body of the first kind does.
 *  3. An answer is told only when all that it depends on is settled, so nobody is told of what a
 *     crash can take back, and who is told before another begins stands before it in the log.
 */

import { must } from "../base/assert.ts";
import { Fault, isFault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import { Lease } from "../cells/cells.ts";
import type { Slab } from "../base/slab.ts";
import type { RowSpaces } from "../base/row-spaces.ts";
import { REFUSED_LARGE, type Store, WAIT_FENCE, WAIT_PAGE } from "../store/store.ts";
import type { World } from "../world/world.ts";
import { changesOf } from "./change-feed.ts";
import type { CommittedTransaction, Engine, SnapshotView } from "./engine.ts";
import { NotedReads } from "./noted-reads.ts";
import { PendingWrites } from "./pending-writes.ts";
import { ABANDONED, RunStep, type StepSettings, WAIT_LOCK } from "./run-step.ts";
import { takeSnapshot } from "./snapshot-view.ts";
import { type BeginOptions, MUST_WAIT, type RunOptions, type Step } from "./step.ts";
import {
  touchesTooMuch,
  Transaction,
  type TransactionContext,
  type Workspace,
} from "./transaction.ts";
import { InstantLocks, NO_LOCKS, TransactionLocks } from "./transaction-locks.ts";
import { TimeLimits } from "./time-limits.ts";
import { Deadline } from "./waiting.ts";

/** Of the slab, for the writes of bodies that run at once. */
export const TRANSACTIONS_SLAB_BYTES: number = 1 << 20;
/** How often a body may miss pages before it takes locks, so that others cannot outrun it. */
const INSTANT_ATTEMPTS_MAX = 64;
const TRANSACTION_LOG_SHARE = 8;
/** Where the writes of most transactions find room. */
const WRITES_BYTES = 1024;
const SPARES_MAX = 256;

export class Transactions implements Engine {
  readonly store: Store;
  readonly locks: TransactionLocks;
  readonly #world: World;
  readonly #settings: StepSettings;
  readonly #writes: PendingWrites;
  readonly #step: RunStep;
  readonly #context: TransactionContext;
  /** Each knows its place. */
  readonly #open: Transaction[] = [];
  /** Those that may have no locks yet, begun in this turn. */
  #brief: Transaction[] = [];
  /** Of transactions that have ended. */
  readonly #spares: Workspace[] = [];
  readonly #snapshots = new Set<SnapshotView>();
  readonly #limits: TimeLimits;
  readonly #atClose: (() => Promise<void>)[] = [];
  #closed: Promise<void> | undefined;
  #nextAge = 1;
  #answer: Lsn = lsn(0);
  commitCount = 0;

  constructor(world: World, store: Store, slab: Slab, rows: RowSpaces) {
    this.#world = world;
    this.store = store;
    this.locks = new TransactionLocks(store.options.locksPerTransactionMax, rows);
    const share = Math.floor(store.log.ringBytes / TRANSACTION_LOG_SHARE);
    const asked = store.options.transactionBytesMax;
    const most = Math.min(share, store.log.bodyBytesMax);
    const { clock } = world;
    this.#limits = new TimeLimits(clock);
    this.#settings = {
      wallMs: () => clock.wallMs(),
      transactionBytesMax: asked === 0 ? most : Math.min(asked, most),
      isBoundByLog: asked === 0 || most < asked,
    };
    const at = slab.reserve(TRANSACTIONS_SLAB_BYTES);
    const region = { bytes: slab.bytes, at, lengthBytes: TRANSACTIONS_SLAB_BYTES };
    this.#writes = new PendingWrites(region);
    const instantLocks = new InstantLocks(this.locks.table);
    this.#step = new RunStep(store, this.#settings, this.#writes, instantLocks);
    this.#context = {
      store,
      locks: this.locks,
      instantLocks,
      clock,
      limits: this.#limits,
      ended: (transaction, workspace) => this.#ended(transaction, workspace),
    };
    store.onFailure((failure) => this.#failed(failure));
  }

  get answerLsn(): Lsn {
    return this.#answer;
  }

  get settledLsn(): Lsn {
    return this.store.settledLsn;
  }

  get appendedLsn(): Lsn {
    return this.store.appendedLsn;
  }

  get oldestChangeLsn(): Lsn {
    return this.store.log.truncatedLsn;
  }

  get failure(): Error | undefined {
    return this.store.failure;
  }

  get openCount(): number {
    return this.#open.length;
  }

  onSettled(listener: () => void): () => void {
    return this.store.onSettled(listener);
  }

  whenSettled(position: Lsn): Promise<void> {
    return this.store.whenSettled(position);
  }

  onFailure(listener: (failure: Error) => void): () => void {
    return this.store.onFailure(listener);
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    const { store } = this;
    const step = this.#step;
    store.requireOpen();
    if (!store.isClear) {
      step.blocked = WAIT_FENCE;
      return MUST_WAIT;
    }
    const writes = this.#writes;
    if (writes.count > 0) writes.clear();
    step.answer = lsn(0);
    step.begin();
    let result: T;
    try {
      result = body(step);
    } catch (error) {
      if (error === ABANDONED) return MUST_WAIT;
      this.#answer = step.answer;
      throw error;
    }
    this.#answer = step.answer;
    if (writes.count > 0) {
      const position = store.commit(writes.bytes, writes.at, writes.lengthBytes);
      if (position < 0) {
        if (position === REFUSED_LARGE) throw touchesTooMuch();
        step.blocked = position;
        return MUST_WAIT;
      }
      this.#answer = position as Lsn;
      this.commitCount++;
    }
    return result;
  }

  async run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    let outcome = this.#attempt(body);
    if (outcome === undefined) {
      const deadline = this.#deadline(options);
      outcome = (await this.#retry(body, deadline)) ?? (await this.#runLocked(body, options));
    }
    if ("result" in outcome) options?.answered?.(outcome.answer);
    await this.#settle(outcome);
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  begin(options?: BeginOptions): Transaction {
    this.store.requireOpen();
    if (options?.signal?.aborted === true) this.#deadline(options).check();
    const workspace = this.#spares.pop() ?? this.#makeWorkspace();
    const age = this.#ageFor(options?.age);
    const transaction = new Transaction(this.#context, workspace, age, options);
    transaction.openAt = this.#open.push(transaction) - 1;
    if (options?.isBrief === true) this.#lockAtTurnsEnd(transaction);
    return transaction;
  }

  async snapshot(): Promise<SnapshotView> {
    this.store.requireOpen();
    const view = await takeSnapshot(this.store, this.#settings, this.#world.clock, () =>
      this.#snapshots.delete(view),
    );
    this.#snapshots.add(view);
    return view;
  }

  changes(after: Lsn, signal?: AbortSignal): AsyncIterable<CommittedTransaction> {
    return changesOf(this.store, after, signal);
  }

  /** Calls `work` before the store is closed, the last first. */
  atClose(work: () => Promise<void>): void {
    this.#atClose.unshift(work);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const transaction of this.#open.slice()) transaction.abort(closing());
    for (const snapshot of this.#snapshots) snapshot.release();
    try {
      await this.store.close();
    } finally {
      for (const work of this.#atClose.splice(0)) await work();
    }
  }

  /** What came of one attempt without locks; undefined if it must wait. */
  #attempt<T>(body: (step: Step) => T): Outcome<T> | undefined {
    try {
      const result = this.tryRun(body);
      if (result === MUST_WAIT) return undefined;
      return { result, answer: this.#answer, wrote: this.#writes.count > 0 };
    } catch (error) {
      this.store.requireOpen();
      return { error, answer: this.#answer, wrote: false };
    }
  }

  /** Attempts without locks for as long as it is pages or room that is missing. */
  async #retry<T>(body: (step: Step) => T, deadline: Deadline): Promise<Outcome<T> | undefined> {
    const lease = new Lease(this.store.cells);
    try {
      for (let attempt = 0; attempt < INSTANT_ATTEMPTS_MAX; attempt++) {
        const { blocked } = this.#step;
        if (blocked === WAIT_LOCK) return undefined;
        const progress = blocked === WAIT_PAGE ? lease.loadMissing() : this.store.progress(blocked);
        await deadline.wait(progress);
        const outcome = this.#attempt(body);
        if (outcome !== undefined) return outcome;
      }
      return undefined;
    } finally {
      lease.release();
    }
  }

  /** Waits until the outcome may be told. */
  async #settle({ answer, wrote }: Outcome<unknown>): Promise<void> {
    if (answer <= this.store.settledLsn) return;
    try {
      await this.store.whenSettled(answer);
    } catch (error) {
      throw wrote ? unknownOutcome(error) : error;
    }
  }

  /** Runs the body as an interactive transaction, as often as it is wounded. */
  async #runLocked<T>(
    body: (step: Step) => T,
    options: RunOptions | undefined,
  ): Promise<Outcome<T>> {
    const deadline = this.#deadline(options);
    const age = this.#nextAge++;
    for (let attempts = 0; ; attempts++) {
      deadline.check();
      const transaction = this.begin({ ...options, age, attempts });
      try {
        const result = await transaction.run(body);
        const answer = await transaction.commit();
        return { result, answer, wrote: answer > transaction.answerLsn };
      } catch (error) {
        const wasWounded = isFault(transaction.aborted, "ERR_ABORTED");
        transaction.rollback();
        if (!wasWounded) return { error, answer: transaction.answerLsn, wrote: false };
      }
    }
  }

  #deadline(options: RunOptions | undefined): Deadline {
    return new Deadline(this.#world.clock, options, this.store.options.transactionTimeoutMs);
  }

  /**
   * The age that was asked for, unless another may have it: whoever was served by another process
   * before brings one that is not of ours.
   */
  #ageFor(asked: number | undefined): number {
    const isOurs = asked !== undefined && 0 < asked && asked < this.#nextAge;
    if (isOurs && !this.#open.some(({ age }) => age === asked)) return asked;
    return this.#nextAge++;
  }

  #lockAtTurnsEnd(transaction: Transaction): void {
    if (this.#brief.push(transaction) > 1) return;
    this.#world.clock.soon(() => {
      const brief = this.#brief;
      this.#brief = [];
      for (const one of brief) one.takeLocks();
    });
  }

  #ended(transaction: Transaction, workspace: Workspace | undefined): void {
    const last = must(this.#open.pop(), "who ends was open");
    if (last !== transaction) {
      this.#open[transaction.openAt] = last;
      last.openAt = transaction.openAt;
    }
    if (workspace === undefined || this.#spares.length >= SPARES_MAX) return;
    workspace.writes.clear();
    this.#spares.push(workspace);
  }

  #makeWorkspace(): Workspace {
    const { store } = this;
    const bytes = new Uint8Array(WRITES_BYTES);
    const writes = new PendingWrites({ bytes, at: 0, lengthBytes: WRITES_BYTES });
    const step = new RunStep(store, this.#settings, writes, NO_LOCKS);
    return { writes, reads: new NotedReads(store), step };
  }

  #failed(failure: Error): void {
    for (const transaction of this.#open.slice()) transaction.abort(failure);
    this.#limits.close();
  }
}

/** What came of running a body, and the position that must be settled before it is told. */
type Outcome<T> = ({ readonly result: T } | { readonly error: unknown }) & {
  readonly answer: Lsn;
  readonly wrote: boolean;
};

function unknownOutcome(cause: unknown): Fault {
  return new Fault(
    "ERR_COMMIT_UNKNOWN",
    "The store stopped after the transaction was appended, so it may last or not: open the store " +
      "again and look",
    {},
    cause,
  );
}

function closing(): Fault {
  const message = "The store is closing: the transaction was rolled back. Open the store again";
  return new Fault("ERR_CLOSED", message);
}
