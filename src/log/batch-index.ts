/**
 * Finds the batch at which to begin reading for a given LSN. It knows at most some thousands of
 * the ring's batches, spread evenly, so that its memory does not grow with the ring; reading may
 * begin a little earlier than it would have to.
 */

import type { LogPoint } from "./log-zone.ts";

const POINT_COUNT_MAX = 4096;

export class BatchIndex {
  readonly #spacingUnits: number;
  #points: LogPoint[] = [];

  constructor(ringUnits: number) {
    this.#spacingUnits = Math.ceil(ringUnits / POINT_COUNT_MAX);
  }

  get size(): number {
    return this.#points.length;
  }

  /** A batch begins at `point`, behind all those before. */
  add(point: LogPoint): void {
    const last = this.#points.at(-1);
    if (last !== undefined && point.position < last.position + this.#spacingUnits) return;
    this.#points.push(point);
  }

  dropBefore(position: number): void {
    const kept = this.#points.findIndex((point) => position <= point.position);
    this.#points.splice(0, kept === -1 ? this.#points.length : kept);
  }

  /** The last known point from which the entry `lsn` is still to come. */
  find(lsn: number): LogPoint | undefined {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const point = this.#points[middle];
      if (point !== undefined && point.firstLsn <= lsn) low = middle + 1;
      else high = middle;
    }
    return this.#points[low - 1];
  }
}
