/** Finds the operation that wrote a value to a key: a hash table in one array of numbers. */

import type { IntColumn } from "./int-column.ts";

const EMPTY = 0;

export class ElementTable {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #keys: Int32Array;
  readonly #values: Int32Array;

  constructor(key: IntColumn, value: IntColumn, writeCount: number) {
    let size = 16;
    while (size < writeCount * 2) size *= 2;
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
    this.#keys = key.values;
    this.#values = value.values;
  }

  /** Enters an operation, or returns the earlier one that wrote the same value to the same key. */
  add(operation: number): number {
    const slot = this.#slot(this.#keys[operation] as number, this.#values[operation] as number);
    const entry = this.#slots[slot] as number;
    if (entry !== EMPTY) return entry - 1;
    this.#slots[slot] = operation + 1;
    return -1;
  }

  /** The operation that wrote it, or -1. */
  find(key: number, value: number): number {
    return (this.#slots[this.#slot(key, value)] as number) - 1;
  }

  #slot(key: number, value: number): number {
    let hash = Math.imul(key, 0x2c1b3c6d) ^ Math.imul(value, 0x297a2d39);
    hash ^= hash >>> 15;
    let slot = hash & this.#mask;
    for (;;) {
      const entry = this.#slots[slot] as number;
      if (entry === EMPTY) return slot;
      if (this.#keys[entry - 1] === key && this.#values[entry - 1] === value) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }
}
