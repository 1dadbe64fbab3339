/**
 * Tells those who take too long that their time is over, by one timer for all of them.
 *
 * They are in a list that each knows its place in: a `Set` makes a new table whenever so many were
 * deleted, and the old ones keep what was in them from being collected early.
 */

import type { Clock } from "../world/world.ts";

export interface TimeLimited {
  /** By the monotonic clock. */
  readonly endMs: number;
  /** Its place in the list, or -1. For `TimeLimits` alone. */
  limitedAt: number;
  timeIsOver(): void;
}

export class TimeLimits {
  readonly #clock: Clock;
  readonly #limited: TimeLimited[] = [];
  #firesMs = Number.POSITIVE_INFINITY;
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(limited: TimeLimited): void {
    limited.limitedAt = this.#limited.push(limited) - 1;
    if (limited.endMs < this.#firesMs) this.#fireAt(limited.endMs);
  }

  /** The timer stays: most that come next have as much time. */
  delete(limited: TimeLimited): void {
    this.#remove(limited);
    if (this.#isClosed) this.#rest();
  }

  /** Keeps no timer but for those who are still there. */
  close(): void {
    this.#isClosed = true;
    this.#rest();
  }

  #remove(limited: TimeLimited): void {
    const at = limited.limitedAt;
    if (at === -1) return;
    limited.limitedAt = -1;
    const last = this.#limited.pop();
    if (last === undefined || last === limited) return;
    this.#limited[at] = last;
    last.limitedAt = at;
  }

  #rest(): void {
    if (this.#limited.length > 0) return;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#firesMs = Number.POSITIVE_INFINITY;
  }

  #fireAt(timeMs: number): void {
    this.#stopTimer?.();
    this.#firesMs = timeMs;
    const delayMs = timeMs - this.#clock.monotonicMs();
    this.#stopTimer = this.#clock.after(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#stopTimer = undefined;
    this.#firesMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    for (const limited of this.#limited.filter(({ endMs }) => endMs <= nowMs)) {
      this.#remove(limited);
      limited.timeIsOver();
    }
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { endMs } of this.#limited) nextMs = Math.min(nextMs, endMs);
    if (nextMs < this.#firesMs) this.#fireAt(nextMs);
  }
}
