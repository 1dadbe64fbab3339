/**
 * The step of a shadow store: bodies read and write a tree of rows that is theirs until they
 * commit. Nothing is changed in place, so to forget what a body wrote is to go back to a root.
 */

import { prefixEnd } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { Change } from "../transactions/engine.ts";
import type { ScanEntry, ScanRange, Step } from "../transactions/step.ts";
import {
  findRow,
  putRow,
  rankOf,
  countRows,
  removeRow,
  type Row,
  type RowTree,
  visitRows,
  visitRowsBackward,
} from "./row-tree.ts";

export interface ShadowLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
}

const REDIS_SPACE = 0x02;
const REDIS_PREFIX_BYTES = 6;

const NO_LSN = lsn(0);
const NO_BYTES = new Uint8Array(0);

export class ShadowStep implements Step {
  readonly #limits: ShadowLimits;
  readonly #nowMs: () => number;
  readonly #entry = new Entry();
  #rows: RowTree;
  #changes: Change[] = [];
  /** The rows that were written, which get their version at the commit. */
  #written: Row[] = [];
  nowMs = 0;
  valueBytes: Uint8Array = NO_BYTES;
  readonly valueAt = 0;
  valueLength = 0;
  version: Lsn = NO_LSN;
  buffer: Uint8Array = NO_BYTES;

  constructor(limits: ShadowLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  get rows(): RowTree {
    return this.#rows;
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** Begins a transaction on these rows. */
  begin(rows: RowTree): void {
    this.#rows = rows;
    this.#changes = [];
    this.#written = [];
  }

  /** Runs a body; what it wrote is forgotten if it throws. */
  run<T>(body: (step: Step) => T): T {
    const rows = this.#rows;
    const changeCount = this.#changes.length;
    const writtenCount = this.#written.length;
    this.nowMs = this.#nowMs();
    try {
      return body(this);
    } catch (error) {
      this.#rows = rows;
      this.#changes.length = changeCount;
      this.#written.length = writtenCount;
      throw error;
    }
  }

  /** Gives all that was written its position. */
  stamp(position: Lsn): void {
    for (const row of this.#written) row.version = position;
  }

  find(source: Uint8Array, at: number, length: number): boolean {
    const row = findRow(this.#rows, source, at, length);
    if (row === undefined) return false;
    this.valueBytes = row.value;
    this.valueLength = row.value.length;
    this.version = row.version;
    return true;
  }

  /** All rows are in memory. */
  willFind(): void {}

  findForUpdate(source: Uint8Array, at: number, length: number): boolean {
    return this.find(source, at, length);
  }

  put(source: Uint8Array, at: number, length: number, valueLength: number): number {
    checkLimit("keyBytesMax", this.#limits.keyBytesMax, length);
    checkLimit("valueBytesMax", this.#limits.valueBytesMax, valueLength);
    // Not `slice`, which for a Buffer is a view and no copy.
    const key = new Uint8Array(source.subarray(at, at + length));
    this.buffer = new Uint8Array(valueLength);
    const row = { key, value: this.buffer, version: NO_LSN };
    this.#rows = putRow(this.#rows, row);
    this.#changes.push({ kind: "put", key, value: row.value });
    this.#written.push(row);
    return 0;
  }

  remove(source: Uint8Array, at: number, length: number): void {
    const key = new Uint8Array(source.subarray(at, at + length));
    this.#rows = removeRow(this.#rows, key);
    this.#changes.push({ kind: "remove", key });
  }

  removeRange(start: Uint8Array, end: Uint8Array): void {
    let rest = this.#rows;
    visitRows(this.#rows, start, end, ({ key }) => {
      rest = removeRow(rest, key);
      this.#changes.push({ kind: "remove", key });
      return true;
    });
    this.#rows = rest;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.find(key, 0, key.length) ? this.valueBytes.slice() : undefined;
  }

  getForUpdate(key: Uint8Array): Uint8Array | undefined {
    return this.get(key);
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.put(key, 0, key.length, value.length);
    this.buffer.set(value);
  }

  delete(key: Uint8Array): void {
    this.remove(key, 0, key.length);
  }

  scan(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    const visitAll = range.reverse === true ? visitRowsBackward : visitRows;
    visitAll(this.#rows, range.start, range.end, (row) => visit(this.#entry.show(row)));
  }

  count(key: Uint8Array): number {
    const prefix = key.subarray(0, censusLength(key));
    const end = prefixEnd(prefix);
    const upTo = end === undefined ? countRows(this.#rows) : rankOf(this.#rows, end);
    return upTo - rankOf(this.#rows, prefix);
  }
}

class Entry implements ScanEntry {
  keyBytes: Uint8Array = NO_BYTES;
  keyLength = 0;
  valueBytes: Uint8Array = NO_BYTES;
  readonly valueAt = 0;
  valueLength = 0;
  version: Lsn = NO_LSN;

  show(row: Row): this {
    this.keyBytes = row.key;
    this.keyLength = row.key.length;
    this.valueBytes = row.value;
    this.valueLength = row.value.length;
    this.version = row.version;
    return this;
  }
}

/** How much of a key says what it is counted with, as `store/census.ts` has it. */
function censusLength(key: Uint8Array): number {
  return key[0] === REDIS_SPACE && REDIS_PREFIX_BYTES <= key.length ? REDIS_PREFIX_BYTES : 1;
}

function checkLimit(setting: keyof ShadowLimits, max: number, bytes: number): void {
  if (bytes <= max) return;
  const message = `${bytes} bytes are more than the ${max} that ${setting} allows; raise it`;
  throw new Fault("ERR_LIMIT", message, { setting, bytes, max });
}
