/**
 * What a transaction or a batch wants written: the last word for each key, in the order in which
 * the keys were first written. Nothing in it is checked against the store before it is applied.
 *
 * It is bytes and numbers in two buffers, so that a write makes no garbage, and a set that is no
 * longer needed can be cleared and used for the next.
 */

import { must } from "../base/assert.ts";
import { copyBytes, hashBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Step } from "../transactions/step.ts";
import { libraryKeyName } from "./library-rows.ts";
import { isLive } from "./live-row.ts";
import { checkLimit, type DatabaseSettings } from "./settings.ts";
import { deadlineOf, decodeCounter, encodeCounter, fitsCounter, isCounter } from "./value-codec.ts";

export type Write =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly row: Uint8Array }
  | { readonly kind: "remove"; readonly key: Uint8Array }
  /** Adds to the counter at the key, which begins at zero where there is none. */
  | { readonly kind: "add"; readonly key: Uint8Array; readonly delta: bigint };

/** Up to here, looking through all writes is faster than a table of them. */
const SCANNED_MAX = 8;
const FIRST_BYTES = 512;
const FIRST_WRITES = 8;
/** Buffers that grew beyond this are not kept for the next transaction ... */
const KEPT_BYTES_MAX = 1 << 16;
/** ... or beyond this in the one set that may be large. */
const KEPT_BYTES_MAX_LARGE = 1 << 20;

const PUT = 0;
const REMOVE = 1;
const ADD = 2;

/** What is kept of a write, in a row of `#fields`; keys, rows and sums are in `#bytes`. */
const HASH = 0;
const KIND = 1;
const KEY_AT = 2;
const KEY_LENGTH = 3;
const ROW_AT = 4;
const ROW_LENGTH = 5;
const FIELDS = 6;

const DELTA_BYTES = 8;

type PutOrAdd = Exclude<Write, { readonly kind: "remove" }>;

export class WriteSet implements Iterable<Write> {
  readonly #settings: DatabaseSettings;
  #bytes = new Uint8Array(FIRST_BYTES);
  #endAt = 0;
  #fields = new Int32Array(FIELDS * FIRST_WRITES);
  /** By hash, the number of a write and 1, or 0; undefined while there are few. */
  #table: Int32Array | undefined;
  #sizeBytes = 0;
  count = 0;
  /** The earliest deadline among the rows, or Infinity. */
  earliestDeadlineMs: number = Number.POSITIVE_INFINITY;

  constructor(settings: DatabaseSettings) {
    this.#settings = settings;
  }

