/**
 * A volume that knows which of its bytes were written, and can forget them.
 *
 * It guarantees that
 *
 *  1. what was never written, or trimmed since, reads as zeroes and is told as not written; the
 *     opposite isn't promised: what was written may hold zeroes;
 *  2. a trim is a write of zeroes: durable when a later `sync` has resolved, and ordered with the
 *     writes that began after it resolved;
 *  3. `trim` takes whole blocks only: of a range that begins or ends within one, that block's part
 *     is written with zeroes, so that the whole range reads as zeroes whatever its bounds.
 */

import type { Volume } from "./volume.ts";

/** A volume that knows what of it was ever written. */
export interface SparseVolume extends Volume {
  /** The unit in which written and not written are told apart. A power of two. */
  readonly blockBytes: number;
  /** Forgets the bytes: they read as zeroes from now on, and take no room where room is shared. */
  trim(at: number, byteCount: number): Promise<void>;
  /**
   * Whether the byte at `at` was written, and for how many bytes from there on the same is true:
   * at least 1, and at most `byteCount`. Without input or output, so it can be asked often.
   */
  isWritten(at: number, byteCount: number): WrittenRange;
}

export interface WrittenRange {
  readonly written: boolean;
  readonly byteCount: number;
}
