/**
 * The keys of a logical database as a body sees them: one door has one keyspace, which each body
 * borrows for its run, since bodies never overlap.
 *
 * `find` or `claim` point at a key and look it up; `setString`, `setDeadline` and `remove` act on
 * the key that is pointed at. A key whose deadline has passed is removed on the way by whoever
 * meets it: that a key has expired is never answered on the strength of a clock alone.
 */

import { assert } from "../base/assert.ts";
import { copyBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Request } from "../resp/request.ts";
import type { Step } from "../transactions/step.ts";
import type { DatabaseMap } from "./database-map.ts";
import {
  DEADLINE_BYTES,
  DEADLINE_ROWS,
  FLAG_DEADLINE,
  HEADER_BYTES,
  KEY_OVERHEAD_BYTES,
  KEY_ROWS,
  PREFIX_BYTES,
  readDeadline,
  TYPE_STRING,
  writeDeadline,
  writePrefix,
  writeSortedDeadline,
} from "./row-format.ts";
import { watchName, type WatchTable } from "./watch-table.ts";

/** What a body did, to be counted when it has come to its end. */
export interface KeyCounts {
  readonly hitCount: number;
  readonly missCount: number;
  readonly expiredCount: number;
  readonly wroteDeadline: boolean;
  /** By their names: the keys that it put and that somebody watches. */
  readonly touched: readonly string[];
}

export class Keyspace implements KeyCounts {
  readonly keyBytesMax: number;
  readonly databases: DatabaseMap;
  readonly watches: WatchTable;
  /** Of the row that was found last. */
  type = 0;
  /** When the key that was found last expires, 0 for never. */
  deadlineMs = 0;
  /** Where in `step.valueBytes` the payload lies of the row that was found last. */
  payloadAt = 0;
  payloadLength = 0;
  expiredCount = 0;
  hitCount = 0;
  missCount = 0;
  wroteDeadline = false;
  touched: string[] = [];
  /** False only if it is known that no key has a deadline. */
  deadlinesMayExist = true;
  #step: Step | undefined;
  #exact = true;
  /** The logical index of the database in use. */
  #index = 0;
  #database = -1;
  readonly #key: Uint8Array;
  #keyLength = 0;
  /** Whether the key that is pointed at was looked up. */
  #looked = false;
  readonly #deadlineKey: Uint8Array;

  constructor(databases: DatabaseMap, watches: WatchTable, encodedKeyBytesMax: number) {
    this.databases = databases;
    this.watches = watches;
    this.keyBytesMax = encodedKeyBytesMax - KEY_OVERHEAD_BYTES;
    this.#key = new Uint8Array(encodedKeyBytesMax);
    this.#deadlineKey = new Uint8Array(encodedKeyBytesMax);
  }

  /** A body begins; `exact` unless it ends within this turn. */
  begin(step: Step, exact: boolean): void {
    this.#step = step;
    this.#exact = exact;
    this.expiredCount = 0;
    this.hitCount = 0;
    this.missCount = 0;
    this.wroteDeadline = false;
    // Whoever ran the last body may still hold on to what it touched.
    if (this.touched.length > 0) this.touched = [];
  }

  /** The wall clock when the body began, in milliseconds since 1970. */
  get nowMs(): number {
    return this.#running().nowMs;
  }

  /** The database in use, which is not its logical index. */
  get database(): number {
    return this.#database;
  }

