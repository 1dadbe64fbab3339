/**
 * What a transaction without locks has read: enough to know whether it still is so, and to lock it
 * later. See docs/decisions/0016.
 *
 * What was read still is so if nothing that was appended since has written it. That is asked of
 * the table that says which answers must wait, by the hash of the key: where two keys share a
 * place the answer may be a wrong *no*, and never a wrong *yes*. A range is only taken to be
 * unchanged while nothing at all is appended.
 */

import { copyBytes } from "../base/bytes.ts";
import type { LockMode } from "../locks/lock-mode.ts";
import type { LockTarget } from "../locks/lock-target.ts";
import type { Store } from "../store/store.ts";
import type { StepLocks } from "./run-step.ts";
import { keyTarget, rangeTarget } from "./transaction-locks.ts";

/** Who reads more than this within a turn takes locks. */
const KEYS_MAX = 128;
const KEY_BYTES_MAX = 4096;
const RANGES_MAX = 16;

interface NotedRange {
  readonly target: LockTarget;
  readonly mode: LockMode;
}

export class NotedReads implements StepLocks {
  readonly #store: Store;
  /** The end of the log when all that is noted was last known to be so. */
  #asOf = 0;
  #keyCount = 0;
  readonly #hashes: Int32Array = new Int32Array(KEYS_MAX);
  /** Where each key ends in `#bytes`. */
  readonly #ends: Int32Array = new Int32Array(KEYS_MAX);
  /** 1 for each key that was read to be written. */
  readonly #exclusive: Uint8Array = new Uint8Array(KEYS_MAX);
  readonly #bytes: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
  #ranges: NotedRange[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** Forgets everything: what is read from here on is read now. */
  begin(): void {
    this.#asOf = this.#store.appendedLsn;
    this.#keyCount = 0;
    if (this.#ranges.length > 0) this.#ranges = [];
  }

  /** Whether all that was read is what would be read now. */
  areCurrent(): boolean {
    const { appendedLsn, dependencies } = this.#store;
    if (appendedLsn === this.#asOf) return true;
    if (this.#ranges.length > 0) return false;
    for (let index = 0; index < this.#keyCount; index++) {
      if (dependencies.of(this.#hashes[index] as number) > this.#asOf) return false;
    }
    this.#asOf = appendedLsn;
    return true;
  }

  /** Notes the key; false if there is no room for it. */
  lockKey(hash: number, key: Uint8Array, at: number, length: number, mode: LockMode): boolean {
    const index = this.#keyCount;
    const start = this.#endOf(index - 1);
    const end = start + length;
    if (index === KEYS_MAX || end > KEY_BYTES_MAX) return false;
    copyBytes(this.#bytes, start, key, at, length);
    this.#hashes[index] = hash;
    this.#ends[index] = end;
    this.#exclusive[index] = mode === "exclusive" ? 1 : 0;
    this.#keyCount = index + 1;
    return true;
  }

  lockRange(start: Uint8Array, end: Uint8Array | undefined, mode: LockMode): boolean {
    if (this.#ranges.length === RANGES_MAX) return false;
    this.#ranges.push({ target: rangeTarget(start, end), mode });
    return true;
  }

  /** Asks `lock` for all that was read, up to the first it does not give; whether it gave all. */
  lockAll(lock: (target: LockTarget, mode: LockMode) => boolean): boolean {
    for (let index = 0; index < this.#keyCount; index++) {
      const start = this.#endOf(index - 1);
      const target = keyTarget(this.#bytes, start, this.#endOf(index) - start);
      if (!lock(target, this.#exclusive[index] === 1 ? "exclusive" : "shared")) return false;
    }
    return this.#ranges.every(({ target, mode }) => lock(target, mode));
  }

  #endOf(index: number): number {
    return index < 0 ? 0 : (this.#ends[index] as number);
  }
}
