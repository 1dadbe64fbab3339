/**
 * Which database a logical database is right now. FLUSHDB and SWAPDB only change this map, in the
 * store, so that they take no longer than a SET.
 *
 * It guarantees that a body uses the map as it stands at its place in the serial order:
 *
 *  1. a body that may wait, and every body of an interactive transaction, reads the map through
 *     its step, and so holds a shared lock on what it read until it ends;
 *  2. a body that runs to its end within one turn may use what is remembered here, which is
 *     dropped before a change of the map is tried, and not remembered anew until it is over;
 *  3. whoever used what is remembered must not answer before `changedAt` is settled.
 */

import { assert } from "../base/assert.ts";
import type { Lsn } from "../base/ids.ts";
import { lsn } from "../base/ids.ts";
import type { Step } from "../transactions/step.ts";
import {
  DATABASE_ROWS,
  DOOR_DATABASE,
  FIRST_NEW_DATABASE,
  NEXT_DATABASE_ROW,
  readLittleEndian,
  RECLAIM_ROWS,
  rowKey,
  writeLittleEndian,
} from "./row-format.ts";

const UNKNOWN = -1;

export class DatabaseMap {
  readonly count: number;
  /** The position in the log of the last change. */
  changedAt: Lsn = lsn(0);
  /** False only if it is known that no flushed database has rows left. */
  rowsMayBeLeft = true;
  readonly #remembered: number[];
  readonly #keys: readonly Uint8Array[];
  readonly #nextKey: Uint8Array = rowKey(DOOR_DATABASE, NEXT_DATABASE_ROW);
  #changesUnderWay = 0;

  constructor(count: number) {
    assert(0 < count && count <= FIRST_NEW_DATABASE, "logical databases are below the new ones");
    this.count = count;
    this.#remembered = Array.from({ length: count }, () => UNKNOWN);
    this.#keys = Array.from({ length: count }, (_, index) =>
      rowKey(DOOR_DATABASE, DATABASE_ROWS, index),
    );
  }

  /** The database with this logical index; `exact` unless the body ends within this turn. */
  idOf(step: Step, index: number, exact: boolean): number {
    const remembered = this.#remembered[index] as number;
    if (remembered !== UNKNOWN && !exact) return remembered;

    const id = this.#read(step, index);
    if (this.#changesUnderWay === 0) this.#remembered[index] = id;
    return id;
  }

  /** Must be called before a body is run that changes the map. */
  beginChange(): void {
    this.#changesUnderWay++;
    this.#remembered.fill(UNKNOWN);
  }

  /** The change is made, at the position `at`, or was given up. */
  endChange(at: Lsn): void {
    assert(this.#changesUnderWay > 0, "a change ends after it began");
    this.#changesUnderWay--;
    this.rowsMayBeLeft = true;
    if (this.changedAt < at) this.changedAt = at;
  }

  /** Makes the logical database an empty one, and has the rows of the old one removed later. */
  flush(step: Step, index: number): void {
    const old = this.#read(step, index);
    const next = this.#next(step);
    this.#write(step, this.#nextKey, next + 1);
    this.#write(step, this.#keyOf(index), next);
    step.set(rowKey(DOOR_DATABASE, RECLAIM_ROWS, old), new Uint8Array(0));
  }

  swap(step: Step, left: number, right: number): void {
    const leftId = this.#read(step, left);
    const rightId = this.#read(step, right);
    this.#write(step, this.#keyOf(left), rightId);
    this.#write(step, this.#keyOf(right), leftId);
  }

  #next(step: Step): number {
    const found = step.getForUpdate(this.#nextKey);
    const next = found === undefined ? FIRST_NEW_DATABASE : readLittleEndian(found, 0);
    assert(next < DOOR_DATABASE, "four billion databases are never used up");
    return next;
  }

  #read(step: Step, index: number): number {
    const found = step.get(this.#keyOf(index));
    return found === undefined ? index : readLittleEndian(found, 0);
  }

  #write(step: Step, key: Uint8Array, value: number): void {
    const bytes = new Uint8Array(4);
    writeLittleEndian(bytes, 0, value);
    step.set(key, bytes);
  }

  #keyOf(index: number): Uint8Array {
    const key = this.#keys[index];
    assert(key !== undefined, "the index of a logical database was checked");
    return key;
  }
}
