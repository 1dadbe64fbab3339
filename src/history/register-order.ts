/**
 * What can be known of the order in which the values of registers replaced each other.
 *
 * Values must be written once to a key, so that each read tells whose write it found. What a
 * register held at first comes before all; and a transaction that read one value and wrote another
 * replaced the one by the other, at once or later. In `strict` mode one write also comes before
 * another if its transaction had ended when the other's began; that holds only for databases that
 * promise real time.
 */

import { ElementTable } from "./element-table.ts";
import { NOTHING } from "./names.ts";
import { FAIL, INFO, OK, READ_VALUE, type TransactionLog, WRITE } from "./transaction-log.ts";

const NONE = -1;

export interface ExternalRead {
  readonly reader: number;
  readonly key: number;
  readonly value: number;
  /** The operation that wrote the value; -1 for the initial one or one that nobody wrote. */
  readonly writer: number;
}

export interface Succession {
  readonly key: number;
  /** Operations; `before` is -1 for the initial value. */
  readonly before: number;
  readonly after: number;
}

export class RegisterOrder {
  readonly reads: ExternalRead[] = [];
  /** The transaction of each operation. */
  readonly transactionOf: Int32Array;
  /** Operations that contradict earlier ones of their own transaction. */
  readonly internal: number[] = [];
  readonly twins: (readonly [number, number])[] = [];
  /** The last write of each transaction to each key, by key. */
  readonly finalWrites: Map<number, number[]> = new Map<number, number[]>();
  readonly #log: TransactionLog;
  readonly #table: ElementTable;
  readonly #isFinal: Uint8Array;
  /** Transactions of which somebody read a value. */
  readonly #wasSeen = new Set<number>();
  /** Of each transaction: the first value it read of a key, where it wrote the key later. */
  readonly #replacements: {
    readonly key: number;
    readonly before: number;
    readonly after: number;
  }[] = [];

  constructor(log: TransactionLog) {
    this.#log = log;
    const count = log.kind.length;
    this.transactionOf = new Int32Array(count);
    this.#isFinal = new Uint8Array(count);
    this.#table = new ElementTable(log.key, log.value, count);
    this.#enterWrites();
    for (let node = 0; node < log.transactionCount; node++) this.#walk(node);
    for (const { writer } of this.reads) {
      if (writer !== NONE) this.#wasSeen.add(this.transactionOf[writer] as number);
    }
    this.#collectFinal();
  }

  isIntermediate(operation: number): boolean {
    return this.#isFinal[operation] === 0;
  }

  /** Whether its transaction took place: it said so, or somebody read a value of it. */
  tookPlace(operation: number): boolean {
    const transaction = this.transactionOf[operation] as number;
    const status = this.#log.status.at(transaction);
    return status !== FAIL && (status !== INFO || this.#wasSeen.has(transaction));
  }

  isAborted(operation: number): boolean {
    return this.#log.status.at(this.transactionOf[operation] as number) === FAIL;
  }

  /** Pairs of values of which the second came later. Not all such pairs, but enough to tell all. */
  successions(): readonly Succession[] {
    const found: Succession[] = [];
    for (const [key, writes] of this.finalWrites) {
      for (const after of writes) {
        if (this.tookPlace(after)) found.push({ key, before: NONE, after });
      }
    }
    for (const { key, before, after } of this.#replacements) {
      if (this.tookPlace(after)) found.push({ key, before, after });
    }
    return found;
  }

  #enterWrites(): void {
    const { kind } = this.#log;
    for (let at = 0; at < kind.length; at++) {
      if (kind.at(at) !== WRITE) continue;
      const twin = this.#table.add(at);
      if (twin !== NONE) this.twins.push([twin, at]);
    }
  }

  #walk(transaction: number): void {
    const log = this.#log;
    const end = log.operationEnd(transaction);
    const isCommitted = log.status.at(transaction) === OK;
    /** What the transaction must find in each key it has touched. */
    const known = new Map<number, number>();
    const firstRead = new Map<number, number>();
    const lastWrite = new Map<number, number>();
    for (let at = log.operationStart.at(transaction); at < end; at++) {
      this.transactionOf[at] = transaction;
      const key = log.key.at(at);
      const value = log.value.at(at);
      if (log.kind.at(at) === WRITE) {
        known.set(key, value);
        lastWrite.set(key, at);
      } else if (log.kind.at(at) === READ_VALUE && isCommitted) {
        const expected = known.get(key);
        if (expected === undefined) this.#read(transaction, key, value, firstRead);
        else if (expected !== value) this.internal.push(at);
        known.set(key, value);
      }
    }
    for (const [key, at] of lastWrite) {
      this.#isFinal[at] = 1;
      const before = firstRead.get(key);
      const isOwn =
        before !== undefined && before >= log.operationStart.at(transaction) && before < end;
      if (before !== undefined && !isOwn) this.#replacements.push({ key, before, after: at });
    }
  }

  #read(transaction: number, key: number, value: number, firstRead: Map<number, number>): void {
    const writer = value === NOTHING ? NONE : this.#table.find(key, value);
    this.reads.push({ reader: transaction, key, value, writer });
    if (value === NOTHING || writer !== NONE) firstRead.set(key, writer);
  }

  #collectFinal(): void {
    const { kind, key } = this.#log;
    for (let at = 0; at < kind.length; at++) {
      if (kind.at(at) !== WRITE || this.isIntermediate(at) || this.isAborted(at)) continue;
      const writes = this.finalWrites.get(key.at(at));
      if (writes === undefined) this.finalWrites.set(key.at(at), [at]);
      else writes.push(at);
    }
  }
}