  /** Forgets everything, for the next transaction, which may be as large as this one. */
  clear(mayBeLarge: boolean): void {
    const keptBytesMax = mayBeLarge ? KEPT_BYTES_MAX_LARGE : KEPT_BYTES_MAX;
    this.count = 0;
    this.#endAt = 0;
    this.#sizeBytes = 0;
    this.#table = undefined;
    this.earliestDeadlineMs = Number.POSITIVE_INFINITY;
    if (this.#bytes.length > keptBytesMax) this.#bytes = new Uint8Array(FIRST_BYTES);
    if (this.#fields.byteLength > keptBytesMax) {
      this.#fields = new Int32Array(FIELDS * FIRST_WRITES);
    }
  }

  /** From the beginning each time, since a body that applies the writes may run again. */
  *[Symbol.iterator](): Iterator<Write> {
    for (let index = 0; index < this.count; index++) yield this.#writeAt(index);
  }

  /** What is to become of the key `source[0, length)`, if anything. */
  find(source: Uint8Array, length: number): Write | undefined {
    if (this.count === 0) return undefined;
    const index = this.#indexOf(hashBytes(source, 0, length), source, length);
    return index === -1 ? undefined : this.#writeAt(index);
  }

  /** The row is `row[0, rowLength)`. */
  put(
    source: Uint8Array,
    length: number,
    row: Uint8Array,
    rowLength: number,
    deadlineMs: number | undefined,
  ): void {
    if (deadlineMs !== undefined && deadlineMs < this.earliestDeadlineMs) {
      this.earliestDeadlineMs = deadlineMs;
    }
    this.#grow(length + rowLength);
    this.#write(source, length, PUT, row, rowLength);
  }

  remove(source: Uint8Array, length: number): void {
    this.#grow(length);
    this.#write(source, length, REMOVE, source, 0);
  }

  add(source: Uint8Array, length: number, delta: bigint): void {
    this.#grow(length);
    const result = addition(this.find(source, length), source.slice(0, length), delta);
    if (result.kind === "put") this.#write(source, length, PUT, result.row, result.row.length);
    else {
      const sum = new Uint8Array(DELTA_BYTES);
      new DataView(sum.buffer).setBigInt64(0, result.delta, true);
      this.#write(source, length, ADD, sum, DELTA_BYTES);
    }
  }

  /** An empty one for what follows in the same transaction, whose limit is that of both. */
  successor(): WriteSet {
    const next = new WriteSet(this.#settings);
    next.#sizeBytes = this.#sizeBytes;
    return next;
  }

  applyTo(step: Step): void {
    for (let index = 0; index < this.count; index++) {
      const bytes = this.#bytes;
      const kind = this.#field(index, KIND);
      const keyAt = this.#field(index, KEY_AT);
      const keyLength = this.#field(index, KEY_LENGTH);
      const rowLength = this.#field(index, ROW_LENGTH);
      if (kind === PUT) {
        const at = step.put(bytes, keyAt, keyLength, rowLength);
        copyBytes(step.buffer, at, bytes, this.#field(index, ROW_AT), rowLength);
      } else if (kind === REMOVE) step.remove(bytes, keyAt, keyLength);
      else applyWrite(step, this.#writeAt(index));
    }
  }

  #write(
    source: Uint8Array,
    length: number,
    kind: number,
    row: Uint8Array,
    rowLength: number,
  ): void {
    const hash = hashBytes(source, 0, length);
    const known = this.count === 0 ? -1 : this.#indexOf(hash, source, length);
    const index = known === -1 ? this.#append(hash, source, length) : known;
    const rowAt = this.#copy(row, rowLength);
    const at = FIELDS * index;
    this.#fields[at + KIND] = kind;
    this.#fields[at + ROW_AT] = rowAt;
    this.#fields[at + ROW_LENGTH] = rowLength;
  }

  #append(hash: number, source: Uint8Array, length: number): number {
    const index = this.count;
    const at = FIELDS * index;
    if (at === this.#fields.length) {
      const larger = new Int32Array(2 * at);
      larger.set(this.#fields);
      this.#fields = larger;
    }
    this.#fields[at + HASH] = hash;
    this.#fields[at + KEY_AT] = this.#copy(source, length);
    this.#fields[at + KEY_LENGTH] = length;
    this.count = index + 1;
    if (this.#table !== undefined && 2 * this.count <= this.#table.length) this.#enter(index);
    else if (this.count > SCANNED_MAX) this.#enterAll();
    return index;
  }

  /** Where in `#bytes` the copy is. */
  #copy(source: Uint8Array, length: number): number {
    const at = this.#endAt;
    this.#endAt = at + length;
    if (this.#bytes.length < this.#endAt) {
      const larger = new Uint8Array(2 * this.#endAt);
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    copyBytes(this.#bytes, at, source, 0, length);
    return at;
  }

  #indexOf(hash: number, source: Uint8Array, length: number): number {
    const table = this.#table;
    if (table === undefined) {
      let index = this.count - 1;
      while (0 <= index && !this.#isKey(index, hash, source, length)) index--;
      return index;
    }
    const mask = table.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const index = (table[place] as number) - 1;
      if (index === -1 || this.#isKey(index, hash, source, length)) return index;
    }
  }

  #isKey(index: number, hash: number, source: Uint8Array, length: number): boolean {
    if (this.#field(index, HASH) !== (hash | 0)) return false;
    const keyLength = this.#field(index, KEY_LENGTH);
    const keyAt = this.#field(index, KEY_AT);
    return isSame(this.#bytes, keyAt, keyLength, source, length);
  }

  /** Makes a table of twice the writes that it then has, at most half full. */
  #enterAll(): void {
    let places = 4 * SCANNED_MAX;
    while (places < 4 * this.count) places *= 2;
    this.#table = new Int32Array(places);
    for (let index = 0; index < this.count; index++) this.#enter(index);
  }

  #enter(index: number): void {
    const table = must(this.#table, "there is a table to enter");
    const mask = table.length - 1;
    let place = this.#field(index, HASH) & mask;
    while (table[place] !== 0) place = (place + 1) & mask;
    table[place] = index + 1;
  }

  #field(index: number, field: number): number {
    return this.#fields[FIELDS * index + field] as number;
  }

  #writeAt(index: number): Write {
    const keyAt = this.#field(index, KEY_AT);
    const key = this.#bytes.slice(keyAt, keyAt + this.#field(index, KEY_LENGTH));
    const kind = this.#field(index, KIND);
    if (kind === REMOVE) return { kind: "remove", key };
    const rowAt = this.#field(index, ROW_AT);
    const row = this.#bytes.slice(rowAt, rowAt + this.#field(index, ROW_LENGTH));
    if (kind === PUT) return { kind: "put", key, row };
    return { kind: "add", key, delta: new DataView(row.buffer).getBigInt64(0, true) };
  }

  #grow(bytes: number): void {
    this.#sizeBytes += bytes;
    checkLimit(this.#settings, "transactionBytesMax", this.#sizeBytes);
  }
}

export function applyWrites(step: Step, writes: Iterable<Write>): void {
  if (writes instanceof WriteSet) writes.applyTo(step);
  else for (const write of writes) applyWrite(step, write);
}

function applyWrite(step: Step, write: Write): void {
  const { key } = write;
  if (write.kind === "put") putRow(step, key, key.length, write.row, write.row.length);
  else if (write.kind === "remove") step.remove(key, 0, key.length);
  else addToCounter(step, key, write.delta);
}

/** The row is `row[0, rowLength)`. */
export function putRow(
  step: Step,
  key: Uint8Array,
  keyLength: number,
  row: Uint8Array,
  rowLength: number,
): void {
  const at = step.put(key, 0, keyLength, rowLength);
  copyBytes(step.buffer, at, row, 0, rowLength);
}

function isSame(
  left: Uint8Array,
  leftAt: number,
  leftLength: number,
  right: Uint8Array,
  rightLength: number,
): boolean {
  if (leftLength !== rightLength) return false;
  for (let index = 0; index < rightLength; index++) {
    if (left[leftAt + index] !== right[index]) return false;
  }
  return true;
}

/** What a counter is after `delta` was added to `value`. */
export function sumOf(key: Uint8Array, value: bigint, delta: bigint): bigint {
  const sum = value + delta;
  if (fitsCounter(sum)) return sum;
  const name = libraryKeyName(key);
  const message = `the counter ${name} would pass 64 bits; add less, or store a number`;
  throw new Fault("ERR_ARGUMENT", message, { key: name });
}

/** The value of the counter in a row that was found; `ERR_ARGUMENT` if it is none. */
export function counterIn(key: Uint8Array, bytes: Uint8Array, at: number, length: number): bigint {
  if (isCounter(bytes, at, length)) return decodeCounter(bytes, at, length);
  const name = libraryKeyName(key);
  const message = `${name} holds no counter; set it to a bigint before adding to it`;
  throw new Fault("ERR_ARGUMENT", message, { key: name });
}

function addition(earlier: Write | undefined, key: Uint8Array, delta: bigint): PutOrAdd {
  if (earlier === undefined) return { kind: "add", key, delta };
  if (earlier.kind === "add") {
    return { kind: "add", key, delta: sumOf(key, earlier.delta, delta) };
  }
  if (earlier.kind === "remove") return { kind: "put", key, row: encodeCounter(delta) };
  const { row } = earlier;
  const sum = sumOf(key, counterIn(key, row, 0, row.length), delta);
  return { kind: "put", key, row: encodeCounter(sum, deadlineOf(row, 0, row.length)) };
}

/** A counter that expires goes on to expire when it did. */
function addToCounter(step: Step, key: Uint8Array, delta: bigint): void {
  if (!step.findForUpdate(key, 0, key.length) || !isLive(step, step.nowMs)) {
    putCounter(step, key, encodeCounter(delta));
    return;
  }
  const { valueBytes, valueAt, valueLength } = step;
  const value = counterIn(key, valueBytes, valueAt, valueLength);
  const deadlineMs = deadlineOf(valueBytes, valueAt, valueLength);
  putCounter(step, key, encodeCounter(sumOf(key, value, delta), deadlineMs));
}

function putCounter(step: Step, key: Uint8Array, row: Uint8Array): void {
  putRow(step, key, key.length, row, row.length);
}
