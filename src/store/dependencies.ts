/**
 * Which answers must wait: for every key, at least the position of its newest write that is not
 * settled yet. Kept by a hash of the key, so that it costs a few bytes and no strings; where two
 * keys share a place an answer may wait for longer than it must, and never less.
 */

const PLACES = 1 << 16;

export class Dependencies {
  readonly #newest = new Float64Array(PLACES);

  wrote(hash: number, position: number): void {
    this.#newest[hash & (PLACES - 1)] = position;
  }

  /** Any key may have been written up to `position`. */
  wroteAny(position: number): void {
    this.#newest.fill(position);
  }

  /** The position that must be settled before it may be told what this key holds. */
  of(hash: number): number {
    return this.#newest[hash & (PLACES - 1)] as number;
  }
}
