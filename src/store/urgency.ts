/**
 * How urgent a set of writes is where room is short. A full disk can always be freed, because
 * whoever needs room for more rows leaves some pages, and some of the log, to who makes room:
 *
 *  1. what makes rows fewer or shorter leaves alone only what recovery and the next checkpoint may
 *     need;
 *  2. rows that the layers above keep for themselves, beside removes or alone, leave a part to
 *     these: to empty a database and to open a session is to write such rows;
 *  3. all others leave the whole reserve.
 */

import { latin1 } from "../base/bytes.ts";
import type { Cells } from "../cells/cells.ts";
import { newRowBytes, storedRowBytes } from "../cells/stored-row.ts";
import type { RowSpaces } from "../base/row-spaces.ts";
import { PUT, WriteCursor } from "./write-set.ts";

export type Urgency = "makes room" | "own rows" | "ordinary";

/** Pages that are left alone, beside those that the map of the next checkpoint takes. */
export const RESERVED_PAGES: Readonly<Record<Urgency, number>> = {
  "makes room": 8,
  "own rows": 24,
  ordinary: 48,
};

/** The urgency of the writes in `bytes[at, at + length)`, whose pages are all in memory. */
export function urgencyOf(
  cells: Cells,
  rows: RowSpaces,
  bytes: Uint8Array,
  at: number,
  length: number,
): Urgency {
  const writes = new WriteCursor();
  writes.enter(bytes, at, length);
  /** How much longer each row becomes, by its key: of two writes the later one holds. */
  const growth = new Map<string, number>();
  let ownOnly = true;
  while (writes.next()) {
    const { keyAt, keyBytes, valueBytes } = writes;
    const isPut = writes.kind === PUT;
    const before = storedRowBytes(cells.tree, bytes, keyAt, keyBytes);
    const after = isPut ? newRowBytes(keyBytes, valueBytes) : 0;
    growth.set(latin1(bytes, keyAt, keyBytes), after - before);
    if (isPut && !rows.isOwn(bytes, keyAt, keyBytes)) ownOnly = false;
  }
  let sum = 0;
  for (const bytesMore of growth.values()) sum += bytesMore;
  if (sum < 0) return "makes room";
  return ownOnly ? "own rows" : "ordinary";
}
