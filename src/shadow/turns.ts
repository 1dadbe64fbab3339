/**
 * Lets in one at a time, in the order of arrival: all the concurrency control of a shadow store.
 * With a single lock that is held to the end nothing can run between two steps of a transaction,
 * and no two can wait for each other.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { RunOptions } from "../transactions/step.ts";
import type { Clock } from "../world/world.ts";

export class Turns {
  readonly #clock: Pick<Clock, "after">;
  readonly #waiting = new Set<Waiter>();
  #isTaken = false;
  #closed: Error | undefined;

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  /** Why nobody is let in any more, if so. */
  get closed(): Error | undefined {
    return this.#closed;
  }

  /** Whether it is the caller's turn at once: nobody is in and nobody waits. */
  tryEnter(): boolean {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#isTaken) return false;
    this.#isTaken = true;
    return true;
  }

  /** Resolves when it is the caller's turn; rejects when it has waited for too long. */
  async enter(options: RunOptions): Promise<void> {
    const { signal, timeoutMs } = options;
    if (signal?.aborted === true) throw abandoned(signal);
    if (this.tryEnter()) return;
    await new Promise<void>((resolve, reject) => {
      const giveUp = (reason: Fault): void => {
        waiter.forget();
        reject(reason);
      };
      const onAbort = signal === undefined ? undefined : () => giveUp(abandoned(signal));
      const stopClock =
        timeoutMs === undefined
          ? undefined
          : this.#clock.after(timeoutMs, () => giveUp(timedOut(timeoutMs)));
      const forget = (): void => {
        this.#waiting.delete(waiter);
        stopClock?.();
        if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter = { admit: resolve, refuse: reject, forget };
      if (onAbort !== undefined) signal?.addEventListener("abort", onAbort);
      this.#waiting.add(waiter);
    });
  }

  /** Ends the caller's turn, and gives it to who waits for longest. */
  leave(): void {
    assert(this.#isTaken, "only who is in can leave");
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#isTaken = false;
      return;
    }
    next.forget();
    next.admit();
  }

  /** Refuses all that wait and all that come. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const waiter of this.#waiting) {
      waiter.forget();
      waiter.refuse(reason);
    }
  }
}

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (reason: Error) => void;
  readonly forget: () => void;
}

/** What a caller gets whose signal was aborted before its work was applied. */
export function abandoned(signal: AbortSignal): Fault {
  return new Fault("ERR_TIMEOUT", "the caller's signal ended this", {}, signal.reason);
}

function timedOut(timeoutMs: number): Fault {
  const message = `another transaction was at work for ${timeoutMs} ms; try again, or wait longer`;
  return new Fault("ERR_TIMEOUT", message, { timeoutMs });
}
