/** Waits that end early: by a signal, by a time limit, by whatever else rejects. */

import { Fault } from "../base/fault.ts";
import type { Clock } from "../world/world.ts";
import type { RunOptions } from "./step.ts";

/** How long work may take, and who may stop it. One for all the waits of a piece of work. */
export class Deadline {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number;
  readonly #endMs: number;

  /** Ends at `endMs`, or when the time has passed from now on. */
  constructor(
    clock: Clock,
    options: RunOptions | undefined,
    defaultTimeoutMs: number,
    endMs?: number,
  ) {
    this.#clock = clock;
    this.#signal = options?.signal;
    this.#timeoutMs = options?.timeoutMs ?? defaultTimeoutMs;
    this.#endMs = endMs ?? clock.monotonicMs() + this.#timeoutMs;
  }

  /** Throws if the time is over or the signal was given. */
  check(): void {
    if (this.#signal?.aborted === true) throw stopped(this.#signal.reason);
    if (this.#clock.monotonicMs() >= this.#endMs) throw this.#timedOut();
  }

  /**
   * The result of `work`, or the fault if the time is over or the signal given before. `what` says
   * then what was waited for, where more is known than that it was something.
   */
  async wait<T>(work: Promise<T>, what?: () => string | undefined): Promise<T> {
    // Whoever stops waiting here leaves the work to fail with nobody to hear of it.
    work.catch(() => undefined);
    this.check();
    let stopTimer = nothing;
    let stopSignal = nothing;
    const limit = new Promise<never>((_resolve, reject) => {
      const leftMs = this.#endMs - this.#clock.monotonicMs();
      stopTimer = this.#clock.after(leftMs, () => reject(this.#timedOut(what?.())));
      const signal = this.#signal;
      if (signal === undefined) return;
      const abort = (): void => reject(stopped(signal.reason));
      signal.addEventListener("abort", abort, { once: true });
      stopSignal = () => signal.removeEventListener("abort", abort);
    });
    try {
      return await Promise.race([work, limit]);
    } finally {
      stopTimer();
      stopSignal();
    }
  }

  #timedOut(what = "locks, pages or room"): Fault {
    return new Fault(
      "ERR_TIMEOUT",
      `Waited for ${what} for ${this.#timeoutMs} ms, which is the limit; nothing ` +
        'was applied. Try again, or raise "timeoutMs"',
      { setting: "timeoutMs", timeoutMs: this.#timeoutMs },
    );
  }
}

function nothing(): void {
  // Nothing was begun that must be stopped.
}

function stopped(reason: unknown): Fault {
  return new Fault("ERR_TIMEOUT", "Stopped by its signal before anything was applied", {}, reason);
}
