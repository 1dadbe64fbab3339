/**
 * Makes an array larger by more rows on each of its members. While it is laid out anew over one
 * member more, what it grows by has the old layout, and is moved like the rest.
 */

import { isFault } from "../base/fault.ts";
import { allDone } from "./all-done.ts";
import { prepareGroups } from "./format-members.ts";
import type { Member } from "./member.ts";
import type { RaidCore } from "./raid-core.ts";

export async function growRows(core: RaidCore, sizeBytes: number): Promise<void> {
  const { layout, members, shape, table } = core;
  const { blockBytes } = layout;
  const wanted = Math.ceil(sizeBytes / blockBytes) * blockBytes;
  if (wanted <= members.record.sizeBytes) return;
  const oldRows = members.record.rows;
  const rows = rowsForSize(core, wanted);
  if (oldRows < rows) {
    const growing = members.seated();
    await allDone(growing.map(async (member) => await growMember(core, member, oldRows, rows)));
    members.check();
    table.resize(rows, shape.geometry.slotCount);
  }
  members.change((record) => ({ ...record, rows, sizeBytes: wanted }));
  await members.save();
}

/** How many rows the array needs to have that size; never fewer than it has. */
export function rowsForSize({ members, shape }: RaidCore, sizeBytes: number): number {
  const { chunkBlocks } = shape.geometry;
  const { stripeBytes } = shape.isReshaping ? shape.oldGeometry : shape.geometry;
  return Math.max(Math.ceil(sizeBytes / stripeBytes) * chunkBlocks, members.record.rows);
}

/** Where a member has no room nothing is lost, and the array stays as large as it was. */
async function growMember(
  { layout, members }: RaidCore,
  member: Member,
  oldRows: number,
  rows: number,
): Promise<void> {
  try {
    await prepareGroups(member.volume, layout, oldRows, rows);
  } catch (error) {
    if (isFault(error, "ERR_FULL") && member.volume.failure === undefined) throw error;
    // The array is being closed: nothing is wrong with the member.
    if (isFault(error, "ERR_CLOSED") && !member.isOut) throw error;
    members.lose(member, error);
  }
}
