/**
 * The recovery that everybody writes first: the first bad batch ends the log. It cannot tell a torn
 * write from rot of what was acknowledged, and cuts off both. The tests must catch it.
 */

import { lsn } from "../base/ids.ts";
import { BatchIndex } from "./batch-index.ts";
import { BatchReader } from "./batch-reader.ts";
import { EntryCursor } from "./entry.ts";
import { batchBytesMax } from "./log-zone.ts";
import { type recoverLog, visitBatch } from "./recovery.ts";
import { Ring } from "./ring.ts";

export const naiveRecoverLog: typeof recoverLog = async (volume, checksums, log, visit) => {
  const { zone, anchor, volumeId } = log;
  const ring = new Ring(volume, zone);
  const codec = { volumeId, unitBytes: zone.unitBytes, checksums };
  const reader = new BatchReader(ring, codec, {
    from: anchor,
    sliceBytes: 1 << 20,
    batchBytesMax: batchBytesMax(zone),
    isOfTheLog: () => true,
  });
  const index = new BatchIndex(ring.unitCount);
  const cursor = new EntryCursor();
  const limit = anchor.position + ring.unitCount;
  let found = await reader.next(limit);
  for (; found.kind === "batch"; found = await reader.next(limit)) {
    await visitBatch(ring, cursor, found, anchor.replayFrom, visit);
    index.add(found.start);
  }
  const end = reader.point;
  return { zone, anchor, end, lastLsn: lsn(end.firstLsn - 1), index, cutTornBatch: false };
};
