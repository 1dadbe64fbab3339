/**
 * Says whether the log may end where no whole batch was found, and refuses if that would drop what
 * somebody was told is there.
 *
 * Batch k is the first that is missing or broken. It is the *torn tail*, a write that the crash
 * interrupted and that nobody was told of, only if nothing shows that it was durable:
 *
 *  1. At most one batch is on its way at a time, so a header of a batch above k was written after
 *     k was durable. So was any header that says that an entry of k was durable. The body of such
 *     a batch need not be whole: its header alone is proof.
 *  2. What a generation found when it began is durable, what was there at a clean shutdown, and
 *     what a checkpoint holds; the superblock knows all three.
 *  3. A header of k in another place than k's is a write that was misdirected: it may have been
 *     whole, and acknowledged.
 *  4. A header of a generation that the superblock does not know yet was written after a later
 *     superblock than the one that is left, and so was one of a batch of which a part has no place.
 *     Nothing can be said then about where the log ends. Nor if it ends just where its places do,
 *     and there may have been a later superblock, which told of more of them.
 *
 * Headers of a generation that is not the right one for their number do not count: they were cut
 * off before. Headers of another volume do not count. Data cannot look like a header, because of
 * the mask (`batch-format.ts`).
 *
 * What cannot be told apart, on one volume without redundancy: the very last batch before an
 * unclean stop, torn by the crash or rotten since.
 */

import { Fault } from "../base/fault.ts";
import { type BatchNumber, lsn, type Lsn } from "../base/ids.ts";
import { BATCH_MAGIC, type BatchCodec, findHeader, type FoundHeader } from "./batch-format.ts";
import type { Found } from "./batch-reader.ts";
import { currentGeneration, generationOf, type GenerationStart } from "./generations.ts";
import type { LogPoint } from "./log-zone.ts";
import type { Ring } from "./ring.ts";

const SLICE_BYTES = 1 << 20;
const SLICES_AHEAD = 4;

/** Units that are read at once, from the one at position `first` on. */
interface Slice {
  readonly first: number;
  readonly units: number;
  readonly bytes: Uint8Array;
  readonly done: Promise<void>;
}

export interface LogHistory {
  readonly generations: readonly GenerationStart[];
  /** The last batch at the clean shutdown after which nothing was written, if there was one. */
  readonly cleanBatch: BatchNumber | undefined;
  /** The checkpoint holds what the entries before this one did. */
  readonly replayFrom: Lsn;
  /** Whether there may have been a newer superblock, which is lost. */
  readonly mayBeOlder?: boolean;
}

/**
 * Returns if the log ends at `end`, where `found` was found instead of a batch; otherwise rejects
 * with `ERR_CORRUPT`. Units from `end` up to the position `limit` may hold evidence.
 */
export async function checkEnd(
  ring: Ring,
  codec: BatchCodec,
  history: LogHistory,
  end: LogPoint,
  found: Exclude<Found, { kind: "batch" }>,
  limit: number,
): Promise<void> {
  const { cleanBatch } = history;
  if (found.kind === "unchained") {
    throw damaged(ring, end, "it does not continue the batch before it");
  }
  if (cleanBatch !== undefined && end.batch <= cleanBatch) {
    throw damaged(ring, end, `the store was shut down after batch ${cleanBatch}`);
  }
  if (found.kind === "broken" && !hasPlaces(ring, end, found.header)) {
    throw damaged(ring, end, "it goes on where a newer superblock, which is lost, had a place");
  }
  if (history.mayBeOlder === true && ring.byteAt(end.position) === 0) {
    throw damaged(ring, end, "a newer superblock, which is lost, may have had a place for it");
  }
  const { firstBatch } = currentGeneration(history.generations);
  if (end.batch < firstBatch) {
    throw damaged(ring, end, `the store was opened with everything before batch ${firstBatch}`);
  }
  if (end.firstLsn < history.replayFrom) {
    throw damaged(ring, end, `a checkpoint holds everything before entry ${history.replayFrom}`);
  }
  // Behind a clean shutdown the next opening would have written the next batch, and right here.
  const scanEnd = cleanBatch === undefined ? limit : Math.min(end.position + 1, limit);
  await scan(ring, codec, history, end, scanEnd);
}

