/**
 * The ring: positions of the log as places on a volume.
 *
 * It guarantees that
 *
 *  1. each segment of the ring lies at its place, or has none; what has none reads as zeroes, and
 *     nothing is written there;
 *  2. segments that follow each other on the volume as they do in the ring are read and written as
 *     one. A run of units that does not lie in one row takes several reads or writes, one after the
 *     other, and is durable when all are.
 */

import { assert } from "../base/assert.ts";
import type { Volume } from "../volume/volume.ts";
import type { LogZone } from "./log-zone.ts";

export class Ring {
  readonly volume: Volume;
  readonly unitBytes: number;
  readonly unitCount: number;
  readonly segmentBytes: number;
  readonly segmentUnits: number;
  #places: Float64Array;

  constructor(volume: Volume, zone: LogZone) {
    this.volume = volume;
    this.unitBytes = zone.unitBytes;
    this.unitCount = zone.ringBytes / zone.unitBytes;
    this.segmentBytes = zone.segmentBytes;
    this.segmentUnits = zone.segmentBytes / zone.unitBytes;
    this.#places = Float64Array.from(zone.places);
  }

  /** The byte at which each segment begins, 0 where it has no place. */
  get places(): readonly number[] {
    return [...this.#places];
  }

  /** From now on the segments lie there. What is live of the log does not move. */
  replace(places: readonly number[]): void {
    assert(places.length === this.#places.length, "a ring keeps its segments");
    this.#places = Float64Array.from(places);
  }

  /**
   * The first position from `head` on that has no place, once round the ring; infinite if all have.
   */
  placedUntil(head: number): number {
    const first = Math.floor(head / this.segmentUnits);
    const count = this.#places.length;
    for (let segment = first; segment < first + count; segment++) {
      if (this.#places[segment % count] === 0) return segment * this.segmentUnits;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** How many units hold so many bytes. */
  unitsOf(sizeBytes: number): number {
    return Math.ceil(sizeBytes / this.unitBytes);
  }

  /** Where on the volume the unit at `position` lies; 0: it has no place. */
  byteAt(position: number): number {
    const at = (position % this.unitCount) * this.unitBytes;
    const within = at % this.segmentBytes;
    const place = this.#places[(at - within) / this.segmentBytes] as number;
    return place === 0 ? 0 : place + within;
  }

  async read(position: number, target: Uint8Array): Promise<void> {
    const rowBytes = this.#rowBytes(position, target.length);
    const row = target.subarray(0, rowBytes);
    const at = this.byteAt(position);
    if (at === 0) row.fill(0);
    else await this.volume.read(at, row);
    if (rowBytes === target.length) return;
    await this.read(position + rowBytes / this.unitBytes, target.subarray(rowBytes));
  }

  async writeDurable(position: number, source: Uint8Array): Promise<void> {
    const rowBytes = this.#rowBytes(position, source.length);
    await this.volume.writeDurable(this.#placeOf(position), source.subarray(0, rowBytes));
    if (rowBytes === source.length) return;
    await this.writeDurable(position + rowBytes / this.unitBytes, source.subarray(rowBytes));
  }

  /** As `writeDurable`, blocking; false where the volume cannot, and then it must be used. */
  writeDurableNow(position: number, source: Uint8Array): boolean {
    const rowBytes = this.#rowBytes(position, source.length);
    const row = source.subarray(0, rowBytes);
    if (!this.volume.writeDurableNow(this.#placeOf(position), row)) return false;
    if (rowBytes === source.length) return true;
    const next = position + rowBytes / this.unitBytes;
    return this.writeDurableNow(next, source.subarray(rowBytes));
  }

  #placeOf(position: number): number {
    const at = this.byteAt(position);
    assert(at !== 0, "nothing is written where the ring has no place");
    return at;
  }

  /** How many of so many bytes from `position` on lie in one row, or all have no place. */
  #rowBytes(position: number, sizeBytes: number): number {
    assert(sizeBytes <= this.unitCount * this.unitBytes, "no run of units meets itself");
    const at = (position % this.unitCount) * this.unitBytes;
    const { segmentBytes } = this;
    const places = this.#places;
    let segment = Math.floor(at / segmentBytes);
    let rowBytes = segmentBytes - (at % segmentBytes);
    while (rowBytes < sizeBytes) {
      const next = segment + 1 === places.length ? 0 : segment + 1;
      const place = places[segment] as number;
      if (places[next] !== (place === 0 ? 0 : place + segmentBytes)) break;
      rowBytes += segmentBytes;
      segment = next;
    }
    return Math.min(rowBytes, sizeBytes);
  }
}
