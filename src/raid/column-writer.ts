/**
 * Writes many rows at once, as columns: for every slot what lies together on its member. It takes
 * whole stripes, and of others what is written by whole blocks; the rest goes row by row.
 *
 * Blocks of which nothing was ever written need no journal for their data: they go in place at
 * once, and are staged as such. Until that is recorded the table says that they are zeroes, and
 * that is what they count as in their row's parity; so a crash between loses nothing that was
 * there before. The parity goes in place with them only if nothing of the row was ever written;
 * else it stands for other data too, and is journalled.
 */

import { allDone } from "./all-done.ts";
import type { GatheredRun } from "./gathered-run.ts";
import type { Geometry } from "./geometry.ts";
import type { RowBlocks } from "./parity-math.ts";
import { BLOCK_DATA, BLOCK_IN_PLACE } from "./pending-rows.ts";
import { type RaidCore, writersOfSlot } from "./raid-core.ts";
import type { RangeReader } from "./range-reader.ts";
import type { Shaped } from "./shape.ts";
import type { StripeChecksums } from "./stripe-checksums.ts";

/** Bytes that are written at a place of the array. */
export interface WrittenPiece {
  readonly at: number;
  readonly end: number;
  readonly source: Uint8Array;
  /** Whether it may go in place before it is recorded, where nothing was. */
  readonly isLong: boolean;
}

/** Rows of one stripe of which the same blocks of data are written, all of them whole. */
export interface RowRun {
  readonly row: number;
  readonly end: number;
  /** The indexes of the data that is written, in order. */
  readonly written: readonly number[];
  readonly inPlace: InPlace;
}

/** What goes in place before it is recorded. */
type InPlace = "nothing" | "data" | "data and parity";

export class ColumnWriter {
  readonly #core: RaidCore;
  readonly #reader: RangeReader;
  readonly #checksums: StripeChecksums;

  constructor(core: RaidCore, reader: RangeReader, checksums: StripeChecksums) {
    this.#core = core;
    this.#checksums = checksums;
    this.#reader = reader;
  }

