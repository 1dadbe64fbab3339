/**
 * The writes of many entries of the log as rows in the order of their keys, of each key the last
 * one: what is left to do where nobody sees what was in between. They stay where they are, in the
 * slab; here are only their places.
 */

import type { Slab } from "../base/slab.ts";
import type { SortedRows } from "../cells/tree-merge.ts";
import type { Census } from "./census.ts";
import { KeyOrder } from "./key-order.ts";
import { KEY_LENGTH_AT, PUT, VALUE_LENGTH_AT, WRITE_HEADER_BYTES } from "./write-set.ts";

const TOUCHED_ROWS = 64;

export class ReplayRows implements SortedRows {
  readonly bytes: Uint8Array;
  readonly #order: KeyOrder;
  readonly #census: Census;
  /** Versions are kept as what they are above the first one. */
  #firstVersion = 0;
  #touchedEnd = 0;
  /** So that what was read counts as needed. */
  touched = 0;
  isPut = false;
  /** The write is `bytes[at, at + lengthBytes)`. */
  at = 0;
  keyAt = 0;
  keyBytes = 0;
  valueBytes = 0;
  version = 0;

  constructor(slab: Slab, countMax: number, census: Census) {
    this.bytes = slab.bytes;
    this.#order = new KeyOrder(slab.bytes, countMax);
    this.#census = census;
  }

  get count(): number {
    return this.#order.count;
  }

  get isFull(): boolean {
    return this.#order.isFull;
  }

  get lengthBytes(): number {
    return this.keyAt + this.keyBytes + this.valueBytes - this.at;
  }

  /** The write at `at` in the slab comes after all that were added before. */
  add(at: number, version: number): void {
    if (this.#order.count === 0) this.#firstVersion = version;
    this.#order.add(at, version - this.#firstVersion);
  }

  sort(): void {
    this.#order.sort();
    this.#touchedEnd = 0;
  }

  clear(): void {
    this.#order.clear();
  }

  go(index: number): void {
    if (index >= this.#touchedEnd) this.#touch(index);
    const { bytes } = this;
    const at = this.#order.position(index);
    this.at = at;
    this.isPut = bytes[at] === PUT;
    this.keyAt = at + WRITE_HEADER_BYTES;
    this.keyBytes =
      (bytes[at + KEY_LENGTH_AT] as number) | ((bytes[at + KEY_LENGTH_AT + 1] as number) << 8);
    this.valueBytes =
      (bytes[at + VALUE_LENGTH_AT] as number) |
      ((bytes[at + VALUE_LENGTH_AT + 1] as number) << 8) |
      ((bytes[at + VALUE_LENGTH_AT + 2] as number) << 16) |
      ((bytes[at + VALUE_LENGTH_AT + 3] as number) << 24);
    this.version = this.#firstVersion + this.#order.tag(index);
  }

  /**
   * Reads a little of each of the next rows. They lie anywhere, and one that is needed at once
   * costs a wait for memory; of many that nothing waits for the processor reads several at a time.
   */
  #touch(from: number): void {
    const { bytes } = this;
    const end = Math.min(from + TOUCHED_ROWS, this.#order.count);
    let sum = 0;
    for (let index = from; index < end; index++) {
      const at = this.#order.position(index);
      sum += (bytes[at] as number) + (bytes[at + 64] as number) + (bytes[at + 128] as number);
    }
    this.#touchedEnd = end;
    this.touched = sum;
  }

  changed(): void {
    this.#census.add(this.bytes, this.keyAt, this.keyBytes, this.isPut ? 1 : -1);
  }
}
