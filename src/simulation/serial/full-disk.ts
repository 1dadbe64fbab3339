/**
 * A disk that is full for a while, and then has room again: either its files cannot become longer,
 * or, as on disks that promise more than they have, nothing can be written to a store's pages.
 */

import type { FaultRule } from "../../volume/fault-plan.ts";
import type { SimulatedDisk } from "../simulated-disk.ts";
import type { SimulatedWorld } from "../simulated-world.ts";

export interface FullTime {
  readonly refuses: "growth" | "pages";
  /** From when clients begin or, in a life after the first, from its opening. */
  readonly afterMs: number;
  readonly forMs: number;
}

const EVERYTHING_BEHIND = 2 ** 40;

export class FullDisk {
  readonly #simulation: SimulatedWorld;
  readonly #disk: SimulatedDisk;
  readonly #time: FullTime;
  readonly #rule: FaultRule;
  #cancel: () => void = () => undefined;
  isFull = false;
  wasFull = false;

  /** The pages of the store at `path` begin at the byte `pagesAt`. */
  constructor(
    simulation: SimulatedWorld,
    disk: SimulatedDisk,
    time: FullTime,
    store: { readonly path: string; readonly pagesAt: number },
  ) {
    this.#simulation = simulation;
    this.#disk = disk;
    this.#time = time;
    this.#rule = {
      operations: ["write", "durable"],
      path: store.path,
      range: { at: store.pagesAt, length: EVERYTHING_BEHIND },
      skip: 0,
      count: "forever",
      fault: { kind: "full" },
    };
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
    this.#disk.plan.remove(this.#rule);
  }

  #fill(): void {
    this.isFull = true;
    this.wasFull = true;
    if (this.#time.refuses === "growth") this.#disk.capacityBytes = this.#disk.usedBytes();
    else this.#disk.plan.add(this.#rule);
  }
}
