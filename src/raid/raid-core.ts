/** What the parts of an array share. */

import type { ChecksumTable } from "./checksum-table.ts";
import type { Geometry } from "./geometry.ts";
import type { Member } from "./member.ts";
import type { MemberLayout } from "./member-layout.ts";
import type { Members } from "./members.ts";
import type { PendingRows } from "./pending-rows.ts";
import type { RaidWorld } from "./raid-world.ts";
import type { Shape } from "./shape.ts";
import type { StripeLocks } from "./stripe-locks.ts";

export interface RaidCore {
  readonly world: RaidWorld;
  readonly layout: MemberLayout;
  readonly members: Members;
  readonly table: ChecksumTable;
  readonly pending: PendingRows;
  readonly locks: StripeLocks;
  readonly shape: Shape;
}

/** The roles whose members hold the slot. */
export function rolesOfSlot(geometry: Geometry, slot: number): readonly number[] {
  return geometry.isMirror ? allRoles(geometry.memberCount) : singleRole(slot);
}

const manyRoles: (readonly number[])[] = [];
const singleRoles: (readonly number[])[] = [];

function allRoles(count: number): readonly number[] {
  return (manyRoles[count] ??= Array.from({ length: count }, (_, role) => role));
}

function singleRole(role: number): readonly number[] {
  return (singleRoles[role] ??= [role]);
}

/** So many stripes of a mirror are read from one member, the next ones from another. */
const STRETCH_STRIPES = 16;

/** The members of a mirror take turns in being read, by stretches that a disk reads well. */
export function stretchOf(geometry: Geometry, row: number): number {
  return Math.floor(geometry.stripeOfRow(row) / STRETCH_STRIPES);
}

/** The first row after `row` that may be read from another member. */
export function stretchEnd(geometry: Geometry, row: number): number {
  return (stretchOf(geometry, row) + 1) * STRETCH_STRIPES * geometry.chunkBlocks;
}

/** All members that must have the slot's blocks in place. */
export function writersOfSlot(core: RaidCore, geometry: Geometry, slot: number): Member[] {
  const writers: Member[] = [];
  for (const role of rolesOfSlot(geometry, slot)) {
    const { member, replacement } = core.members.seat(role);
    if (member !== undefined) writers.push(member);
    if (replacement !== undefined) writers.push(replacement);
  }
  return writers;
}

/** The bytes of the array that the block of the row is, if it is data. */
export function arrayBytesAt(geometry: Geometry, row: number, slot: number): number | undefined {
  const index = geometry.indexOfSlot(geometry.stripeOfRow(row), slot);
  return index < geometry.dataCount
    ? geometry.blockAt(row, index) * geometry.blockBytes
    : undefined;
}
