/**
 * The write-ahead log: entries are appended in memory, and written in batches.
 *
 * It guarantees that
 *
 *  1. entries become durable in the order of their LSNs, and `durableLsn` rises only when every
 *     entry up to it would survive a loss of power;
 *  2. at most one batch is on its way to the volume. What is appended meanwhile goes into the next
 *     one; nothing waits for a timer;
 *  3. no unit that holds an entry is written again before it is truncated;
 *  4. after a write that failed nothing is tried again: the log has failed for ever, `durableLsn`
 *     stays where it is, and `room` refuses everything;
 *  5. ordinary writers leave the reserve alone, the last part of what the ring has places for, so
 *     that decisions, deletes and the checkpoint, which free the ring, always have room;
 *  6. nothing is put where the ring has no place (`ring.ts`). To give it places is the owner's
 *     business, who tells of them when the superblock durably does.
 *
 * Appending allocates nothing and never fails: `room` says before whether an entry fits.
 */

import { assert } from "../base/assert.ts";
import {
  type BatchNumber,
  batchNumber,
  type Generation,
  type Lsn,
  lsn,
  type ViewNumber,
} from "../base/ids.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums, Clock } from "../world/world.ts";
import { BATCH_HEADER_BYTES, type BatchCodec } from "./batch-format.ts";
import type { BatchIndex } from "./batch-index.ts";
import { BatchWriter, type Gathered } from "./batch-writer.ts";
import { ENTRY_HEADER_BYTES, entryBytesOf, writeEntryFrame } from "./entry.ts";
import { Listeners } from "./listeners.ts";
import { LogReader, type ReadableLog, versionGone } from "./log-reader.ts";
import { batchBytesMax, type LogAnchor, type LogPoint, type LogZone } from "./log-zone.ts";
import type { RecoveredLog } from "./recovery.ts";
import { Ring } from "./ring.ts";
import { type Arena, Staging } from "./staging.ts";

/** The part of the ring that ordinary writers leave alone, unless an option says otherwise. */
const RESERVE_SHARE = 16;
const RESERVE_BYTES_MAX: number = 4 << 20;

export interface LogOptions {
  readonly volume: Volume;
  readonly clock: Clock;
  readonly checksums: Checksums;
  readonly volumeId: Uint8Array;
  /** Raised durably, with `recovered.end.batch` as its first batch. */
  readonly generation: Generation;
  readonly view: ViewNumber;
  readonly arena: Arena;
  readonly recovered: RecoveredLog;
  readonly reserveBytes?: number;
}

export class Log implements ReadableLog {
  readonly #ring: Ring;
  readonly #clock: Clock;
  readonly #codec: BatchCodec;
  readonly #staging: Staging;
  readonly #writer: BatchWriter;
  readonly #index: BatchIndex;
  readonly #batchBytesMax: number;
  readonly #reserveUnits: number;
  readonly #onDurable = new Listeners<Lsn>();
  readonly #onFailure = new Listeners<Error>();
  readonly #onRoom = new Listeners<void>();
  readonly #flush: () => void;

