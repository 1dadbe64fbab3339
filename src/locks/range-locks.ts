/**
 * The locks of ranges, held or waited for, found by what they overlap.
 *
 * Each lock is one owner's, in one mode; an owner that shares a range and then wants it for itself
 * has two. Adding and dropping take O(log n), a search O(log n + what it finds); a search on
 * behalf of a reader is free as long as nobody has or wants a range for itself.
 */

import { IntervalTree } from "./interval-tree.ts";
import type { LockOwner } from "./lock-owner.ts";
import { type LockMode, compatible } from "./lock-mode.ts";

export interface RangeLock {
  readonly kind: "range";
  readonly owner: LockOwner;
  readonly mode: LockMode;
  readonly start: string;
  readonly end: string | undefined;
  readonly serial: number;
  /** Whether it is waited for, and not held yet. */
  waiting: boolean;
}

export interface NewRangeLock {
  readonly owner: LockOwner;
  readonly mode: LockMode;
  readonly start: string;
  readonly end: string | undefined;
}

export class RangeLocks {
  readonly #locks = new IntervalTree<RangeLock>();
  #size = 0;
  #exclusiveCount = 0;
  #serial = 0;

  get size(): number {
    return this.#size;
  }

  /** A lock that waits, and is held as soon as the caller says so. */
  add(wanted: NewRangeLock): RangeLock {
    const { owner, mode, start, end } = wanted;
    const serial = ++this.#serial;
    const lock: RangeLock = { kind: "range", owner, mode, start, end, serial, waiting: true };
    this.#locks.insert(lock);
    this.#size++;
    if (mode === "exclusive") this.#exclusiveCount++;
    return lock;
  }

  drop(lock: RangeLock): void {
    this.#locks.remove(lock);
    this.#size--;
    if (lock.mode === "exclusive") this.#exclusiveCount--;
  }

  /** Visits what overlaps the range and conflicts with `mode`, until `visit` returns false. */
  visitAgainst(
    mode: LockMode,
    start: string,
    end: string | undefined,
    visit: (lock: RangeLock) => boolean,
  ): boolean {
    if (this.#size === 0 || (mode === "shared" && this.#exclusiveCount === 0)) return true;
    return this.#locks.visitOverlaps(
      start,
      end,
      (lock) => compatible(lock.mode, mode) || visit(lock),
    );
  }
}
