/**
 * An array that lives and fails by the dice: the same assumptions as the Markov chain, told as
 * disks that work, fail, are ordered, arrive and are rebuilt. It shares no formula with the chain,
 * so that the two can judge each other.
 *
 * What need not be diced is not. A loss that hits with a known probability is booked with that
 * share of the path's weight, and the path goes on with the rest.
 */

import type { SeededRandom } from "../base/random.ts";
import type { ArrayModel, GroupModel } from "./group-model.ts";

const LOW_NUMBERS = 2 ** 26;
const HIGH_NUMBERS = 2 ** 27;
const BITS_PER_BYTE = 8;

/** Strictly between 0 and 1. */
export function uniform(random: SeededRandom): number {
  const high = random.below(HIGH_NUMBERS);
  return (high * LOW_NUMBERS + random.below(LOW_NUMBERS) + 0.5) / (LOW_NUMBERS * HIGH_NUMBERS);
}

interface SimulatedGroup {
  failed: number;
  /** New members at hand: spares, and what was delivered and is being filled. */
  blank: number;
  ordered: number;
}

type EventKind = "failure" | "rebuilt" | "delivery";

export interface ArrayEvent {
  readonly kind: EventKind;
  readonly groupIndex: number;
  readonly perHour: number;
  /** A failure that brings a group nearer to loss which has not overcome an earlier one. */
  readonly isDanger: boolean;
}

export class SimulatedArray {
  readonly #model: GroupModel;
  readonly #groups: readonly SimulatedGroup[];
  /** The share of the path that is not lost yet. */
  weight = 1;
  lostWeight = 0;

  constructor({ group, groupCount }: ArrayModel) {
    this.#model = group;
    this.#groups = Array.from({ length: groupCount }, () => ({
      failed: 0,
      blank: group.spareCount,
      ordered: 0,
    }));
  }

  get isFresh(): boolean {
    return this.#groups.every(({ failed, ordered }) => failed === 0 && ordered === 0);
  }

  /** After how many failures the worst group still is not whole, or waits for new members. */
  get depth(): number {
    return this.#groups.reduce((most, group) => Math.max(most, depthOf(group)), 0);
  }

  /** The rate of losses that hit without any event before them. */
  get suddenLossesPerHour(): number {
    const { commonCauseShare, mttfHours, toleratedCount, sectorErrors } = this.#model;
    const bare = this.#groups.filter(({ failed }) => failed === toleratedCount).length;
    const common = (this.#groups.length * commonCauseShare) / mttfHours;
    return common + (bare * this.#survivorCount) / sectorErrors.latentMttfHours;
  }

  events(): readonly ArrayEvent[] {
    const { memberCount, mttfHours, mttrHours, commonCauseShare, replaceHours } = this.#model;
    const { repair, toleratedCount } = this.#model;
    const events: ArrayEvent[] = [];
    for (const [groupIndex, group] of this.#groups.entries()) {
      const { failed, blank, ordered } = group;
      const working = memberCount - failed;
      const isDanger = 0 < depthOf(group) || toleratedCount === 0;
      const failing = (working * (1 - commonCauseShare)) / mttfHours;
      events.push({ kind: "failure", groupIndex, perHour: failing, isDanger });
      const fillable = replaceHours === 0 ? failed : Math.min(failed, blank);
      const filling = repair === "serial" ? Math.min(1, fillable) : fillable;
      const rebuilt = filling / mttrHours;
      if (0 < rebuilt) {
        events.push({ kind: "rebuilt", groupIndex, perHour: rebuilt, isDanger: false });
      }
      const delivered = ordered === 0 ? 0 : ordered / replaceHours;
      if (0 < delivered) {
        events.push({ kind: "delivery", groupIndex, perHour: delivered, isDanger: false });
      }
    }
    return events;
  }

  /** Time goes by without an event. */
  stay(hours: number): void {
    this.#lose(-Math.expm1(-this.suddenLossesPerHour * hours));
  }

  /** The same until the next of events that come at this rate, on average over all such times. */
  stayUntilEvent(perHour: number): void {
    const sudden = this.suddenLossesPerHour;
    this.#lose(sudden / (sudden + perHour));
  }

  /** `scrubbedHours`: how long ago everything was read and put right. */
  happen({ kind, groupIndex }: ArrayEvent, scrubbedHours: number): void {
    const group = this.#groups[groupIndex] as SimulatedGroup;
    switch (kind) {
      case "failure":
        this.#fail(group, scrubbedHours);
        break;
      case "rebuilt":
        if (group.failed === this.#model.toleratedCount) this.#lose(this.#unreadable());
        group.failed--;
        if (0 < this.#model.replaceHours) group.blank--;
        break;
      case "delivery":
        group.ordered--;
        group.blank++;
        break;
    }
  }

  #fail(group: SimulatedGroup, scrubbedHours: number): void {
    const { toleratedCount, replaceHours, sectorErrors } = this.#model;
    if (group.failed === toleratedCount) {
      this.#lose(1);
      return;
    }
    group.failed++;
    if (0 < replaceHours) group.ordered++;
    if (group.failed < toleratedCount) return;
    const gathered = (this.#survivorCount * scrubbedHours) / sectorErrors.latentMttfHours;
    this.#lose(-Math.expm1(-gathered));
  }

  #lose(share: number): void {
    this.lostWeight += this.weight * share;
    this.weight *= 1 - share;
  }

  #unreadable(): number {
    const { errorsPerBit, memberBytes } = this.#model.sectorErrors;
    const bits = this.#survivorCount * memberBytes * BITS_PER_BYTE;
    return errorsPerBit === 0 ? 0 : -Math.expm1(bits * Math.log1p(-errorsPerBit));
  }

  get #survivorCount(): number {
    return this.#model.memberCount - this.#model.toleratedCount;
  }
}

function depthOf({ failed, ordered }: SimulatedGroup): number {
  return Math.max(failed, ordered);
}
