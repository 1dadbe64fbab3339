/**
 * A history of transactions over lists or registers as columns of numbers, so that a million
 * transactions fit in memory and can be gone through fast.
 *
 * A transaction is numbered when it is completed. The moments of `timeline.ts` are the events in
 * the order in which they were added.
 */

import { Fault } from "../base/fault.ts";
import { IntColumn } from "./int-column.ts";
import type { Json } from "./json.ts";
import { KeyNames, ValueNames } from "./names.ts";
import { NEVER, type Timeline } from "./timeline.ts";

export const OK = 0;
export const FAIL = 1;
export const INFO = 2;

/** Kinds of operations. */
export const READ_LIST = 0;
export const APPEND = 1;
export const READ_VALUE = 2;
export const WRITE = 3;
/** Nobody knows what it returned. */
export const READ_UNKNOWN = 4;

/** Transactions with what they read and wrote, in columns, so that millions fit the memory. */
export class TransactionLog {
  readonly keys: KeyNames = new KeyNames();
  readonly values: ValueNames = new ValueNames();
  readonly status: IntColumn = new IntColumn();
  /** Where the operations of each transaction begin; they end where the next one's begin. */
  readonly operationStart: IntColumn = new IntColumn();
  readonly kind: IntColumn = new IntColumn();
  readonly key: IntColumn = new IntColumn();
  /** The value, or for a read list where its elements begin in `elements`. */
  readonly value: IntColumn = new IntColumn();
  /** For a read list how many elements it has. */
  readonly length: IntColumn = new IntColumn();
  readonly elements: IntColumn = new IntColumn();
  readonly #began = new IntColumn();
  readonly #ended = new IntColumn();
  readonly #session = new IntColumn();
  readonly #sessions = new KeyNames();
  /** The moment at which the open transaction of each session began. */
  readonly #open = new Map<Json, number>();
  #momentCount = 0;

  get transactionCount(): number {
    return this.status.length;
  }

  get timeline(): Timeline {
    return {
      began: this.#began.values,
      ended: this.#ended.values,
      session: this.#session.values,
      momentCount: this.#momentCount,
    };
  }

  operationEnd(transaction: number): number {
    return transaction + 1 < this.operationStart.length
      ? this.operationStart.at(transaction + 1)
      : this.kind.length;
  }

  sessionName(transaction: number): string {
    return this.#sessions.name(this.#session.at(transaction));
  }

  begin(session: Json): void {
    if (this.#open.has(session)) {
      const name = JSON.stringify(session);
      throw new Fault(
        "ERR_FORMAT",
        `cannot follow process ${name}: it began again before its last operation was completed`,
      );
    }
    this.#open.set(session, this.#momentCount++);
  }

  /** Opens the row of a transaction that is completed now; its operations are added next. */
  complete(session: Json, status: number): void {
    const began = this.#open.get(session);
    if (began === undefined) {
      const name = JSON.stringify(session);
      throw new Fault(
        "ERR_FORMAT",
        `cannot follow process ${name}: it completed what it never began`,
      );
    }
    this.#open.delete(session);
    const moment = this.#momentCount++;
    this.#began.push(began);
    // What may yet happen has not ended.
    this.#ended.push(status === INFO ? NEVER : moment);
    this.#session.push(this.#sessions.number(session));
    this.status.push(status);
    this.operationStart.push(this.kind.length);
  }

  isOpen(session: Json): boolean {
    return this.#open.has(session);
  }

  get openSessions(): readonly Json[] {
    return [...this.#open.keys()];
  }

  append(key: Json, value: Json): void {
    this.#operation(APPEND, key, this.values.number(value), 0);
  }

  write(key: Json, value: Json): void {
    this.#operation(WRITE, key, this.values.number(value), 0);
  }

  readValue(key: Json, value: Json): void {
    this.#operation(READ_VALUE, key, this.values.number(value), 0);
  }

  readUnknown(key: Json): void {
    this.#operation(READ_UNKNOWN, key, 0, 0);
  }

  readList(key: Json, list: readonly Json[]): void {
    this.#operation(READ_LIST, key, this.elements.length, list.length);
    for (const element of list) this.elements.push(this.values.number(element));
  }

  #operation(kind: number, key: Json, value: number, length: number): void {
    this.kind.push(kind);
    this.key.push(this.keys.number(key));
    this.value.push(value);
    this.length.push(length);
  }
}
