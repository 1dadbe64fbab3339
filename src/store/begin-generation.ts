/**
 * Begins a generation, and with it a view, before anything is appended.
 *
 * The table of generations has room for so many openings without a checkpoint in between, which a
 * full disk may put off. Where it is full, the opening takes the checkpoint itself, and one
 * superblock says both, so that a crash leaves the old table with the old checkpoint.
 */

import { Fault, isFault } from "../base/fault.ts";
import { lsn, viewNumber } from "../base/ids.ts";
import type { Cells } from "../cells/cells.ts";
import { forgetGenerations, GENERATION_COUNT_MAX, raiseGeneration } from "../log/generations.ts";
import type { LogAnchor } from "../log/log-zone.ts";
import type { RecoveredLog } from "../log/recovery.ts";
import type { Clock } from "../world/world.ts";
import type { Census } from "./census.ts";
import type { PageGrowth } from "./page-growth.ts";
import { checkpointFields } from "./superblock-root.ts";
import type { SuperblockZone } from "./superblock.ts";
import type { Superblock } from "./superblock-format.ts";

export interface RecoveredStore {
  readonly clock: Clock;
  readonly volumeName: string;
  readonly superblocks: SuperblockZone;
  readonly cells: Cells;
  readonly census: Census;
  readonly growth: PageGrowth;
  readonly recovered: RecoveredLog;
}

/** What the superblock says from now on, and the log as it begins for it. */
export interface Begun {
  readonly superblock: Superblock;
  readonly log: RecoveredLog;
}

export async function beginGeneration(store: RecoveredStore): Promise<Begun> {
  const { clock, superblocks, recovered } = store;
  const { current } = superblocks;
  const generations = raiseGeneration(current.generations, recovered.end.batch);
  const raised: Superblock = {
    ...current,
    view: viewNumber(current.view + 1),
    cleanBatch: undefined,
    wallMs: clock.wallMs(),
    generations,
  };
  if (GENERATION_COUNT_MAX < generations.length) {
    try {
      return await withCheckpoint(store, raised);
    } catch (error) {
      throw isFault(error, "ERR_FULL") ? openedTooOften(store.volumeName, error) : error;
    }
  }
  await superblocks.write(raised);
  return { superblock: raised, log: recovered };
}

async function withCheckpoint(store: RecoveredStore, raised: Superblock): Promise<Begun> {
  const { superblocks, cells, census, growth, recovered } = store;
  const kept = census.encode();
  let checkpoint = cells.beginCheckpoint(kept);
  while (checkpoint === undefined) {
    await growth.grow();
    checkpoint = cells.beginCheckpoint(kept);
  }
  const root = await cells.writeCheckpoint(checkpoint, () => undefined, "in slices");
  const anchor: LogAnchor = { ...recovered.end, replayFrom: lsn(recovered.lastLsn + 1) };
  const superblock: Superblock = {
    ...raised,
    ...checkpointFields(root, raised.pages),
    anchor,
    generations: forgetGenerations(raised.generations, anchor.batch),
  };
  await superblocks.write(superblock);
  cells.finishCheckpoint(checkpoint);
  recovered.index.dropBefore(anchor.position);
  return { superblock, log: { ...recovered, anchor } };
}

function openedTooOften(volume: string, cause: Fault): Fault {
  return new Fault(
    "ERR_FULL",
    `The disk of "${volume}" was so full that no checkpoint could be taken while it was opened ` +
      `${GENERATION_COUNT_MAX} times: make room on it, and open again. Nothing is lost`,
    { volume },
    cause,
  );
}
