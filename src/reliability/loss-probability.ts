/**
 * The probability that a chain has ended by a time, exactly, also where it is 1e-30 and where
 * repair is a million times as fast as failure.
 *
 * The matrix of a very short step comes from uniformization: a Poisson number of jumps of a chain
 * in discrete time. Doubling the step by squaring the matrix then reaches any time, in as many
 * rounds as the time has binary digits; plain uniformization would need a round for each jump.
 * Both add and multiply what is not negative and subtract nothing, and after each round a row is
 * scaled back to the sum of one that it must have, without which the rounding of the diagonal
 * would double too. What is left is a relative error of some units of rounding for each round.
 */

import type { AbsorbingChain } from "./absorbing-chain.ts";

/** Each is accurate in itself: neither is one less the other. */
export interface LossProbability {
  readonly lost: number;
  readonly survived: number;
}

/** A step short enough for at most 2^-10 jumps on average. */
const STEP_DOUBLINGS = 10;
/** More jumps in such a step are rarer than 1e-30 of those that count. */
const JUMPS_MAX = 8;

export function lossWithin(chain: AbsorbingChain, hours: number): LossProbability {
  const perHour = greatestLeaving(chain);
  const jumps = perHour * hours;
  if (jumps === 0) return { lost: 0, survived: 1 };

  const doublings = Math.max(0, Math.ceil(Math.log2(jumps))) + STEP_DOUBLINGS;
  let step = shortStep(chain, perHour, jumps * 2 ** -doublings);
  for (let round = 0; round < doublings; round++) {
    step = product(chain.stateCount, step, step);
    scaleRows(chain.stateCount, step);
  }
  const lost = step[chain.stateCount] as number;
  return { lost, survived: step.subarray(0, chain.stateCount).reduce((sum, one) => sum + one, 0) };
}

function greatestLeaving({ stateCount, rates }: AbsorbingChain): number {
  let greatest = 0;
  for (let state = 0; state < stateCount; state++) {
    greatest = Math.max(greatest, leavingOf(stateCount, rates, state));
  }
  return greatest;
}

function leavingOf(stateCount: number, rates: Float64Array, state: number): number {
  const width = stateCount + 1;
  return rates.subarray(state * width, (state + 1) * width).reduce((sum, rate) => sum + rate, 0);
}

/** The matrix of a step in which so few jumps happen on average. */
function shortStep(chain: AbsorbingChain, perHour: number, jumps: number): Float64Array {
  const { stateCount, rates } = chain;
  const width = stateCount + 1;
  const jump = rates.map((rate) => rate / perHour);
  let power: Float64Array = new Float64Array(rates.length);
  for (let state = 0; state < stateCount; state++) {
    jump[state * width + state] = 1 - leavingOf(stateCount, rates, state) / perHour;
    power[state * width + state] = 1;
  }
  const step = new Float64Array(rates.length);
  let weight = Math.exp(-jumps);
  for (let count = 0; count <= JUMPS_MAX; count++) {
    for (let at = 0; at < step.length; at++) {
      step[at] = (step[at] as number) + weight * (power[at] as number);
    }
    power = product(stateCount, power, jump);
    weight *= jumps / (count + 1);
  }
  scaleRows(stateCount, step);
  return step;
}

/** First `left`, then `right`; what was lost stays lost. */
function product(stateCount: number, left: Float64Array, right: Float64Array): Float64Array {
  const width = stateCount + 1;
  const result = new Float64Array(left.length);
  for (let row = 0; row < stateCount; row++) {
    const start = row * width;
    result[start + stateCount] = left[start + stateCount] as number;
    for (let via = 0; via < stateCount; via++) {
      const share = left[start + via] as number;
      if (share === 0) continue;
      for (let to = 0; to < width; to++) {
        result[start + to] =
          (result[start + to] as number) + share * (right[via * width + to] as number);
      }
    }
  }
  return result;
}

function scaleRows(stateCount: number, matrix: Float64Array): void {
  const width = stateCount + 1;
  for (let row = 0; row < stateCount; row++) {
    const entries = matrix.subarray(row * width, (row + 1) * width);
    const sum = entries.reduce((total, entry) => total + entry, 0);
    for (let at = 0; at < width; at++) entries[at] = (entries[at] as number) / sum;
  }
}
