/** Layouts beside each other, for one kind of disk and one mission. */

import { SeededRandom } from "../base/random.ts";
import { nines, redundantUnavailability } from "./availability.ts";
import { lossProbability, mttdlHours, wholeLossProbability } from "./array-loss.ts";
import type { ArrayModel, GroupModel } from "./group-model.ts";
import type { Layout } from "./layouts.ts";
import {
  type SimulatedEstimate,
  type SimulationOptions,
  simulateLossProbability,
  simulateMttdl,
} from "./monte-carlo.ts";

/** Everything of a group but its size. */
export type MemberModel = Omit<GroupModel, "memberCount" | "toleratedCount">;

/** What is compared, and for how long it should last. */
export interface Comparison {
  readonly layouts: readonly Layout[];
  readonly member: MemberModel;
  readonly missionHours: number;
  /** Undefined where nothing is to be simulated. */
  readonly simulation: SimulationOptions | undefined;
  /** The best and the worst disk that what was measured allows, if anything was. */
  readonly bounds: { readonly best: MemberModel; readonly worst: MemberModel } | undefined;
}

/** How long data lasts in a layout. */
export interface LayoutReport extends Layout {
  /** Of one disk's size times the share, where the size is known. */
  readonly usableBytes: number | undefined;
  readonly mttdlHours: number;
  /** Of losing any data within the mission, be it a block. */
  readonly lossProbability: number;
  /** Of more disks failing than the layout can bear. */
  readonly wholeLossProbability: number;
  /** Of a mission without loss. */
  readonly nines: number;
  /** The share of all time in which more disks are down than the layout can bear. */
  readonly unavailability: number;
  readonly simulated:
    | { readonly mttdlHours: SimulatedEstimate; readonly lossProbability: SimulatedEstimate }
    | undefined;
  readonly lossBounds: { readonly low: number; readonly high: number } | undefined;
}

/** Less than this comes of a rate of zero, which the bounds of a measurement may have. */
const IMPOSSIBLE = 1e-100;
const SEEDS = 2 ** 32;

/** Computes one layout of a comparison. */
export function reportOnLayout(layout: Layout, comparison: Comparison): LayoutReport {
  const { member, missionHours, simulation, bounds } = comparison;
  const array = arrayOf(layout, member);
  const diskBytes = member.sectorErrors.memberBytes;
  const disks = layout.memberCount * layout.groupCount;
  const loss = lossProbability(array, missionHours);
  return {
    ...layout,
    usableBytes: diskBytes === 0 ? undefined : diskBytes * disks * layout.usableShare,
    mttdlHours: mttdlHours(array),
    lossProbability: loss,
    wholeLossProbability: wholeLossProbability(array, missionHours),
    nines: nines(loss),
    unavailability: arrayUnavailability(array),
    simulated: simulation && simulate(layout, comparison, simulation),
    lossBounds: bounds && {
      low: boundOf(arrayOf(layout, bounds.best), missionHours),
      high: boundOf(arrayOf(layout, bounds.worst), missionHours),
    },
  };
}

/** The model of a layout with such members. */
export function arrayOf(layout: Layout, member: MemberModel): ArrayModel {
  const { memberCount, toleratedCount, groupCount } = layout;
  return { group: { ...member, memberCount, toleratedCount }, groupCount };
}

function boundOf(array: ArrayModel, hours: number): number {
  const loss = lossProbability(array, hours);
  return loss < IMPOSSIBLE ? 0 : loss;
}

/** Each layout has dice of its own, or all would be lucky together. */
function simulate(
  layout: Layout,
  { member, missionHours }: Comparison,
  options: SimulationOptions,
): LayoutReport["simulated"] {
  const array = arrayOf(layout, member);
  const seed = new SeededRandom(options.seed).stream(layout.name).below(SEEDS);
  return {
    mttdlHours: simulateMttdl(array, { ...options, seed }),
    lossProbability: simulateLossProbability(array, missionHours, { ...options, seed }),
  };
}

/** A group waits for a new member only where no spare stands by. */
function arrayUnavailability({ group, groupCount }: ArrayModel): number {
  const waitHours = group.spareCount === 0 ? group.replaceHours : 0;
  const members = { ...group, mttrHours: group.mttrHours + waitHours };
  return -Math.expm1(groupCount * Math.log1p(-redundantUnavailability(members)));
}
