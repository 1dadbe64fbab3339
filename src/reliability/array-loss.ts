/**
 * MTTDL, the mean time to data loss, and the probability of data loss within a mission, of groups
 * beside each other. Groups are alike and independent, each with its own spares.
 */

import type { AbsorbingChain } from "./absorbing-chain.ts";
import { groupChain, wholeGroupChain } from "./group-chain.ts";
import { type ArrayModel, checkArray, demandHours } from "./group-model.ts";
import { lossWithin } from "./loss-probability.ts";
import { meanHoursToLoss } from "./mean-time-to-loss.ts";

/** Of the logarithm of time. The error of the sum falls as exp(-const / width). */
const STRIP_WIDTH = 0.1;
/** Of the mean of one group; so late not one in 1e20 is left. */
const LATEST = 60;
const NEGLIGIBLE = 1e-16;

/** The mean time until any data is lost, be it a block. */
export function mttdlHours(array: ArrayModel): number {
  checkArray(array);
  return meanHoursOfGroups(groupChain(array.group), array.groupCount);
}

/** The probability that any data is lost by then, be it a block. */
export function lossProbability(array: ArrayModel, hours: number): number {
  checkArray(array);
  demandHours("missionHours", hours, 0);
  return anyLost(groupChain(array.group), array.groupCount, hours);
}

/** The probability that more members fail than a group can bear; blocks do not count. */
export function wholeLossProbability(array: ArrayModel, hours: number): number {
  checkArray(array);
  demandHours("missionHours", hours, 0);
  return anyLost(wholeGroupChain(array.group), array.groupCount, hours);
}

function anyLost(chain: AbsorbingChain, groupCount: number, hours: number): number {
  return -Math.expm1(logSurvival(chain, groupCount, hours));
}

function logSurvival(chain: AbsorbingChain, groupCount: number, hours: number): number {
  const { lost, survived } = lossWithin(chain, hours);
  return groupCount * (lost < survived ? Math.log1p(-lost) : Math.log(survived));
}

/**
 * One group is a linear system. The chain of several together would have too many states, so their
 * mean is summed: it is the integral, over all time, of the probability that all are well, which
 * the trapezoidal rule on a logarithmic scale of time gives to some twelve digits.
 */
function meanHoursOfGroups(chain: AbsorbingChain, groupCount: number): number {
  const single = meanHoursToLoss(chain);
  if (groupCount === 1) return single;
  // Nothing but failures matters so late, and they come as often as there are groups.
  if (!Number.isFinite(LATEST * single)) return single / groupCount;

  let sum = 0;
  for (let strip = 0; ; strip++) {
    const hours = LATEST * single * Math.exp(-strip * STRIP_WIDTH);
    const survival = Math.exp(logSurvival(chain, groupCount, hours));
    sum += hours * survival * STRIP_WIDTH;
    if (0.5 < survival && hours < NEGLIGIBLE * sum) return sum;
  }
}
