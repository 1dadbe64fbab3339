/**
 * Reads batch after batch from a ring, in large slices, each byte once, and the next slices while
 * the last one is looked at: a disk that is asked for one thing at a time gives half of what it
 * can.
 *
 * A batch is handed out only if it is whole, in its place, and goes on exactly where the batch
 * before it ended: its number, its position, its first LSN and the previous checksum are those
 * expected, and the checksum over all of it holds. No length is used before it is checked.
 */

import { assert } from "../base/assert.ts";
import { batchNumber, lsn } from "../base/ids.ts";
import {
  applyMask,
  BATCH_HEADER_BYTES,
  type BatchCodec,
  findHeader,
  type FoundHeader,
  isWhole,
} from "./batch-format.ts";
import { ENTRY_HEADER_BYTES } from "./entry.ts";
import type { LogPoint } from "./log-zone.ts";
import type { Ring } from "./ring.ts";

export type Found =
  /** Its header and entries are in `bytes` from `at` on until the next call. */
  | {
      readonly kind: "batch";
      readonly header: FoundHeader;
      readonly start: LogPoint;
      readonly bytes: Uint8Array;
      readonly at: number;
    }
  /** The header of the batch that was expected, and something behind it is wrong. */
  | { readonly kind: "broken"; readonly header: FoundHeader }
  /** The header of the batch that was expected, but not of one that continues this log. */
  | { readonly kind: "unchained"; readonly header: FoundHeader }
  /** Anything else, or the end of what may be read. */
  | { readonly kind: "none" };

export type FoundBatch = Found & { readonly kind: "batch" };

export interface BatchReaderOptions {
  readonly from: LogPoint;
  readonly sliceBytes: number;
  /** How many slices are read at once, as far as there is room; without it, one. */
  readonly slicesAhead?: number;
  /**
   * Memory that slices are read into; without it, the reader's own. It is called again, always for
   * as much, when that is full, and may return the same; what it returned before is then read for
   * the last time in the same turn.
   */
  readonly nextBuffer?: () => Uint8Array;
  readonly batchBytesMax: number;
  /** Whether a header is of a batch that belongs to the log, rather than one that was cut off. */
  readonly isOfTheLog: (header: FoundHeader) => boolean;
}

/** A read that is under way, of what ends before a position. */
interface Slice {
  readonly end: number;
  readonly done: Promise<void>;
}

export class BatchReader {
  readonly #ring: Ring;
  readonly #codec: BatchCodec;
  readonly #sliceUnits: number;
  readonly #options: BatchReaderOptions;
  #buffer: Uint8Array;
  /** Units from `#firstPosition` up to `#endPosition` are at the front of it. */
  #window: Uint8Array;
  #firstPosition: number;
  #endPosition: number;
  /** The reads under way of the units behind those, in their order, and where they end. */
  readonly #ahead: Slice[] = [];
  #aheadPosition: number;
  #point: LogPoint;

  constructor(ring: Ring, codec: BatchCodec, options: BatchReaderOptions) {
    this.#ring = ring;
    this.#codec = codec;
    this.#sliceUnits = Math.max(1, Math.floor(options.sliceBytes / ring.unitBytes));
    this.#options = options;
    const bytes = 2 * this.#sliceUnits * ring.unitBytes;
    this.#buffer = options.nextBuffer?.() ?? new Uint8Array(bytes);
    this.#window = this.#buffer;
    this.#point = options.from;
    this.#firstPosition = options.from.position;
    this.#endPosition = options.from.position;
    this.#aheadPosition = options.from.position;
  }

  /** Where the batch begins that `next` will look for. */
  get point(): LogPoint {
    return this.#point;
  }

