/** Time on the host. Neither clock goes back within a process, whatever is done to the system's. */

import { SteadyWall } from "../world/steady-wall.ts";
import type { Clock } from "../world/world.ts";

/** What a timer of the platform holds; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class HostClock implements Clock {
  readonly #wall = new SteadyWall(this);

  wallMs(): number {
    return this.#wall.read(Date.now());
  }

  startFrom(wallMs: number): void {
    this.#wall.startFrom(wallMs, Date.now());
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, fire: () => void): () => void {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    // The platform counts from when its loop last looked at the time, and so fires early.
    const fireIfDue = (): void => {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0) fire();
      else timer = setTimeout(fireIfDue, Math.min(leftMs, TIMER_MS_MAX));
    };
    timer = setTimeout(fireIfDue, Math.min(delayMs, TIMER_MS_MAX));
    return () => {
      clearTimeout(timer);
    };
  }

  soon(fire: () => void): void {
    setImmediate(fire);
  }
}
