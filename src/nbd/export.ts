/**
 * A volume as an NBD export: performs requests on it.
 *
 * It guarantees that
 *
 *  1. changes that overlap follow one another, whatever connections they came by, so that a write
 *     of part of a write unit loses nothing that another wrote to the rest of it;
 *  2. a change is answered when a later flush, by any connection, would make it durable; and one
 *     that is to be durable by itself when it is;
 *  3. a fault of the volume becomes an error of the one request that met it. What isn't a fault is
 *     a bug, and is thrown;
 *  4. changes that nobody flushes are made durable after some seconds, if whoever serves the export
 *     calls `writeBack` every now and then.
 */

import { unreachable } from "../base/assert.ts";
import { type Fault, type FaultCode, isFault } from "../base/fault.ts";
import type { SparseVolume } from "../volume/sparse-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { ERROR, type ErrorNumber } from "./protocol.ts";
import { type LockedRange, RangeLock } from "./range-lock.ts";
import {
  type Extent,
  FRAME_ROOM_BYTES,
  type NbdRequest,
  type Outcome,
  refused,
  roundDown,
  roundUp,
  type StatusRequest,
  type WriteRequest,
  type ZeroRequest,
} from "./request.ts";
import { SharedSync } from "./shared-sync.ts";

/** What a client may know of an export. */
export interface ExportFacts {
  readonly name: string;
  readonly description: string;
  readonly sizeBytes: number;
  /** Changes of whole units need no reading before. */
  readonly writeUnitBytes: number;
  readonly readOnly: boolean;
  /** Whether it knows what was never written, and can be trimmed. */
  readonly sparse: boolean;
}

export interface NbdExportOptions {
  readonly name: string;
  readonly description: string;
  readonly readOnly: boolean;
}

/** Zeroes are written, and what is to be cached read, in steps of this size. */
const SLICE_BYTES = 1 << 20;
/** More extents, and what lies further on, are told in reply to a further question. */
const EXTENT_COUNT_MAX = 8192;
const STATUS_BYTES_MAX: number = 256 << 20;

const ERRORS: Readonly<Partial<Record<FaultCode, ErrorNumber>>> = {
  ERR_FULL: ERROR.noSpace,
  ERR_CLOSED: ERROR.shutdown,
  ERR_LIMIT: ERROR.noMemory,
};

/** Changes that nobody flushed for so long are made durable all the same. */
const WRITE_BACK_MS = 5000;

const zeroes = new Uint8Array(SLICE_BYTES);
const DONE: Outcome = { kind: "done" };

export class NbdExport implements ExportFacts {
  readonly name: string;
  readonly description: string;
  readonly readOnly: boolean;
  readonly writeUnitBytes: number;
  readonly #volume: Volume;
  readonly #sparse: SparseVolume | undefined;
  readonly #locks = new RangeLock();
  readonly #sync: SharedSync;
  /** Whether there are changes that no sync covers, and since when that is known. */
  #isChanged = false;
  #changedMs: number | undefined;
  #writingBack: Promise<void> = Promise.resolve();

