/** Tells those who take too long that their time is over, by one timer for all of them. */

import type { Clock } from "../world/world.ts";

export interface TimeLimited {
  /** By the monotonic clock. */
  readonly endMs: number;
  timeIsOver(): void;
}

export class TimeLimits {
  readonly #clock: Clock;
  readonly #limited = new Set<TimeLimited>();
  #firesMs = Number.POSITIVE_INFINITY;
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(limited: TimeLimited): void {
    this.#limited.add(limited);
    if (limited.endMs < this.#firesMs) this.#fireAt(limited.endMs);
  }

  /** The timer stays: most that come next have as much time. */
  delete(limited: TimeLimited): void {
    this.#limited.delete(limited);
    if (this.#isClosed) this.#rest();
  }

  /** Keeps no timer but for those who are still there. */
  close(): void {
    this.#isClosed = true;
    this.#rest();
  }

  #rest(): void {
    if (this.#limited.size > 0) return;
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
    for (const limited of this.#limited) {
      if (limited.endMs > nowMs) continue;
      this.#limited.delete(limited);
      limited.timeIsOver();
    }
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { endMs } of this.#limited) nextMs = Math.min(nextMs, endMs);
    if (nextMs < this.#firesMs) this.#fireAt(nextMs);
  }
}
