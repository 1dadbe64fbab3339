/**
 * Reads batch after batch from a ring, in large slices, and the next slices while the last one is
 * looked at: a disk that is asked for one thing at a time gives half of what it can. Slices are
 * read into two buffers in turn, so that reading goes on while the end of one is looked at; a batch
 * of which a part lies in each is put together in the second, which has room for that at its front.
 * One that finds no room there is read apart.
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
   * as much, when that is full. What it returned the last time is still in use then, and what it
   * returned before that no more: it may be that again.
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

/** Units from `position` on, as many as there is room for, with that one at `bytes[0]`. */
interface Window {
  readonly bytes: Uint8Array;
  readonly position: number;
}

/** This share of a buffer is for the beginning of a batch whose end is behind it. */
const FRONT_SHARE = 1 / 8;

export class BatchReader {
  readonly #ring: Ring;
  readonly #codec: BatchCodec;
  readonly #sliceUnits: number;
  readonly #options: BatchReaderOptions;
  readonly #nextBuffer: () => Uint8Array;
  /** What is looked at, and what is read into behind it. */
  #window: Window;
  #nextWindow: Window | undefined;
  /** Everything from `point` up to here is loaded. */
  #endPosition: number;
  /** The reads under way of the units behind those, in their order, and where they end. */
  readonly #ahead: Slice[] = [];
  #aheadPosition: number;
  #point: LogPoint;

  constructor(ring: Ring, codec: BatchCodec, options: BatchReaderOptions) {
    const { position } = options.from;
    this.#ring = ring;
    this.#codec = codec;
    this.#sliceUnits = Math.max(1, Math.floor(options.sliceBytes / ring.unitBytes));
    this.#options = options;
    this.#nextBuffer = options.nextBuffer ?? twoInTurn(2 * this.#sliceUnits * ring.unitBytes);
    this.#window = { bytes: this.#nextBuffer(), position };
    this.#point = options.from;
    this.#endPosition = position;
    this.#aheadPosition = position;
  }

  /** Where the batch begins that `next` will look for. */
  get point(): LogPoint {
    return this.#point;
  }

