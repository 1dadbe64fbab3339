/**
 * How many rows there are of each kind, kept as rows are put and removed, so that counting needs
 * no scan. It is part of every checkpoint.
 *
 * Rows are counted by their *census prefix*: the first six bytes of Redis keys (space, logical
 * database, kind of row), the first byte of all others.
 */

import { Fault } from "../base/fault.ts";

const REDIS_SPACE = 0x02;
const REDIS_PREFIX_BYTES = 6;
const ROW_BYTES = 16;

interface Counter {
  count: number;
}

export class Census {
  readonly #counters = new Map<number, Counter>();
  #lastClass = -1;
  #lastCounter: Counter = { count: 0 };

  /** A row with this key came (`by` 1) or went (-1). */
  add(key: Uint8Array, at: number, length: number, by: 1 | -1): void {
    const kind = classOf(key, at, length);
    if (kind !== this.#lastClass) {
      let counter = this.#counters.get(kind);
      if (counter === undefined) {
        counter = { count: 0 };
        this.#counters.set(kind, counter);
      }
      this.#lastClass = kind;
      this.#lastCounter = counter;
    }
    this.#lastCounter.count += by;
  }

  /** How many rows have the census prefix of this key. */
  count(key: Uint8Array): number {
    return this.#countOf(classOf(key, 0, key.length));
  }

  /** How many rows there are. */
  get total(): number {
    let sum = 0;
    for (const { count } of this.#counters.values()) sum += count;
    return sum;
  }

  equals(other: Census): boolean {
    const classes = new Set([...this.#counters.keys(), ...other.#counters.keys()]);
    return [...classes].every((kind) => this.#countOf(kind) === other.#countOf(kind));
  }

  /** The counts as they are now, for whoever keeps a view of now. */
  copy(): Census {
    const copy = new Census();
    for (const [kind, { count }] of this.#counters) copy.#counters.set(kind, { count });
    return copy;
  }

  /** What is encoded is no longer. */
  get encodedBytesMax(): number {
    return this.#counters.size * ROW_BYTES;
  }

  encode(): Uint8Array {
    const rows = [...this.#counters].filter(([, { count }]) => count !== 0);
    const bytes = new Uint8Array(rows.length * ROW_BYTES);
    const view = new DataView(bytes.buffer);
    rows.forEach(([kind, { count }], index) => {
      view.setBigUint64(index * ROW_BYTES, BigInt(kind), true);
      view.setBigUint64(index * ROW_BYTES + 8, BigInt(count), true);
    });
    return bytes;
  }

  #countOf(kind: number): number {
    return this.#counters.get(kind)?.count ?? 0;
  }

  static decode(bytes: Uint8Array): Census {
    if (bytes.length % ROW_BYTES !== 0) {
      throw new Fault("ERR_CORRUPT", "The census of a checkpoint is cut short: restore a backup");
    }
    const census = new Census();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += ROW_BYTES) {
      const kind = Number(view.getBigUint64(at, true));
      census.#counters.set(kind, { count: Number(view.getBigUint64(at + 8, true)) });
    }
    return census;
  }
}

/** The census prefix as a number: its bytes, big-endian. */
function classOf(key: Uint8Array, at: number, length: number): number {
  const space = length === 0 ? 0 : (key[at] as number);
  if (space !== REDIS_SPACE || length < REDIS_PREFIX_BYTES) return space;
  const database =
    ((key[at + 1] as number) << 24) |
    ((key[at + 2] as number) << 16) |
    ((key[at + 3] as number) << 8) |
    (key[at + 4] as number);
  return space * 2 ** 40 + (database >>> 0) * 256 + (key[at + 5] as number);
}
