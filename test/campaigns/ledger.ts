/**
 * What was committed to a store, in the order of its log, and what anybody was told of it by when:
 * so what may be found after a crash.
 */

import assert from "node:assert/strict";
import { latin1 } from "../../src/base/bytes.ts";
import { PUT, WriteCursor } from "../../src/store/write-set.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";

/** The rows of a store; keys as latin1. */
export type Rows = ReadonlyMap<string, Uint8Array>;

interface Promised {
  readonly point: number;
  readonly lsn: number;
}

export class Ledger {
  /** The rows after each position. */
  readonly #states: Rows[];
  /** For every row of every position, by key and value, where it was written. */
  readonly #written = new Map<string, number>();
  readonly #promised: Promised[] = [];

  constructor(states: readonly Rows[] = [new Map()]) {
    this.#states = [...states];
  }

  /** A ledger that goes on after `lsn`, all of which is promised. */
  after(lsn: number): Ledger {
    const ledger = new Ledger(this.#states.slice(0, lsn + 1));
    for (const [row, at] of this.#written) if (at <= lsn) ledger.#written.set(row, at);
    ledger.promise(0, lsn);
    return ledger;
  }

  get lastLsn(): number {
    return this.#states.length - 1;
  }

  get lastRows(): Rows {
    return this.rowsAt(this.lastLsn);
  }

  rowsAt(lsn: number): Rows {
    const rows = this.#states[lsn];
    assert(rows !== undefined, `position ${lsn} was never appended; the last is ${this.lastLsn}`);
    return rows;
  }

  /** Notes a set of writes as they went into the log. */
  append(lsn: number, bytes: Uint8Array, at: number, length: number): void {
    assert.equal(lsn, this.#states.length, "positions follow each other");
    const rows = new Map(this.lastRows);
    const writes = new WriteCursor();
    writes.enter(bytes, at, length);
    while (writes.next()) {
      const key = latin1(bytes, writes.keyAt, writes.keyBytes);
      if (writes.kind === PUT) {
        const value = bytes.slice(writes.valueAt, writes.valueAt + writes.valueBytes);
        rows.set(key, value);
        this.#written.set(rowName(key, value), lsn);
      } else rows.delete(key);
    }
    this.#states.push(rows);
  }

  /** At `point` somebody relied on everything up to `lsn`. */
  promise(point: number, lsn: number): void {
    this.#promised.push({ point, lsn });
  }

  /** At `point` somebody was told that this row is there. */
  promiseRow(point: number, key: string, value: Uint8Array): void {
    const lsn = this.#written.get(rowName(key, value));
    assert(lsn !== undefined, `nobody wrote the row that was told of: ${rowName(key, value)}`);
    this.promise(point, lsn);
  }

  /** Up to where everything must outlive a crash at `point`. */
  promisedAt(point: number): number {
    let lsn = 0;
    for (const each of this.#promised) if (each.point <= point) lsn = Math.max(lsn, each.lsn);
    return lsn;
  }

  /** Notes everything that the engine commits from now on. */
  follow(engine: Transactions): void {
    const { store } = engine;
    assert.equal(store.appendedLsn, this.lastLsn, "the ledger goes on where the log does");
    const commit = store.commit.bind(store);
    store.commit = (bytes, at, length) => {
      const position = commit(bytes, at, length);
      if (position > 0) this.append(position, bytes, at, length);
      return position;
    };
  }
}

function rowName(key: string, value: Uint8Array): string {
  return `${key}=${latin1(value.subarray(0, 64))}`;
}
