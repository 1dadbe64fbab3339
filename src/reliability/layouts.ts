/**
 * Ways to lay data over disks, by the names people know: `single`, the RAID levels `0`, `1`, `4`,
 * `5`, `6`, those over groups `10`, `50`, `60`, and `replicas`. What a way survives is a number of
 * failed members in each of a number of groups; RAID 4 and 5 are the same in this.
 */

import { Fault } from "../base/fault.ts";
import { MEMBERS_MAX, TOLERATED_MAX } from "./group-model.ts";

/** How data is laid over disks. */
export interface Layout {
  readonly name: string;
  readonly groupCount: number;
  readonly memberCount: number;
  /** In each group. */
  readonly toleratedCount: number;
  /** The share of all disks that holds data and not redundancy. */
  readonly usableShare: number;
}

/** More copies of the same are possible, and nobody asks for them. */
const COPIES_COMMON = 3;
const WORD = /^(single|0|1|4|5|6|10|50|60|replicas)(?::(\d+)(?:\/(\d+))?)?$/u;

export const layoutWords = "single, 0, 1, 4, 5, 6, 10, 50, 60, replicas:N/F";

/**
 * A layout over so many disks. `10:G`, `50:G` and `60:G` have G groups, else mirrors of two, or
 * two groups; `replicas:N/F` are N copies that survive F failures, else all but one.
 */
export function layoutOf(word: string, diskCount: number): Layout {
  const found = WORD.exec(word);
  if (found === null) throw fault(`no layout "${word}": there are ${layoutWords}`);

  const [, kind = "", count, tolerated] = found;
  if (kind === "replicas") return replicas(count, tolerated);
  if (tolerated !== undefined) throw fault(`"${word}": only replicas take a second number`);
  if (kind === "single") return grouped("single", 1, 1, 0);
  const isGrouped = kind.length === 2;
  if (!isGrouped && count !== undefined) throw fault(`RAID ${kind} has one group`);
  const groupCount = isGrouped ? Number(count ?? (kind === "10" ? diskCount / 2 : 2)) : 1;
  const memberCount = diskCount / groupCount;
  const level = isGrouped && kind !== "10" ? kind.slice(0, 1) : kind;
  checkFit(`RAID ${kind}`, level, groupCount, memberCount);
  if (isGrouped && groupCount < 2) throw fault(`RAID ${kind} needs at least 2 groups`);
  const toleratedCount = toleratedBy(level, memberCount);
  const name = `RAID ${count === undefined ? kind : word}`;
  return grouped(name, groupCount, memberCount, toleratedCount);
}

/** What so many disks are commonly laid out as. */
export function layoutsFor(diskCount: number): readonly Layout[] {
  const mirror = diskCount <= COPIES_COMMON ? ["1"] : [];
  return ["single", "0", ...mirror, "5", "10", "6", "50", "60"].flatMap((word) => {
    try {
      return [layoutOf(word, diskCount)];
    } catch (error) {
      if (error instanceof Fault) return [];
      throw error;
    }
  });
}

function replicas(count: string | undefined, tolerated: string | undefined): Layout {
  const memberCount = Number(count ?? "3");
  const toleratedCount = Number(tolerated ?? memberCount - 1);
  if (memberCount < 1 || toleratedCount < 0 || memberCount <= toleratedCount) {
    throw fault(`${memberCount} replicas cannot survive ${toleratedCount} failures`);
  }
  const layout = grouped(
    `replicas ${memberCount}/${toleratedCount}`,
    1,
    memberCount,
    toleratedCount,
  );
  return { ...layout, usableShare: 1 / memberCount };
}

function toleratedBy(level: string, memberCount: number): number {
  if (level === "0") return 0;
  if (level === "1" || level === "10") return memberCount - 1;
  return level === "6" ? 2 : 1;
}

const MEMBERS_MIN: Readonly<Record<string, number>> = {
  "0": 2,
  "1": 2,
  "10": 2,
  "4": 3,
  "5": 3,
  "6": 4,
};

function checkFit(name: string, level: string, groupCount: number, memberCount: number): void {
  if (!Number.isInteger(groupCount) || groupCount < 1 || !Number.isInteger(memberCount)) {
    throw fault(`${name} needs disks that divide into its groups`);
  }
  const least = MEMBERS_MIN[level] ?? 1;
  if (memberCount < least) throw fault(`${name} needs at least ${least} disks in each group`);
  if (MEMBERS_MAX < memberCount) throw fault(`at most ${MEMBERS_MAX} disks`);
}

function grouped(
  name: string,
  groupCount: number,
  memberCount: number,
  toleratedCount: number,
): Layout {
  if (TOLERATED_MAX < toleratedCount) throw fault(`${name}: at most ${TOLERATED_MAX + 1} copies`);
  const usableShare = (memberCount - toleratedCount) / memberCount;
  return { name, groupCount, memberCount, toleratedCount, usableShare };
}

function fault(message: string): Fault {
  return new Fault("ERR_ARGUMENT", message);
}
