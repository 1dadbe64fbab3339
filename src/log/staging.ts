/**
 * Where entries gather before they are written: two halves of an arena, one gathering while the
 * other is on its way to the volume. Nothing is allocated per entry.
 */

import { assert } from "../base/assert.ts";
import type { ViewNumber } from "../base/ids.ts";
import { BATCH_HEADER_BYTES } from "./batch-format.ts";
import { ENTRY_HEADER_BYTES, entryBytesOf, writeEntryFrame } from "./entry.ts";

/** A region of a larger block of memory. */
export interface Arena {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly lengthBytes: number;
}

export class Staging {
  readonly bytes: Uint8Array;
  readonly halfBytes: number;
  readonly #view: DataView;
  readonly #firstAt: number;
  #halfAt: number;
  /** Of the half that gathers: the header of the batch, and the entries. */
  usedBytes: number = BATCH_HEADER_BYTES;
  entryCount = 0;

  constructor(arena: Arena, unitBytes: number, batchBytesMax: number) {
    assert(arena.at % 8 === 0, "bodies begin at multiples of 8");
    const wanted = Math.min(arena.lengthBytes / 2, batchBytesMax);
    this.halfBytes = Math.floor(wanted / unitBytes) * unitBytes;
    assert(0 < this.halfBytes, "each half of the arena holds a unit");
    this.bytes = arena.bytes;
    this.#view = new DataView(arena.bytes.buffer, arena.bytes.byteOffset, arena.bytes.length);
    this.#firstAt = arena.at;
    this.#halfAt = arena.at;
  }

  /** Where the body of the next entry goes. */
  get bodyAt(): number {
    return this.#halfAt + this.usedBytes + ENTRY_HEADER_BYTES;
  }

  append(kind: number, view: ViewNumber, bodyBytes: number): void {
    const usedBytes = this.usedBytes + entryBytesOf(bodyBytes);
    assert(usedBytes <= this.halfBytes, "`room` said that the entry fits");
    writeEntryFrame(this.#view, this.#halfAt + this.usedBytes, kind, view, bodyBytes);
    this.usedBytes = usedBytes;
    this.entryCount++;
  }

  /** What gathered, with zeroes to the end of its last unit; the other half gathers from here. */
  take(unitBytes: number): Uint8Array {
    const usedEnd = this.#halfAt + this.usedBytes;
    const end = this.#halfAt + Math.ceil(this.usedBytes / unitBytes) * unitBytes;
    this.bytes.fill(0, usedEnd, end);
    const taken = this.bytes.subarray(this.#halfAt, end);

    const isFirst = this.#halfAt === this.#firstAt;
    this.#halfAt = isFirst ? this.#firstAt + this.halfBytes : this.#firstAt;
    this.usedBytes = BATCH_HEADER_BYTES;
    this.entryCount = 0;
    return taken;
  }
}
