/**
 * Makes of whatever a machine says of the date a wall clock that never goes back within a process,
 * and not behind a moment from which it is told to go on.
 *
 * Where the machine is behind, it runs on at the pace of the monotonic clock rather than stand
 * still until the machine has caught up: what is to last ten seconds lasts ten seconds.
 */

import type { Clock } from "./world.ts";

export class SteadyWall {
  readonly #monotonic: Pick<Clock, "monotonicMs">;
  #lastMs = 0;
  /** By how much it is ahead of the monotonic clock, while the machine is behind. */
  #aheadMs: number | undefined;

  constructor(monotonic: Pick<Clock, "monotonicMs">) {
    this.#monotonic = monotonic;
  }

  /** What it is, where the machine says that it is `machineMs`. */
  read(machineMs: number): number {
    if (this.#lastMs <= machineMs && this.#aheadMs === undefined) this.#lastMs = machineMs;
    else this.#runOn(machineMs);
    return this.#lastMs;
  }

  startFrom(wallMs: number, machineMs: number): void {
    if (wallMs <= this.read(machineMs)) return;
    this.#lastMs = wallMs;
    this.#aheadMs = wallMs - this.#monotonic.monotonicMs();
  }

  #runOn(machineMs: number): void {
    const nowMs = this.#monotonic.monotonicMs();
    this.#aheadMs ??= this.#lastMs - nowMs;
    const ownMs = Math.max(this.#lastMs, Math.floor(nowMs + this.#aheadMs));
    if (ownMs <= machineMs) this.#aheadMs = undefined;
    this.#lastMs = Math.max(ownMs, machineMs);
  }
}
