/**
 * The mean time until a chain ends, exactly: the solution of the linear system in which each
 * state's mean is its own mean stay plus the weighted means of where it goes.
 *
 * States are eliminated one by one as Grassmann, Taksar and Heyman do: what leaves a state is
 * summed anew from the rates that are left, and nothing is ever subtracted. So every digit holds,
 * however far the rates are apart; Gaussian elimination would lose all of them once repair is 1e8
 * times as fast as failure. What is longer than the longest time that a number can say is infinite.
 */

import { assert } from "../base/assert.ts";
import type { AbsorbingChain } from "./absorbing-chain.ts";

export function meanHoursToLoss(chain: AbsorbingChain): number {
  const { stateCount } = chain;
  const width = stateCount + 1;
  const rates = chain.rates.slice();
  const hours = new Float64Array(stateCount).fill(1);
  for (let last = stateCount - 1; 0 < last; last--) {
    const leaving = sumLeaving(rates, width, last);
    assert(0 < leaving, "the end is reached from everywhere");
    for (let state = 0; state < last; state++) {
      const share = (rates[state * width + last] as number) / leaving;
      if (share === 0) continue;
      for (let to = 0; to < width; to++) {
        if (to === state || (last <= to && to < stateCount)) continue;
        rates[state * width + to] =
          (rates[state * width + to] as number) + share * (rates[last * width + to] as number);
      }
      hours[state] = (hours[state] as number) + share * (hours[last] as number);
    }
  }
  const leaving = sumLeaving(rates, width, 0);
  return leaving === 0 ? Number.POSITIVE_INFINITY : (hours[0] as number) / leaving;
}

/** The rate at which a state is left to those before it, and to the end. */
function sumLeaving(rates: Float64Array, width: number, state: number): number {
  let sum = rates[state * width + width - 1] as number;
  for (let to = 0; to < state; to++) sum += rates[state * width + to] as number;
  return sum;
}
