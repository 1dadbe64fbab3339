/**
 * A group as a Markov chain. A state says how many members have failed and how many new ones are
 * on order; data is lost when one fails too many, when a common cause strikes, or when something
 * cannot be read and no redundancy is left:
 *
 * - as the last redundancy goes, with the probability that a latent error was there already;
 * - from then on at the rate of new latent errors;
 * - as a rebuild ends that had none, with the probability that it met an error of reading.
 */

import { type AbsorbingChain, type Transition, exploreChain } from "./absorbing-chain.ts";
import { type GroupModel, noSectorErrors } from "./group-model.ts";
import {
  latentErrorProbability,
  latentErrorsPerHour,
  readErrorProbability,
} from "./sector-errors.ts";

interface GroupState {
  readonly failed: number;
  readonly ordered: number;
}

export function groupChain(group: GroupModel): AbsorbingChain {
  return exploreChain<GroupState>(
    { failed: 0, ordered: 0 },
    ({ failed, ordered }) => `${failed} ${ordered}`,
    (state) => [...failures(group, state), ...repairs(group, state), ...arrivals(group, state)],
  );
}

/** The same without sector errors: what it takes to lose the group and not a block of it. */
export function wholeGroupChain(group: GroupModel): AbsorbingChain {
  return groupChain({ ...group, sectorErrors: noSectorErrors });
}

function failures(group: GroupModel, { failed, ordered }: GroupState): Transition<GroupState>[] {
  const { memberCount, toleratedCount, mttfHours, commonCauseShare, replaceHours } = group;
  const perHour = ((memberCount - failed) * (1 - commonCauseShare)) / mttfHours;
  const common: Transition<GroupState> = { to: "lost", perHour: commonCauseShare / mttfHours };
  if (failed === toleratedCount) {
    return [common, { to: "lost", perHour: perHour + latentErrorsPerHour(group) }];
  }
  const isLast = failed + 1 === toleratedCount;
  const lossShare = isLast ? latentErrorProbability(group) : 0;
  const to = { failed: failed + 1, ordered: replaceHours === 0 ? 0 : ordered + 1 };
  return [
    common,
    { to: "lost", perHour: perHour * lossShare },
    { to, perHour: perHour * (1 - lossShare) },
  ];
}

function repairs(group: GroupModel, { failed, ordered }: GroupState): Transition<GroupState>[] {
  const replacements = Math.min(failed, group.spareCount + failed - ordered);
  const crews = group.repair === "parallel" ? replacements : Math.min(1, replacements);
  const perHour = crews / group.mttrHours;
  if (perHour === 0) return [];

  const lossShare = failed === group.toleratedCount ? readErrorProbability(group) : 0;
  return [
    { to: "lost", perHour: perHour * lossShare },
    { to: { failed: failed - 1, ordered }, perHour: perHour * (1 - lossShare) },
  ];
}

function arrivals(group: GroupModel, { failed, ordered }: GroupState): Transition<GroupState>[] {
  if (ordered === 0) return [];
  return [{ to: { failed, ordered: ordered - 1 }, perHour: ordered / group.replaceHours }];
}
