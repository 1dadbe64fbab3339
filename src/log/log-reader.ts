/**
 * Reads what is durable of a log that is being written, from some entry on: for change feeds and
 * for replicas that catch up. Each entry is handed out once, in order.
 *
 * The log does not wait for its readers. One that falls behind the truncation gets
 * `ERR_VERSION_GONE`; it never sees what was written over the entries that it missed.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { BatchCodec } from "./batch-format.ts";
import { BatchReader, type FoundBatch } from "./batch-reader.ts";
import { damaged } from "./end-of-log.ts";
import { EntryCursor, type LogVisitor } from "./entry.ts";
import type { LogPoint } from "./log-zone.ts";
import { visitBatch } from "./recovery.ts";
import type { Ring } from "./ring.ts";

const SLICE_BYTES = 256 << 10;

/** What a reader must know of the log at every moment. */
export interface ReadableLog {
  /** The position before which everything is truncated. */
  readonly headPosition: number;
  /** The position up to which everything is durable. */
  readonly durablePosition: number;
  /** A point from which a durable entry is still to come; undefined if it is not durable yet. */
  startFor(from: Lsn): LogPoint | undefined;
}

export class LogReader {
  readonly #log: ReadableLog;
  readonly #ring: Ring;
  readonly #codec: BatchCodec;
  readonly #batchBytesMax: number;
  readonly #cursor = new EntryCursor();
  /** Undefined until the first entry to read is durable. */
  #batches: BatchReader | undefined;
  #nextLsn: Lsn;
  #isReading = false;

  constructor(
    log: ReadableLog,
    ring: Ring,
    codec: BatchCodec,
    options: { from: Lsn; batchBytesMax: number },
  ) {
    this.#log = log;
    this.#ring = ring;
    this.#codec = codec;
    this.#batchBytesMax = options.batchBytesMax;
    this.#nextLsn = options.from;
  }

  /** The first entry that a later call will look for. */
  get nextLsn(): Lsn {
    return this.#nextLsn;
  }

  /** Visits what has become durable since the last call, whole batches at a time. */
  async readOn(visit: LogVisitor, bytesMax: number = Number.POSITIVE_INFINITY): Promise<void> {
    assert(!this.#isReading, "one call at a time reads on");
    this.#isReading = true;
    try {
      this.#batches ??= this.#start();
      if (this.#batches === undefined) return;
      const begin = this.#batches.point.position;
      const limit = begin + bytesMax / this.#ring.unitBytes;
      for (;;) {
        const { position } = this.#batches.point;
        if (this.#log.durablePosition <= position || limit <= position) break;
        const batch = await this.#next(this.#batches);
        await visitBatch(this.#ring, this.#cursor, batch, this.#nextLsn, visit);
        // The first batches may lie before it: not every one can be found by itself.
        this.#nextLsn = lsn(Math.max(this.#nextLsn, this.#batches.point.firstLsn));
      }
    } finally {
      await this.#batches?.settle();
      this.#isReading = false;
    }
  }

  #start(): BatchReader | undefined {
    const from = this.#log.startFor(this.#nextLsn);
    if (from === undefined) return undefined;
    return new BatchReader(this.#ring, this.#codec, {
      from,
      sliceBytes: SLICE_BYTES,
      batchBytesMax: this.#batchBytesMax,
      // What was cut off is not durable, and is never read.
      isOfTheLog: () => true,
    });
  }

  async #next(batches: BatchReader): Promise<FoundBatch> {
    const { point } = batches;
    const found = await batches.next(this.#log.durablePosition);
    // Only now, because the ring may have been written over while it was read.
    if (point.position < this.#log.headPosition) throw versionGone(this.#nextLsn);
    if (found.kind !== "batch") throw damaged(this.#ring, point, "it is durable");
    return found;
  }
}

export function versionGone(wanted: Lsn): Fault {
  return new Fault(
    "ERR_VERSION_GONE",
    `entry ${wanted} was truncated from the log before it was read: take a snapshot, and go on ` +
      "from its version",
    { lsn: wanted },
  );
}
