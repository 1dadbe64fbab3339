/**
 * Which part of the journal's ring is in use. Positions count units since the creation of the array
 * and never come again; a batch lies in one piece, so one that would reach past the end of the ring
 * begins at its beginning.
 */

import { assert } from "../base/assert.ts";
import type { MemberLayout } from "./member-layout.ts";
import type { Hash64, JournalStart } from "./superblock.ts";

/** A batch may take this part of the ring; several must fit while a checkpoint is under way. */
const BATCHES_IN_RING = 8;

export function batchBytesMaxOf(layout: MemberLayout): number {
  const units = Math.floor(layout.journalBytes / layout.unitBytes / BATCHES_IN_RING);
  return Math.min(BATCH_BYTES_MAX, units * layout.unitBytes);
}

/** Larger ones would keep those waiting that come next, and gain nothing. */
const BATCH_BYTES_MAX: number = 1 << 22;

interface Kept {
  readonly batch: number;
  readonly end: number;
  readonly checksum: Hash64;
}

export class JournalRing {
  readonly #layout: MemberLayout;
  readonly #units: number;
  #start: number;
  #next: JournalStart;
  /** The batches that aren't in place yet. */
  #kept: Kept[] = [];

  constructor(layout: MemberLayout, start: JournalStart) {
    this.#layout = layout;
    this.#units = layout.journalBytes / layout.unitBytes;
    this.#start = start.position;
    this.#next = start;
  }

  /** The number, the position and the predecessor of the next batch. */
  get next(): JournalStart {
    return this.#next;
  }

  get usedBytes(): number {
    return (this.#next.position - this.#start) * this.#layout.unitBytes;
  }

  /** Whether a batch of the greatest size has room, wherever it has to begin. */
  get hasRoom(): boolean {
    return this.usedBytes + 2 * batchBytesMaxOf(this.#layout) <= this.#layout.journalBytes;
  }

  get isHalfFull(): boolean {
    return this.#layout.journalBytes < 2 * this.usedBytes;
  }

  /** Where a batch of that size begins, if it is the next. */
  positionFor(bytes: number): number {
    return this.#fits(this.#next.position, bytes) ? this.#next.position : this.nextRound();
  }

  /** The first position of the next round of the ring. */
  nextRound(): number {
    return Math.ceil(this.#next.position / this.#units) * this.#units;
  }

  /** The byte of a member at which the position is. */
  byteAt(position: number): number {
    return this.#layout.journalAt + (position % this.#units) * this.#layout.unitBytes;
  }

  /** Takes note of the batch that was written, or found, next. */
  append(position: number, bytes: number, checksum: Hash64): void {
    assert(this.#fits(position, bytes), "a batch lies in one piece");
    const { batch } = this.#next;
    const end = position + bytes / this.#layout.unitBytes;
    this.#kept.push({ batch, end, checksum });
    this.#next = { batch: batch + 1, position: end, chain: checksum };
  }

  /** Where the journal begins when all batches up to `batch` are in place. */
  startAfter(batch: number): JournalStart | undefined {
    const kept = this.#kept.find((one) => one.batch === batch);
    if (kept === undefined) return undefined;
    return { batch: batch + 1, position: kept.end, chain: kept.checksum };
  }

  /** Gives back the room before `start`, which is durable. */
  release(start: JournalStart): void {
    this.#start = start.position;
    this.#kept = this.#kept.filter(({ batch }) => start.batch <= batch);
  }

  #fits(position: number, bytes: number): boolean {
    return (position % this.#units) * this.#layout.unitBytes + bytes <= this.#layout.journalBytes;
  }
}
