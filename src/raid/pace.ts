/**
 * Keeps work in the background from being in the way: it is done in windows, and after each it
 * waits while somebody else uses the array, but no longer than its least rate allows.
 */

import type { Clock } from "../world/world.ts";
import type { BackgroundOptions } from "./options.ts";

/** Where nobody used the array for this long, it counts as idle. */
const IDLE_MS = 20;

/** Counts what is asked of an array by those who use it. */
export class Activity {
  readonly #clock: Clock;
  #inFlight = 0;
  #lastMs: number = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#lastMs + IDLE_MS <= this.#clock.monotonicMs();
  }

  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    this.#inFlight--;
    this.#lastMs = this.#clock.monotonicMs();
  }
}

export class Pace {
  readonly #clock: Clock;
  readonly #activity: Activity;
  readonly #options: BackgroundOptions;
  #windowMs: number;

  constructor(clock: Clock, activity: Activity, options: BackgroundOptions) {
    this.#clock = clock;
    this.#activity = activity;
    this.#options = options;
    this.#windowMs = clock.monotonicMs();
  }

  /** To be called after every window of that many bytes. */
  async rest(bytes: number): Promise<void> {
    await this.#turn();
    const { bytesPerSecondMin, bytesPerSecondMax } = this.#options;
    const earliest = bytesPerSecondMax === 0 ? 0 : (bytes / bytesPerSecondMax) * 1000;
    const latest = bytesPerSecondMin === 0 ? Infinity : (bytes / bytesPerSecondMin) * 1000;
    await this.#sleep(this.#windowMs + earliest - this.#clock.monotonicMs());
    while (!this.#activity.isIdle) {
      const left = this.#windowMs + latest - this.#clock.monotonicMs();
      if (left <= 0) break;
      await this.#sleep(Math.min(left, IDLE_MS));
    }
    this.#windowMs = this.#clock.monotonicMs();
  }

  /** Lets everything else that is ready go first. */
  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#clock.soon(resolve);
    });
  }

  async #sleep(delayMs: number): Promise<void> {
    if (delayMs <= 0) return;
    await new Promise<void>((resolve) => {
      this.#clock.after(delayMs, resolve);
    });
  }
}
