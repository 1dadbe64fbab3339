/**
 * Gathers writes that follow each other, until they make up many whole stripes: those take no
 * reading, one computation of parity, and one write for each member. Whoever wrote has their bytes
 * taken, and need not wait for the members.
 *
 * It guarantees that
 *
 *  1. writes are taken in the order in which they were asked for;
 *  2. what is gathered is under the locks of its stripes, and is put where it belongs as soon as
 *     somebody else wants one of them: so nobody sees these stripes without it, save those who read
 *     without locks, who call `settle` before;
 *  3. when `settle` has resolved, what was gathered there before is staged, or the array failed.
 */

import { assert } from "../base/assert.ts";
import { GatheredRun } from "./gathered-run.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { Lease } from "./lease.ts";
import type { RaidCore } from "./raid-core.ts";
import { RunBuffers } from "./run-buffers.ts";
import type { StripeChecksums } from "./stripe-checksums.ts";

/** A run has no more stripes and, where that is more than one, no more bytes, parity included. */
const RUN_STRIPES_MAX = 16;
const RUN_BYTES_MAX: number = 4 << 20;
/** How many runs may wait to be continued, and how many may be on their way to the members. */
const OPEN_MAX = 4;
const CLOSING_MAX = 3;

/**
 * Puts what the run has where it belongs: in place, or into what is staged, which holds its lease
 * as long as it lies in its columns.
 */
export type PutRun = (run: GatheredRun) => Promise<void>;

/** Whether a write that begins a run may be continued by others, or is all that there will be. */
export type Outlook = "open" | "complete";

/** A range of bytes of the array. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export class WriteGatherer {
  readonly #core: RaidCore;
  readonly #journal: JournalWriter;
  readonly #put: PutRun;
  readonly #checksums: StripeChecksums;
  readonly #buffers = new RunBuffers();
  /** Those that may be continued, in the order in which they were begun. */
  readonly #open: GatheredRun[] = [];
  readonly #closing = new Map<GatheredRun, Promise<void>>();
  /** Whether a write is being taken, and those that wait for their turn. */
  #isTaking = false;
  readonly #waiting: (() => void)[] = [];

  constructor(core: RaidCore, journal: JournalWriter, checksums: StripeChecksums, put: PutRun) {
    this.#core = core;
    this.#checksums = checksums;
    this.#journal = journal;
    this.#put = put;
  }

  /**
   * Takes what continues a run, and what begins a stripe, if it may be continued or is a whole one;
   * says what it took, which may be nothing.
   */
  async gather(at: number, source: Uint8Array, outlook: Outlook): Promise<ByteRange> {
    if (this.#isTaking) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#isTaking = true;
    try {
      return await this.#take(at, source, outlook);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#isTaking = false;
      else next();
    }
  }

  /** Whether something is gathered there that isn't staged yet. */
  holds(at: number, byteCount: number): boolean {
    for (const run of this.#open) if (run.overlaps(at, byteCount)) return true;
    for (const run of this.#closing.keys()) if (run.overlaps(at, byteCount)) return true;
    return false;
  }

  /** Resolves when what is gathered there now is staged. */
  async settle(at: number, byteCount: number): Promise<void> {
    const isThere = (run: GatheredRun): boolean => run.overlaps(at, byteCount);
    for (const run of this.#open.filter(isThere)) this.#close(run);
    const closing = [...this.#closing.keys()].filter(isThere);
    for (const run of closing) await this.#closing.get(run);
  }

  /** Gives all memory back; the members are closed, so nobody writes from it any more. */
  release(): void {
    this.#buffers.giveAll();
  }

  /** Resolves when all that is gathered now is staged. */
  async settleAll(): Promise<void> {
    await this.settle(0, Number.POSITIVE_INFINITY);
  }

  async #take(at: number, source: Uint8Array, outlook: Outlook): Promise<ByteRange> {
    const { layout, shape } = this.#core;
    const { stripeBytes } = shape.geometry;
    const { blockBytes } = layout;
    const continued = this.#open.find((run) => run.end === at);
    const from = continued === undefined ? Math.ceil(at / stripeBytes) * stripeBytes : at;
    const end = Math.floor((at + source.length) / blockBytes) * blockBytes;
    const least = continued === undefined && outlook === "complete" ? stripeBytes : blockBytes;
    if (end - from < least || shape.isReshaping) return { from: at, to: at };
    let to = from;
    for (let run = continued; to < end; run = undefined) {
      run ??= await this.#begin(to, outlook === "complete" ? end - to : Number.POSITIVE_INFINITY);
      if (run === undefined) break;
      assert(!this.#closing.has(run), "a run takes nothing once it is on its way");
      to += run.take(source.subarray(to - at, end - at));
      if (run.isFull || this.#core.locks.isWanted(run.lock)) this.#close(run);
      else if (!this.#open.includes(run)) this.#open.push(run);
    }
    return { from, to };
  }

  /**
   * A run that begins there; undefined if the array is being laid out anew by now. It is not among
   * the open ones yet: nobody may close it before it has taken anything.
   */
  async #begin(at: number, byteCount: number): Promise<GatheredRun | undefined> {
    while (this.#closing.size >= CLOSING_MAX) await Promise.race(this.#closing.values());
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.length >= OPEN_MAX) this.#close(oldest);
    await this.#journal.room();
    const { locks, shape, table } = this.#core;
    const { chunkBlocks, chunkBytes, slotCount, stripeBytes } = shape.geometry;
    const first = at / stripeBytes;
    const count = Math.min(
      RUN_STRIPES_MAX,
      Math.max(1, Math.floor(RUN_BYTES_MAX / (slotCount * chunkBytes))),
      Math.ceil(byteCount / stripeBytes),
      table.rows / chunkBlocks - first,
    );
    let run: GatheredRun | undefined;
    const lock = await locks.acquire(first, first + count, () => {
      if (run !== undefined && this.#open.includes(run)) this.#close(run);
    });
    if (shape.isReshaping) {
      locks.release(lock);
      return undefined;
    }
    const arena = shape.now.math?.arena;
    const columns = Array.from({ length: slotCount }, () =>
      this.#buffers.take(count * chunkBytes, arena),
    );
    run = new GatheredRun(shape.now, lock, columns, this.#leaseOf(columns), this.#checksums);
    return run;
  }

  #leaseOf(columns: readonly Uint8Array[]): Lease {
    const { members } = this.#core;
    const { event } = members.record;
    const lease = new Lease(() => {
      // A member that left since then may still be reading from them.
      if (event !== members.record.event) return;
      for (const column of columns) this.#buffers.give(column);
    });
    lease.hold();
    return lease;
  }

  #close(run: GatheredRun): void {
    const index = this.#open.indexOf(run);
    if (index !== -1) this.#open.splice(index, 1);
    this.#closing.set(run, this.#finish(run));
  }

  /** A failure is told to whoever writes or syncs next. */
  async #finish(run: GatheredRun): Promise<void> {
    const { members } = this.#core;
    try {
      await this.#put(run);
      run.lease.drop();
    } catch (error) {
      members.stop(error);
    }
    this.#closing.delete(run);
    this.#core.locks.release(run.lock);
    this.#journal.staged();
  }
}
