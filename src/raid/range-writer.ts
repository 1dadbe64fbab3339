/**
 * Writes and trims ranges of the array: computes parity and stages what changes, under the locks of
 * the stripes. What it returns is the ticket by which the journal tells when the change is durable.
 *
 * What is written in order is gathered into whole stripes first. The rest is staged at once: where
 * several rows are written alike, by whole blocks, that is the column writer's; here they are taken
 * one by one.
 */

import { isFault } from "../base/fault.ts";
import { allDone } from "./all-done.ts";
import type { BlockReader } from "./block-reader.ts";
import { ColumnWriter, type RowRun, type WrittenPiece } from "./column-writer.ts";
import type { GatheredRun } from "./gathered-run.ts";
import type { Geometry } from "./geometry.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { BLOCK_DATA, BLOCK_LOST, BLOCK_TRIMMED } from "./pending-rows.ts";
import type { RaidCore } from "./raid-core.ts";
import type { RangeReader } from "./range-reader.ts";
import type { Shaped } from "./shape.ts";
import type { StripeLock } from "./stripe-locks.ts";
import { StripeChecksums } from "./stripe-checksums.ts";
import { WriteGatherer } from "./write-gatherer.ts";

/** Writes are taken in pieces of about this size, so that none holds many locks for long. */
const PIECE_BYTES = 1 << 20;

export interface RangeWriterOptions {
  /** Shorter writes where nothing was ever written are journalled like all others. */
  readonly inPlaceBytesMin: number;
}

/** A part of a write, within one geometry. */
interface Piece {
  readonly at: number;
  readonly end: number;
  /** Undefined: the range is trimmed. */
  readonly source: Uint8Array | undefined;
  /** Whether it belongs to a write that is long enough to go in place at once where it may. */
  readonly isLong: boolean;
}

/** What a block of data becomes; undefined where it stays. */
type BlockChange = Uint8Array | "trim" | undefined;

export class RangeWriter {
  readonly gatherer: WriteGatherer;
  readonly #core: RaidCore;
  readonly #blocks: BlockReader;
  readonly #columns: ColumnWriter;
  readonly #journal: JournalWriter;
  readonly #options: RangeWriterOptions;

  constructor(
    core: RaidCore,
    blocks: BlockReader,
    reader: RangeReader,
    journal: JournalWriter,
    options: RangeWriterOptions,
  ) {
    this.#core = core;
    const checksums = new StripeChecksums(core.world.checksums, core.layout.blockBytes);
    this.#columns = new ColumnWriter(core, reader, checksums);
    this.#blocks = blocks;
    this.#journal = journal;
    this.#options = options;
    this.gatherer = new WriteGatherer(core, journal, checksums, async (run) => {
      await this.#putRun(run);
    });
  }

  /** Gathers the bytes, or stages them; they may change as soon as this has resolved. */
  async write(at: number, source: Uint8Array): Promise<void> {
    const { from, to } = await this.gatherer.gather(at, source, "open");
    await this.#changeAround(at, source, from, to);
  }

  /** Stages the bytes; what it returns is the last ticket of them. */
  async writeThrough(at: number, source: Uint8Array): Promise<number> {
    const { from, to } = await this.gatherer.gather(at, source, "complete");
    if (from < to) await this.gatherer.settle(from, to - from);
    await this.#changeAround(at, source, from, to);
    return this.#core.pending.ticket;
  }

  async trim(at: number, byteCount: number): Promise<void> {
    await this.#change(at, byteCount, () => undefined);
  }