  /** The batch at `point`, if it is there and ends at or before `limit`; then goes behind it. */
  async next(limit: number): Promise<Found> {
    const start = this.#point;
    if (limit <= start.position) return { kind: "none" };

    await this.#load(1, limit);
    const header = findHeader(this.#codec, this.#window, this.#atOf(start.position));
    if (header === undefined || !isExpected(header, start)) return { kind: "none" };
    if (!this.#options.isOfTheLog(header)) return { kind: "none" };
    if (!continues(header, start)) return { kind: "unchained", header };

    const units = this.#ring.unitsOf(header.usedBytes);
    if (!this.#hasPlausibleSize(header) || limit < start.position + units) {
      return { kind: "broken", header };
    }
    await this.#load(units, limit);
    const at = this.#atOf(start.position);
    const batch = this.#window.subarray(at, at + units * this.#ring.unitBytes);
    if (!isWhole(this.#codec, header, batch)) return { kind: "broken", header };

    applyMask(batch, this.#codec.unitBytes, header.mask);
    this.#point = pointBehind(header, units);
    return { kind: "batch", header, start, bytes: this.#window, at };
  }

  /** Resolves when nothing is read any more; then the window may be used for other things. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead.map(async ({ done }) => await done));
  }

  #hasPlausibleSize({ usedBytes, entryCount }: FoundHeader): boolean {
    if (usedBytes <= BATCH_HEADER_BYTES || this.#options.batchBytesMax < usedBytes) return false;
    const entriesMax = (usedBytes - BATCH_HEADER_BYTES) / ENTRY_HEADER_BYTES;
    return 0 < entryCount && entryCount <= entriesMax;
  }

  #atOf(position: number): number {
    assert(this.#firstPosition <= position && position < this.#endPosition, "it was loaded");
    return (position - this.#firstPosition) * this.#ring.unitBytes;
  }

  /** Brings `units` units from `point` on into the window; none of them is beyond `limit`. */
  async #load(units: number, limit: number): Promise<void> {
    const end = this.#point.position + units;
    while (this.#endPosition < end) {
      if (this.#ahead.length === 0 && this.#firstPosition + this.#capacity < end) {
        this.#makeRoom(units);
      }
      this.#readAhead(limit);
      const [slice] = this.#ahead;
      assert(slice !== undefined, "there is room for what is asked for");
      await slice.done;
      this.#ahead.shift();
      this.#endPosition = slice.end;
    }
    this.#readAhead(limit);
  }

  get #capacity(): number {
    return Math.floor(this.#window.length / this.#ring.unitBytes);
  }

  /** Begins to read the next slices, as far as there is room and it is allowed. */
  #readAhead(limit: number): void {
    const { unitBytes } = this.#ring;
    const { slicesAhead = 1 } = this.#options;
    const last = Math.min(limit, this.#firstPosition + this.#capacity);
    while (this.#ahead.length < slicesAhead && this.#aheadPosition < last) {
      const from = this.#aheadPosition;
      const end = Math.min(from + this.#sliceUnits, last);
      const at = (from - this.#firstPosition) * unitBytes;
      const done = this.#ring.read(from, this.#window.subarray(at, at + (end - from) * unitBytes));
      // Whoever needs it hears of the fault, and perhaps nobody does.
      done.catch(() => undefined);
      this.#ahead.push({ end, done });
      this.#aheadPosition = end;
    }
  }

  /** Moves what is loaded from `point` on to the front of a window with room for `units` units. */
  #makeRoom(units: number): void {
    const { unitBytes } = this.#ring;
    const from = this.#point.position;
    const keptAt = (from - this.#firstPosition) * unitBytes;
    const kept = this.#window.subarray(
      keptAt,
      (this.#endPosition - this.#firstPosition) * unitBytes,
    );
    const lengthBytes = units * unitBytes;
    if (lengthBytes <= this.#buffer.length) {
      this.#buffer = this.#options.nextBuffer?.() ?? this.#buffer;
      this.#window = this.#buffer;
    } else this.#window = new Uint8Array(lengthBytes);
    this.#window.set(kept);
    this.#firstPosition = from;
  }
}

/** Whether it is the header of the batch that should begin at `start`. */
function isExpected(header: FoundHeader, start: LogPoint): boolean {
  return header.batch === start.batch && header.position === start.position;
}

function continues(header: FoundHeader, start: LogPoint): boolean {
  return header.firstLsn === start.firstLsn && header.previousChecksum === start.previousChecksum;
}

function pointBehind(header: FoundHeader, units: number): LogPoint {
  return {
    batch: batchNumber(header.batch + 1),
    position: header.position + units,
    firstLsn: lsn(header.firstLsn + header.entryCount),
    previousChecksum: header.checksum,
  };
}
