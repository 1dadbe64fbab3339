/** What an array tells of itself, as plain data that can be printed and sent. */

import type { ArrayParts } from "./array-parts.ts";
import type { RaidLayout, RaidLevel } from "./geometry.ts";
import type { Member } from "./member.ts";
import type { JobProgress } from "./progress.ts";
import { idText, type RaidCounters, type RoleState } from "./superblock.ts";

/** How much an array has left to lose. */
export type RaidHealth =
  /** All roles are whole. */
  | "whole"
  /** Some are missing or being rebuilt; everything can be read and written. */
  | "degraded"
  /** Nothing can be written any more. */
  | "failed";

/** How an array is. */
export interface RaidStatus {
  readonly arrayId: string;
  readonly level: RaidLevel;
  readonly layout: RaidLayout;
  readonly health: RaidHealth;
  readonly failure: string | undefined;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly chunkBytes: number;
  readonly event: number;
  readonly members: readonly RoleStatus[];
  readonly spares: readonly string[];
  readonly journalBytes: number;
  readonly journalUsedBytes: number;
  /** What is being done in the background. */
  readonly job: JobProgress | undefined;
  readonly counters: RaidCounters;
  readonly risks: readonly string[];
}

/** How the member is that has a role. */
export interface RoleStatus {
  readonly role: number;
  readonly state: RoleState;
  readonly memberId: string;
  /** The volume; undefined while the member is missing. */
  readonly name: string | undefined;
  /** The share of the rows that are rebuilt, of one that is rebuilding. */
  readonly rebuilt: number | undefined;
  /** The one that is to take over, and the share that it has. */
  readonly replacement: { readonly name: string; readonly copied: number } | undefined;
  /** How many blocks the member would not read lately; the count halves with every hour. */
  readonly readErrors: number;
}

export function statusOf(
  { core, members, ring }: ArrayParts,
  job: JobProgress | undefined,
  risks: readonly string[],
): RaidStatus {
  members.countUsage();
  const { record } = members;
  return {
    arrayId: idText(record.arrayId),
    level: record.level,
    layout: record.layout,
    health: healthOf({ core, members }),
    failure: members.failure?.message,
    sizeBytes: record.sizeBytes,
    blockBytes: record.blockBytes,
    chunkBytes: record.chunkBlocks * record.blockBytes,
    event: record.event,
    members: record.roles.map((_, role) => roleStatus({ core, members }, role)),
    spares: members.spares.map(({ name }) => name),
    journalBytes: record.journalBytes,
    journalUsedBytes: ring.usedBytes,
    job,
    counters: record.counters,
    risks,
  };
}

type Part = Pick<ArrayParts, "core" | "members">;

function healthOf({ members }: Part): RaidHealth {
  if (members.failure !== undefined) return "failed";
  return members.record.roles.every(({ state }) => state === "active") ? "whole" : "degraded";
}

function roleStatus({ members }: Part, role: number): RoleStatus {
  const { rows } = members.record;
  const { memberId, replacement, state, position } = members.role(role);
  const seat = members.seat(role);
  return {
    role,
    state,
    memberId: idText(memberId),
    name: seat.member?.name,
    rebuilt: state === "rebuilding" ? share(position, rows) : undefined,
    replacement: replacementStatus(seat.replacement, replacement?.position ?? 0, rows),
    readErrors: seat.member === undefined ? 0 : members.readErrorsOf(seat.member),
  };
}

function replacementStatus(
  member: Member | undefined,
  position: number,
  rows: number,
): RoleStatus["replacement"] {
  return member === undefined ? undefined : { name: member.name, copied: share(position, rows) };
}

function share(position: number, rows: number): number {
  return rows === 0 ? 1 : position / rows;
}
