/**
 * Continuous-time Markov chains that end. A chain begins in state 0, goes from state to state at
 * constant rates, and from some of them to its end, here called lost, which nothing leaves.
 */

import { assert } from "../base/assert.ts";

export interface Transition<State> {
  readonly to: State | "lost";
  readonly perHour: number;
}

export interface AbsorbingChain {
  readonly stateCount: number;
  /**
   * Rates per hour, a row for each state it leaves: a column for each state it enters, and a last
   * one for the end. The diagonal is zero.
   */
  readonly rates: Float64Array;
}

/** The chain of all states that can be reached; states are the same if their names are. */
export function exploreChain<State>(
  start: State,
  nameOf: (state: State) => string,
  leave: (state: State) => readonly Transition<State>[],
): AbsorbingChain {
  const states = [start];
  const indexes = new Map([[nameOf(start), 0]]);
  const found: { from: number; to: number; perHour: number }[] = [];
  // The list grows while it is gone through, until nothing new is reached.
  for (let from = 0; from < states.length; from++) {
    for (const { to, perHour } of leave(states[from] as State)) {
      if (perHour === 0) continue;
      if (to === "lost") {
        found.push({ from, to: -1, perHour });
        continue;
      }
      const known = indexes.get(nameOf(to));
      if (known === undefined) indexes.set(nameOf(to), states.push(to) - 1);
      found.push({ from, to: known ?? states.length - 1, perHour });
    }
  }
  const stateCount = states.length;
  const width = stateCount + 1;
  const rates = new Float64Array(stateCount * width);
  for (const { from, to, perHour } of found) {
    assert(0 < perHour && from !== to, "a rate is positive and leads elsewhere");
    const at = from * width + (to === -1 ? stateCount : to);
    rates[at] = (rates[at] as number) + perHour;
  }
  return { stateCount, rates };
}
