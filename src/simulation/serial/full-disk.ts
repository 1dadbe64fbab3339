/**
 * A disk that is full for a while, and then has room again: either its files cannot become longer,
 * or, as on disks that promise more than they have, nothing can be written to a store's pages but
 * to those that hold its log, which were written before.
 */

import type { ByteRange, FaultRule } from "../../volume/fault-plan.ts";
import type { SimulatedDisk } from "../simulated-disk.ts";
import type { SimulatedWorld } from "../simulated-world.ts";
import { pageRanges } from "./page-ranges.ts";

export interface FullTime {
  readonly refuses: "growth" | "pages";
  /** From when clients begin or, in a life after the first, from its opening. */
  readonly afterMs: number;
  readonly forMs: number;
}

/** The store that the disk is full for. */
interface StoreOnDisk {
  readonly path: string;
  /** Where its log lies now. */
  readonly logRanges: () => readonly ByteRange[];
}

export class FullDisk {
  readonly #simulation: SimulatedWorld;
  readonly #disk: SimulatedDisk;
  readonly #time: FullTime;
  readonly #store: StoreOnDisk;
  #rules: readonly FaultRule[] = [];
  #cancel: () => void = () => undefined;
  isFull = false;
  wasFull = false;

  constructor(simulation: SimulatedWorld, disk: SimulatedDisk, time: FullTime, store: StoreOnDisk) {
    this.#simulation = simulation;
    this.#disk = disk;
    this.#time = time;
    this.#store = store;
  }

  /** From now on the time is counted. */
  begin(): void {
    const { afterMs, forMs } = this.#time;
    this.#cancel = this.#simulation.after(afterMs, () => {
      this.#fill();
      this.#cancel = this.#simulation.after(forMs, () => this.end());
    });
  }

  /** There is room again, for good. */
  end(): void {
    this.#cancel();
    if (!this.isFull) return;
    this.isFull = false;
    this.#disk.capacityBytes = Number.POSITIVE_INFINITY;
    for (const rule of this.#rules) this.#disk.plan.remove(rule);
    this.#rules = [];
  }

  #fill(): void {
    this.isFull = true;
    this.wasFull = true;
    if (this.#time.refuses === "growth") this.#disk.capacityBytes = this.#disk.usedBytes();
    else this.#refusePages();
  }

  #refusePages(): void {
    const { path, logRanges } = this.#store;
    const operations = ["write", "durable"] as const;
    const fault = { kind: "full" } as const;
    this.#rules = pageRanges(logRanges()).map((range) => {
      return { operations, path, range, skip: 0, count: "forever", fault };
    });
    for (const rule of this.#rules) this.#disk.plan.add(rule);
  }
}
