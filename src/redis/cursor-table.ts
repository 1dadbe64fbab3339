/**
 * The cursors of SCAN: numbers that name the key with which a scan goes on. Only so many are
 * remembered, the newest; a cursor that was forgotten is refused, since a scan that began again
 * by itself would never end, or leave keys out.
 */

import { assert } from "../base/assert.ts";

/** Later starts count from higher numbers, so that no cursor of an earlier one is mistaken. */
const CURSORS_PER_MS = 1024;

export class CursorTable {
  readonly #countMax: number;
  readonly #keys = new Map<number, Uint8Array>();
  #next: number;

  constructor(countMax: number, nowMs: number) {
    assert(0 < countMax, "a scan needs a cursor");
    this.#countMax = countMax;
    this.#next = nowMs * CURSORS_PER_MS + 1;
  }

  /** A cursor, not 0, for a scan that goes on with `key`. */
  remember(key: Uint8Array): number {
    if (this.#keys.size === this.#countMax) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    const cursor = this.#next++;
    this.#keys.set(cursor, key);
    return cursor;
  }

  /** The key with which the scan of this cursor goes on. */
  recall(cursor: number): Uint8Array | undefined {
    return this.#keys.get(cursor);
  }
}
