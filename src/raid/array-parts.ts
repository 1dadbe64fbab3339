/** Puts the parts of an array together. */

import { BlockReader } from "./block-reader.ts";
import { Checkpointer } from "./checkpointer.ts";
import { ChecksumTable } from "./checksum-table.ts";
import { JournalRing } from "./journal-ring.ts";
import { JournalWriter } from "./journal-writer.ts";
import type { Member, RoleSeat } from "./member.ts";
import type { MemberLayout } from "./member-layout.ts";
import { Members } from "./members.ts";
import type { RaidOptions } from "./options.ts";
import { PendingRows } from "./pending-rows.ts";
import { Activity } from "./pace.ts";
import type { RaidCore } from "./raid-core.ts";
import type { RaidWorld } from "./raid-world.ts";
import { RangeReader } from "./range-reader.ts";
import { RangeWriter } from "./range-writer.ts";
import { RunChecks } from "./run-checks.ts";
import { Shape } from "./shape.ts";
import { StripeLocks } from "./stripe-locks.ts";
import type { ArrayRecord } from "./superblock.ts";

/** Who makes up the array, and what is on them. */
export interface ArrayMembers {
  readonly record: ArrayRecord;
  readonly layout: MemberLayout;
  readonly seats: RoleSeat[];
  readonly spares: Member[];
}

export interface ArrayParts {
  readonly core: RaidCore;
  readonly members: Members;
  readonly ring: JournalRing;
  readonly blocks: BlockReader;
  readonly checks: RunChecks;
  readonly reader: RangeReader;
  readonly writer: RangeWriter;
  readonly journal: JournalWriter;
  readonly checkpointer: Checkpointer;
  readonly options: RaidOptions;
  readonly activity: Activity;
  /** When members were lost, by role. */
  readonly lostMs: Map<number, number>;
}

export function openArrayParts(
  world: RaidWorld,
  { record, layout, seats, spares }: ArrayMembers,
  options: RaidOptions,
): ArrayParts {
  const members = new Members(world, record, seats, spares, options);
  const shape = new Shape(record);
  const table = new ChecksumTable(layout, record.arrayId, world.checksums);
  table.resize(record.rows, shape.geometry.slotCount);
  const pending = new PendingRows(() => shape.geometry.slotCount, record.chunkBlocks);
  const locks = new StripeLocks();
  const core: RaidCore = { world, layout, members, table, pending, locks, shape };

  const ring = new JournalRing(layout, record.journal);
  const blocks = new BlockReader(core);
  const journal: JournalWriter = new JournalWriter(core, ring, {
    checkpoint: async () => {
      await checkpointer.run();
    },
    beginCheckpoint: () => {
      checkpointer.begin();
    },
  });
  const checkpointer: Checkpointer = new Checkpointer(core, ring, () => journal.durable);
  const { checksums } = world;
  const checks = new RunChecks({ checksums, table, pending, blockBytes: layout.blockBytes });
  const reader = new RangeReader(core, blocks, checks);
  return {
    core,
    members,
    ring,
    blocks,
    checks,
    reader,
    writer: new RangeWriter(core, blocks, reader, journal, options),
    journal,
    checkpointer,
    options,
    activity: new Activity(world.clock),
    lostMs: new Map(),
  };
}
