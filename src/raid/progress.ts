/** How far work in the background has come. */

import type { Clock } from "../world/world.ts";

/** What is done to an array in the background. */
export type JobKind = "rebuild" | "replace" | "scrub" | "reshape";

/** How far work in the background is. */
export interface JobProgress {
  readonly kind: JobKind;
  /** The member that it is about, if it is about one. */
  readonly member: string | undefined;
  /** Bytes of each member. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Since it was begun or resumed; undefined until there is something to tell. */
  readonly bytesPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
}

export class ProgressMeter {
  readonly kind: JobKind;
  readonly #member: string | undefined;
  readonly #clock: Clock;
  readonly #beganMs: number;
  readonly #beganBytes: number;
  #doneBytes: number;
  #totalBytes: number;

  constructor(
    kind: JobKind,
    member: string | undefined,
    clock: Clock,
    doneBytes: number,
    totalBytes: number,
  ) {
    this.kind = kind;
    this.#member = member;
    this.#clock = clock;
    this.#beganMs = clock.monotonicMs();
    this.#beganBytes = doneBytes;
    this.#doneBytes = doneBytes;
    this.#totalBytes = totalBytes;
  }

  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#beganMs;
  }

  /** The array may be larger than it was, and so may be what there is to do. */
  advance(doneBytes: number, totalBytes: number): void {
    this.#doneBytes = doneBytes;
    this.#totalBytes = totalBytes;
  }

  progress(): JobProgress {
    const done = this.#doneBytes - this.#beganBytes;
    const seconds = this.elapsedMs / 1000;
    const rate = 0 < seconds && 0 < done ? done / seconds : undefined;
    const left = this.#totalBytes - this.#doneBytes;
    return {
      kind: this.kind,
      member: this.#member,
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      bytesPerSecond: rate,
      secondsLeft: rate === undefined ? undefined : left / rate,
    };
  }
}
