/**
 * Locks on ranges of stripes, one holder at a time, given in the order in which they were asked for
 * wherever two ranges overlap. Who holds one may not ask for another.
 */

import { assert } from "../base/assert.ts";

/** A lock that is held; to be given back once. */
export interface StripeLock {
  readonly first: number;
  readonly end: number;
  /** Told when somebody waits for some of it. */
  readonly onWanted: () => void;
}

interface Waiting extends StripeLock {
  readonly grant: () => void;
}

export class StripeLocks {
  readonly #held = new Set<StripeLock>();
  #waiting: Waiting[] = [];

  /** Whether somebody waits for some of it. */
  isWanted(lock: StripeLock): boolean {
    return this.#overlaps(lock, this.#waiting);
  }

  /** Takes the stripes from `first` up to, not including, `end`. */
  async acquire(
    first: number,
    end: number,
    onWanted: () => void = () => undefined,
  ): Promise<StripeLock> {
    assert(first < end, "a range of stripes is not empty");
    const lock: StripeLock = { first, end, onWanted };
    if (!this.#overlaps(lock, this.#waiting)) {
      if (this.#take(lock)) return lock;
    }
    await new Promise<void>((grant) => {
      this.#waiting.push({ ...lock, grant: () => this.#grant(lock, grant) });
      for (const held of this.#held) if (overlaps(lock, held)) held.onWanted();
    });
    return lock;
  }

  release(lock: StripeLock): void {
    const wasHeld = this.#held.delete(lock);
    assert(wasHeld, "a lock is given back once");
    if (this.#waiting.length > 0) this.#grantWaiting();
  }

  #grant(lock: StripeLock, grant: () => void): void {
    this.#held.add(lock);
    grant();
  }

  #take(lock: StripeLock): boolean {
    if (overlapsAny(lock, this.#held)) return false;
    this.#held.add(lock);
    return true;
  }

  #overlaps(lock: StripeLock, waiting: readonly StripeLock[]): boolean {
    return waiting.length > 0 && overlapsAny(lock, waiting);
  }

  #grantWaiting(): void {
    const still: Waiting[] = [];
    for (const one of this.#waiting) {
      if (overlapsAny(one, this.#held) || overlapsAny(one, still)) still.push(one);
      else one.grant();
    }
    this.#waiting = still;
  }
}

function overlapsAny(lock: StripeLock, others: Iterable<StripeLock>): boolean {
  for (const other of others) {
    if (overlaps(lock, other)) return true;
  }
  return false;
}

function overlaps(lock: StripeLock, other: StripeLock): boolean {
  return lock.first < other.end && other.first < lock.end;
}
