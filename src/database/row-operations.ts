/**
 * The bodies that look up and scan rows, for whatever runs bodies: the store, a transaction, a
 * snapshot. Those of single keys are made once and find their arguments here, so that a look-up
 * that can be answered at once makes no closure.
 */

import { assert } from "../base/assert.ts";
import type { MUST_WAIT, Runner, RunOptions, Step } from "../transactions/step.ts";
import { isLive } from "./live-row.ts";
import type { Chunk, ChunkRequest, EntryReader, RowReader } from "./session.ts";
import type { DatabaseSettings } from "./settings.ts";
import type { KeyRange } from "./tuple.ts";

/** How the row of a key is looked up. */
export type Find = (step: Step, source: Uint8Array, length: number) => boolean;

/** In a view of the past nothing can be removed, so that what was present then is present. */
export function findPresent(step: Step, source: Uint8Array, length: number): boolean {
  return step.find(source, 0, length);
}

export class RowOperations {
  #find: Find = findPresent;
  #source: Uint8Array = new Uint8Array(0);
  #length = 0;
  #read: RowReader<unknown> | undefined;

  /** The row of the key, if it can be had within this turn. */
  tryGet<T>(
    runner: { tryRun<R>(body: (step: Step) => R): R | symbol },
    find: Find,
    source: Uint8Array,
    length: number,
    read: RowReader<T>,
  ): T | undefined | typeof MUST_WAIT {
    this.#find = find;
    this.#source = source;
    this.#length = length;
    this.#read = read;
    return runner.tryRun(this.#body) as T | undefined | typeof MUST_WAIT;
  }

  readonly #body = (step: Step): unknown => {
    if (!this.#find(step, this.#source, this.#length)) return undefined;
    const { valueBytes, valueAt, valueLength, version } = step;
    return this.#read?.(valueBytes, valueAt, valueLength, version);
  };
}

/** The row of the key, however long it takes. The key is the caller's to keep as it is. */
export async function getRow<T>(
  runner: Pick<Runner, "run">,
  find: Find,
  key: Uint8Array,
  read: RowReader<T>,
  options: RunOptions = {},
): Promise<T | undefined> {
  return await runner.run((step) => readRow(step, find, key, read), options);
}

/** A body that looks up all of the keys. */
export function getRows<T>(
  find: Find,
  keys: readonly Uint8Array[],
  read: RowReader<T>,
): (step: Step) => readonly (T | undefined)[] {
  return (step) => {
    step.willFind(keys);
    const rows = keys.map((key) => readRow(step, find, key, read));
    step.willFind([]);
    return rows;
  };
}

function readRow<T>(step: Step, find: Find, key: Uint8Array, read: RowReader<T>): T | undefined {
  if (!find(step, key, key.length)) return undefined;
  return read(step.valueBytes, step.valueAt, step.valueLength, step.version);
}

/**
 * A body that reads one chunk of a range. In the present what has expired is removed and left out;
 * rows that are left out count as read.
 */
export function scanRows<T>(
  settings: DatabaseSettings,
  time: "past" | "present",
  request: ChunkRequest,
  read: EntryReader<T>,
): (step: Step) => Chunk<T> {
  const { range, reverse } = request;
  const rowsMax = Math.min(request.rowsMax, settings.scanRowsMax);
  assert(0 < rowsMax, "a chunk has room for a row");
  return (step) => {
    const entries: T[] = [];
    const expired: Uint8Array[] = [];
    let rowCount = 0;
    let bytesLeft = settings.scanBytesMax;
    let last: Uint8Array | undefined;
    step.scan({ ...range, reverse }, (entry) => {
      const { keyBytes, keyLength } = entry;
      if (time === "present" && !isLive(entry, step.nowMs)) {
        expired.push(keyBytes.slice(0, keyLength));
      } else {
        entries.push(read(entry));
      }
      bytesLeft -= keyLength + entry.valueLength;
      if (++rowCount < rowsMax && 0 < bytesLeft) return true;
      last = keyBytes.slice(0, keyLength);
      return false;
    });
    for (const key of expired) step.remove(key, 0, key.length);
    return { entries, rest: last === undefined ? undefined : restOf(range, reverse, last) };
  };
}

/** What of the range lies beyond the key. */
function restOf({ start, end }: KeyRange, reverse: boolean, last: Uint8Array): KeyRange {
  if (reverse) return { start, end: last };
  const next = new Uint8Array(last.length + 1);
  next.set(last);
  return { start: next, end };
}
