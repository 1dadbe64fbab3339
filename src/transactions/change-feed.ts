/** The changes of committed transactions, read from the log in its order. */

import type { Lsn } from "../base/ids.ts";
import { lsn } from "../base/ids.ts";
import { isFault } from "../base/fault.ts";
import type { LogEntry } from "../log/entry.ts";
import type { LogReader } from "../log/log-reader.ts";
import type { Store } from "../store/store.ts";
import { ENTRY_WRITES, PUT, WriteCursor } from "../store/write-set.ts";
import type { Change, CommittedTransaction } from "./engine.ts";

/** Of the log that are read ahead of whoever takes the changes, beside the last batch. */
const WINDOW_BYTES: number = 256 << 10;

/**
 * Every transaction after `after`, each when it is settled; waits for more at the end. When the
 * store is closed the last one has no changes, and says how far all was told.
 */
export async function* changesOf(
  store: Store,
  after: Lsn,
  signal: AbortSignal | undefined,
): AsyncGenerator<CommittedTransaction, void, undefined> {
  const reader = store.log.reader(lsn(after + 1));
  try {
    yield* changesIn(reader, store, signal);
  } catch (error) {
    const told = lsn(reader.nextLsn - 1);
    if (isFault(error, "ERR_CLOSED") && told === store.settledLsn) yield { lsn: told, changes: [] };
    throw error;
  }
}

async function* changesIn(
  reader: LogReader,
  store: Store,
  signal: AbortSignal | undefined,
): AsyncGenerator<CommittedTransaction, void, undefined> {
  const found: CommittedTransaction[] = [];
  while (await settles(reader.nextLsn, store, signal)) {
    await reader.readOn((entry) => {
      if (entry.kind === ENTRY_WRITES)
        found.push({ lsn: entry.lsn, changes: changesOfEntry(entry) });
      return undefined;
    }, WINDOW_BYTES);
    for (const transaction of found.splice(0)) {
      if (!(await settles(transaction.lsn, store, signal))) return;
      yield transaction;
    }
  }
}

/** True once `position` is settled; false if the signal is given before, or was already. */
async function settles(
  position: Lsn,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const isWanted = (): boolean => signal?.aborted !== true;
  while (isWanted()) {
    if (position <= store.settledLsn) return true;
    store.requireOpen();
    await nextSettled(store, signal);
  }
  return false;
}

function changesOfEntry({ bytes, bodyAt, bodyBytes }: LogEntry): readonly Change[] {
  const writes = new WriteCursor();
  writes.enter(bytes, bodyAt, bodyBytes);
  const changes: Change[] = [];
  while (writes.next()) {
    const key = bytes.slice(writes.keyAt, writes.keyAt + writes.keyBytes);
    if (writes.kind === PUT) {
      const value = bytes.slice(writes.valueAt, writes.valueAt + writes.valueBytes);
      changes.push({ kind: "put", key, value });
    } else changes.push({ kind: "remove", key });
  }
  return changes;
}

/** Resolves when more is settled, or the signal is given; rejects when the store fails. */
function nextSettled(store: Store, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      stopSettled();
      stopFailure();
      signal?.removeEventListener("abort", done);
    };
    const done = (): void => {
      stop();
      resolve();
    };
    const stopSettled = store.onSettled(done);
    const stopFailure = store.onFailure((error) => {
      stop();
      reject(error);
    });
    signal?.addEventListener("abort", done, { once: true });
  });
}
