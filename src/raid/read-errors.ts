/**
 * Counts how often a member would not read what was put right then. One error tells little of a
 * disk, and many in a short time that it is going: so the count halves with every hour.
 */

const HALF_LIFE_MS = 3_600_000;

/** More places than this are not kept in mind: then the member is out soon, or was needed. */
const PLACES_MAX = 4096;

export class ReadErrors {
  /** Where reads were refused that nobody has put right. */
  readonly #places = new Set<number>();
  #count = 0;
  #countedMs = 0;

  /** How many there were lately. */
  count(nowMs: number): number {
    return Math.floor(this.#count * 0.5 ** Math.floor((nowMs - this.#countedMs) / HALF_LIFE_MS));
  }

  refused(at: number): void {
    if (this.#places.size < PLACES_MAX) this.#places.add(at);
  }

  /** Whether a read of this place had been refused, which counts. */
  putRight(at: number, nowMs: number): boolean {
    if (!this.#places.delete(at)) return false;
    this.#count = this.count(nowMs) + 1;
    this.#countedMs = nowMs;
    return true;
  }
}
