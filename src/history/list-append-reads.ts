/**
 * What the committed transactions of a list-append history read of others: the external reads.
 *
 * A transaction must see a list as it was when it first read it, with its own appends after it.
 * What does not fit is reported as internal; what it appended itself is taken off, and the rest is
 * what it read of others.
 */

import { IntColumn } from "./int-column.ts";
import { APPEND, OK, READ_LIST, type TransactionLog } from "./transaction-log.ts";

const NONE = -1;

export class ListAppendReads {
  /** One row for each external read. */
  readonly reader: IntColumn = new IntColumn();
  readonly key: IntColumn = new IntColumn();
  readonly start: IntColumn = new IntColumn();
  readonly length: IntColumn = new IntColumn();
  /** 1 where the reader also appended to the key. */
  readonly replaces: IntColumn = new IntColumn();
  /** Of each key: the longest list that a committed transaction read. */
  readonly longestStart: Int32Array;
  readonly longestLength: Int32Array;
  /** Of each key: a transaction that read it. */
  readonly longestReader: Int32Array;
  /** The transaction of each operation. */
  readonly transactionOf: Int32Array;
  /** 1 for an append that its own transaction followed with another one to the same key. */
  readonly isIntermediate: Uint8Array;
  /** Operations that contradict earlier ones of their own transaction. */
  readonly internal: number[] = [];
  readonly #log: TransactionLog;
  /** By key, for the transaction that is looked at: whether touched, last read, last append. */
  readonly #touchedBy: Int32Array;
  readonly #lastRead: Int32Array;
  readonly #lastAppend: Int32Array;
  readonly #ownCount: Int32Array;
  readonly #row: Int32Array;

  constructor(log: TransactionLog) {
    this.#log = log;
    const keyCount = log.keys.names.length;
    this.longestStart = new Int32Array(keyCount);
    this.longestLength = new Int32Array(keyCount);
    this.longestReader = new Int32Array(keyCount).fill(NONE);
    this.transactionOf = new Int32Array(log.kind.length);
    this.isIntermediate = new Uint8Array(log.kind.length);
    this.#touchedBy = new Int32Array(keyCount).fill(NONE);
    this.#lastRead = new Int32Array(keyCount);
    this.#lastAppend = new Int32Array(keyCount);
    this.#ownCount = new Int32Array(keyCount);
    this.#row = new Int32Array(keyCount);
    for (let node = 0; node < log.transactionCount; node++) this.#walk(node);
  }

  #walk(transaction: number): void {
    const log = this.#log;
    const end = log.operationEnd(transaction);
    const isCommitted = log.status.at(transaction) === OK;
    for (let at = log.operationStart.at(transaction); at < end; at++) {
      this.transactionOf[at] = transaction;
      const key = log.key.at(at);
      if (this.#touchedBy[key] !== transaction) this.#touch(key, transaction);
      const kind = log.kind.at(at);
      if (kind === APPEND) this.#append(key, at);
      else if (kind === READ_LIST && isCommitted) this.#read(transaction, key, at);
    }
  }

  #touch(key: number, transaction: number): void {
    this.#touchedBy[key] = transaction;
    this.#lastRead[key] = NONE;
    this.#lastAppend[key] = NONE;
    this.#ownCount[key] = 0;
    this.#row[key] = NONE;
  }

  #append(key: number, at: number): void {
    const previous = this.#lastAppend[key] as number;
    if (previous !== NONE) this.isIntermediate[previous] = 1;
    this.#lastAppend[key] = at;
    this.#ownCount[key] = (this.#ownCount[key] as number) + 1;
    const row = this.#row[key] as number;
    if (row !== NONE) this.replaces.set(row, 1);
  }

  #read(transaction: number, key: number, at: number): void {
    const log = this.#log;
    const start = log.value.at(at);
    const length = log.length.at(at);
    const own = this.#ownCount[key] as number;
    const others = length - own;
    const previous = this.#lastRead[key] as number;
    if (others < 0 || !this.#endsWithOwn(key, at, start + others)) {
      this.internal.push(at);
      return;
    }
    if (previous !== NONE && !this.#sameOthers(previous, start, others)) {
      this.internal.push(at);
      return;
    }
    this.#remember(transaction, key, start, length);
    if (previous !== NONE) return;
    this.#lastRead[key] = at;
    this.#row[key] = this.reader.length;
    this.reader.push(transaction);
    this.key.push(key);
    this.start.push(start);
    this.length.push(others);
    this.replaces.push(own > 0 ? 1 : 0);
  }

  #remember(transaction: number, key: number, start: number, length: number): void {
    if ((this.longestLength[key] as number) < length || this.longestReader[key] === NONE) {
      this.longestStart[key] = start;
      this.longestLength[key] = length;
      this.longestReader[key] = transaction;
    }
  }

  /** Whether the list from `from` on is what this transaction appended to `key` before `at`. */
  #endsWithOwn(key: number, at: number, from: number): boolean {
    if (this.#ownCount[key] === 0) return true;
    const log = this.#log;
    const first = log.operationStart.at(this.#touchedBy[key] as number);
    let element = from;
    for (let before = first; before < at; before++) {
      if (log.kind.at(before) !== APPEND || log.key.at(before) !== key) continue;
      if (log.elements.at(element++) !== log.value.at(before)) return false;
    }
    return true;
  }

  /** Whether the others' part of a list is what the first read of the transaction found. */
  #sameOthers(previous: number, start: number, others: number): boolean {
    const row = this.#row[this.#log.key.at(previous)] as number;
    if (this.length.at(row) !== others) return false;
    const first = this.start.at(row);
    for (let at = 0; at < others; at++) {
      if (this.#log.elements.at(first + at) !== this.#log.elements.at(start + at)) return false;
    }
    return true;
  }
}
