/**
 * Where the segments of a ring are to lie: a plan, made of where they lie now.
 *
 * Segments are counted since the store was made; those in the ring at a time are `count` in a row
 * from the head on. Those from the head up to the first without a place may hold what is live.
 * One with a place behind that is *spare*: what lies there was truncated.
 */

import { assert } from "../base/assert.ts";

export class RingPlaces {
  readonly #head: number;
  readonly #segmentBytes: number;
  readonly #places: number[];

  constructor(places: readonly number[], head: number, segmentBytes: number) {
    this.#places = [...places];
    this.#head = head;
    this.#segmentBytes = segmentBytes;
  }

  /** By their place in the ring. */
  get places(): readonly number[] {
    return this.#places;
  }

  /** The segment behind the last one in the ring. */
  get end(): number {
    return this.#head + this.#places.length;
  }

  placeOf(segment: number): number {
    return this.#places[segment % this.#places.length] as number;
  }

  put(segment: number, place: number): void {
    assert(this.placeOf(segment) === 0, "a segment has one place");
    this.#places[segment % this.#places.length] = place;
  }

  /**
   * Gives `segment`, which has no place, that of a spare one at or behind `from`. Rather one that
   * goes on where the segment before ends, otherwise the lowest. False if there is none.
   */
  moveSpare(segment: number, from: number): boolean {
    const wanted = this.placeOf(segment - 1 + this.#places.length) + this.#segmentBytes;
    let spare: number | undefined;
    for (let other = Math.max(from, segment + 1); other < this.end; other++) {
      const place = this.placeOf(other);
      if (place === 0) continue;
      const isBetter = spare === undefined || place === wanted || place < this.placeOf(spare);
      if (isBetter) spare = other;
      if (place === wanted) break;
    }
    if (spare === undefined) return false;
    this.put(segment, this.placeOf(spare));
    this.#places[spare % this.#places.length] = 0;
    return true;
  }
}

/**
 * The places of a ring that holds nothing live: the lowest `keptCount` of those it has, for the
 * segments from `head` on.
 */
export function keepLowest(
  places: readonly number[],
  head: number,
  keptCount: number,
): readonly number[] {
  const lowest = places.filter((place) => place !== 0).toSorted((a, b) => a - b);
  const kept = Array.from(places, () => 0);
  for (const [index, place] of lowest.slice(0, keptCount).entries()) {
    kept[(head + index) % kept.length] = place;
  }
  return kept;
}
