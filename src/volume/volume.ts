/**
 * A volume: a row of bytes that can be read, written, synced, grown and cut, and may fail at any of
 * it.
 *
 * It guarantees that
 *
 *  1. what a resolved `writeDurable`, or a resolved `sync` after a resolved `write`, has covered
 *     survives a loss of power;
 *  2. after a failed write or sync the volume is failed for ever: every later write and sync is
 *     refused with the same fault, because what a disk holds after a failed sync is not known.
 *     (A write that found no room, `ERR_FULL`, or a read that failed does not fail the volume. A
 *     sync that found none does: what it was to make durable is lost.)
 *
 * It does not promise that what is read is what was written; whoever reads checks a checksum.
 */

/** A row of bytes. */
export interface Volume {
  /** For messages: the path, or what it is made of. */
  readonly name: string;
  /** Writes are atomic, at best, in blocks of this size; the log pads to it. A power of two. */
  readonly writeUnitBytes: number;
  readonly sizeBytes: number;
  /** The fault that failed the volume, if one has. */
  readonly failure: Error | undefined;
  /** Fills `target`; `ERR_IO` if it lies beyond the end or cannot be read. */
  read(at: number, target: Uint8Array): Promise<void>;
  write(at: number, source: Uint8Array): Promise<void>;
  writeDurable(at: number, source: Uint8Array): Promise<void>;
  /** As `writeDurable`, blocking; false, with nothing done, where the volume cannot do it. */
  writeDurableNow(at: number, source: Uint8Array): boolean;
  sync(): Promise<void>;
  /**
   * Makes the volume at least `sizeBytes` long; the new bytes are zero and have room on disk. What
   * takes several writes asks `mayGoOn` before each, and ends as it does if that rejects.
   */
  grow(sizeBytes: number, mayGoOn?: () => Promise<void>): Promise<void>;
  /** Whether `shrink` gives anything back. */
  readonly canShrink: boolean;
  /**
   * Gives back what lies beyond `sizeBytes`, if the volume can. When it has resolved a loss of
   * power does not bring it back; before, either length may be found. Nothing there may be in use.
   */
  shrink(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}
