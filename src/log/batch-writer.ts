/**
 * Puts batches on the volume, one at a time.
 *
 * It guarantees that
 *
 *  1. a batch is begun only when the one before it is durable;
 *  2. after a write that failed nothing is written again: what a disk holds then is not known, and
 *     a second attempt that succeeds would prove nothing.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { batchNumber, type Generation, lsn, type ViewNumber } from "../base/ids.ts";
import { type BatchCodec, type BatchHeader, sealBatch } from "./batch-format.ts";
import type { LogPoint } from "./log-zone.ts";
import type { Ring } from "./ring.ts";

/** Entries that make a batch, with room for its header before and zeroes behind. */
export interface Gathered {
  readonly bytes: Uint8Array;
  readonly usedBytes: number;
  readonly entryCount: number;
}

export interface WriterEvents {
  /** The batch that begins at `start` is durable. */
  landed(start: LogPoint): void;
  failed(failure: Error): void;
}

interface Batch {
  readonly start: LogPoint;
  readonly end: LogPoint;
  readonly bytes: Uint8Array;
}

export class BatchWriter {
  readonly #ring: Ring;
  readonly #codec: BatchCodec;
  readonly #generation: Generation;
  readonly #events: WriterEvents;
  #durable: LogPoint;
  #inFlight: Batch | undefined;
  #failure: Error | undefined;
  #lastEntryCount = 0;

  constructor(
    ring: Ring,
    codec: BatchCodec,
    options: { readonly generation: Generation; readonly end: LogPoint },
    events: WriterEvents,
  ) {
    this.#ring = ring;
    this.#codec = codec;
    this.#generation = options.generation;
    this.#durable = options.end;
    this.#events = events;
  }

  /** Behind the last batch that is durable. */
  get durable(): LogPoint {
    return this.#durable;
  }

  /** Behind the last batch that is durable or on its way. */
  get sealed(): LogPoint {
    return this.#inFlight?.end ?? this.#durable;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether a batch may be begun. */
  get isReady(): boolean {
    return this.#inFlight === undefined && this.#failure === undefined;
  }

  /** Begins a batch. Its end is told later, never during the call. */
  begin(gathered: Gathered, view: ViewNumber): void {
    void this.#write(this.#launch(gathered, view));
  }

  /**
   * As `begin`; but where one caller is alone with one entry after the other, it blocks, and tells
   * of the end during the call: nobody else waits meanwhile, and the way to another thread and
   * back would take half as long again as the write.
   */
  beginOrFinish(gathered: Gathered, view: ViewNumber): void {
    const isLone = this.#lastEntryCount === 1 && gathered.entryCount === 1;
    const batch = this.#launch(gathered, view);
    if (isLone) this.#writeNow(batch);
    else void this.#write(batch);
  }

  #launch(gathered: Gathered, view: ViewNumber): Batch {
    assert(this.isReady, "one batch at a time is on its way");
    const start = this.#durable;
    const { usedBytes, entryCount } = gathered;
    // Each field by its name: a spread copies to an object of a shape that is made anew each time.
    const header: BatchHeader = {
      batch: start.batch,
      position: start.position,
      firstLsn: start.firstLsn,
      previousChecksum: start.previousChecksum,
      generation: this.#generation,
      view,
      durableThrough: lsn(start.firstLsn - 1),
      entryCount,
      usedBytes,
    };
    const { bytes, checksum } = sealBatch(this.#codec, header, gathered.bytes);
    const end: LogPoint = {
      batch: batchNumber(start.batch + 1),
      position: start.position + this.#ring.unitsOf(usedBytes),
      firstLsn: lsn(start.firstLsn + entryCount),
      previousChecksum: checksum,
    };
    this.#lastEntryCount = entryCount;
    this.#inFlight = { start, end, bytes };
    return this.#inFlight;
  }

  #writeNow(batch: Batch): void {
    let isDone: boolean;
    try {
      isDone = this.#ring.writeDurableNow(batch.start.position, batch.bytes);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (isDone) this.#land(batch);
    else void this.#write(batch);
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await this.#ring.writeDurable(batch.start.position, batch.bytes);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#land(batch);
  }

  #land(batch: Batch): void {
    assert(this.#inFlight === batch, "one batch at a time is on its way");
    this.#inFlight = undefined;
    this.#durable = batch.end;
    this.#events.landed(batch.start);
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Fault("ERR_IO", String(error));
    this.#events.failed(this.#failure);
  }
}