  /** What lies before and after the bytes that were gathered. */
  async #changeAround(at: number, source: Uint8Array, from: number, to: number): Promise<void> {
    const end = at + source.length;
    const sourceOf = (first: number, last: number): Uint8Array =>
      source.subarray(first - at, last - at);
    if (at < from) await this.#change(at, from - at, sourceOf);
    if (to < end) await this.#change(to, end - to, sourceOf);
  }

  /** The locks are held. */
  async #putRun(run: GatheredRun): Promise<void> {
    const { shaped, end } = run;
    const isLong = this.#options.inPlaceBytesMin <= end - run.at;
    await this.#columns.writeStripes(run, isLong);
    const source = run.tail();
    if (0 < source.length) {
      await this.#changeStripe(shaped, { at: end - source.length, end, source, isLong });
    }
  }

  async #change(
    at: number,
    byteCount: number,
    sourceOf: (from: number, to: number) => Uint8Array | undefined,
  ): Promise<void> {
    const end = at + byteCount;
    const isLong = this.#options.inPlaceBytesMin <= byteCount;
    for (let from = at; from < end;) {
      await this.#journal.room();
      const [lock, to] = await this.#lockPiece(from, end);
      try {
        await this.#changePiece({ at: from, end: to, source: sourceOf(from, to), isLong });
      } finally {
        this.#core.locks.release(lock);
      }
      from = to;
    }
    this.#journal.staged();
  }

  /** Locks the stripes of as much of the range as is taken at once, and says where that ends. */
  async #lockPiece(from: number, end: number): Promise<readonly [StripeLock, number]> {
    for (;;) {
      const piece = this.#pieceAt(from, end);
      const lock = await this.#core.locks.acquire(piece.first, piece.last + 1);
      const now = this.#pieceAt(from, end);
      // Stripes may have been laid out anew while this waited.
      if (now.first === piece.first && now.last === piece.last && now.to === piece.to) {
        return [lock, piece.to];
      }
      this.#core.locks.release(lock);
    }
  }

  #pieceAt(
    from: number,
    end: number,
  ): { readonly first: number; readonly last: number; readonly to: number } {
    const { geometry } = this.#shapedAt(from);
    const to = this.#pieceEnd(from, end);
    return {
      first: geometry.stripeOfBlock(Math.floor(from / geometry.blockBytes)),
      last: geometry.stripeOfBlock(Math.floor((to - 1) / geometry.blockBytes)),
      to,
    };
  }

  #pieceEnd(from: number, end: number): number {
    const { shape } = this.#core;
    const { geometry } = this.#shapedAt(from);
    const { stripeBytes } = geometry;
    const stripes = Math.max(1, Math.floor(PIECE_BYTES / stripeBytes));
    const pieceEnd = (Math.floor(from / stripeBytes) + stripes) * stripeBytes;
    const moved = shape.isReshaping ? shape.movedBlocks * geometry.blockBytes : 0;
    return Math.min(end, pieceEnd, from < moved ? moved : end);
  }

  #shapedAt(at: number): Shaped {
    return this.#core.shape.atBlock(Math.floor(at / this.#core.layout.blockBytes));
  }

  async #changePiece(piece: Piece): Promise<void> {
    const shaped = this.#shapedAt(piece.at);
    const { stripeBytes } = shaped.geometry;
    const changes: Promise<void>[] = [];
    for (let at = piece.at; at < piece.end;) {
      const stripeEnd = (Math.floor(at / stripeBytes) + 1) * stripeBytes;
      const part = partOf(piece, at, Math.min(piece.end, stripeEnd));
      changes.push(this.#changeStripe(shaped, part));
      at = part.end;
    }
    await allDone(changes);
  }

  async #changeStripe(shaped: Shaped, piece: Piece): Promise<void> {
    const { geometry } = shaped;
    const stripe = geometry.stripeOfBlock(Math.floor(piece.at / geometry.blockBytes));
    const firstRow = stripe * geometry.chunkBlocks;
    const limit = firstRow + geometry.chunkBlocks;
    const changes: Promise<void>[] = [];
    for (let row = firstRow; row < limit;) {
      const run = isWrite(piece) ? this.#columns.runAt(shaped, piece, row, limit) : undefined;
      if (run === undefined || !isWrite(piece)) changes.push(this.#changeRow(shaped, piece, row));
      else changes.push(this.#changeRun(shaped, piece, run));
      row = run?.end ?? row + 1;
    }
    await allDone(changes);
  }

  /** Row by row where not everything can be had: that knows what to do without. */
  async #changeRun(shaped: Shaped, piece: WrittenPiece, run: RowRun): Promise<void> {
    try {
      await this.#columns.writeRun(shaped, piece, run);
    } catch (error) {
      if (!isFault(error, "ERR_CORRUPT")) throw error;
      for (let row = run.row; row < run.end; row++) await this.#changeRow(shaped, piece, row);
    }
  }

  async #changeRow(shaped: Shaped, piece: Piece, row: number): Promise<void> {
    const { geometry } = shaped;
    const changes: BlockChange[] = [];
    for (let index = 0; index < geometry.dataCount; index++) {
      changes.push(await this.#changeOf(shaped, piece, row, index));
    }
    if (changes.every((change) => change === undefined)) return;
    if (shaped.math === undefined) {
      this.#stageData(shaped, row, changes);
      return;
    }
    const parity = await this.#newParity(shaped, row, changes);
    this.#stageData(shaped, row, changes);
    this.#stageParity(shaped, row, parity);
  }

  /** What becomes of a block of data; a part is filled up with what the block holds. */
  async #changeOf(
    { geometry }: Shaped,
    piece: Piece,
    row: number,
    index: number,
  ): Promise<BlockChange> {
    const { blockBytes } = geometry;
    const at = geometry.blockAt(row, index) * blockBytes;
    const from = Math.max(at, piece.at);
    const to = Math.min(at + blockBytes, piece.end);
    if (to <= from) return undefined;
    const slot = geometry.dataSlot(geometry.stripeOfRow(row), index);
    const part = piece.source?.subarray(from - piece.at, to - piece.at);
    if (part === undefined && this.#isHole(row, slot)) return undefined;
    if (to - from === blockBytes) return part === undefined ? "trim" : part.slice();
    const bytes = new Uint8Array(blockBytes);
    await this.#blocks.readLocked(row, slot, bytes);
    if (part === undefined) bytes.fill(0, from - at, to - at);
    else bytes.set(part, from - at);
    return bytes;
  }

  /** The parity after the changes; undefined where nothing is left in the row, null if unknown. */
  async #newParity(
    shaped: Shaped,
    row: number,
    changes: readonly BlockChange[],
  ): Promise<readonly Uint8Array[] | undefined | null> {
    if (this.#leavesNothing(shaped, row, changes)) return undefined;
    const ways = [
      async () => await this.#parityFromAll(shaped, row, changes),
      async () => await this.#parityFromOld(shaped, row, changes),
    ];
    if (this.#costOfOld(shaped, row, changes) < this.#costOfAll(shaped, row, changes)) {
      ways.reverse();
    }
    for (const way of ways) {
      try {
        return await way();
      } catch (error) {
        if (!isFault(error, "ERR_CORRUPT")) throw error;
      }
    }
    return null;
  }

  #leavesNothing({ geometry }: Shaped, row: number, changes: readonly BlockChange[]): boolean {
    const stripe = geometry.stripeOfRow(row);
    return changes.every(
      (change, index) =>
        change === "trim" ||
        (change === undefined && this.#isHole(row, geometry.dataSlot(stripe, index))),
    );
  }

  /** From the new data and all data that stays. */
  async #parityFromAll(
    shaped: Shaped,
    row: number,
    changes: readonly BlockChange[],
  ): Promise<readonly Uint8Array[]> {
    const { geometry } = shaped;
    const stripe = geometry.stripeOfRow(row);
    const data = await allDone(
      changes.map(async (change, index) => {
        if (change === "trim") return undefined;
        return change ?? (await this.#readOld(row, geometry.dataSlot(stripe, index)));
      }),
    );
    return parityOf(shaped, data, geometry.blockBytes);
  }

  /** From the old parity and the old data that goes. */
  async #parityFromOld(
    shaped: Shaped,
    row: number,
    changes: readonly BlockChange[],
  ): Promise<readonly Uint8Array[]> {
    const { geometry, math } = shaped;
    const changed = changes.flatMap((change, index) => (change === undefined ? [] : [index]));
    const parities = Array.from({ length: geometry.parityCount }, (_, p) => geometry.dataCount + p);
    const read = async (index: number): Promise<Uint8Array | undefined> =>
      await this.#readIndex(geometry, row, index);
    const found = await allDone([...parities, ...changed].map(read));
    const old = found.slice(geometry.parityCount);
    const updated = found
      .slice(0, geometry.parityCount)
      .map((block) => block ?? new Uint8Array(geometry.blockBytes));
    for (const [which, index] of changed.entries()) {
      const change = changes[index];
      const fresh = change === "trim" ? undefined : change;
      math?.update(index, fresh, old[which], updated);
    }
    return updated;
  }

  async #readIndex(
    geometry: Geometry,
    row: number,
    index: number,
  ): Promise<Uint8Array | undefined> {
    return await this.#readOld(row, geometry.slotOfIndex(geometry.stripeOfRow(row), index));
  }

  async #readOld(row: number, slot: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(this.#core.layout.blockBytes);
    return (await this.#blocks.readLocked(row, slot, bytes)) ? bytes : undefined;
  }

  #costOfAll({ geometry }: Shaped, row: number, changes: readonly BlockChange[]): number {
    const stripe = geometry.stripeOfRow(row);
    return changes.reduce(
      (sum, change, index) =>
        change === undefined ? sum + this.#cost(row, geometry.dataSlot(stripe, index)) : sum,
      0,
    );
  }

  #costOfOld({ geometry }: Shaped, row: number, changes: readonly BlockChange[]): number {
    const stripe = geometry.stripeOfRow(row);
    let sum = 0;
    for (let index = 0; index < geometry.slotCount; index++) {
      const isRead = geometry.dataCount <= index || changes[index] !== undefined;
      if (isRead) sum += this.#cost(row, geometry.slotOfIndex(stripe, index));
    }
    return sum;
  }

  /** How many blocks have to be read for this one. */
  #cost(row: number, slot: number): number {
    const { pending, shape } = this.#core;
    const newest = pending.get(row, slot);
    if (newest?.kind === BLOCK_DATA || this.#isHole(row, slot)) return 0;
    if (this.#blocks.memberFor(row, slot) !== undefined) return 1;
    return shape.geometry.slotCount;
  }

  #isHole(row: number, slot: number): boolean {
    const newest = this.#core.pending.get(row, slot);
    if (newest !== undefined) return newest.kind === BLOCK_TRIMMED;
    return !this.#core.table.isWritten(row, slot);
  }

  #stageData({ geometry }: Shaped, row: number, changes: readonly BlockChange[]): void {
    const stripe = geometry.stripeOfRow(row);
    for (const [index, change] of changes.entries()) {
      if (change === undefined) continue;
      this.#stage(row, geometry.dataSlot(stripe, index), change);
    }
  }

  #stageParity(
    { geometry }: Shaped,
    row: number,
    parity: readonly Uint8Array[] | undefined | null,
  ): void {
    const stripe = geometry.stripeOfRow(row);
    for (let p = 0; p < geometry.parityCount; p++) {
      const slot = geometry.slotOfIndex(stripe, geometry.dataCount + p);
      if (parity === null) this.#core.pending.stage(row, slot, BLOCK_LOST, 0);
      else this.#stage(row, slot, parity?.[p] ?? "trim");
    }
  }

  #stage(row: number, slot: number, change: Uint8Array | "trim"): void {
    const { pending } = this.#core;
    if (change === "trim") pending.stage(row, slot, BLOCK_TRIMMED, 0);
    else pending.stage(row, slot, BLOCK_DATA, this.#crc(change), change);
  }

  #crc(bytes: Uint8Array): number {
    return this.#core.world.checksums.crc32(bytes, 0);
  }
}

function isWrite(piece: Piece): piece is Piece & WrittenPiece {
  return piece.source !== undefined;
}

function partOf({ at, source, isLong }: Piece, from: number, to: number): Piece {
  return { at: from, end: to, source: source?.subarray(from - at, to - at), isLong };
}

function parityOf(
  { geometry, math }: Shaped,
  data: readonly (Uint8Array | undefined)[],
  bytes: number,
): readonly Uint8Array[] {
  if (math === undefined) return [];
  const parity = Array.from({ length: geometry.parityCount }, () => new Uint8Array(bytes));
  math.compute(data, parity);
  return parity;
}
