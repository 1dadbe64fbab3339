/**
 * A walk through the keys of the database that is in use, in their order. Keys whose deadline has
 * passed are removed on the way and not visited; when a body has removed as many as it may, those
 * that follow are visited, since they are still there.
 */

import { compareBytes, concatBytes, prefixEnd } from "../base/bytes.ts";
import type { ScanEntry, Step } from "../transactions/step.ts";
import type { Keyspace } from "./keyspace.ts";
import { FLAG_DEADLINE, HEADER_BYTES, KEY_ROWS, PREFIX_BYTES, readDeadline } from "./row-format.ts";

const EXPIRED_COUNT_MAX = 1000;

/** Sees a key, `bytes[at, at + length)`, which is valid only during the visit. */
export type KeyVisitor = (bytes: Uint8Array, at: number, length: number, type: number) => void;

export class KeyWalk {
  /** The key at which the next walk begins, undefined if this one came to the end. */
  next: Uint8Array | undefined;
  readonly #step: Step;
  readonly #keys: Keyspace;
  readonly #start: Uint8Array;
  readonly #end: Uint8Array | undefined;

  /** Of the keys that begin with `prefix`, those from `from` on. */
  constructor(step: Step, keys: Keyspace, prefix: Uint8Array | undefined, from: Uint8Array) {
    this.#step = step;
    this.#keys = keys;
    const rows = keys.prefix(KEY_ROWS);
    const first = concatBytes([rows, prefix ?? new Uint8Array(0)]);
    const resumed = concatBytes([rows, from]);
    this.#start = compareBytes(first, resumed) < 0 ? resumed : first;
    this.#end = prefixEnd(first);
  }

  /** Goes past at most `count` keys. */
  visit(count: number, visitor: KeyVisitor): void {
    const expired: Uint8Array[] = [];
    let left = count;
    this.next = undefined;
    this.#step.scan({ start: this.#start, end: this.#end }, (entry) => {
      if (left === 0) {
        this.next = keyOf(entry);
        return false;
      }
      left--;
      if (expired.length < EXPIRED_COUNT_MAX && hasExpired(entry, this.#step.nowMs)) {
        expired.push(keyOf(entry));
      } else {
        const { keyBytes, keyLength, valueBytes, valueAt } = entry;
        const type = valueBytes[valueAt] as number;
        visitor(keyBytes, PREFIX_BYTES, keyLength - PREFIX_BYTES, type);
      }
      return true;
    });
    for (const key of expired) {
      this.#keys.point(key, 0, key.length);
      this.#keys.claimPointed();
    }
  }

  /** The last key, expired or not. */
  last(): Uint8Array | undefined {
    let last: Uint8Array | undefined;
    this.#step.scan({ start: this.#start, end: this.#end, reverse: true }, (entry) => {
      last = keyOf(entry);
      return false;
    });
    return last;
  }
}

function keyOf({ keyBytes, keyLength }: ScanEntry): Uint8Array {
  return new Uint8Array(keyBytes.subarray(PREFIX_BYTES, keyLength));
}

function hasExpired({ valueBytes, valueAt }: ScanEntry, nowMs: number): boolean {
  if (((valueBytes[valueAt + 1] as number) & FLAG_DEADLINE) === 0) return false;
  return readDeadline(valueBytes, valueAt + HEADER_BYTES) < nowMs;
}
