/** The ways between simulated machines: how long they take, and which are cut. */

import type { SeededRandom } from "../base/random.ts";

export interface LinkTimes {
  readonly minUs: number;
  readonly maxUs: number;
}

export class SimulatedLinks {
  readonly #times: LinkTimes;
  readonly #slow = new Map<string, LinkTimes>();
  readonly #cut = new Set<string>();
  readonly #whenHealed: (() => void)[] = [];

  constructor(times: LinkTimes) {
    this.#times = times;
  }

  /** How long what is sent now takes, in microseconds. */
  delayUs(from: string, to: string, random: SeededRandom): number {
    const { minUs, maxUs } = this.#slow.get(`${from} ${to}`) ?? this.#times;
    // What stays on one machine takes a tenth.
    const delayUs = minUs + random.below(maxUs - minUs + 1);
    return from === to ? Math.ceil(delayUs / 10) : delayUs;
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from} ${to}`);
  }

  /** From now on nothing sent that way arrives, until it is healed. */
  cutOneWay(from: string, to: string): void {
    this.#cut.add(`${from} ${to}`);
  }

  /** Cuts every way between machines of different groups, both ways. */
  partition(...groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue;
        for (const from of group) for (const to of other) this.cutOneWay(from, to);
      }
    }
  }

  healOneWay(from: string, to: string): void {
    this.#cut.delete(`${from} ${to}`);
    this.#tellHealed();
  }

  /** Heals every cut; what was held back arrives. */
  heal(): void {
    this.#cut.clear();
    this.#tellHealed();
  }

  /** Makes the way take that long from now on. */
  slowDown(from: string, to: string, times: LinkTimes): void {
    this.#slow.set(`${from} ${to}`, times);
  }

  /** Has `again` called once, when something has been healed. */
  onHealed(again: () => void): void {
    this.#whenHealed.push(again);
  }

  #tellHealed(): void {
    for (const again of this.#whenHealed.splice(0)) again();
  }
}
