/** A machine's clock in virtual time. It may be wrong about the date, and run fast or slow. */

import { assert } from "../base/assert.ts";
import { SteadyWall } from "../world/steady-wall.ts";
import type { Clock } from "../world/world.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** When every simulation begins: the first of January 2030. */
const EPOCH_MS = 1_893_456_000_000;

/** The clock of a machine, which its processes share. */
export class MachineClock {
  readonly #scheduler: Scheduler;
  /** How far it is ahead of the true date; may jump. */
  wallOffsetMs = 0;
  #rate = 1;
  #baseUs = 0;
  #baseLocalMs = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Seconds that it counts in a true one. */
  get rate(): number {
    return this.#rate;
  }

  /** Timers that are set already keep their time. */
  set rate(rate: number) {
    assert(0 < rate, "a clock goes on");
    this.#baseLocalMs = this.localMs();
    this.#baseUs = this.#scheduler.nowUs;
    this.#rate = rate;
  }

  localMs(): number {
    return this.#baseLocalMs + ((this.#scheduler.nowUs - this.#baseUs) / 1000) * this.#rate;
  }

  wallMs(): number {
    return Math.floor(EPOCH_MS + this.wallOffsetMs + this.localMs());
  }
}

export class SimulatedClock implements Clock {
  readonly #machine: MachineClock;
  readonly #scheduler: Scheduler;
  readonly #process: SimulatedProcess;
  readonly #wall = new SteadyWall(this);

  constructor(machine: MachineClock, scheduler: Scheduler, process: SimulatedProcess) {
    this.#machine = machine;
    this.#scheduler = scheduler;
    this.#process = process;
  }

  wallMs(): number {
    return this.#wall.read(this.#machine.wallMs());
  }

  startFrom(wallMs: number): void {
    this.#wall.startFrom(wallMs, this.#machine.wallMs());
  }

  monotonicMs(): number {
    return this.#machine.localMs();
  }

  after(delayMs: number, fire: () => void): () => void {
    const delayUs = (Math.max(0, delayMs) * 1000) / this.#machine.rate;
    return this.#scheduler.post(delayUs, this.#process, "timer", fire);
  }

  soon(fire: () => void): void {
    this.#scheduler.post(0, this.#process, "soon", fire);
  }
}
