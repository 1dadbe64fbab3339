/**
 * Recovery: reads the log from a checkpoint's anchor to its end, and makes sure that what it read
 * stays there.
 *
 * It guarantees that
 *
 *  1. every entry that was acknowledged is visited, once and in order, or it rejects with
 *     `ERR_CORRUPT`; what is visited is what was appended;
 *  2. when it resolves, everything that was visited is durable, though a process that was killed
 *     may have left it in the operating system's memory only: the volume is synced before anything
 *     is believed, and after an unclean stop the last batch is written again, with the same bytes;
 *  3. it changes nothing else, so that it may be cut short and run again, any number of times.
 *
 * Entries are visited before the end of the log was judged: what a visitor builds counts only once
 * recovery has resolved. Memory is bounded by the largest batch. What is visited stays where
 * it is until the visit is over.
 */

import { Fault } from "../base/fault.ts";
import { type BatchNumber, lsn, type Lsn } from "../base/ids.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import { type BatchCodec, findHeader, isWhole } from "./batch-format.ts";
import { BatchIndex } from "./batch-index.ts";
import { BatchReader, type FoundBatch } from "./batch-reader.ts";
import { checkEnd, damaged, isOfTheLog, type LogHistory } from "./end-of-log.ts";
import { EntryCursor, type LogVisitor } from "./entry.ts";
import type { GenerationStart } from "./generations.ts";
import {
  batchBytesMax,
  checkZone,
  type LogAnchor,
  type LogPoint,
  type LogZone,
} from "./log-zone.ts";
import { Ring } from "./ring.ts";

const SLICE_BYTES = 1 << 20;
const SLICES_AHEAD = 8;

/** What a superblock knows of the log. */
export interface LogDescription {
  readonly volumeId: Uint8Array;
  readonly zone: LogZone;
  readonly anchor: LogAnchor;
  readonly generations: readonly GenerationStart[];
  /** The last batch at the clean shutdown after which nothing was written, if there was one. */
  readonly cleanBatch: BatchNumber | undefined;
  /** Whether there may have been a newer superblock, which is lost. */
  readonly mayBeOlder?: boolean;
}

export interface RecoveredLog {
  readonly zone: LogZone;
  readonly anchor: LogAnchor;
  /** Where the next batch goes. Its number is the first of the generation to be raised. */
  readonly end: LogPoint;
  readonly lastLsn: Lsn;
  readonly index: BatchIndex;
  /** Whether a torn batch lies at the end, which the next batch will overwrite. */
  readonly cutTornBatch: boolean;
}

export async function recoverLog(
  volume: Volume,
  checksums: Checksums,
  log: LogDescription,
  visit: LogVisitor,
  nextBuffer?: () => Uint8Array,
): Promise<RecoveredLog> {
  const { zone, anchor } = log;
  checkZone(zone, volume);
  await volume.sync();

  const ring = new Ring(volume, zone);
  const codec: BatchCodec = { volumeId: log.volumeId, unitBytes: zone.unitBytes, checksums };
  const history: LogHistory = { ...log, replayFrom: anchor.replayFrom };
  const reader = new BatchReader(ring, codec, {
    from: anchor,
    sliceBytes: SLICE_BYTES,
    slicesAhead: SLICES_AHEAD,
    batchBytesMax: batchBytesMax(zone),
    isOfTheLog: (header) => isOfTheLog(history, header),
    ...(nextBuffer === undefined ? {} : { nextBuffer }),
  });
  const limit = anchor.position + ring.unitCount;
  const index = new BatchIndex(ring.unitCount);
  const cursor = new EntryCursor();
  let last: LogPoint | undefined;
  let found = await reader.next(limit);
  while (found.kind === "batch") {
    const visited = visitBatch(ring, cursor, found, anchor.replayFrom, visit);
    if (visited !== undefined) await visited;
    index.add(found.start);
    last = found.start;
    found = reader.nextNow(limit) ?? (await reader.next(limit));
  }

  await reader.settle();

  const end = reader.point;
  await checkEnd(ring, codec, history, end, found, limit);
  if (last !== undefined && log.cleanBatch === undefined) {
    await writeAgain(ring, codec, last, end);
  }
  const lastLsn = lsn(end.firstLsn - 1);
  return { zone, anchor, end, lastLsn, index, cutTornBatch: found.kind === "broken" };
}

/** Visits the entries of a batch from `from` on; returns a promise if a visit does. */
export function visitBatch(
  ring: Ring,
  cursor: EntryCursor,
  { header, start, bytes, at }: FoundBatch,
  from: Lsn,
  visit: LogVisitor,
): Promise<void> | undefined {
  cursor.enter(bytes, at, header.usedBytes, header.firstLsn);
  return visitEntries(ring, cursor, start, header.entryCount, from, visit);
}

/** Visits so many entries more, with which the batch at `start` must end. */
function visitEntries(
  ring: Ring,
  cursor: EntryCursor,
  start: LogPoint,
  count: number,
  from: Lsn,
  visit: LogVisitor,
): Promise<void> | undefined {
  for (let left = count; left > 0; left--) {
    if (!cursor.next()) throw damaged(ring, start, "its entries do not fill it");
    if (cursor.lsn < from) continue;
    const done = visit(cursor);
    if (done === undefined) continue;
    return done.then(() => visitEntries(ring, cursor, start, left - 1, from, visit));
  }
  if (!cursor.isAtEnd) throw damaged(ring, start, "its entries do not fill it");
  return undefined;
}

/** Writes the last batch again as it is, and durably. */
async function writeAgain(
  ring: Ring,
  codec: BatchCodec,
  start: LogPoint,
  end: LogPoint,
): Promise<void> {
  const batch = new Uint8Array((end.position - start.position) * ring.unitBytes);
  await ring.read(start.position, batch);
  const header = findHeader(codec, batch, 0);
  const isSame = header?.checksum === end.previousChecksum && isWhole(codec, header, batch);
  if (!isSame) {
    throw new Fault(
      "ERR_IO",
      `batch ${start.batch} at byte ${ring.byteAt(start.position)} of "${ring.volume.name}" read ` +
        "differently the second time: replace the disk",
      { volume: ring.volume.name, at: ring.byteAt(start.position) },
    );
  }
  await ring.writeDurable(start.position, batch);
}
