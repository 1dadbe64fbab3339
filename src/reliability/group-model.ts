/**
 * A group: members that keep data together so that some of them may fail. A mirror, a parity
 * array, a set of replicas, a voting module are all groups; several groups side by side, of which
 * each must survive, are an array.
 *
 * What is assumed is in docs/reliability.md: members fail at a constant rate, independently but
 * for `commonCauseShare`; repairs last an exponential time.
 */

import { Fault } from "../base/fault.ts";
import type { RedundantMembers } from "./availability.ts";

/** Members that make up for each other, as far as they can. */
export interface GroupModel extends RedundantMembers {
  /** Members that wait for another to fail. While they wait they do not fail. */
  readonly spareCount: number;
  /**
   * How long it takes on average until a new member stands in for one that failed; each is
   * ordered by itself, when the failure happens. Zero where `mttrHours` says it all.
   */
  readonly replaceHours: number;
  readonly sectorErrors: SectorErrors;
  /** The share of a member's failures that take all members of the group with them. */
  readonly commonCauseShare: number;
}

/** Parts of a member that cannot be read, which is noticed when somebody reads them. */
export interface SectorErrors {
  /** How likely the reading of one bit fails: 1e-15. */
  readonly errorsPerBit: number;
  readonly memberBytes: number;
  /** The mean time until one member has an error somewhere; infinite if none ever does. */
  readonly latentMttfHours: number;
  /** All of it is read, and what is wrong is written anew, once in so many hours. */
  readonly scrubHours: number;
}

/** Groups of members with redundancy, beside each other. */
export interface ArrayModel {
  readonly group: GroupModel;
  /** Groups beside each other: data is lost as soon as one of them loses some. */
  readonly groupCount: number;
}

/** Members that fail as a whole or not at all. */
export const noSectorErrors: SectorErrors = {
  errorsPerBit: 0,
  memberBytes: 0,
  latentMttfHours: Number.POSITIVE_INFINITY,
  scrubHours: 0,
};

export const MEMBERS_MAX = 10_000;
/** States grow with these; no array that anybody builds comes near. */
export const TOLERATED_MAX = 15;
export const SPARES_MAX = 8;

/** A group of which nothing is said but what must be. */
export function plainGroup(
  members: Pick<GroupModel, "memberCount" | "toleratedCount" | "mttfHours" | "mttrHours">,
): GroupModel {
  return {
    ...members,
    repair: "parallel",
    spareCount: 0,
    replaceHours: 0,
    sectorErrors: noSectorErrors,
    commonCauseShare: 0,
  };
}

/** Shorter and longer than anything lasts: beyond these numbers come to an end. */
const HOURS_MIN = 1e-15;
const HOURS_MAX = 1e200;

/** Throws a `Fault` that names what cannot be. */
export function checkArray({ group, groupCount }: ArrayModel): void {
  const { sectorErrors: sectors } = group;
  const finite = Number.MAX_VALUE;
  demand("groupCount", groupCount, 1, MEMBERS_MAX, true);
  demand("memberCount", group.memberCount, 1, MEMBERS_MAX, true);
  demand("toleratedCount", group.toleratedCount, 0, group.memberCount - 1, true);
  demand("toleratedCount", group.toleratedCount, 0, TOLERATED_MAX, true);
  demand("spareCount", group.spareCount, 0, SPARES_MAX, true);
  demandHours("mttfHours", group.mttfHours);
  demandHours("mttrHours", group.mttrHours, Number.POSITIVE_INFINITY);
  demandHours("replaceHours", group.replaceHours, 0);
  demand("commonCauseShare", group.commonCauseShare, 0, 1, false);
  demand("errorsPerBit", sectors.errorsPerBit, 0, 1, false);
  demand("memberBytes", sectors.memberBytes, 0, finite, false);
  demandHours("latentMttfHours", sectors.latentMttfHours, Number.POSITIVE_INFINITY);
  demandHours("scrubHours", sectors.scrubHours, 0);
}

/** Throws a `Fault` unless it is a length of time that can be reckoned with, or `besides`. */
export function demandHours(name: string, hours: number, besides?: number): void {
  if (hours !== besides) demand(name, hours, HOURS_MIN, HOURS_MAX, false);
}

function demand(name: string, value: number, least: number, most: number, whole: boolean): void {
  if (least <= value && value <= most && (!whole || Number.isInteger(value))) return;
  const to = most >= Number.MAX_VALUE ? "" : ` and at most ${most}`;
  const kind = whole ? "a whole number" : "a number";
  throw new Fault("ERR_ARGUMENT", `${name} must be ${kind}, at least ${least}${to}, not ${value}`, {
    name,
  });
}
