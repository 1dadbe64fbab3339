/** The changes within a range of keys, out of those of the whole store. */

import { compareBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { Engine } from "../transactions/engine.ts";
import type { ChangeSet, RowChange } from "./session.ts";
import type { KeyRange } from "./tuple.ts";

/** When so much was passed over that is not in the range, it is said how far that was. */
const PASSED_BYTES = 64 << 10;

/**
 * In the order of the commits; of each what is in the range, and nothing of those that have
 * nothing there. One without changes says how far all was told: whoever goes on elsewhere begins
 * there, and the log goes back that far. Ends when the signal aborts or the store closes.
 */
export async function* watchChanges(
  engine: Engine,
  range: KeyRange,
  after: Lsn,
  signal: AbortSignal,
): AsyncIterable<ChangeSet> {
  if (engine.appendedLsn < after) {
    const message = "the version to watch from is newer than the newest; it is not of this store";
    throw new Fault("ERR_ARGUMENT", message);
  }
  let passedBytes = 0;
  for await (const { lsn, changes } of engine.changes(after, signal)) {
    const within: RowChange[] = [];
    for (const change of changes) {
      const { key } = change;
      const row = change.kind === "put" ? change.value : undefined;
      if (isWithin(range, key)) within.push({ key, row });
      else passedBytes += key.length + (row?.length ?? 0);
    }
    if (0 < within.length || changes.length === 0 || PASSED_BYTES <= passedBytes) {
      passedBytes = 0;
      yield { version: lsn, changes: within };
    }
  }
}

function isWithin({ start, end }: KeyRange, key: Uint8Array): boolean {
  return compareBytes(start, key) <= 0 && compareBytes(key, end) < 0;
}