  /** The batch at `point`, if it is there and ends at or before `limit`; then goes behind it. */
  async next(limit: number): Promise<Found> {
    if (limit <= this.#point.position) return { kind: "none" };
    await this.#load(1, limit);
    const seen = this.#look(limit);
    if ("kind" in seen) return seen;
    await this.#load(this.#ring.unitsOf(seen.usedBytes), limit);
    return this.#take(seen);
  }

  /** As `next`, at once; undefined if that has to read first. */
  nextNow(limit: number): Found | undefined {
    if (limit <= this.#point.position) return { kind: "none" };
    if (!this.#isLoaded(1)) return undefined;
    const seen = this.#look(limit);
    if ("kind" in seen) return seen;
    return this.#isLoaded(this.#ring.unitsOf(seen.usedBytes)) ? this.#take(seen) : undefined;
  }

  /** Resolves when nothing is read any more; then the buffers may be used for other things. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead.map(async ({ done }) => await done));
  }

  /** The header of the batch at `point`, whose first unit is loaded, or what is wrong with it. */
  #look(limit: number): FoundHeader | Exclude<Found, FoundBatch> {
    const start = this.#point;
    const header = findHeader(this.#codec, this.#window.bytes, this.#atOf(start.position));
    if (header === undefined || !isExpected(header, start)) return { kind: "none" };
    if (!this.#options.isOfTheLog(header)) return { kind: "none" };
    if (!continues(header, start)) return { kind: "unchained", header };

    const units = this.#ring.unitsOf(header.usedBytes);
    if (!this.#hasPlausibleSize(header) || limit < start.position + units) {
      return { kind: "broken", header };
    }
    return header;
  }

  /** The batch with this header, which is loaded, if it is whole. */
  #take(header: FoundHeader): Found {
    const { unitBytes } = this.#ring;
    const start = this.#point;
    const { bytes } = this.#window;
    const units = this.#ring.unitsOf(header.usedBytes);
    const at = this.#atOf(start.position);
    const batch = bytes.subarray(at, at + units * unitBytes);
    if (!isWhole(this.#codec, header, batch)) return { kind: "broken", header };

    applyMask(batch, unitBytes, header.mask);
    this.#point = pointBehind(header, units);
    return { kind: "batch", header, start, bytes, at };
  }

  #hasPlausibleSize({ usedBytes, entryCount }: FoundHeader): boolean {
    if (usedBytes <= BATCH_HEADER_BYTES || this.#options.batchBytesMax < usedBytes) return false;
    const entriesMax = (usedBytes - BATCH_HEADER_BYTES) / ENTRY_HEADER_BYTES;
    return 0 < entryCount && entryCount <= entriesMax;
  }

  /** Where in the window the unit at `position` is. */
  #atOf(position: number): number {
    // Positions are read as floating-point numbers, and whoever reckons with one goes on so; places
    // within a batch are reckoned with for every row.
    return ((position - this.#window.position) * this.#ring.unitBytes) | 0;
  }

  /** Whether `units` units from `point` on are in the window. */
  #isLoaded(units: number): boolean {
    const end = this.#point.position + units;
    return end <= this.#endPosition && end <= this.#endOf(this.#window);
  }

  #endOf({ bytes, position }: Window): number {
    return position + Math.floor(bytes.length / this.#ring.unitBytes);
  }

  /** Brings `units` units from `point` on into the window; none of them is beyond `limit`. */
  async #load(units: number, limit: number): Promise<void> {
    const end = this.#point.position + units;
    this.#readAhead(limit);
    for (let slice = this.#ahead[0]; this.#endPosition < end && slice !== undefined;) {
      await slice.done;
      this.#ahead.shift();
      this.#endPosition = slice.end;
      this.#readAhead(limit);
      slice = this.#ahead[0];
    }
    if (this.#isLoaded(units)) return;
    if (this.#endPosition < end || !this.#moveOn()) await this.#loadApart(units);
    assert(this.#isLoaded(units), "what was asked for is in the window");
  }

  /** Begins to read the next slices, as far as there is room and it is allowed. */
  #readAhead(limit: number): void {
    const { unitBytes } = this.#ring;
    const { slicesAhead = 1 } = this.#options;
    while (this.#ahead.length < slicesAhead && this.#aheadPosition < limit) {
      const from = this.#aheadPosition;
      const window = this.#windowFor(from);
      const end = Math.min(from + this.#sliceUnits, this.#endOf(window), limit);
      if (end <= from) return;
      const at = (from - window.position) * unitBytes;
      const done = this.#ring.read(from, window.bytes.subarray(at, at + (end - from) * unitBytes));
      // Whoever needs it hears of the fault, and perhaps nobody does.
      done.catch(() => undefined);
      this.#ahead.push({ end, done });
      this.#aheadPosition = end;
    }
  }

  /** Where the unit at `position`, the first that nobody reads yet, is read to. */
  #windowFor(position: number): Window {
    if (this.#nextWindow === undefined && position < this.#endOf(this.#window)) return this.#window;
    if (this.#nextWindow === undefined) {
      const bytes = this.#nextBuffer();
      this.#nextWindow = { bytes, position: position - this.#frontUnits(bytes) };
    }
    return this.#nextWindow;
  }

  #frontUnits(buffer: Uint8Array): number {
    return Math.floor((buffer.length / this.#ring.unitBytes) * FRONT_SHARE);
  }

  /** Goes to the next window, with what is left of this one; false if it has no room for that. */
  #moveOn(): boolean {
    const next = this.#nextWindow;
    assert(next !== undefined, "what is loaded and not here is there");
    const from = this.#point.position;
    if (from < next.position) return false;
    const { bytes } = this.#window;
    const left = bytes.subarray(this.#atOf(from), this.#atOf(this.#endOf(this.#window)));
    next.bytes.set(left, (from - next.position) * this.#ring.unitBytes);
    this.#window = next;
    this.#nextWindow = undefined;
    return true;
  }

  /** Reads `units` units from `point` on into memory of their own, which becomes the window. */
  async #loadApart(units: number): Promise<void> {
    await this.settle();
    this.#ahead.length = 0;
    const { position } = this.#point;
    const bytes = new Uint8Array(units * this.#ring.unitBytes);
    await this.#ring.read(position, bytes);
    this.#window = { bytes, position };
    this.#nextWindow = undefined;
    this.#endPosition = position + units;
    this.#aheadPosition = this.#endPosition;
  }
}

function twoInTurn(lengthBytes: number): () => Uint8Array {
  let [next, other] = [new Uint8Array(lengthBytes), new Uint8Array(lengthBytes)];
  return () => {
    [next, other] = [other, next];
    return other;
  };
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
