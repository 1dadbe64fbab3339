/**
 * A line in which bodies of transactions run one after the other, for as long as each of them ends
 * in the turn in which it began. So none of them is in the way of another, though all of them
 * await what they read.
 *
 * A body that outlasts its turn waits for something else. Those behind it do not wait for that:
 * they all begin, and so do the next ones, since where one waits others are likely to. The more
 * often the first of a line outlasts its turn, the more pass before there is a line again.
 */

import type { Clock } from "../world/world.ts";

/** So many begin in one turn, which is then let end. */
const IN_TURN_MAX = 32;
const PASSES_MIN = 8;
const PASSES_MAX = 1024;
const BRIEF: Promise<boolean> = Promise.resolve(true);
const LASTING: Promise<boolean> = Promise.resolve(false);

interface Place {
  readonly member: object;
  readonly begin: (isBrief: boolean) => void;
}

export class TurnLine {
  readonly #clock: Clock;
  #first: object | undefined;
  #waiting: Place[] = [];
  /** How many of `#waiting` have begun. */
  #begunCount = 0;
  /** Of those that went by the line. */
  #inTurnCount = 0;
  /** So many begin without a line. */
  #passes = 0;
  #passesNext = PASSES_MIN;
  #isWatching = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the member may begin: true if it is likely to be brief. It must leave. */
  enter(member: object): Promise<boolean> {
    if (this.#passes > 0) {
      this.#passes--;
      return LASTING;
    }
    if (this.#first !== undefined || this.#isResting) {
      return new Promise((resolve) => this.#waiting.push({ member, begin: resolve }));
    }
    this.#first = member;
    this.#inTurnCount++;
    this.#watch();
    return BRIEF;
  }

  leave(member: object): void {
    if (this.#first !== member) return;
    this.#passesNext = PASSES_MIN;
    this.#first = undefined;
    if (!this.#isResting) this.#beginNext();
  }

  /** What has been begun in this turn is to be on its way to the disk before more is. */
  get #isResting(): boolean {
    return this.#inTurnCount >= IN_TURN_MAX;
  }

  #beginNext(): void {
    const next = this.#waiting[this.#begunCount];
    if (next === undefined) return;
    this.#begunCount++;
    this.#forgetBegun();
    this.#first = next.member;
    this.#inTurnCount++;
    this.#watch();
    next.begin(true);
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#clock.soon(() => {
      this.#isWatching = false;
      this.#inTurnCount = 0;
      if (this.#first === undefined) this.#beginNext();
      else this.#outlasted();
    });
  }

  /** Whoever is first when everything that could go on has gone on outlasts the turn. */
  #outlasted(): void {
    const waiting = this.#waiting.slice(this.#begunCount);
    this.#empty();
    this.#first = undefined;
    this.#passes = this.#passesNext;
    this.#passesNext = Math.min(2 * this.#passesNext, PASSES_MAX);
    for (const { begin } of waiting) begin(false);
  }

  /** There may always be some that wait, so those that do not are let go in between. */
  #forgetBegun(): void {
    if (this.#waiting.length === this.#begunCount) this.#empty();
    else if (this.#waiting.length < 2 * this.#begunCount) {
      this.#waiting = this.#waiting.slice(this.#begunCount);
      this.#begunCount = 0;
    }
  }

  /** How many are in memory for those that wait. */
  get placeCount(): number {
    return this.#waiting.length;
  }

  #empty(): void {
    this.#waiting = [];
    this.#begunCount = 0;
  }
}
