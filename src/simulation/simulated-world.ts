/**
 * The simulated world: machines, their disks and the network between them, in one thread, on
 * virtual time, from one seed. The same seed and the same program give the same run, event by
 * event, which `traceHash` shows.
 */

import { must } from "../base/assert.ts";
import { SeededRandom } from "../base/random.ts";
import { Scheduler } from "./scheduler.ts";
import type { FileParts } from "./simulated-files.ts";
import type { LinkTimes, SimulatedLinks } from "./simulated-links.ts";
import { SimulatedMachine } from "./simulated-machine.ts";
import { SimulatedSwitch } from "./simulated-network.ts";
import type { TraceRecord } from "./trace-record.ts";

export interface SimulationOptions {
  readonly seed: number;
  /**
   * Resolves when no promise can settle any more without an event: one turn of the real loop, such
   * as `setImmediate` makes.
   */
  readonly drain: () => Promise<void>;
  readonly eventCountMax: number;
  readonly linkTimes: LinkTimes;
  readonly diskTimes: FileParts["times"];
}

/** All but `seed` and `drain`, which must be given. */
export const defaultSimulationOptions: Omit<SimulationOptions, "seed" | "drain"> = {
  eventCountMax: 10_000_000,
  linkTimes: { minUs: 100, maxUs: 1000 },
  diskTimes: {
    read: { minUs: 50, maxUs: 200 },
    write: { minUs: 5, maxUs: 50 },
    sync: { minUs: 100, maxUs: 500 },
    name: { minUs: 5, maxUs: 50 },
  },
};

/** Nothing is left to happen, and what was to be awaited has not come about. */
export class Deadlock extends Error {
  override readonly name = "Deadlock";
}

export class SimulatedWorld {
  readonly seed: number;
  readonly #options: SimulationOptions;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #fabric: SimulatedSwitch;
  readonly #machines = new Map<string, SimulatedMachine>();

  constructor(options: SimulationOptions) {
    this.seed = options.seed;
    this.#options = options;
    this.#scheduler = new Scheduler(options);
    this.#random = new SeededRandom(options.seed);
    const random = this.#random.stream("network");
    this.#fabric = new SimulatedSwitch(this.#scheduler, random, options.linkTimes);
  }

  /** Milliseconds of virtual time since the beginning. */
  get nowMs(): number {
    return this.#scheduler.nowUs / 1000;
  }

  get eventCount(): number {
    return this.#scheduler.eventCount;
  }

  get trace(): TraceRecord {
    return this.#scheduler.trace;
  }

  get traceHash(): string {
    return this.#scheduler.trace.hash;
  }

  /** The ways between the machines, to be cut, healed and slowed down. */
  get links(): SimulatedLinks {
    return this.#fabric.links;
  }

  /** The machine of that name, which begins to exist when it is first asked for. */
  node(name: string): SimulatedMachine {
    const known = this.#machines.get(name);
    if (known !== undefined) return known;
    const machine = new SimulatedMachine(name, {
      scheduler: this.#scheduler,
      fabric: this.#fabric,
      random: this.#random.stream(`machine ${name}`),
      diskTimes: this.#options.diskTimes,
    });
    this.#machines.set(name, machine);
    return machine;
  }

  /** Tears down the connections between two machines, at both ends. */
  resetConnections(one: string, other: string): void {
    this.#fabric.reset(one, other);
  }

  /** A stream of randomness for who steers the simulation. */
  random(name: string): SeededRandom {
    return this.#random.stream(`steering ${name}`);
  }

  /** Has `fire` called then, whatever machines are dead. Here faults are put. */
  after(delayMs: number, fire: () => void): () => void {
    return this.#scheduler.post(delayMs * 1000, undefined, "steer", fire);
  }

  /**
   * Runs until what `main` returns settles, and settles the same way. Throws a `Deadlock` if
   * nothing is left to happen before, or `limitMs` of virtual time have passed.
   */
  async run<T>(main: () => Promise<T>, limitMs: number = Number.POSITIVE_INFINITY): Promise<T> {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    const settled = main().then(
      (value) => (outcome = { value }),
      (error: unknown) => (outcome = { error }),
    );
    const endUs = this.#scheduler.nowUs + limitMs * 1000;
    const isOver = (): boolean => outcome !== undefined;
    const hasMore = await this.#scheduler.runUntilUs(endUs, isOver);
    if (!isOver()) throw this.#deadlock(hasMore);
    await settled;
    const known = must(outcome, "the run is over");
    if ("error" in known) throw known.error;
    return known.value;
  }

  /** Lets that much virtual time pass. */
  async runFor(durationMs: number): Promise<void> {
    const endUs = this.#scheduler.nowUs + durationMs * 1000;
    const hasMore = await this.#scheduler.runUntilUs(endUs, () => false);
    if (!hasMore) this.#scheduler.passUntilUs(endUs);
  }

  /** Runs until nothing is left to happen. */
  async runUntilIdle(): Promise<void> {
    await this.#scheduler.runUntilUs(Number.POSITIVE_INFINITY, () => false);
  }

  #deadlock(hasMore: boolean): Deadlock {
    const why = hasMore ? "the time is up" : "nothing is left to happen";
    const living = [...this.#machines.values()].flatMap(({ processes }) => processes);
    const names = living.map(({ name, isPaused }) => (isPaused ? `${name} (paused)` : name));
    const lines = [
      `At ${this.nowMs} ms ${why}, and what was awaited has not come about; seed ${this.seed}.`,
      `Living processes: ${names.join(", ")}`,
      "The last events:",
      ...this.trace.last(30).map((line) => `  ${line}`),
    ];
    return new Deadlock(lines.join("\n"));
  }
}
