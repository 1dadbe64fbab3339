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
  /** By slot; undefined where nobody asked for it yet. */
  readonly columns: (Column | undefined)[] = [];
  readonly #memberOf: (slot: number) => Member | undefined;

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
    this.#memberOf = (slot) => memberOf(slot, end - 1);
  }

  column(slot: number): Column {
    return (this.columns[slot] ??= {
      member: this.#memberOf(slot),
      spans: [],
      bytes: undefined,
      isRead: true,
    });
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
    const { geometry } = this;
    const { dataCount, parityCount, slotCount } = geometry;
    const stripe = geometry.stripeOfRow(row);
    const slots = Array.from({ length: slotCount }, (_, other) => other);
    const indexOf = (other: number): number => geometry.indexOfSlot(stripe, other);
    const isGone = (other: number): boolean => this.column(other).member === undefined;
    const others = slots.filter((other) => other !== slot);
    const lost = [slot, ...others.filter((other) => isGone(other) && indexOf(other) <= dataCount)];
    if (parityCount < lost.length) return undefined;
    const isDataLost = lost.some((other) => indexOf(other) < dataCount);
    const lastNeeded = dataCount - 1 + (isDataLost ? lost.length : 0);
    const needed = others.filter((other) => !isGone(other) && indexOf(other) <= lastNeeded);
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