  /** Goes into every entry that is appended. */
  view: ViewNumber;
  #anchor: LogAnchor;
  #appendedLsn: Lsn;
  /** The first position that has no place. */
  #placedUntil: number;
  /** The position up to which places are missing for what `room` refused last; 0: none are. */
  #wantedUntil = 0;
  /** One entry that is a batch by itself, and follows those that gather. */
  #large: Gathered | undefined;
  #isFlushDue = false;
  #wasRefused = false;
  #closed: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(options: LogOptions) {
    const { recovered, volume, volumeId, checksums, generation } = options;
    const { zone, end } = recovered;
    this.#ring = new Ring(volume, zone);
    this.#clock = options.clock;
    this.#codec = { volumeId, unitBytes: zone.unitBytes, checksums };
    this.#batchBytesMax = batchBytesMax(zone);
    this.#staging = new Staging(options.arena, zone.unitBytes, this.#batchBytesMax);
    this.#writer = new BatchWriter(
      this.#ring,
      this.#codec,
      { generation, end },
      {
        landed: (start) => {
          this.#index.add(start);
          this.#landed();
        },
        failed: (failure) => {
          this.#onFailure.call(failure);
          this.#whenIdle?.();
        },
      },
    );
    this.#index = recovered.index;
    const reserveBytes = options.reserveBytes ?? reserveOf(zone);
    this.#reserveUnits = this.#ring.unitsOf(reserveBytes);
    assert(this.#reserveUnits < this.#ring.unitCount, "the reserve is a part of the ring");
    this.view = options.view;
    this.#anchor = recovered.anchor;
    this.#placedUntil = this.#ring.placedUntil(recovered.anchor.position);
    this.#appendedLsn = recovered.lastLsn;
    this.#flush = () => {
      this.#isFlushDue = false;
      if (this.#writer.isReady) this.#writeAtTurnsEnd();
    };
  }

  /** The last entry that was appended. */
  get appendedLsn(): Lsn {
    return this.#appendedLsn;
  }

  /** The last entry that would survive a loss of power. */
  get durableLsn(): Lsn {
    return lsn(this.#writer.durable.firstLsn - 1);
  }

  /** The last entry before those that can be read. */
  get truncatedLsn(): Lsn {
    return lsn(this.#anchor.replayFrom - 1);
  }

  /** The last batch that is durable; after `close`, the mark of a clean shutdown. */
  get lastBatch(): BatchNumber {
    return batchNumber(this.#writer.durable.batch - 1);
  }

  get headPosition(): number {
    return this.#anchor.position;
  }

  get durablePosition(): number {
    return this.#writer.durable.position;
  }

  /** Of the ring, by what was appended and not truncated. */
  get usedBytes(): number {
    return (this.#end - this.#anchor.position) * this.#ring.unitBytes;
  }

  get ringBytes(): number {
    return this.#ring.unitCount * this.#ring.unitBytes;
  }

  /** Of the ring, by segments that have a place on the volume. */
  get placedBytes(): number {
    return this.#ring.places.filter((place) => place !== 0).length * this.#ring.segmentBytes;
  }

  get segmentBytes(): number {
    return this.#ring.segmentBytes;
  }

  /** Where on the volume each segment of the ring begins, 0 where it has no place. */
  get places(): readonly number[] {
    return this.#ring.places;
  }

  /** The segments at and behind the head that have places, in a row, are those before this one. */
  get firstUnplaced(): number {
    return this.#placedUntil / this.#ring.segmentUnits;
  }

  /** The segment in which what is live of the log begins, counted since the store was made. */
  get headSegment(): number {
    return Math.floor(this.#anchor.position / this.#ring.segmentUnits);
  }

  /** The segment in which the entries appended so far end. */
  get lastSegment(): number {
    return Math.floor(this.#end / this.#ring.segmentUnits);
  }

  /** The segment up to which places were missing for what `room` refused last; 0: none were. */
  get wantedSegment(): number {
    return Math.ceil(this.#wantedUntil / this.#ring.segmentUnits);
  }

  get reserveBytes(): number {
    return this.#reserveUnits * this.#ring.unitBytes;
  }

  /** A longer body is appended with `appendLarge`. */
  get stagedBodyBytesMax(): number {
    return this.#staging.halfBytes - BATCH_HEADER_BYTES - ENTRY_HEADER_BYTES;
  }

  /** No body may be longer. */
  get bodyBytesMax(): number {
    return this.#batchBytesMax - BATCH_HEADER_BYTES - ENTRY_HEADER_BYTES;
  }

  get failure(): Error | undefined {
    return this.#writer.failure;
  }

  /** Calls `listener` after `durableLsn` has risen. Returns how to stop that. */
  onDurable(listener: (durableLsn: Lsn) => void): () => void {
    return this.#onDurable.add(listener);
  }

  /** Calls `listener` once, when the log fails. */
  onFailure(listener: (failure: Error) => void): () => void {
    return this.#onFailure.add(listener);
  }

  /**
   * Calls `listener` when there may be room again after `room` said no, also if that was already
   * so when it was added.
   */
  onRoom(listener: () => void): () => void {
    if (!this.#wasRefused) this.#clock.soon(() => this.#onRoom.call());
    return this.#onRoom.add(listener);
  }

  /** Whether an entry with such a body can be appended in this turn. */
  room(bodyBytes: number, useReserve: boolean): boolean {
    if (this.#hasRoom(bodyBytes, useReserve)) return true;
    // A half that filled up within one turn need not wait for the turn's end.
    if (this.#writer.isReady && this.#isWritable()) {
      this.beginBatch();
      if (this.#hasRoom(bodyBytes, useReserve)) return true;
    }
    this.#wasRefused = true;
    return false;
  }

  /** Where in the arena's memory the body of the next entry is written, before `append`. */
  get bodyAt(): number {
    return this.#staging.bodyAt;
  }

  /** Appends the entry whose body lies at `bodyAt`. */
  append(kind: number, bodyBytes: number): Lsn {
    assert(this.#large === undefined, "`room` said no");
    this.#staging.append(kind, this.view, bodyBytes);
    return this.#appended();
  }

  /** Begins the next batch now instead of at the turn's end, unless one is on its way. */
  beginBatch(): void {
    if (!this.#writer.isReady) return;
    const gathered = this.#take();
    if (gathered !== undefined) this.#writer.begin(gathered, this.view);
  }

  /** Appends an entry that is too large to gather with others, from a copy of `body`. */
  appendLarge(kind: number, body: Uint8Array): Lsn {
    assert(this.#large === undefined, "`room` said no");
    const usedBytes = BATCH_HEADER_BYTES + entryBytesOf(body.length);
    assert(usedBytes <= this.#batchBytesMax, "`room` said no");
    const bytes = new Uint8Array(this.#ring.unitsOf(usedBytes) * this.#ring.unitBytes);
    const frame = new DataView(bytes.buffer);
    writeEntryFrame(frame, BATCH_HEADER_BYTES, kind, this.view, body.length);
    bytes.set(body, BATCH_HEADER_BYTES + ENTRY_HEADER_BYTES);
    this.#large = { bytes, usedBytes, entryCount: 1 };
    return this.#appended();
  }

  /**
   * The segments lie there now, as the superblock durably says. What is live of the log has not
   * moved, and what is new holds nothing that could be taken for a part of it.
   */
  place(places: readonly number[]): void {
    this.#ring.replace(places);
    this.#placedUntil = this.#ring.placedUntil(this.#anchor.position);
    assert(this.#end <= this.#placedUntil, "what was appended keeps its places");
    this.#tellOfRoom();
  }

  /** From where to replay so that every entry after `position`, which is durable, is seen. */
  anchorAfter(position: Lsn): LogAnchor {
    assert(position <= this.durableLsn, "a checkpoint holds what is durable");
    const replayFrom = lsn(position + 1);
    assert(this.#anchor.replayFrom <= replayFrom, "the log is not truncated beyond");
    return { ...(this.startFor(replayFrom) ?? this.#writer.durable), replayFrom };
  }

  /** Gives up what lies before an anchor that two copies of the superblock hold durably. */
  truncate(anchor: LogAnchor): void {
    const { position, replayFrom } = anchor;
    assert(this.#anchor.replayFrom <= replayFrom, "an anchor only moves on");
    assert(this.#anchor.position <= position, "an anchor only moves on");
    assert(position <= this.durablePosition, "what is not durable is not truncated");
    this.#anchor = anchor;
    this.#placedUntil = this.#ring.placedUntil(position);
    this.#index.dropBefore(position);
    this.#tellOfRoom();
  }

  /** Reads the durable entries from `from` on, those to come too. */
  reader(from: Lsn): LogReader {
    if (from < this.#anchor.replayFrom) throw versionGone(from);
    const options = { from, batchBytesMax: this.#batchBytesMax };
    return new LogReader(this, this.#ring, this.#codec, options);
  }

  startFor(from: Lsn): LogPoint | undefined {
    if (from < this.#anchor.replayFrom) throw versionGone(from);
    if (this.durableLsn < from) return undefined;
    return this.#index.find(from) ?? this.#anchor;
  }

  /** Refuses further entries; resolves when those appended are durable, or rejects. */
  async close(): Promise<void> {
    this.#closed ??= this.#whenWritten();
    await this.#closed;
  }

  async #whenWritten(): Promise<void> {
    if (this.failure === undefined && this.durableLsn < this.#appendedLsn) {
      await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    }
    if (this.failure !== undefined) throw this.failure;
  }

  #isWritable(): boolean {
    return this.#closed === undefined && this.#writer.failure === undefined;
  }

  #hasRoom(bodyBytes: number, useReserve: boolean): boolean {
    if (!this.#isWritable() || this.#large !== undefined) return this.#refuse(0);
    if (bodyBytes <= this.stagedBodyBytesMax) {
      const usedBytes = this.#staging.usedBytes + entryBytesOf(bodyBytes);
      if (this.#staging.halfBytes < usedBytes) return this.#refuse(0);
      const sealed = this.#writer.sealed.position;
      return this.#isWithin(sealed + this.#ring.unitsOf(usedBytes), useReserve);
    }
    if (this.bodyBytesMax < bodyBytes) return this.#refuse(0);
    const largeUnits = this.#ring.unitsOf(BATCH_HEADER_BYTES + entryBytesOf(bodyBytes));
    return this.#isWithin(this.#end + largeUnits, useReserve);
  }

  /** Whether the log may end at that position. */
  #isWithin(end: number, useReserve: boolean): boolean {
    const reserveUnits = useReserve ? 0 : this.#reserveUnits;
    const limit = Math.min(this.#anchor.position + this.#ring.unitCount, this.#placedUntil);
    if (end + reserveUnits <= limit) return true;
    const endOfReserve = end + this.#reserveUnits;
    return this.#refuse(this.#placedUntil < endOfReserve ? endOfReserve : 0);
  }

  /** Takes note up to where places are missing. */
  #refuse(wantedUntil: number): false {
    this.#wantedUntil = wantedUntil;
    return false;
  }

  /** The position at which the entries appended so far end. */
  get #end(): number {
    return this.#writer.sealed.position + this.#waitingUnits();
  }

  /** How many units the entries will take that are in no batch yet. */
  #waitingUnits(): number {
    const { entryCount, usedBytes } = this.#staging;
    const staged = entryCount === 0 ? 0 : this.#ring.unitsOf(usedBytes);
    return staged + (this.#large === undefined ? 0 : this.#ring.unitsOf(this.#large.usedBytes));
  }

  #appended(): Lsn {
    assert(this.#isWritable(), "`room` said no");
    this.#appendedLsn = lsn(this.#appendedLsn + 1);
    this.#flushSoon();
    return this.#appendedLsn;
  }

  #flushSoon(): void {
    if (this.#isFlushDue || !this.#writer.isReady) return;
    this.#isFlushDue = true;
    this.#clock.soon(this.#flush);
  }

  #writeAtTurnsEnd(): void {
    const gathered = this.#take();
    if (gathered === undefined) return;
    this.#writer.beginOrFinish(gathered, this.view);
    this.#tellOfRoom();
  }

  /** What the next batch is made of. */
  #take(): Gathered | undefined {
    const units = this.#end - this.#anchor.position;
    assert(units <= this.#ring.unitCount, "nothing is overwritten before it is truncated");
    const { entryCount, usedBytes } = this.#staging;
    if (entryCount > 0) {
      return { bytes: this.#staging.take(this.#ring.unitBytes), usedBytes, entryCount };
    }
    const large = this.#large;
    this.#large = undefined;
    return large;
  }

  #landed(): void {
    const isIdle = this.durableLsn === this.#appendedLsn;
    if (!isIdle) this.#flushSoon();
    this.#onDurable.call(this.durableLsn);
    this.#tellOfRoom();
    if (isIdle) this.#whenIdle?.();
  }

  #tellOfRoom(): void {
    if (!this.#wasRefused) return;
    this.#wasRefused = false;
    this.#onRoom.call();
  }
}

function reserveOf({ ringBytes }: LogZone): number {
  return Math.min(ringBytes / RESERVE_SHARE, RESERVE_BYTES_MAX);
}
