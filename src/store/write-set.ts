/**
 * The writes of a transaction, as the bytes that go into the log: the same bytes are appended,
 * applied, and read again at recovery.
 *
 *     offset  bytes  field of each write
 *          0      1  kind          1 put, 2 remove
 *          1      1  zero
 *          2      2  key bytes
 *          4      4  value bytes   0 for a remove
 *          8      .  key
 *          .      .  value
 *
 * Writes follow each other without gaps, in the order in which they were made; of two writes of
 * one key the later one holds.
 */

import { Fault } from "../base/fault.ts";

export const PUT = 1;
export const REMOVE = 2;
export const WRITE_HEADER_BYTES = 8;
export const KEY_LENGTH_AT = 2;
export const VALUE_LENGTH_AT = 4;
/** The kind of a log entry whose body is a set of writes. */
export const ENTRY_WRITES = 1;

/** Writes the header and the key of a write at `at`, and returns where its value goes. */
export function encodeWrite(
  target: Uint8Array,
  at: number,
  kind: number,
  key: Uint8Array,
  keyAt: number,
  keyBytes: number,
  valueBytes: number,
): number {
  target[at] = kind;
  target[at + 1] = 0;
  target[at + 2] = keyBytes;
  target[at + 3] = keyBytes >>> 8;
  target[at + 4] = valueBytes;
  target[at + 5] = valueBytes >>> 8;
  target[at + 6] = valueBytes >>> 16;
  target[at + 7] = valueBytes >>> 24;
  const to = at + WRITE_HEADER_BYTES;
  if (keyBytes <= 32) {
    for (let index = 0; index < keyBytes; index++) {
      target[to + index] = key[keyAt + index] as number;
    }
  } else target.set(key.subarray(keyAt, keyAt + keyBytes), to);
  return to + keyBytes;
}

/** Goes through the writes in `bytes[at, at + length)`. One object serves for many sets. */
export class WriteCursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the write begins. */
  at = 0;
  kind = 0;
  keyAt = 0;
  keyBytes = 0;
  valueAt = 0;
  valueBytes = 0;
  #next = 0;
  #end = 0;

  enter(bytes: Uint8Array, at: number, length: number): void {
    this.bytes = bytes;
    this.#next = at;
    this.#end = at + length;
  }

  get lengthBytes(): number {
    return this.#next - this.at;
  }

  /** Goes to the next write; false at the end. `ERR_CORRUPT` if the bytes are no writes. */
  next(): boolean {
    const { bytes } = this;
    const at = this.#next;
    if (at === this.#end) return false;
    if (this.#end < at + WRITE_HEADER_BYTES) throw malformed();
    this.at = at;
    this.kind = bytes[at] as number;
    this.keyBytes = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
    this.valueBytes =
      ((bytes[at + 4] as number) |
        ((bytes[at + 5] as number) << 8) |
        ((bytes[at + 6] as number) << 16) |
        ((bytes[at + 7] as number) << 24)) >>>
      0;
    this.keyAt = at + WRITE_HEADER_BYTES;
    this.valueAt = this.keyAt + this.keyBytes;
    this.#next = this.valueAt + this.valueBytes;
    if (this.#end < this.#next || (this.kind !== PUT && this.kind !== REMOVE)) throw malformed();
    return true;
  }
}

function malformed(): Fault {
  return new Fault(
    "ERR_CORRUPT",
    "An entry of the log holds something else than writes: it was made by another version of " +
      "Holdfast, or is damaged. Open the data with the version that wrote it",
  );
}
