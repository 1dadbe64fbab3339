/**
 * A machine whose date is set back and forth, by hours, while a store runs on it. The time that its
 * process is given must not go back for that, nor stand still.
 */

import type { SeededRandom } from "../../base/random.ts";
import type { Clock } from "../../world/world.ts";
import type { MachineClock } from "../simulated-clock.ts";
import type { SimulatedWorld } from "../simulated-world.ts";

export interface ClockJumps {
  /** The longest time between two. */
  readonly everyMsMax: number;
  /** How far the date is off, at most, in either direction. */
  readonly offsetMsMax: number;
}

export interface WildClockParts {
  readonly simulation: SimulatedWorld;
  readonly machine: MachineClock;
  /** Of the process. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly jumps: ClockJumps;
  readonly violated: (what: string) => void;
}

/** Each of two times was rounded down. */
const ROUNDING_MS = 2;

export class WildClock {
  readonly #parts: WildClockParts;
  #wallMs: number;
  #monotonicMs: number;
  #cancel: () => void = () => undefined;

  constructor(parts: WildClockParts) {
    this.#parts = parts;
    this.#wallMs = parts.clock.wallMs();
    this.#monotonicMs = parts.clock.monotonicMs();
    this.#jump();
  }

  /** Looks at the time of the process, now and then. */
  look(): void {
    const { clock, violated } = this.#parts;
    const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()];
    const passedMs = monotonicMs - this.#monotonicMs;
    const wentMs = wallMs - this.#wallMs;
    if (wentMs < passedMs - ROUNDING_MS) violated(`in ${passedMs} ms its time went on ${wentMs}`);
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
  }

  end(): void {
    this.#cancel();
  }

  #jump(): void {
    const { simulation, machine, random, jumps } = this.#parts;
    machine.wallOffsetMs = random.below(2 * jumps.offsetMsMax) - jumps.offsetMsMax;
    const delayMs = random.below(jumps.everyMsMax * 1000) / 1000;
    this.#cancel = simulation.after(delayMs, () => {
      this.look();
      this.#jump();
    });
  }
}