/** Whether the log was where it lies now when the batch with this header was written. */
function hasPlaces(ring: Ring, { position }: LogPoint, { usedBytes }: FoundHeader): boolean {
  return position + ring.unitsOf(usedBytes) <= ring.placedUntil(position);
}

/** Looks at every unit for a header that shows that batch `end.batch` was durable. */
async function scan(
  ring: Ring,
  codec: BatchCodec,
  history: LogHistory,
  end: LogPoint,
  limit: number,
): Promise<void> {
  const sliceUnits = Math.max(1, Math.floor(SLICE_BYTES / ring.unitBytes));
  const slices: Slice[] = [];
  let next = end.position;
  const readInto = (bytes: Uint8Array): void => {
    if (limit <= next) return;
    const units = Math.min(sliceUnits, limit - next);
    const done = ring.read(next, bytes.subarray(0, units * ring.unitBytes));
    done.catch(() => undefined);
    slices.push({ first: next, units, bytes, done });
    next += units;
  };
  const count = Math.min(SLICES_AHEAD, Math.ceil((limit - end.position) / sliceUnits));
  for (let slice = 0; slice < count; slice++) {
    readInto(new Uint8Array(sliceUnits * ring.unitBytes));
  }
  try {
    for (let slice = slices[0]; slice !== undefined; slice = slices[0]) {
      await slice.done;
      const reason = evidenceIn(ring, codec, history, end, slice);
      if (reason !== undefined) throw damaged(ring, end, reason);
      slices.shift();
      readInto(slice.bytes);
    }
  } finally {
    await Promise.allSettled(slices.map(async ({ done }) => await done));
  }
}

/** Why some header in the slice shows that batch `end.batch` was durable, if one does. */
function evidenceIn(
  ring: Ring,
  codec: BatchCodec,
  history: LogHistory,
  end: LogPoint,
  { first, units, bytes }: Slice,
): string | undefined {
  const view = new DataView(bytes.buffer);
  for (let unit = 0; unit < units; unit++) {
    const at = unit * ring.unitBytes;
    if (view.getUint32(at, true) !== BATCH_MAGIC) continue;
    const header = findHeader(codec, bytes, at);
    if (header === undefined) continue;
    const reason = evidence(history, end, header, first + unit);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Why a header found at `position` shows that batch `end.batch` was durable, if it does. */
export function evidence(
  history: LogHistory,
  end: LogPoint,
  header: FoundHeader,
  position: number,
): string | undefined {
  const { generation } = currentGeneration(history.generations);
  if (generation < header.generation) {
    return `batch ${header.batch} is of generation ${header.generation}, which no superblock knows`;
  }
  if (!isOfTheLog(history, header)) return undefined;
  if (end.batch < header.batch) return `batch ${header.batch} was written after it`;
  if (end.firstLsn <= header.durableThrough) {
    return `batch ${header.batch} says that entry ${header.durableThrough} was durable`;
  }
  if (header.batch === end.batch && position !== end.position) return "it was written elsewhere";
  return undefined;
}

export function isOfTheLog(history: LogHistory, header: FoundHeader): boolean {
  return header.generation === generationOf(history.generations, header.batch);
}

export function damaged(ring: Ring, point: LogPoint, reason: string): Fault {
  const at = ring.byteAt(point.position);
  const where = at === 0 ? "which has no place on" : `at byte ${at} of`;
  const last = lsn(point.firstLsn - 1);
  return new Fault(
    "ERR_CORRUPT",
    `batch ${point.batch} of the log, ${where} "${ring.volume.name}", is damaged or ` +
      `missing, and it was acknowledged: ${reason}. Nothing was changed. The log is whole up to ` +
      `entry ${last}. Bring this replica up anew from the others of its group, or restore a backup`,
    { volume: ring.volume.name, at, batch: point.batch, lastWholeLsn: last, reason },
  );
}
