/**
 * Waits for what members do, but no longer than they may take, or an eighth more.
 *
 * There is one timer for all that is under way, and none where nothing is.
 */

import { Fault } from "../base/fault.ts";
import type { Clock } from "../world/world.ts";

/** A member took longer than it may. What it was doing may go on. */
export class Stall extends Fault {}

/**
 * Time is counted in so many parts. While the process itself stands still, one passes at most, so
 * that members don't count as stalled because nobody listened to them.
 */
const PARTS = 8;

interface Awaited {
  /** The part at whose end it has stalled. */
  readonly lastPart: number;
  readonly reject: (stall: Stall) => void;
}

export class StallWatch {
  readonly #clock: Clock;
  readonly #stallMs: number;
  /** In the order in which they were begun, and so in that in which they stall. */
  readonly #underWay = new Set<Awaited>();
  #parts = 0;
  #cancel: (() => void) | undefined;

  /** After `stallMs` it is too late; 0: never. */
  constructor(clock: Clock, stallMs: number) {
    this.#clock = clock;
    this.#stallMs = stallMs;
  }

  /** What `running` comes to; rejects with a `Stall` if that takes too long. */
  async inTime<T>(running: Promise<T>): Promise<T> {
    if (this.#stallMs === 0) return await running;
    return await new Promise<T>((resolve, reject: (error: unknown) => void) => {
      const awaited = this.#begin(reject);
      running.then(
        (result) => {
          this.#end(awaited);
          resolve(result);
        },
        (error: unknown) => {
          this.#end(awaited);
          reject(error);
        },
      );
    });
  }

  /** One that begins within a part gets the rest of that, too. */
  #begin(reject: (stall: Stall) => void): Awaited {
    const isWithin = this.#cancel !== undefined;
    const awaited = { lastPart: this.#parts + PARTS + (isWithin ? 1 : 0), reject };
    this.#underWay.add(awaited);
    if (!isWithin) this.#wait();
    return awaited;
  }

  #end(awaited: Awaited): void {
    if (!this.#underWay.delete(awaited) || this.#underWay.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(): void {
    this.#cancel = this.#clock.after(this.#stallMs / PARTS, () => {
      this.#cancel = undefined;
      this.#parts++;
      this.#rejectLate();
      if (this.#underWay.size > 0) this.#wait();
    });
  }

  #rejectLate(): void {
    for (const awaited of this.#underWay) {
      if (this.#parts < awaited.lastPart) return;
      this.#underWay.delete(awaited);
      awaited.reject(new Stall("ERR_IO", `It did not answer for ${this.#stallMs} ms`));
    }
  }
}
