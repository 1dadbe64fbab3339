/**
 * One life of a process on a simulated machine. When it is killed, everything that was still to
 * happen to it never happens, and whatever its code goes on to do has no effect.
 */

import { bestChecksums } from "../base/checksums.ts";
import type { SeededRandom } from "../base/random.ts";
import type { Network } from "../world/network.ts";
import type { Files } from "../world/files.ts";
import type { Clock, ProcessIdentity, Random, Trace, World } from "../world/world.ts";
import type { Owner, Scheduler } from "./scheduler.ts";

/** Whether the process died alone or with its machine, which then tells nobody. */
export type Death = "process" | "power";

export interface ProcessParts {
  readonly scheduler: Scheduler;
  readonly name: string;
  readonly identity: ProcessIdentity;
  readonly random: SeededRandom;
  readonly clock: (process: SimulatedProcess) => Clock;
  readonly files: (process: SimulatedProcess) => Files;
  readonly network: (process: SimulatedProcess) => Network;
}

export class SimulatedProcess implements Owner {
  readonly name: string;
  /** What the program that runs in it is given. */
  readonly world: World;
  readonly #scheduler: Scheduler;
  readonly #whenKilled: ((how: Death) => void)[] = [];
  /** What becomes of the operations under way if it is killed. */
  readonly #underWay = new Set<() => void>();
  #parked: (() => void)[] = [];
  #isDead = false;
  #isPaused = false;

  constructor(parts: ProcessParts) {
    this.name = parts.name;
    this.#scheduler = parts.scheduler;
    const trace: Trace = {
      event: (name, fields) => {
        if (!this.#isDead) parts.scheduler.note(this.name, name, fields);
      },
    };
    const random: Random = parts.random;
    this.world = {
      clock: parts.clock(this),
      random,
      files: parts.files(this),
      network: parts.network(this),
      checksums: bestChecksums(),
      trace,
      process: parts.identity,
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** How many operations on files and connections have begun and not ended. */
  get underWayCount(): number {
    return this.#underWay.size;
  }

  park(again: () => void): void {
    this.#parked.push(again);
  }

  /** Has `clean` called when the process is killed, by the system as it were. */
  onKill(clean: (how: Death) => void): void {
    this.#whenKilled.push(clean);
  }

  /** Stops it at once and for ever, as SIGKILL does. */
  kill(how: Death = "process"): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#parked = [];
    this.#scheduler.note(this.name, "killed");
    for (const cutShort of this.#underWay) cutShort();
    this.#underWay.clear();
    for (const clean of this.#whenKilled.splice(0)) clean(how);
  }

  /** Nothing happens to it until it is resumed, as after SIGSTOP; its time goes on. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const again of this.#parked.splice(0)) again();
  }

  /**
   * Does `effect` after `delayUs`, and settles with what it returns or throws. If the process is
   * killed before, `cutShort` is called instead, and the promise never settles.
   */
  async perform<T>(
    delayUs: number,
    name: string,
    effect: () => T,
    cutShort: () => void = () => undefined,
  ): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      if (this.#isDead) return;
      this.#underWay.add(cutShort);
      this.#scheduler.post(delayUs, this, name, () => {
        this.#underWay.delete(cutShort);
        this.#settle(effect, resolve, reject);
      });
    });
  }

  /** Throws if it was killed, for what cannot simply never end. */
  checkAlive(): void {
    if (this.#isDead) throw new ProcessKilled(`"${this.name}" was killed; nothing can follow`);
  }

  #settle<T>(effect: () => T, resolve: (value: T) => void, reject: (error: unknown) => void): void {
    try {
      const value = effect();
      // The effect may have been the end of the process.
      if (!this.#isDead) resolve(value);
    } catch (error) {
      if (!this.#isDead) reject(error);
    }
  }
}

/** Ends the synchronous code of a process that was killed under it. */
export class ProcessKilled extends Error {
  override readonly name = "ProcessKilled";
}
