/**
 * The cursors of SCAN: numbers that name the key with which a scan goes on.
 *
 * Only so many are remembered. Those that a scan has gone past are forgotten first, so that as many
 * scans as there is room for never disturb each other, however long they are; then those that were
 * used longest ago. One that was forgotten is refused: if such scans began again by themselves,
 * many that take each other's places would never end. A cursor that was never given here is one of
 * an earlier run of the server: that scan begins again, once, and so meets every key that is there
 * all the time, some of them twice.
 */

import { assert } from "../base/assert.ts";

/** Later starts count from higher numbers, so that no cursor of an earlier one is mistaken. */
const CURSORS_PER_MS = 1024;
const FIRST_KEY = new Uint8Array(0);

interface Place {
  readonly key: Uint8Array;
  /** The cursor from which the scan came here, 0 if it began here. */
  readonly previous: number;
}

export class CursorTable {
  readonly #countMax: number;
  /** With which scans may go on; the one that was used longest ago is the first. */
  readonly #current = new Map<number, Place>();
  /** Those that scans have gone past. */
  readonly #passed = new Map<number, Place>();
  readonly #first: number;
  #next: number;

  constructor(countMax: number, nowMs: number) {
    assert(0 < countMax, "a scan needs a cursor");
    this.#countMax = countMax;
    this.#first = nowMs * CURSORS_PER_MS + 1;
    this.#next = this.#first;
  }

  /** A cursor, not 0, for a scan that came from the cursor `previous` and goes on with `key`. */
  remember(key: Uint8Array, previous: number): number {
    if (this.#current.size + this.#passed.size === this.#countMax) {
      forgetFirst(this.#passed.size > 0 ? this.#passed : this.#current);
    }
    const cursor = this.#next++;
    this.#current.set(cursor, { key, previous });
    return cursor;
  }

  /** The key with which the scan of this cursor goes on; undefined if it was forgotten. */
  recall(cursor: number): Uint8Array | undefined {
    if (cursor < this.#first || this.#next <= cursor) return FIRST_KEY;
    const place = this.#current.get(cursor) ?? this.#passed.get(cursor);
    if (place === undefined) return undefined;
    this.#pass(place.previous);
    this.#passed.delete(cursor);
    this.#current.delete(cursor);
    this.#current.set(cursor, place);
    return place.key;
  }

  #pass(cursor: number): void {
    const place = this.#current.get(cursor);
    if (place === undefined) return;
    this.#current.delete(cursor);
    this.#passed.set(cursor, place);
  }
}

function forgetFirst(places: Map<number, Place>): void {
  for (const first of places.keys()) {
    places.delete(first);
    break;
  }
}
