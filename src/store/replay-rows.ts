/** The writes of a range of the window as rows in the order of their keys. */

import type { Slab } from "../base/slab.ts";
import type { SortedRows } from "../cells/tree-merge.ts";
import type { Census } from "./census.ts";
import type { KeyOrder } from "./key-order.ts";
import { type ReplayWindow, VERSION_BYTES } from "./replay-window.ts";
import { PUT, VALUE_LENGTH_AT, WRITE_HEADER_BYTES } from "./write-set.ts";

export class ReplayRows implements SortedRows {
  readonly bytes: Uint8Array;
  readonly #i32: Int32Array;
  readonly #u32: Uint32Array;
  readonly #window: ReplayWindow;
  readonly #order: KeyOrder;
  readonly #census: Census;
  isPut = false;
  /** The write is `bytes[at, at + lengthBytes)`. */
  at = 0;
  keyAt = 0;
  keyBytes = 0;
  valueBytes = 0;

  constructor(slab: Slab, window: ReplayWindow, census: Census) {
    this.bytes = slab.bytes;
    this.#i32 = slab.i32;
    this.#u32 = slab.u32;
    this.#window = window;
    this.#order = window.order;
    this.#census = census;
  }

  get count(): number {
    return this.#order.count;
  }

  get lengthBytes(): number {
    return WRITE_HEADER_BYTES + this.keyBytes + this.valueBytes;
  }

  get version(): number {
    return this.#window.firstVersion + (this.#u32[(this.at - VERSION_BYTES) >> 2] as number);
  }

  go(index: number): void {
    const at = this.#order.position(index);
    const word = this.#i32[at >> 2] as number;
    this.at = at;
    this.isPut = (word & 0xff) === PUT;
    this.keyAt = at + WRITE_HEADER_BYTES;
    this.keyBytes = word >>> 16;
    this.valueBytes = this.#i32[(at + VALUE_LENGTH_AT) >> 2] as number;
  }

  changed(): void {
    this.#census.add(this.bytes, this.keyAt, this.keyBytes, this.isPut ? 1 : -1);
  }
}