  /**
   * Writes the whole stripes of the run: in place if it `isLong` and nothing of them was written
   * before, else they are staged.
   */
  async writeStripes(run: GatheredRun, isLong: boolean): Promise<void> {
    const { lock, stripeCount, wholeStripes } = run;
    const turns = Array.from({ length: wholeStripes }, (_, turn) => turn);
    const isFresh = turns.map((turn) => isLong && this.#isFreshStripe(run, turn));
    const writes: Promise<unknown>[] = [];
    for (let turn = 0; turn < wholeStripes;) {
      let end = turn + 1;
      while (end < wholeStripes && isFresh[end] === isFresh[turn]) end++;
      if (isFresh[turn] === true) this.#writeTurns(run, turn, end, writes);
      turn = end;
    }
    await allDone(writes);
    this.#core.members.check();

    const keepsColumns = writes.length === 0 && stripeCount <= 2 * wholeStripes;
    for (const [turn, crcs] of run.checksums.entries()) {
      if (isFresh[turn] === true) this.#core.pending.stagePlaced(lock.first + turn, crcs);
      else this.#stageStripe(run, turn, crcs, keepsColumns);
    }
  }

  /** The rows from `row` on that can be written alike; undefined if this one must go by itself. */
  runAt(shaped: Shaped, piece: WrittenPiece, row: number, limit: number): RowRun | undefined {
    const { geometry } = shaped;
    const written = wholeBlocks(geometry, piece, row);
    if (written === undefined) return undefined;
    const inPlace = this.#inPlaceAt(geometry, piece, row, written);
    let end = row + 1;
    for (; end < limit; end++) {
      const next = wholeBlocks(geometry, piece, end);
      if (next === undefined || !sameIndexes(written, next)) break;
      if (this.#inPlaceAt(geometry, piece, end, written) !== inPlace) break;
    }
    if (end === row + 1 && inPlace === "nothing") return undefined;
    return { row, end, written, inPlace };
  }

  /** Writes the rows of the run. `ERR_CORRUPT`, with nothing staged, if parity cannot be had. */
  async writeRun(shaped: Shaped, piece: WrittenPiece, run: RowRun): Promise<void> {
    const { geometry } = shaped;
    const data = dataOf(geometry, piece, run);
    const parity = await this.#newParity(shaped, run, data);
    const stripe = geometry.stripeOfRow(run.row);
    const columns = noColumns(geometry.slotCount);
    const staged = noColumns(geometry.slotCount);
    for (const index of run.written) {
      const column = data[index];
      const slot = geometry.dataSlot(stripe, index);
      if (run.inPlace === "nothing") staged[slot] = column?.slice();
      else columns[slot] = column;
    }
    for (const [which, column] of parity.entries()) {
      const slot = geometry.slotOfIndex(stripe, geometry.dataCount + which);
      (run.inPlace === "data and parity" ? columns : staged)[slot] = column;
    }
    if (run.inPlace !== "nothing") await this.#putInPlace(geometry, run.row, columns);
    for (const [slot, column] of staged.entries()) {
      if (column !== undefined) this.#stageData(run.row, slot, column);
    }
  }

  #isFreshStripe({ lock }: GatheredRun, turn: number): boolean {
    const { chunkBlocks } = this.#core.shape.geometry;
    const firstRow = (lock.first + turn) * chunkBlocks;
    for (let row = firstRow; row < firstRow + chunkBlocks; row++) {
      if (!this.#isFreshRow(row)) return false;
    }
    return true;
  }

  #writeTurns(run: GatheredRun, turn: number, end: number, writes: Promise<unknown>[]): void {
    const { geometry } = run.shaped;
    const { chunkBlocks, chunkBytes } = geometry;
    const row = (run.lock.first + turn) * chunkBlocks;
    for (const [slot, column] of run.columns.entries()) {
      const part = column.subarray(turn * chunkBytes, end * chunkBytes);
      this.#writeColumn(geometry, row, slot, part, writes);
    }
  }

  #stageStripe(run: GatheredRun, turn: number, crcs: Uint32Array, keepsColumns: boolean): void {
    const { chunkBlocks, chunkBytes } = run.shaped.geometry;
    const firstRow = (run.lock.first + turn) * chunkBlocks;
    const lease = keepsColumns ? run.lease : undefined;
    for (const [slot, column] of run.columns.entries()) {
      const part = column.subarray(turn * chunkBytes, (turn + 1) * chunkBytes);
      const blocks = this.#checksums.blocksOf(keepsColumns ? column : part.slice());
      const first = keepsColumns ? turn * chunkBlocks : 0;
      for (let row = 0; row < chunkBlocks; row++) {
        const block = blocks[first + row];
        const crc = crcs[slot * chunkBlocks + row] as number;
        this.#core.pending.stage(firstRow + row, slot, BLOCK_DATA, crc, block, lease);
      }
    }
  }

