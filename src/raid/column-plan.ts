/** What of each member has to be read to have some runs, and what has to be computed. */

import type { Geometry } from "./geometry.ts";
import type { Member } from "./member.ts";
import type { Run } from "./run-checks.ts";

/** Rows that lie together. */
export interface RowSpan {
  first: number;
  end: number;
}

/** What is read of one slot. */
export interface Column {
  /** Undefined if nobody holds it. */
  readonly member: Member | undefined;
  readonly spans: RowSpan[];
  /** Of all rows of the plan; undefined until they are used. */
  bytes: Uint8Array | undefined;
  /** Whether all of its reads went well. */
  isRead: boolean;
}

/** What is computed in rows of one stripe, and of what: slots. */
export interface Recovery {
  /** Begins with the one that is wanted. */
  readonly lost: readonly number[];
  readonly needed: readonly number[];
}

export class ColumnPlan {
  readonly geometry: Geometry;
  readonly firstRow: number;
  readonly rowCount: number;
  /** By slot. */
  readonly columns: readonly Column[];

  constructor(
    geometry: Geometry,
    runs: readonly Run[],
    memberOf: (slot: number, lastRow: number) => Member | undefined,
  ) {
    let [first, end] = [Number.POSITIVE_INFINITY, 0];
    for (const { row, count } of runs) {
      first = Math.min(first, row);
      end = Math.max(end, row + count);
    }
    this.geometry = geometry;
    this.firstRow = first;
    this.rowCount = end - first;
    this.columns = Array.from({ length: geometry.slotCount }, (_, slot) => ({
      member: memberOf(slot, end - 1),
      spans: [],
      bytes: undefined,
      isRead: true,
    }));
  }

  column(slot: number): Column {
    return this.columns[slot] as Column;
  }

  /** Has the row read; so much that lies between it and the one before may be read with it. */
  want(slot: number, row: number, gapRowsMax: number): void {
    const { spans } = this.column(slot);
    const last = spans.at(-1);
    if (last === undefined || row < last.first || last.end + gapRowsMax < row) {
      spans.push({ first: row, end: row + 1 });
    } else last.end = Math.max(last.end, row + 1);
  }

  /**
   * How the run, which is of one stripe, is computed; undefined if it can't be. One lost block of
   * data is had from P alone, and parity from the data alone.
   */
  recoveryOf({ row, slot }: Run): Recovery | undefined {
    const { columns, geometry } = this;
    const { dataCount, parityCount } = geometry;
    const stripe = geometry.stripeOfRow(row);
    const indexes = columns.map((_, other) => geometry.indexOfSlot(stripe, other));
    const indexOf = (other: number): number => indexes[other] as number;
    const lost = [slot];
    for (const [other, { member }] of columns.entries()) {
      if (other !== slot && member === undefined && indexOf(other) <= dataCount) lost.push(other);
    }
    if (parityCount < lost.length) return undefined;
    const isDataLost = lost.some((other) => indexOf(other) < dataCount);
    const lastNeeded = dataCount - 1 + (isDataLost ? lost.length : 0);
    const needed: number[] = [];
    for (const [other, { member }] of columns.entries()) {
      if (other !== slot && member !== undefined && indexOf(other) <= lastNeeded) {
        needed.push(other);
      }
    }
    return { lost, needed };
  }
}

/** The parts of the run in each stripe. */
export function stripesOf({ chunkBlocks }: Geometry, { row, slot, count }: Run): readonly Run[] {
  const parts: Run[] = [];
  for (let first = row; first < row + count;) {
    const end = Math.min(row + count, (Math.floor(first / chunkBlocks) + 1) * chunkBlocks);
    parts.push({ row: first, slot, count: end - first });
    first = end;
  }
  return parts;
}
