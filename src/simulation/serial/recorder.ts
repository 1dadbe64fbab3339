/**
 * Records what happens to one opened store: for every transaction its reads with the versions they
 * saw, its writes, the position of its commit, and when its end could be known.
 *
 * It stands before the store and changes nothing of what it does: promises are handed on as they
 * are. It learns the position of a commit where the store makes it, from the bytes that are
 * committed, so that what the store says of positions is checked rather than believed.
 */

import type { RecordedOperation } from "../../base/recorded-events.ts";
import { ABANDONED, RunStep, WAIT_LOCK } from "../../transactions/run-step.ts";
import type { Step } from "../../transactions/step.ts";
import { Transaction } from "../../transactions/transaction.ts";
import type { Transactions } from "../../transactions/transactions.ts";
import { WAIT_PAGE } from "../../store/store.ts";
import { RecordingStep } from "./recording-step.ts";
import type { OpenRecord, RunRecord } from "./run-record.ts";

/** What a recorder saw that is worth to have seen. */
export type RecorderSight = "page-fault-in-transaction" | "lock-wait";

export class Recorder {
  readonly engine: Transactions;
  readonly record: RunRecord;
  readonly #see: (sight: RecorderSight) => void;
  /** Whose writes are in a buffer. Bodies by themselves share one, and are committed at once. */
  readonly #writers = new WeakMap<Uint8Array, OpenRecord>();
  /** Ended, and not yet to be told. */
  #unsettled: OpenRecord[] = [];
  /** Begun, and not yet ended. */
  readonly #open = new Set<OpenRecord>();

  constructor(engine: Transactions, record: RunRecord, see: (sight: RecorderSight) => void) {
    this.engine = engine;
    this.record = record;
    this.#see = see;
    this.#watchCommits();
    engine.onSettled(() => this.#settled());
  }

  /** How many calls have neither given nor refused a result. */
  get openCount(): number {
    return this.#open.size;
  }

  begin(session: string | undefined): OpenRecord {
    const record = this.record.begin(session);
    this.#open.add(record);
    return record;
  }

  /** The body, noting what it does; `done` is given that when it came to its end. */
  noting<T>(
    record: OpenRecord,
    body: (step: Step) => T,
    done: (operations: readonly RecordedOperation[]) => void,
    position?: number,
  ): (step: Step) => T {
    return (inner) => {
      const step = new RecordingStep(inner, position ?? this.engine.appendedLsn);
      record.thrown = undefined;
      try {
        const result = body(step);
        step.finish();
        done(step.operations);
        return result;
      } catch (error) {
        if (error === ABANDONED) this.#abandoned(inner);
        else {
          record.thrown = error;
          // What it wrote is forgotten, what it read is not.
          done(step.operations.filter(isReadOfOthers));
        }
        throw error;
      } finally {
        this.#writers.set(inner.buffer, record);
      }
    };
  }

  /** It ended, and may be told once `answer` is settled. */
  ended(record: OpenRecord, answer: number): void {
    this.#open.delete(record);
    record.answer = answer;
    if (record.lsn !== undefined && answer < record.lsn) {
      this.record.troubles.push(
        `${record.id} was committed at ${record.lsn}, and is told when only ${answer} is settled`,
      );
    }
    if (answer <= this.engine.settledLsn) this.record.told(record);
    else this.#unsettled.push(record);
  }

  /** It ended, and is told now. */
  told(record: OpenRecord): void {
    this.ended(record, this.engine.settledLsn);
  }

  /** It was refused: by a time limit, a wound, the end of the store. */
  refused(record: OpenRecord): void {
    this.#open.delete(record);
    if (record.lsn === undefined) this.record.failed(record);
  }

  #abandoned(step: Step): void {
    if (!(step instanceof RunStep)) return;
    if (step.blocked === WAIT_LOCK) this.#see("lock-wait");
    const isWithin = step.locks instanceof Transaction;
    if (step.blocked === WAIT_PAGE && isWithin) this.#see("page-fault-in-transaction");
  }

  #settled(): void {
    const { settledLsn } = this.engine;
    if (this.#unsettled.length === 0) return;
    const rest: OpenRecord[] = [];
    for (const record of this.#unsettled) {
      if ((record.answer ?? 0) <= settledLsn) this.record.told(record);
      else rest.push(record);
    }
    this.#unsettled = rest;
  }

  #watchCommits(): void {
    const { store } = this.engine;
    const commit = store.commit.bind(store);
    store.commit = (bytes, at, length) => {
      const position = commit(bytes, at, length);
      if (position <= 0) return position;
      const record = this.#writers.get(bytes);
      if (record !== undefined) record.lsn = position;
      this.#writers.delete(bytes);
      return position;
    };
  }
}

function isReadOfOthers(operation: RecordedOperation): boolean {
  if (operation.kind === "read") return operation.version !== 0;
  return operation.kind === "scan" && operation.found.every(({ version }) => version !== 0);
}
