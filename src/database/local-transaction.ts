/**
 * A transaction of many steps on the store that this process has open. What it reads is handed to
 * its body before it is settled, since a crash takes the body with it; whatever leaves the body
 * waits for `settled` or for the commit.
 */

import type { Lsn } from "../base/ids.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type RunOptions,
  type Step,
} from "../transactions/step.ts";
import { findLive, findLiveForUpdate } from "./live-row.ts";
import type { LedgerSession } from "./outcome-ledger.ts";
import { type Find, getRow, getRows, type RowOperations, scanRows } from "./row-operations.ts";
import type {
  BeginRequest,
  Chunk,
  ChunkRequest,
  CommitRequest,
  EntryReader,
  RowReader,
  SessionTransaction,
} from "./session.ts";
import type { SettleListener } from "./settle-queue.ts";
import type { StoreHolder } from "./store-holder.ts";
import type { TransactionId } from "./transaction-id.ts";
import { applyWrites, type Write } from "./write-set.ts";

export class LocalTransaction implements SessionTransaction {
  readonly id: TransactionId;
  readonly #holder: StoreHolder;
  readonly #names: LedgerSession;
  readonly #operations: RowOperations;
  readonly #inner: InteractiveTransaction;
  readonly #options: BeginOptions;
  #wrote = false;
  isCommitting = false;

  constructor(
    holder: StoreHolder,
    names: LedgerSession,
    operations: RowOperations,
    request: BeginRequest & { readonly isBrief?: boolean },
  ) {
    this.#holder = holder;
    this.#names = names;
    this.#operations = operations;
    this.id = request.id;
    this.#options = request;
    this.#inner = holder.engine.begin(request);
  }

  get age(): number {
    return this.#inner.age;
  }

  get aborted(): Error | undefined {
    return this.#inner.aborted;
  }

  get waitsFor(): string | undefined {
    return this.#inner.waitsFor;
  }

  onAbort(listener: (reason: Error) => void): void {
    this.#inner.onAbort(listener);
  }

  get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    return this.#get(findLive, source, length, read);
  }

  getForUpdate<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    return this.#get(findLiveForUpdate, source, length, read);
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    return await this.#run(getRows(findLive, keys, read));
  }

  async scan<T>(request: ChunkRequest, read: EntryReader<T>): Promise<Chunk<T>> {
    return await this.#run(scanRows(this.#holder.settings, "present", request, read));
  }

  async apply(writes: Iterable<Write>): Promise<void> {
    this.#wrote = true;
    await this.#run((step) => {
      applyWrites(step, writes);
    });
  }

  async claim(key: Uint8Array): Promise<Uint8Array | undefined> {
    return await this.#run((step) => {
      if (!findLiveForUpdate(step, key, key.length)) return undefined;
      return step.valueBytes.slice(step.valueAt, step.valueAt + step.valueLength);
    });
  }

  tryCommit(request: CommitRequest, listener: SettleListener): boolean {
    const wrote = this.#wrote || 0 < request.writeCount;
    this.#noteDeadline(request);
    const position = this.#inner.tryCommit((step) => {
      if (wrote) this.#writeAll(step, request);
    });
    if (position === MUST_WAIT) return false;
    this.#holder.settling.tell(position, listener, wrote ? this.id : undefined);
    return true;
  }

  async commit(request: CommitRequest, onUndecided: () => void): Promise<Lsn> {
    const { settling } = this.#holder;
    if (this.#wrote || 0 < request.writeCount) {
      this.#wrote = true;
      await this.#run((step) => {
        this.#writeAll(step, request);
      });
    }
    this.#noteDeadline(request);
    this.isCommitting = true;
    let position: Lsn;
    try {
      position = await this.#inner.commit();
    } finally {
      this.isCommitting = false;
    }
    if (!this.#wrote) return await settling.answer(position, position);
    onUndecided();
    return await settling.committed(position, position, this.id);
  }

  rollback(): void {
    if (!this.isCommitting) this.#inner.rollback();
  }

  async settled(): Promise<void> {
    await this.#holder.settling.answer(this.#inner.answerLsn, undefined);
  }

  /** Makes all writes part of the transaction, and says that it was committed. */
  #writeAll(step: Step, { writes, earliestDeadlineMs }: CommitRequest): void {
    applyWrites(step, writes);
    if (earliestDeadlineMs < Number.POSITIVE_INFINITY) this.#holder.sweep.mark(step);
    this.#names.write(step, this.id);
  }

  #noteDeadline({ earliestDeadlineMs }: CommitRequest): void {
    if (earliestDeadlineMs < Number.POSITIVE_INFINITY) this.#holder.sweep.note(earliestDeadlineMs);
  }

  #get<T>(
    find: Find,
    source: Uint8Array,
    length: number,
    read: RowReader<T>,
  ): Promise<T | undefined> {
    const found = this.#operations.tryGet(this.#inner, find, source, length, read);
    if (found !== MUST_WAIT) return Promise.resolve(found);
    return getRow(this.#inner, find, source.slice(0, length), read, this.#waiting);
  }

  get #waiting(): RunOptions {
    const { timeoutMs } = this.#options;
    return { timeoutMs };
  }

  async #run<T>(body: (step: Step) => T): Promise<T> {
    const result = this.#inner.tryRun(body);
    return result === MUST_WAIT ? await this.#inner.run(body, this.#waiting) : result;
  }
}