  #isFreshRow(row: number): boolean {
    return !this.#core.pending.hasRow(row) && this.#core.table.isFresh(row);
  }

  #inPlaceAt(
    geometry: Geometry,
    piece: WrittenPiece,
    row: number,
    written: readonly number[],
  ): InPlace {
    if (!piece.isLong) return "nothing";
    if (this.#isFreshRow(row)) return "data and parity";
    const { pending, table } = this.#core;
    const stripe = geometry.stripeOfRow(row);
    const isFresh = written.every((index) => {
      const slot = geometry.dataSlot(stripe, index);
      return pending.get(row, slot) === undefined && !table.isWritten(row, slot);
    });
    return isFresh ? "data" : "nothing";
  }

  /** The parity columns after the change. */
  async #newParity(shaped: Shaped, run: RowRun, data: RowBlocks): Promise<readonly Uint8Array[]> {
    const { geometry, math } = shaped;
    if (math === undefined) return [];
    const { dataCount, parityCount } = geometry;
    const others = dataCount - run.written.length;
    const replaced = run.inPlace === "nothing" ? run.written.length : 0;
    if (run.inPlace !== "data and parity" && replaced + parityCount < others) {
      return await this.#parityFromOld(shaped, run, data);
    }
    const all = data.slice();
    if (run.inPlace !== "data and parity") {
      await allDone(
        all.map(async (column, index) => {
          if (column === undefined) all[index] = await this.#readOld(geometry, run, index);
        }),
      );
    }
    const bytes = (run.end - run.row) * geometry.blockBytes;
    const parity = Array.from({ length: parityCount }, () => new Uint8Array(bytes));
    math.compute(all, parity);
    return parity;
  }

  /** From the old parity, and the old data unless it is known to be zeroes. */
  async #parityFromOld(
    { geometry, math }: Shaped,
    run: RowRun,
    data: RowBlocks,
  ): Promise<readonly Uint8Array[]> {
    const { dataCount, parityCount } = geometry;
    const replaced = run.inPlace === "nothing" ? run.written : [];
    const indexes = Array.from({ length: parityCount }, (_, which) => dataCount + which);
    const read = async (index: number): Promise<Uint8Array> =>
      await this.#readOld(geometry, run, index);
    const found = await allDone([...indexes, ...replaced].map(read));
    const parity = found.slice(0, parityCount);
    const old = found.slice(parityCount);
    for (const [which, index] of run.written.entries()) {
      math?.update(index, data[index], old[which], parity);
    }
    return parity;
  }

  async #readOld(geometry: Geometry, { row, end }: RowRun, index: number): Promise<Uint8Array> {
    const slot = geometry.slotOfIndex(geometry.stripeOfRow(row), index);
    const column = new Uint8Array((end - row) * geometry.blockBytes);
    await this.#reader.readRunLocked({ row, slot, count: end - row }, column);
    return column;
  }

  /** Writes the columns, by slot, and stages their blocks as written. */
  async #putInPlace(
    geometry: Geometry,
    row: number,
    columns: readonly (Uint8Array | undefined)[],
  ): Promise<void> {
    const writes: Promise<unknown>[] = [];
    for (const [slot, column] of columns.entries()) {
      if (column !== undefined) this.#writeColumn(geometry, row, slot, column, writes);
    }
    // The members are at work meanwhile.
    const checksums = columns.map((column) => this.#checksumsOf(column));
    await allDone(writes);
    this.#core.members.check();
    for (const [slot, crcs] of checksums.entries()) {
      for (const [index, crc] of crcs.entries()) {
        this.#core.pending.stage(row + index, slot, BLOCK_IN_PLACE, crc);
      }
    }
  }

  #writeColumn(
    geometry: Geometry,
    row: number,
    slot: number,
    column: Uint8Array,
    writes: Promise<unknown>[],
  ): void {
    const { layout, members } = this.#core;
    const { blockBytes } = layout;
    const count = column.length / blockBytes;
    for (let index = 0; index < count;) {
      const run = Math.min(count - index, layout.runEnd(row + index) - (row + index));
      const part = column.subarray(index * blockBytes, (index + run) * blockBytes);
      for (const member of writersOfSlot(this.#core, geometry, slot)) {
        writes.push(members.write(member, layout.rowAt(row + index), part));
      }
      index += run;
    }
  }

  #stageData(row: number, slot: number, column: Uint8Array): void {
    const { blockBytes } = this.#core.layout;
    for (const [index, crc] of this.#checksumsOf(column).entries()) {
      const block = column.subarray(index * blockBytes, (index + 1) * blockBytes);
      this.#core.pending.stage(row + index, slot, BLOCK_DATA, crc, block);
    }
  }

  #checksumsOf(column: Uint8Array | undefined): readonly number[] {
    if (column === undefined) return [];
    return this.#checksums
      .blocksOf(column)
      .map((block) => this.#core.world.checksums.crc32(block, 0));
  }
}

/** The blocks of data that the piece covers; undefined if it covers part of one, or none. */
function wholeBlocks(
  geometry: Geometry,
  piece: WrittenPiece,
  row: number,
): readonly number[] | undefined {
  const { blockBytes, dataCount } = geometry;
  const indexes: number[] = [];
  for (let index = 0; index < dataCount; index++) {
    const at = geometry.blockAt(row, index) * blockBytes;
    const end = at + blockBytes;
    if (end <= piece.at || piece.end <= at) continue;
    if (at < piece.at || piece.end < end) return undefined;
    indexes.push(index);
  }
  return indexes.length === 0 ? undefined : indexes;
}

function sameIndexes(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((index, at) => index === right[at]);
}

/** The data of the run, by index: views of the source. */
function dataOf(geometry: Geometry, piece: WrittenPiece, run: RowRun): RowBlocks {
  const bytes = (run.end - run.row) * geometry.blockBytes;
  const data = noColumns(geometry.dataCount);
  for (const index of run.written) {
    const at = geometry.blockAt(run.row, index) * geometry.blockBytes - piece.at;
    data[index] = piece.source.subarray(at, at + bytes);
  }
  return data;
}

function noColumns(count: number): (Uint8Array | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
