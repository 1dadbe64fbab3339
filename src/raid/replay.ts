/**
 * Brings an array that is assembled to where it can be used: losses are recorded, the table is
 * read, and what is in the journal is put in place. Each step may be cut short and done again.
 *
 * At the end the array has a new incarnation, so that nothing that is left in the ring, on whatever
 * member, is taken for a batch of it.
 */

import type { ArrayParts } from "./array-parts.ts";
import { allDone } from "./all-done.ts";
import type { FoundArray } from "./find-members.ts";
import { newIncarnation } from "./format-members.ts";
import { type FoundBatch, JournalReader } from "./journal-reader.ts";
import { writeCopies } from "./journal-writer.ts";
import type { AssembleOptions } from "./options.ts";
import { TableLoader } from "./table-loader.ts";

export async function replayJournal(
  parts: ArrayParts,
  found: FoundArray,
  options: AssembleOptions,
): Promise<void> {
  const { checkpointer, core, journal, members, ring } = parts;
  // Before the next record is written, all have this one, and twice: the copy of it that is written
  // over may be torn, and a crash would leave some two behind.
  await allDone(
    found.behind.map(async (member) => await members.giveRecord(member, found.foundRecord)),
  );
  if (found.isChanged) await members.save();
  const loader = new TableLoader(core, found.takenBehind);
  const { sequenceMax, isLost } = await loader.load(options.force);
  checkpointer.skipTo(sequenceMax);
  if (!members.record.clean) {
    const reader = new JournalReader(core, ring);
    const batches = await reader.readAll();
    if (!options.force) await reader.refuseGap();
    await keepBatches(parts, batches);
    journal.resumeAfter(ring.next.batch - 1);
    for (const batch of batches) replayBatch(parts, batch);
    core.world.trace.event("raid.replayed", { batches: batches.length });
  }
  const incarnation = newIncarnation(core.world, members.record.sequence);
  await checkpointer.run((record) => ({
    ...record,
    clean: false,
    incarnation,
    // It computes what has no checksum while the rest of the rows is there.
    scrubRow: isLost ? 0 : record.scrubRow,
  }));
}

/**
 * Before anything of a batch is put in place, it is on as many members as if it had been written
 * just now: otherwise the next crash could take away the only copy of what is in place in part.
 */
async function keepBatches({ core }: ArrayParts, batches: readonly FoundBatch[]): Promise<void> {
  await allDone(
    batches.map(async ({ batch, at, bytes, holders }) => {
      await writeCopies(core, batch, at, bytes, holders);
    }),
  );
}

function replayBatch({ core, journal }: ArrayParts, { records, movedStripes }: FoundBatch): void {
  if (movedStripes !== undefined && core.shape.isReshaping) {
    core.shape.advance(movedStripes);
    journal.moveFrom(movedStripes);
  }
  for (const { row, slot, kind, crc, bytes } of records) {
    core.pending.replay(row, slot, kind, crc, bytes);
  }
}
