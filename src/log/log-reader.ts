/**
 * Reads what is durable of a log that is being written, from some entry on: for change feeds and
 * for replicas that catch up. Each entry is handed out once, in order.
 *
 * The log does not wait for its readers. One that falls behind the truncation gets
 * `ERR_VERSION_GONE`; it never sees what was written over the entries that it missed.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
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
}

export class LogReader {
  readonly #log: ReadableLog;
  readonly #ring: Ring;
  readonly #batches: BatchReader;
  readonly #from: Lsn;
  readonly #cursor = new EntryCursor();
  #isReading = false;

  constructor(
    log: ReadableLog,
    ring: Ring,
    codec: BatchCodec,
    options: { start: LogPoint; from: Lsn; batchBytesMax: number },
  ) {
    this.#log = log;
    this.#ring = ring;
    this.#batches = new BatchReader(ring, codec, {
      from: options.start,
      sliceBytes: SLICE_BYTES,
      batchBytesMax: options.batchBytesMax,
      // What was cut off is not durable, and is never read.
      isOfTheLog: () => true,
    });
    this.#from = options.from;
  }

  /** The first entry that a later call will look for. */
  get nextLsn(): Lsn {
    const { firstLsn } = this.#batches.point;
    return firstLsn < this.#from ? this.#from : firstLsn;
  }

  /** Visits what has become durable since the last call, whole batches at a time. */
  async readOn(visit: LogVisitor): Promise<void> {
    assert(!this.#isReading, "one call at a time reads on");
    this.#isReading = true;
    try {
      while (this.#batches.point.position < this.#log.durablePosition) {
        await visitBatch(this.#ring, this.#cursor, await this.#next(), this.#from, visit);
      }
    } finally {
      this.#isReading = false;
    }
  }

  async #next(): Promise<FoundBatch> {
    const { point } = this.#batches;
    const found = await this.#batches.next(this.#log.durablePosition);
    // Only now, because the ring may have been written over while it was read.
    if (point.position < this.#log.headPosition) {
      throw new Fault(
        "ERR_VERSION_GONE",
        `the log was truncated past entry ${this.nextLsn} before it was read: ` +
          "take a snapshot, and go on from its version",
        { lsn: this.nextLsn },
      );
    }
    if (found.kind !== "batch") throw damaged(this.#ring, point, "it is durable");
    return found;
  }
}
