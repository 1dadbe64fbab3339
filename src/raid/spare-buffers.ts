/**
 * Large buffers that are used for a short time, again and again: new ones would have to be cleared,
 * page by page, by the operating system and then collected.
 */

/** What is kept for the next one. */
const KEPT_BYTES_MAX: number = 16 << 20;

export class SpareBuffers {
  readonly #free = new Map<number, Uint8Array[]>();
  #keptBytes = 0;

  /** A buffer with anything in it. */
  take(length: number): Uint8Array {
    const found = this.#free.get(length)?.pop();
    if (found === undefined) return new Uint8Array(length);
    this.#keptBytes -= length;
    return found;
  }

  /** Takes one back to which nobody holds on. */
  give(buffer: Uint8Array): void {
    const { length } = buffer;
    if (KEPT_BYTES_MAX < this.#keptBytes + length) return;
    this.#keptBytes += length;
    const same = this.#free.get(length);
    if (same === undefined) this.#free.set(length, [buffer]);
    else same.push(buffer);
  }
}
