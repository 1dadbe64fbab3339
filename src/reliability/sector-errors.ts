/**
 * What unreadable sectors do to a group that has no redundancy left. While there is some, an error
 * is repaired when it is met; two in the same stripe are not counted.
 */

import type { GroupModel } from "./group-model.ts";

const BITS_PER_BYTE = 8;

/**
 * How likely a rebuild that must read every remaining member whole, with nothing to fall back on,
 * meets an error of reading.
 */
export function readErrorProbability(group: GroupModel): number {
  const { errorsPerBit, memberBytes } = group.sectorErrors;
  const bits = survivorCount(group) * memberBytes * BITS_PER_BYTE;
  if (errorsPerBit === 0 || bits === 0) return 0;
  return -Math.expm1(bits * Math.log1p(-errorsPerBit));
}

/**
 * How likely one of the remaining members has a latent error at the moment when the last
 * redundancy goes. That moment is somewhere between two scrubs, all places equally likely, and
 * errors have gathered since the first of them.
 */
export function latentErrorProbability(group: GroupModel): number {
  const gathered = latentErrorsPerHour(group) * group.sectorErrors.scrubHours;
  // 1 - (1 - e^-x) / x, whose digits would cancel where x is small.
  if (gathered < 1e-3) return (gathered / 2) * (1 - (gathered / 3) * (1 - gathered / 4));
  return 1 + Math.expm1(-gathered) / gathered;
}

/** New latent errors an hour on all members that remain once the last redundancy is gone. */
export function latentErrorsPerHour(group: GroupModel): number {
  return survivorCount(group) / group.sectorErrors.latentMttfHours;
}

function survivorCount(group: GroupModel): number {
  return group.memberCount - group.toleratedCount;
}