  constructor(volume: Volume, { name, description, readOnly }: NbdExportOptions) {
    this.name = name;
    this.description = description;
    this.readOnly = readOnly;
    this.#volume = volume;
    this.#sparse = isSparse(volume) ? volume : undefined;
    this.writeUnitBytes = Math.max(volume.writeUnitBytes, this.#sparse?.blockBytes ?? 1);
    this.#sync = new SharedSync(async () => {
      this.#isChanged = false;
      this.#changedMs = undefined;
      await volume.sync();
    });
  }

  get sizeBytes(): number {
    return this.#volume.sizeBytes;
  }

  get sparse(): boolean {
    return this.#sparse !== undefined;
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Makes durable what nobody flushed for long; who flushes later is told if that failed. */
  writeBack(nowMs: number): void {
    if (!this.#isChanged) return;
    this.#changedMs ??= nowMs;
    if (nowMs < this.#changedMs + WRITE_BACK_MS) return;
    this.#writingBack = this.perform({ kind: "flush" }).then(() => undefined);
  }

  /** Resolves when nothing is written back any more. */
  async settled(): Promise<void> {
    await this.#writingBack;
  }

  /** Performs the request, which lies within the export. */
  async perform(request: NbdRequest): Promise<Outcome> {
    try {
      return await this.#perform(request);
    } catch (error) {
      if (!isFault(error)) throw error;
      return refused(errorOf(error), error.message);
    }
  }

  async #perform(request: NbdRequest): Promise<Outcome> {
    switch (request.kind) {
      case "read":
        return await this.#read(request.at, request.byteCount);
      case "write":
        return await this.#write(request);
      case "flush":
        // A volume that is only read has nothing to make durable.
        if (!this.readOnly) await this.#sync.run();
        return DONE;
      case "trim":
        return await this.#trim(request.at, request.byteCount, request.durable);
      case "zero":
        return await this.#zero(request);
      case "cache":
        return await this.#cache(request.at, request.byteCount);
      case "status":
        return this.#status(request);
      default:
        return unreachable(request);
    }
  }

  async #read(at: number, byteCount: number): Promise<Outcome> {
    if (this.#isHole(at, byteCount)) return { kind: "hole", byteCount };
    const frame = new Uint8Array(FRAME_ROOM_BYTES + byteCount);
    await this.#volume.read(at, frame.subarray(FRAME_ROOM_BYTES));
    return { kind: "data", frame };
  }

  #isHole(at: number, byteCount: number): boolean {
    // Most of what is read was written, which the first byte tells.
    if (this.#sparse?.isWritten(at, 1).written !== false) return false;
    const state = this.#sparse.isWritten(at, byteCount);
    return !state.written && byteCount <= state.byteCount;
  }

  async #write({ at, byteCount, durable, frameAt, frame }: WriteRequest): Promise<Outcome> {
    await this.#holding(frameAt, frameAt + frame.length, async () => {
      await this.#readAround(frameAt, frame, at, at + byteCount);
      if (durable) await this.#volume.writeDurable(frameAt, frame);
      else await this.#volume.write(frameAt, frame);
      this.#isChanged ||= !durable;
    });
    return DONE;
  }

  /** Fills the part of the frame that lies outside of `[at, end)`. */
  async #readAround(frameAt: number, frame: Uint8Array, at: number, end: number): Promise<void> {
    const before = frame.subarray(0, at - frameAt);
    const after = frame.subarray(end - frameAt);
    if (0 < before.length) await this.#volume.read(frameAt, before);
    if (0 < after.length) await this.#volume.read(end, after);
  }

  /** Only whole units are trimmed: a hint is not worth reading and writing for. */
  async #trim(at: number, byteCount: number, durable: boolean): Promise<Outcome> {
    const { start, end } = this.#unitsWithin(at, at + byteCount);
    if (start < end && this.#sparse !== undefined) {
      const volume = this.#sparse;
      await this.#holding(start, end, async () => await volume.trim(start, end - start));
      this.#isChanged = true;
    }
    if (durable) await this.#sync.run();
    return DONE;
  }

  async #zero(request: ZeroRequest): Promise<Outcome> {
    const trims = request.mayTrim && this.#sparse !== undefined;
    if (request.onlyIfFast && !trims) {
      return refused(ERROR.notSupported, "zeroes are written here, which is not fast");
    }
    const { at, byteCount } = request;
    const { start, end } = this.#unitsAround(at, at + byteCount);
    await this.#holding(start, end, async () => await this.#zeroRange(at, at + byteCount, trims));
    this.#isChanged = true;
    if (request.durable) await this.#sync.run();
    return DONE;
  }

  /** Makes zeroes of a range that is locked. */
  async #zeroRange(at: number, end: number, trims: boolean): Promise<void> {
    const whole = this.#unitsWithin(at, end);
    if (whole.end <= whole.start) {
      const middle = Math.min(roundUp(at, this.writeUnitBytes), end);
      await this.#zeroPart(at, middle);
      await this.#zeroPart(middle, end);
      return;
    }
    await this.#zeroPart(at, whole.start);
    if (trims) await this.#sparse?.trim(whole.start, whole.end - whole.start);
    else await this.#writeZeroes(whole.start, whole.end);
    await this.#zeroPart(whole.end, end);
  }

  /** Makes zeroes of a part of one unit. */
  async #zeroPart(at: number, end: number): Promise<void> {
    if (at === end || this.#isHole(at, end - at)) return;
    const frameAt = roundDown(at, this.writeUnitBytes);
    const frameEnd = Math.min(frameAt + this.writeUnitBytes, this.sizeBytes);
    const frame = new Uint8Array(frameEnd - frameAt);
    await this.#readAround(frameAt, frame, at, end);
    await this.#volume.write(frameAt, frame);
  }

  async #writeZeroes(start: number, end: number): Promise<void> {
    for (let at = start; at < end; at += SLICE_BYTES) {
      await this.#volume.write(at, zeroes.subarray(0, Math.min(SLICE_BYTES, end - at)));
    }
  }

  /** Reads the bytes, which brings them into whatever cache lies below. */
  async #cache(at: number, byteCount: number): Promise<Outcome> {
    const slice = new Uint8Array(Math.min(SLICE_BYTES, byteCount));
    const end = at + byteCount;
    for (let from = at; from < end; from += slice.length) {
      await this.#volume.read(from, slice.subarray(0, Math.min(slice.length, end - from)));
    }
    return DONE;
  }

  #status({ at, byteCount, onlyOne }: StatusRequest): Outcome {
    if (this.#sparse === undefined) {
      return { kind: "extents", extents: [{ byteCount, written: true }] };
    }
    const extents: Extent[] = [];
    const countMax = onlyOne ? 1 : EXTENT_COUNT_MAX;
    const end = at + Math.min(byteCount, STATUS_BYTES_MAX);
    for (let from = at; from < end && extents.length < countMax;) {
      const extent = this.#sparse.isWritten(from, end - from);
      extents.push(extent);
      from += extent.byteCount;
    }
    return { kind: "extents", extents };
  }

  async #holding(start: number, end: number, work: () => Promise<void>): Promise<void> {
    const range: LockedRange = { start, end };
    await this.#locks.acquire(range);
    try {
      await work();
    } finally {
      this.#locks.release(range);
    }
  }

  /** The units that the range touches. */
  #unitsAround(at: number, end: number): LockedRange {
    const unit = this.writeUnitBytes;
    return { start: roundDown(at, unit), end: Math.min(roundUp(end, unit), this.sizeBytes) };
  }

  /** The units that lie in the range whole; the last one of the volume may be cut short. */
  #unitsWithin(at: number, end: number): LockedRange {
    const unit = this.writeUnitBytes;
    const isToTheEnd = end === this.sizeBytes;
    return { start: roundUp(at, unit), end: isToTheEnd ? end : roundDown(end, unit) };
  }
}

/** Whether a volume offers what a sparse one does. */
function isSparse(volume: Volume): volume is SparseVolume {
  return "trim" in volume && "isWritten" in volume && "blockBytes" in volume;
}

function errorOf({ code }: Fault): ErrorNumber {
  return ERRORS[code] ?? ERROR.io;
}
