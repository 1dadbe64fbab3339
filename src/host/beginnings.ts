/**
 * The beginnings of a piece of memory, by length. Most chunks are short and as long as one before,
 * so that nearly each is a view that was made already.
 */

/** Longer ones are made anew each time. */
const KEPT_BYTES_MAX = 1024;

export class Beginnings {
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly #views: (Uint8Array | undefined)[] = Array.from({ length: KEPT_BYTES_MAX + 1 });

  constructor(memory: Uint8Array<ArrayBuffer>) {
    this.memory = memory;
  }

  of(length: number): Uint8Array {
    if (KEPT_BYTES_MAX < length) return this.memory.subarray(0, length);
    return (this.#views[length] ??= this.memory.subarray(0, length));
  }
}
