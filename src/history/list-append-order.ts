/**
 * The order in which the elements of each list were appended: that of the longest list that was
 * read. Each position of it is traced to the operation that appended the element.
 */

import { ElementTable } from "./element-table.ts";
import type { ListAppendReads } from "./list-append-reads.ts";
import { APPEND, FAIL, INFO, type TransactionLog } from "./transaction-log.ts";

const NONE = -1;

export class ListAppendOrder {
  /** The positions of key `k` are those from `start[k]` up to, not including, `start[k + 1]`. */
  readonly start: Int32Array;
  /** The operation that appended what stands at each position, or -1. */
  readonly writer: Int32Array;
  /** The position of each operation's element, or -1. */
  readonly position: Int32Array;
  /** Pairs of operations that append the same element to the same list. */
  readonly twins: (readonly [number, number])[] = [];
  /** Positions whose element stands in the same list before. */
  readonly duplicates: number[] = [];
  readonly table: ElementTable;
  /** Rows of `reads` whose list is not the beginning of the longest one. */
  readonly incompatible: number[] = [];
  readonly #log: TransactionLog;
  readonly #reads: ListAppendReads;
  /** 1 for a transaction of which an append was read. */
  readonly #wasSeen: Uint8Array;

  constructor(log: TransactionLog, reads: ListAppendReads) {
    this.#log = log;
    this.#reads = reads;
    this.#wasSeen = new Uint8Array(log.transactionCount);
    const keyCount = log.keys.names.length;
    this.start = new Int32Array(keyCount + 1);
    for (let key = 0; key < keyCount; key++) {
      this.start[key + 1] = (this.start[key] as number) + (reads.longestLength[key] as number);
    }
    this.writer = new Int32Array(this.start[keyCount] as number).fill(NONE);
    this.position = new Int32Array(log.kind.length).fill(NONE);
    this.table = new ElementTable(log.key, log.value, log.kind.length);
    this.#enterAppends();
    for (let key = 0; key < keyCount; key++) this.#trace(key);
    this.#compare();
  }

  /** The element at a position. */
  element(key: number, position: number): number {
    const offset = position - (this.start[key] as number);
    return this.#log.elements.at((this.#reads.longestStart[key] as number) + offset);
  }

  /** Whether the transaction took place: it said so, or one of its appends was read. */
  tookPlace(operation: number): boolean {
    const transaction = this.#reads.transactionOf[operation] as number;
    const status = this.#log.status.at(transaction);
    return status !== FAIL && (status !== INFO || this.#wasSeen[transaction] === 1);
  }

  #enterAppends(): void {
    const { kind } = this.#log;
    for (let at = 0; at < kind.length; at++) {
      if (kind.at(at) !== APPEND) continue;
      const twin = this.table.add(at);
      if (twin !== NONE) this.twins.push([twin, at]);
    }
  }

  #trace(key: number): void {
    const end = this.start[key + 1] as number;
    for (let position = this.start[key] as number; position < end; position++) {
      const operation = this.table.find(key, this.element(key, position));
      if (operation === NONE) continue;
      this.writer[position] = operation;
      this.#wasSeen[this.#reads.transactionOf[operation] as number] = 1;
      if (this.position[operation] === NONE) this.position[operation] = position;
      else this.duplicates.push(position);
    }
  }

  #compare(): void {
    const { reader, key, start, length, longestStart } = this.#reads;
    const elements = this.#log.elements.values;
    for (let row = 0; row < reader.length; row++) {
      const longest = longestStart[key.at(row)] as number;
      const read = start.at(row);
      if (longest === read) continue;
      const count = length.at(row);
      for (let at = 0; at < count; at++) {
        if (elements[longest + at] === elements[read + at]) continue;
        this.incompatible.push(row);
        break;
      }
    }
  }
}
