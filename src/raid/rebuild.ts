/** Rebuilding a member from the others, and replacing one while it still serves. */

import type { ArrayParts } from "./array-parts.ts";
import { type Job, RowJob, type RowWork } from "./job.ts";
import type { Member } from "./member.ts";
import { ProgressMeter } from "./progress.ts";
import { RowCopier } from "./row-copier.ts";

/** Brings the member of a role that is `rebuilding` up to date. */
export async function rebuildJob(parts: ArrayParts, role: number): Promise<Job | undefined> {
  const { member } = parts.members.seat(role);
  if (member === undefined) return undefined;
  const { position, leftEvent } = parts.members.role(role);
  const copier = new RowCopier(parts, { member, role, sinceEvent: leftEvent });
  const meter = meterOf(parts, "rebuild", member, position);
  await settleTables(parts, role);
  const isWanted = (): boolean => parts.members.seat(role).member === member && !member.isOut;
  return new RowJob(parts, {
    meter,
    firstRow: position,
    isWanted,
    work: async (row, end) => {
      await copier.copy(row, end);
    },
    save: async (row) => {
      await makeDurable(parts);
      if (!isWanted()) return;
      parts.members.changeRole(role, { position: row });
      await parts.members.save();
    },
    end: async () => {
      await finish(parts, member, isWanted, () => {
        parts.members.changeRole(role, wholeRole);
        countRepair(parts, role, meter);
      });
      return undefined;
    },
  });
}

/** Copies a member to the one that is to take over, and lets it take over. */
export async function replaceJob(parts: ArrayParts, role: number): Promise<Job | undefined> {
  const { replacement: member } = parts.members.seat(role);
  const planned = parts.members.role(role).replacement;
  if (member === undefined || planned === undefined) return undefined;
  const copier = new RowCopier(parts, { member, role, sinceEvent: 0 });
  const meter = meterOf(parts, "replace", member, planned.position);
  await settleTables(parts, role);
  const isWanted = (): boolean => parts.members.seat(role).replacement === member && !member.isOut;
  const work: RowWork = {
    meter,
    firstRow: planned.position,
    isWanted,
    work: async (row, end) => {
      await copier.copy(row, end);
    },
    save: async (row) => {
      await makeDurable(parts);
      if (!isWanted()) return;
      const replacement = { memberId: member.id, position: row };
      parts.members.changeRole(role, { replacement });
      await parts.members.save();
    },
    end: async () => {
      let replaced: Member | undefined;
      await finish(parts, member, isWanted, () => {
        const seat = parts.members.seat(role);
        replaced = seat.member;
        seat.member = member;
        seat.replacement = undefined;
        if (replaced !== undefined) replaced.isOut = true;
        parts.members.changeRole(role, { ...wholeRole, memberId: member.id });
      });
      await replaced?.volume.close();
      return undefined;
    },
  };
  return new RowJob(parts, work);
}

const wholeRole = {
  state: "active",
  position: 0,
  leftEvent: 0,
  leftSequence: 0,
  replacement: undefined,
} as const;

function meterOf(
  parts: ArrayParts,
  kind: "rebuild" | "replace",
  member: Member,
  row: number,
): ProgressMeter {
  const { blockBytes } = parts.core.layout;
  const { clock } = parts.core.world;
  const total = parts.members.record.rows * blockBytes;
  return new ProgressMeter(kind, member.name, clock, row * blockBytes, total);
}

/**
 * Gives the new member its tables, and waits until everything that was being put in place when it
 * came is in place: that went to the others only, and is copied from now on.
 */
async function settleTables({ checkpointer, core }: ArrayParts, role: number): Promise<void> {
  const { table } = core;
  const { geometry } = core.shape;
  const tables = core.layout.tableCount(table.rows);
  for (let slot = 0; slot < table.slotCount; slot++) {
    const distance = (role - slot + geometry.memberCount) % geometry.memberCount;
    if (!geometry.isMirror && core.layout.tableCopies <= distance) continue;
    for (let index = 0; index < tables; index++) {
      if (0 < table.sequence({ slot, table: index })) table.markDirty({ slot, table: index });
    }
  }
  await checkpointer.run();
}

/** Makes durable what was copied, and what was left out because it comes with the journal. */
async function makeDurable({ core, journal, members }: ArrayParts): Promise<void> {
  await journal.waitFor(core.pending.ticket);
  await members.syncAll();
  await members.settled();
}

/**
 * The member counts as whole once everything is in place on it, or in a batch that it has: whoever
 * relies on it may lose the others.
 */
async function finish(
  parts: ArrayParts,
  member: Member,
  isWanted: () => boolean,
  change: () => void,
): Promise<void> {
  const { checkpointer, members } = parts;
  member.takesJournal = true;
  await makeDurable(parts);
  await checkpointer.run();
  if (!isWanted()) return;
  change();
  member.takesJournal = false;
  members.change((record) => ({ ...record, event: record.event + 1 }));
  await members.save();
}

/** It took from the loss of the member, as far as that was seen. */
function countRepair(
  { core, lostMs, members }: ArrayParts,
  role: number,
  meter: ProgressMeter,
): void {
  const lost = lostMs.get(role);
  lostMs.delete(role);
  const ms = lost === undefined ? meter.elapsedMs : core.world.clock.monotonicMs() - lost;
  members.count("repairs");
  members.count("repairSeconds", Math.round(ms / 1000));
}
