/** Time on the host. Neither clock goes back within a process, whatever is done to the system's. */

import type { Clock } from "../world/world.ts";

/** What a timer of the platform holds; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class HostClock implements Clock {
  #lastWallMs = 0;

  wallMs(): number {
    this.#lastWallMs = Math.max(this.#lastWallMs, Date.now());
    return this.#lastWallMs;
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, fire: () => void): () => void {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = dueMs - performance.now();
      if (leftMs <= TIMER_MS_MAX) timer = setTimeout(fire, leftMs);
      else timer = setTimeout(arm, TIMER_MS_MAX);
    };
    arm();
    return () => {
      clearTimeout(timer);
    };
  }

  soon(fire: () => void): void {
    setImmediate(fire);
  }
}