  /** Goes to a logical database. */
  use(index: number): void {
    this.#index = index;
    const database = this.databases.idOf(this.#running(), index, this.#exact);
    if (database === this.#database) return;
    this.#database = database;
    writePrefix(this.#key, database, KEY_ROWS);
    writePrefix(this.#deadlineKey, database, DEADLINE_ROWS);
  }

  /** The first bytes of the rows of a kind, for counting and scanning. */
  prefix(kind: number): Uint8Array {
    const prefix = new Uint8Array(PREFIX_BYTES);
    writePrefix(prefix, this.#database, kind);
    return prefix;
  }

  /** Whether the database in use has no rows. */
  isEmpty(): boolean {
    return this.#running().count(this.prefix(KEY_ROWS)) === 0;
  }

  /** Points at a key without looking it up. */
  point(bytes: Uint8Array, at: number, length: number): void {
    if (this.keyBytesMax < length) throw keyTooLong(length, this.keyBytesMax);
    copyBytes(this.#key, PREFIX_BYTES, bytes, at, length);
    this.#keyLength = PREFIX_BYTES + length;
    this.#looked = false;
  }

  /** The row of the key that is this argument; points at it. */
  rowOf(request: Request, index: number): Uint8Array {
    this.point(request.bytes, request.at[index] as number, request.length[index] as number);
    return this.#key.slice(0, this.#keyLength);
  }

  /** Points at the key that is this argument, and says whether it is there. */
  find(request: Request, index: number): boolean {
    this.point(request.bytes, request.at[index] as number, request.length[index] as number);
    const found = this.findPointed();
    this.tally(found);
    return found;
  }

  /** Counts a key that was looked up to be read. */
  tally(found: boolean): void {
    if (found) this.hitCount++;
    else this.missCount++;
  }

  /** As `find`, for a key that the command goes on to write. */
  claim(request: Request, index: number): boolean {
    this.point(request.bytes, request.at[index] as number, request.length[index] as number);
    return this.claimPointed();
  }

  findPointed(): boolean {
    const step = this.#running();
    this.#looked = true;
    this.deadlineMs = 0;
    return step.find(this.#key, 0, this.#keyLength) && this.#open(step);
  }

  claimPointed(): boolean {
    const step = this.#running();
    this.#looked = true;
    this.deadlineMs = 0;
    return step.findForUpdate(this.#key, 0, this.#keyLength) && this.#open(step);
  }

  /** A copy of the payload that was found last. */
  payload(): Uint8Array {
    const copy = new Uint8Array(this.payloadLength);
    const { valueBytes } = this.#running();
    copyBytes(copy, 0, valueBytes, this.payloadAt, this.payloadLength);
    return copy;
  }

  /** Makes the key a string of these bytes. A deadline of 0 is none. */
  setString(source: Uint8Array, at: number, length: number, deadlineMs: number): void {
    const target = this.putRow(TYPE_STRING, length, deadlineMs);
    copyBytes(this.#running().buffer, target, source, at, length);
  }

  /** Writes the row of the key. */
  setRow(type: number, payload: Uint8Array, deadlineMs: number): void {
    const target = this.putRow(type, payload.length, deadlineMs);
    copyBytes(this.#running().buffer, target, payload, 0, payload.length);
  }

  /**
   * Writes the row of the key, with room for its payload at the position returned in
   * `step.buffer`: the caller fills it, before anything else.
   */
  putRow(type: number, length: number, deadlineMs: number): number {
    const step = this.#running();
    if (!this.#looked && this.deadlinesMayExist) this.claimPointed();
    const oldDeadlineMs = this.#looked ? this.deadlineMs : 0;
    if (oldDeadlineMs !== deadlineMs) this.#moveDeadline(step, oldDeadlineMs, deadlineMs);

    const headerBytes = deadlineMs === 0 ? HEADER_BYTES : HEADER_BYTES + DEADLINE_BYTES;
    const at = step.put(this.#key, 0, this.#keyLength, headerBytes + length);
    const { buffer } = step;
    buffer[at] = type;
    buffer[at + 1] = deadlineMs === 0 ? 0 : FLAG_DEADLINE;
    if (deadlineMs !== 0) writeDeadline(buffer, at + HEADER_BYTES, deadlineMs);
    this.deadlineMs = deadlineMs;
    this.#looked = true;
    if (!this.watches.isEmpty) this.touch();
    return at + headerBytes;
  }

  /** Gives the key that was found another deadline, and leaves it else as it is. */
  setDeadline(deadlineMs: number): void {
    this.setRow(this.type, this.payload(), deadlineMs);
  }

  /** Removes the key that was found. */
  remove(): void {
    assert(this.#looked, "a key is looked up before it is removed");
    const step = this.#running();
    if (this.deadlineMs !== 0) this.#removeDeadline(step, this.deadlineMs);
    step.remove(this.#key, 0, this.#keyLength);
    this.deadlineMs = 0;
  }

  /** Notes that the key that is pointed at is put: for whoever watches it. */
  touch(): void {
    const length = this.#keyLength - PREFIX_BYTES;
    const name = watchName(this.#index, this.#key, PREFIX_BYTES, length);
    if (this.watches.has(name)) this.touched.push(name);
  }

  /** Two logical databases are exchanged: notes the watched keys that are in either. */
  touchExchanged(left: number, right: number): void {
    for (const [name, { index, key }] of this.watches.all()) {
      if (index !== left && index !== right) continue;
      if (this.#holds(left, key) || this.#holds(right, key)) this.touched.push(name);
    }
  }

  #holds(index: number, key: Uint8Array): boolean {
    this.use(index);
    this.point(key, 0, key.length);
    return this.findPointed();
  }

  /** Reads the header of the row that was found; false if the key has expired. */
  #open(step: Step): boolean {
    const { valueBytes, valueAt } = step;
    this.type = valueBytes[valueAt] as number;
    let headerBytes = HEADER_BYTES;
    if (((valueBytes[valueAt + 1] as number) & FLAG_DEADLINE) !== 0) {
      this.deadlineMs = readDeadline(valueBytes, valueAt + HEADER_BYTES);
      headerBytes += DEADLINE_BYTES;
      if (this.deadlineMs < step.nowMs) {
        this.remove();
        this.expiredCount++;
        return false;
      }
    }
    this.payloadAt = valueAt + headerBytes;
    this.payloadLength = step.valueLength - headerBytes;
    return true;
  }

  #moveDeadline(step: Step, fromMs: number, toMs: number): void {
    if (fromMs !== 0) this.#removeDeadline(step, fromMs);
    if (toMs === 0) return;
    this.deadlinesMayExist = true;
    this.wroteDeadline = true;
    step.put(this.#deadlineKey, 0, this.#pointDeadline(toMs), 0);
  }

  #removeDeadline(step: Step, deadlineMs: number): void {
    step.remove(this.#deadlineKey, 0, this.#pointDeadline(deadlineMs));
  }

  /** Writes the key of the row under 't' and returns its length. */
  #pointDeadline(deadlineMs: number): number {
    const length = this.#keyLength - PREFIX_BYTES;
    writeSortedDeadline(this.#deadlineKey, PREFIX_BYTES, deadlineMs);
    copyBytes(this.#deadlineKey, KEY_OVERHEAD_BYTES, this.#key, PREFIX_BYTES, length);
    return KEY_OVERHEAD_BYTES + length;
  }

  #running(): Step {
    const step = this.#step;
    assert(step !== undefined, "keys are used within a body");
    return step;
  }
}

export function keyTooLong(length: number, limit: number): Fault {
  const message = `a key of ${length} bytes is over the limit of ${limit}`;
  return new Fault("ERR_LIMIT", message, { length, limit });
}
