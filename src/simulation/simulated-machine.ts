/**
 * A simulated machine: a name, a disk, a clock, and the processes that run on it. Its disk stays
 * when it crashes; everything else begins anew.
 */

import type { SeededRandom } from "../base/random.ts";
import type { World } from "../world/world.ts";
import type { Scheduler } from "./scheduler.ts";
import { MachineClock, SimulatedClock } from "./simulated-clock.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { type FileParts, SimulatedFiles } from "./simulated-files.ts";
import { SimulatedNetwork, type SimulatedSwitch } from "./simulated-network.ts";
import { type Death, SimulatedProcess } from "./simulated-process.ts";

/** Every machine has so much: nothing is simulated of how it is used. */
const MEMORY_BYTES: number = 1 << 30;

export interface MachineParts {
  readonly scheduler: Scheduler;
  readonly fabric: SimulatedSwitch;
  readonly random: SeededRandom;
  readonly diskTimes: FileParts["times"];
}

export class SimulatedMachine {
  readonly name: string;
  readonly disk: SimulatedDisk = new SimulatedDisk();
  readonly clock: MachineClock;
  /** Told of each crash that a rule of the disk's plan ordered. */
  crashed: ((how: Death) => void) | undefined;
  readonly #parts: MachineParts;
  #processes: SimulatedProcess[] = [];
  #startCount = 0;
  #bootCount = 1;
  #first: SimulatedProcess | undefined;

  constructor(name: string, parts: MachineParts) {
    this.name = name;
    this.#parts = parts;
    this.clock = new MachineClock(parts.scheduler);
  }

  /** The World of its first process, which is started if none lives. */
  get world(): World {
    if (this.#first === undefined || this.#first.isDead) this.#first = this.start();
    return this.#first.world;
  }

  /** The processes that live. */
  get processes(): readonly SimulatedProcess[] {
    return this.#processes;
  }

  /** Starts another process. */
  start(): SimulatedProcess {
    const count = ++this.#startCount;
    const { scheduler, fabric } = this.#parts;
    const random = this.#parts.random.stream(`process ${count}`);
    const process: SimulatedProcess = new SimulatedProcess({
      scheduler,
      name: `${this.name}#${count}`,
      identity: {
        host: this.name,
        pid: 1000 + count,
        bootId: `${this.name}-boot-${this.#bootCount}`,
        startedMs: this.clock.wallMs(),
        memoryBytes: MEMORY_BYTES,
      },
      random: random.stream("program"),
      clock: (owner) => new SimulatedClock(this.clock, scheduler, owner),
      files: (owner) => new SimulatedFiles(this.#fileParts(owner, random.stream("disk"))),
      network: (owner) => new SimulatedNetwork(fabric, owner, this.name),
    });
    this.#processes = [...this.#processes, process];
    process.onKill(() => {
      this.#processes = this.#processes.filter((other) => other !== process);
    });
    scheduler.note(process.name, "started");
    return process;
  }

  /**
   * Kills all processes. With `power` the disk also loses what was not durable; with `process` it
   * keeps it in its page cache.
   */
  crash(how: Death): void {
    for (const process of this.#processes) process.kill(how);
    if (how === "process") return;
    this.#bootCount++;
    this.#parts.scheduler.note(this.name, "power lost");
    this.disk.losePower(this.#parts.random.stream(`boot ${this.#bootCount}`));
  }

  /** Nothing happens to its processes until it is resumed. Its time goes on. */
  pause(): void {
    for (const process of this.#processes) process.pause();
  }

  resume(): void {
    for (const process of this.#processes) process.resume();
  }

  #fileParts(process: SimulatedProcess, random: SeededRandom): FileParts {
    return {
      disk: this.disk,
      process,
      random,
      times: this.#parts.diskTimes,
      crash: (how) => {
        if (how === "power") this.crash(how);
        else process.kill();
        this.crashed?.(how);
      },
    };
  }
}
