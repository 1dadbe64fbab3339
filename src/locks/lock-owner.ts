/**
 * The owners of locks: transactions, each with its age, what it holds, and the one thing it may
 * be waiting for.
 *
 * A waiting owner watches one other that truly stands in its way. Only when that one lets go of
 * something is the wait looked at again, so a release costs nothing to those it cannot help; and
 * no wake-up is lost, because nobody else's release could have helped.
 */

import { AssertionFailure, assert } from "../base/assert.ts";
import type { Age } from "../base/ids.ts";
import type { KeyLock, KeyWait } from "./key-lock.ts";
import type { RangeLock } from "./range-locks.ts";

declare const brand: unique symbol;
/** The number of a transaction, or of one attempt at it, for as long as it may own locks. */
export type Owner = number & { readonly [brand]: "Owner" };

export function owner(value: number): Owner {
  assertOwner(value);
  return value;
}

function assertOwner(value: number): asserts value is Owner {
  if (Number.isSafeInteger(value) && 0 <= value) return;
  throw new AssertionFailure(`"${value}" cannot number an owner of locks`);
}

export class LockOwner {
  readonly id: Owner;
  readonly age: Age;
  /** Promised to commit: it is never wounded, and asks for nothing more. */
  prepared = false;
  /** Told to abort: it is granted nothing more, and keeps what it holds until its release. */
  wounded = false;
  /** In the order in which they were taken. */
  readonly keys: KeyLock[] = [];
  readonly ranges: RangeLock[] = [];
  wait: KeyWait | RangeLock | undefined = undefined;
  #watched: LockOwner | undefined = undefined;
  #watchers: Set<LockOwner> | undefined = undefined;

  constructor(id: Owner, ownerAge: Age) {
    this.id = id;
    this.age = ownerAge;
  }

  get lockCount(): number {
    return this.keys.length + this.ranges.length;
  }

  isOlderThan(other: LockOwner): boolean {
    assert(this.age !== other.age || this === other, "no two transactions are of one age");
    return this.age < other.age;
  }

  watch(other: LockOwner): void {
    assert(this.#watched === undefined && other !== this, "a wait watches one other owner");
    this.#watched = other;
    other.#watchers ??= new Set();
    other.#watchers.add(this);
  }

  unwatch(): void {
    if (this.#watched === undefined) return;
    this.#watched.#watchers?.delete(this);
    this.#watched = undefined;
  }

  /** Those that watched this owner, the oldest first; none does so any more. */
  dismissWatchers(): readonly LockOwner[] {
    const watchers = this.#watchers;
    if (watchers === undefined) return NOBODY;

    this.#watchers = undefined;
    for (const watcher of watchers) watcher.#watched = undefined;
    return [...watchers].toSorted((left, right) => left.age - right.age);
  }
}

const NOBODY: readonly LockOwner[] = [];
