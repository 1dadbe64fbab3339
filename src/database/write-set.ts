/**
 * What a transaction or a batch wants written: the last word for each key, in the order in which
 * the keys were first written. Nothing in it is checked against the store before it is applied.
 */

import { copyBytes, latin1, printable } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Step } from "../transactions/step.ts";
import { isLive } from "./live-row.ts";
import { checkLimit, type DatabaseSettings } from "./settings.ts";
import { deadlineOf, decodeCounter, encodeCounter, fitsCounter, isCounter } from "./value-codec.ts";

export type Write =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly row: Uint8Array }
  | { readonly kind: "remove"; readonly key: Uint8Array }
  /** Adds to the counter at the key, which begins at zero where there is none. */
  | { readonly kind: "add"; readonly key: Uint8Array; readonly delta: bigint };

export class WriteSet implements Iterable<Write> {
  readonly #settings: DatabaseSettings;
  readonly #writes = new Map<string, Write>();
  #sizeBytes = 0;
  /** The earliest deadline among the rows, or Infinity. */
  earliestDeadlineMs: number = Number.POSITIVE_INFINITY;

  constructor(settings: DatabaseSettings) {
    this.#settings = settings;
  }

  get count(): number {
    return this.#writes.size;
  }

  /** From the beginning each time, since a body that applies the writes may run again. */
  [Symbol.iterator](): Iterator<Write> {
    return this.#writes.values();
  }

  /** What is to become of the key `source[0, length)`, if anything. */
  find(source: Uint8Array, length: number): Write | undefined {
    if (this.#writes.size === 0) return undefined;
    return this.#writes.get(latin1(source, 0, length));
  }

  put(source: Uint8Array, length: number, row: Uint8Array, deadlineMs: number | undefined): void {
    if (deadlineMs !== undefined && deadlineMs < this.earliestDeadlineMs) {
      this.earliestDeadlineMs = deadlineMs;
    }
    this.#grow(length + row.length);
    const name = latin1(source, 0, length);
    this.#writes.set(name, { kind: "put", key: source.slice(0, length), row });
  }

  remove(source: Uint8Array, length: number): void {
    this.#grow(length);
    const name = latin1(source, 0, length);
    this.#writes.set(name, { kind: "remove", key: source.slice(0, length) });
  }

  add(source: Uint8Array, length: number, delta: bigint): void {
    this.#grow(length);
    const name = latin1(source, 0, length);
    this.#writes.set(name, addition(this.#writes.get(name), source.slice(0, length), delta));
  }

  /** An empty one for what follows in the same transaction, whose limit is that of both. */
  successor(): WriteSet {
    const next = new WriteSet(this.#settings);
    next.#sizeBytes = this.#sizeBytes;
    return next;
  }

  #grow(bytes: number): void {
    this.#sizeBytes += bytes;
    checkLimit(this.#settings, "transactionBytesMax", this.#sizeBytes);
  }
}

export function applyWrites(step: Step, writes: Iterable<Write>): void {
  for (const write of writes) {
    const { key } = write;
    if (write.kind === "put") putRow(step, key, key.length, write.row);
    else if (write.kind === "remove") step.remove(key, 0, key.length);
    else addToCounter(step, key, write.delta);
  }
}

export function putRow(step: Step, key: Uint8Array, keyLength: number, row: Uint8Array): void {
  const at = step.put(key, 0, keyLength, row.length);
  copyBytes(step.buffer, at, row, 0, row.length);
}

/** What a counter is after `delta` was added to `value`. */
export function sumOf(key: Uint8Array, value: bigint, delta: bigint): bigint {
  const sum = value + delta;
  if (fitsCounter(sum)) return sum;
  const message = `the counter "${printable(key)}" would pass 64 bits; add less, or store a number`;
  throw new Fault("ERR_ARGUMENT", message, { key: printable(key) });
}

/** The value of the counter in a row that was found; `ERR_ARGUMENT` if it is none. */
export function counterIn(key: Uint8Array, bytes: Uint8Array, at: number, length: number): bigint {
  if (isCounter(bytes, at, length)) return decodeCounter(bytes, at, length);
  const message = `"${printable(key)}" holds no counter; set it to a bigint before adding to it`;
  throw new Fault("ERR_ARGUMENT", message, { key: printable(key) });
}

function addition(earlier: Write | undefined, key: Uint8Array, delta: bigint): Write {
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
    putRow(step, key, key.length, encodeCounter(delta));
    return;
  }
  const { valueBytes, valueAt, valueLength } = step;
  const value = counterIn(key, valueBytes, valueAt, valueLength);
  const deadlineMs = deadlineOf(valueBytes, valueAt, valueLength);
  putRow(step, key, key.length, encodeCounter(sumOf(key, value, delta), deadlineMs));
}
