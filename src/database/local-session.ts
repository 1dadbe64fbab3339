/**
 * A session with the store that this process itself has open.
 *
 * What runs at once is answered when the position is settled that the store gives in the same turn.
 * What had to wait is answered when all that was appended by then is settled: between its end and
 * the continuation here another body may have run.
 */

import { isFault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { Engine } from "../transactions/engine.ts";
import { MUST_WAIT, type RunOptions, type Step } from "../transactions/step.ts";
import { findLive } from "./live-row.ts";
import { LocalSnapshot } from "./local-snapshot.ts";
import { LocalTransaction } from "./local-transaction.ts";
import type { LedgerSession } from "./outcome-ledger.ts";
import { getRow, getRows, RowOperations } from "./row-operations.ts";
import {
  type Batch,
  type BatchAnswer,
  type Beginning,
  type BeginRequest,
  type ChangeSet,
  NOT_IN_MEMORY,
  type OutcomeAnswer,
  type RowReader,
  type Session,
  type SessionSnapshot,
  type SessionTransaction,
} from "./session.ts";
import { commitUnknown, type SettleQueue } from "./settle-queue.ts";
import type { StoreHolder } from "./store-holder.ts";
import type { TransactionId } from "./transaction-id.ts";
import type { KeyRange } from "./tuple.ts";
import { watchChanges } from "./watch-changes.ts";
import { applyWrites, putRow } from "./write-set.ts";

const ALL_HELD = -1;
const NO_BYTES = new Uint8Array(0);
const NO_BATCH: Batch = {
  checks: [],
  writes: [],
  earliestDeadlineMs: Number.POSITIVE_INFINITY,
};

export class LocalSession implements Session {
  readonly holder: StoreHolder;
  readonly #engine: Engine;
  readonly #settling: SettleQueue;
  readonly #names: LedgerSession;
  readonly #operations: RowOperations = new RowOperations();
  readonly #waiting: RunOptions;
  // The arguments of the bodies below, which are made once.
  #source: Uint8Array = NO_BYTES;
  #length = 0;
  #row: Uint8Array = NO_BYTES;
  #rowLength = 0;
  #hasDeadline = false;
  #batch: Batch = NO_BATCH;
  #id: TransactionId | undefined;

  constructor(holder: StoreHolder, names: LedgerSession) {
    this.holder = holder;
    this.#engine = holder.engine;
    this.#settling = holder.settling;
    this.#names = names;
    this.#waiting = { timeoutMs: holder.settings.timeoutMs };
  }

  /** Which of the sessions with the store it is. */
  get number(): number {
    return this.#names.number;
  }

  get settledLsn(): Lsn {
    return this.#engine.settledLsn;
  }

  get beganAt(): Lsn {
    return this.holder.beganAt;
  }

  get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    const engine = this.#engine;
    try {
      const found = this.#operations.tryGet(engine, findLive, source, length, read);
      if (found === MUST_WAIT) return this.#getLater(source.slice(0, length), read);
      return this.#settling.answer(engine.answerLsn, found);
    } catch (error) {
      return this.#settling.refuse(engine.answerLsn, error);
    }
  }

  getCached<T>(
    source: Uint8Array,
    length: number,
    read: RowReader<T>,
  ): T | undefined | typeof NOT_IN_MEMORY {
    const engine = this.#engine;
    const found = this.#operations.tryGet(engine, findLive, source, length, read);
    if (found === MUST_WAIT) return NOT_IN_MEMORY;
    return this.#settling.has(engine.answerLsn) ? found : NOT_IN_MEMORY;
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    const engine = this.#engine;
    const body = getRows(findLive, keys, read);
    try {
      const rows = engine.tryRun(body);
      if (rows !== MUST_WAIT) return await this.#settling.answer(engine.answerLsn, rows);
      const later = await engine.run(body, this.#waiting);
      return await this.#settling.answer(engine.appendedLsn, later);
    } catch (error) {
      return await this.#settling.refuse(engine.appendedLsn, error);
    }
  }

  set(
    source: Uint8Array,
    length: number,
    row: Uint8Array,
    rowLength: number,
    deadlineMs: number | undefined,
  ): Promise<void> {
    this.#source = source;
    this.#length = length;
    this.#row = row;
    this.#rowLength = rowLength;
    this.#hasDeadline = deadlineMs !== undefined;
    if (deadlineMs !== undefined) this.holder.sweep.note(deadlineMs);
    return this.#write(this.#setBody);
  }

  delete(source: Uint8Array, length: number): Promise<void> {
    this.#source = source;
    this.#length = length;
    return this.#write(this.#deleteBody);
  }

  runBatch(batch: Batch): Promise<BatchAnswer> {
    return this.runBatchAs(this.#names.next(), batch);
  }

  /** As `runBatch`, under a name that was given already. */
  runBatchAs(id: TransactionId, batch: Batch): Promise<BatchAnswer> {
    const engine = this.#engine;
    if (batch.earliestDeadlineMs < Number.POSITIVE_INFINITY) {
      this.holder.sweep.note(batch.earliestDeadlineMs);
    }
    this.#batch = batch;
    this.#id = id;
    try {
      const failedIndex = engine.tryRun(this.#batchBody);
      if (failedIndex === MUST_WAIT) return this.#batchLater(batch, id);
      return this.#answerBatch(failedIndex, engine.answerLsn, id);
    } catch (error) {
      return this.#settling.refuse(engine.answerLsn, error);
    }
  }

  newTransactionId(): TransactionId {
    const id = this.#names.next();
    this.#names.begin(id);
    return id;
  }

  /** The name of a transaction that was made elsewhere for this session. */
  adopt(id: TransactionId): void {
    this.#names.adopt(id);
  }

  endTransactionId(id: TransactionId): void {
    this.#names.end(id);
  }

  begin(asked: BeginRequest): SessionTransaction {
    // The name of a session that is over says nothing here.
    const isOwn = asked.id.session === this.number;
    const request = isOwn ? asked : { ...asked, id: this.newTransactionId() };
    return new LocalTransaction(this.holder, this.#names, this.#operations, request);
  }

  tryBegin(timeoutMs: number, isBrief: boolean): SessionTransaction {
    const id = this.newTransactionId();
    const request = { id, age: undefined, attempts: 0, timeoutMs, isBrief };
    try {
      return new LocalTransaction(this.holder, this.#names, this.#operations, request);
    } catch (error) {
      this.endTransactionId(id);
      throw error;
    }
  }

  async snapshot(): Promise<SessionSnapshot> {
    const view = await this.#engine.snapshot();
    return new LocalSnapshot(view, this.#operations, this.holder.settings);
  }

  changes(range: KeyRange, after: Lsn, signal: AbortSignal): AsyncIterable<ChangeSet> {
    return watchChanges(this.#engine, range, after, signal);
  }

  /** What is settled later was not seen by anybody who was answered before this call. */
  async beginning(): Promise<Beginning> {
    return await Promise.resolve({ after: this.#engine.settledLsn });
  }

  async outcome(id: TransactionId): Promise<OutcomeAnswer> {
    return await this.holder.ledger.outcome(id);
  }

  /** Nobody uses it any more; the store stays open. */
  abandon(): void {
    this.holder.ledger.closeSession(this.#names);
  }

  async close(): Promise<void> {
    this.abandon();
    await this.holder.close();
  }

  async #getLater<T>(key: Uint8Array, read: RowReader<T>): Promise<T | undefined> {
    const engine = this.#engine;
    try {
      const found = await getRow(engine, findLive, key, read, this.#waiting);
      return await this.#settling.answer(engine.appendedLsn, found);
    } catch (error) {
      return await this.#settling.refuse(engine.appendedLsn, error);
    }
  }

  #write(body: (step: Step) => void): Promise<void> {
    const engine = this.#engine;
    try {
      if (engine.tryRun(body) === MUST_WAIT) return this.#writeLater(body);
      return this.#settling.written(engine.answerLsn);
    } catch (error) {
      return this.#settling.refuse(engine.answerLsn, error);
    }
  }

  /** The body runs when others have used its arguments, so that it is given them back. */
  async #writeLater(body: (step: Step) => void): Promise<void> {
    const engine = this.#engine;
    const source = this.#source.slice(0, this.#length);
    const row = this.#row.slice(0, this.#rowLength);
    const hasDeadline = this.#hasDeadline;
    try {
      await engine.run((step) => {
        this.#source = source;
        this.#length = source.length;
        this.#row = row;
        this.#rowLength = row.length;
        this.#hasDeadline = hasDeadline;
        body(step);
      }, this.#waiting);
    } catch (error) {
      return await this.#settling.refuse(engine.appendedLsn, error);
    }
    await this.#settling.written(engine.appendedLsn);
  }

  readonly #setBody = (step: Step): void => {
    if (this.#hasDeadline) this.holder.sweep.mark(step);
    putRow(step, this.#source, this.#length, this.#row, this.#rowLength);
  };

  readonly #deleteBody = (step: Step): void => {
    step.remove(this.#source, 0, this.#length);
  };

  async #batchLater(batch: Batch, id: TransactionId): Promise<BatchAnswer> {
    const engine = this.#engine;
    this.#names.begin(id);
    let version = engine.appendedLsn;
    const answered = (position: Lsn): void => {
      version = position;
    };
    try {
      const body = (step: Step): number => {
        this.#batch = batch;
        this.#id = id;
        return this.#batchBody(step);
      };
      const failedIndex = await engine.run(body, { ...this.#waiting, answered });
      return await this.#answerBatch(failedIndex, version, id);
    } catch (error) {
      // The engine knows it by no name.
      if (isFault(error, "ERR_COMMIT_UNKNOWN")) throw commitUnknown(id, error);
      return await this.#settling.refuse(engine.appendedLsn, error);
    } finally {
      this.#names.end(id);
    }
  }

  #answerBatch(failedIndex: number, version: Lsn, id: TransactionId): Promise<BatchAnswer> {
    if (failedIndex === ALL_HELD) {
      return this.#settling.committed<BatchAnswer>(version, { ok: true, version }, id);
    }
    return this.#settling.answer<BatchAnswer>(version, { ok: false, failedIndex });
  }

  /** The index of the first check that does not hold, or -1. */
  readonly #batchBody = (step: Step): number => {
    const { checks, writes, earliestDeadlineMs } = this.#batch;
    const id = this.#id;
    for (let index = 0; index < checks.length; index++) {
      const check = checks[index];
      if (check === undefined) continue;
      const version = findLive(step, check.key, check.key.length) ? step.version : 0;
      if (version !== check.version) return index;
    }
    if (earliestDeadlineMs < Number.POSITIVE_INFINITY) this.holder.sweep.mark(step);
    applyWrites(step, writes);
    if (id !== undefined) this.#names.write(step, id);
    return ALL_HELD;
  };
}
