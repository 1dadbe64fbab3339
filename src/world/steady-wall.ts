/**
 * Makes of whatever a machine says of the date a wall clock that never goes back within a process,
 * and not behind a moment from which it is told to go on.
 *
 * Where the machine is behind, it runs on at the pace of the monotonic clock rather than stand
 * still until the machine has caught up: what is to last ten seconds lasts ten seconds. So the two
 * clocks are compared now and then, as long as somebody asks, and whenever the machine jumped.
 */

import type { Clock } from "./world.ts";

/** While the machine goes on, the clocks are compared once in such a time. */
const COMPARED_EVERY_MS = 1000;
/** A machine that is behind by less is followed, and one whose clock differs by such a share. */
const TOLERATED_MS = 1000;
const TOLERATED_SHARE = 0.001;

export class SteadyWall {
  readonly #monotonic: Pick<Clock, "monotonicMs">;
  #lastMs = 0;
  /** As long as the machine says less than this, and no less than before, it is believed. */
  #believedMs = 0;
  /** What the clocks were when they were compared last, or when the machine fell behind. */
  #comparedMs = 0;
  #monotonicMs = 0;
  #isBehind = false;

  constructor(monotonic: Pick<Clock, "monotonicMs">) {
    this.#monotonic = monotonic;
  }

  /** What it is, where the machine says that it is `machineMs`. */
  read(machineMs: number): number {
    if (this.#lastMs <= machineMs && machineMs < this.#believedMs) this.#lastMs = machineMs;
    else this.#compare(machineMs);
    return this.#lastMs;
  }

  startFrom(wallMs: number, machineMs: number): void {
    if (wallMs <= this.read(machineMs)) return;
    this.#runOnFrom(wallMs, this.#monotonic.monotonicMs());
  }

  #compare(machineMs: number): void {
    const nowMs = this.#monotonic.monotonicMs();
    const passedMs = nowMs - this.#monotonicMs;
    const ownMs = Math.max(this.#lastMs, Math.floor(this.#comparedMs + passedMs));
    const toleratedMs = this.#isBehind ? 0 : TOLERATED_MS + passedMs * TOLERATED_SHARE;
    const isFollowed = this.#lastMs <= machineMs && ownMs - toleratedMs <= machineMs;
    if (this.#comparedMs === 0 || isFollowed)
      this.#follow(Math.max(this.#lastMs, machineMs), nowMs);
    else if (this.#isBehind) this.#lastMs = ownMs;
    else this.#runOnFrom(ownMs, nowMs);
  }

  #follow(wallMs: number, nowMs: number): void {
    this.#isBehind = false;
    this.#lastMs = wallMs;
    this.#believedMs = wallMs + COMPARED_EVERY_MS;
    this.#comparedMs = wallMs;
    this.#monotonicMs = nowMs;
  }

  #runOnFrom(wallMs: number, nowMs: number): void {
    this.#isBehind = true;
    this.#lastMs = wallMs;
    this.#believedMs = 0;
    this.#comparedMs = wallMs;
    this.#monotonicMs = nowMs;
  }
}
