/**
 * What blocks that follow each other should hold, told from memory: fills in what is not on the
 * members, and checks what is.
 *
 * A CRC-32 of many blocks is had from those of each, since all that it is made of are sums. So a
 * run is checked with few calls, and no less sharply: what differs in one block differs in all.
 */

import { assert } from "../base/assert.ts";
import type { Checksums } from "../world/world.ts";
import type { ChecksumTable } from "./checksum-table.ts";
import {
  BLOCK_DATA,
  BLOCK_IN_PLACE,
  BLOCK_LOST,
  type PendingBlock,
  type PendingRows,
} from "./pending-rows.ts";

/** Blocks of one slot in consecutive rows. */
export interface Run {
  readonly row: number;
  readonly slot: number;
  readonly count: number;
}

/** So much is checked by one call: it is in the cache of the processor still when it is copied. */
const PIECE_BYTES = 131_072;

export interface CheckedBlocks {
  readonly checksums: Checksums;
  readonly table: ChecksumTable;
  readonly pending: PendingRows;
  readonly blockBytes: number;
}

export class RunChecks {
  readonly #checksums: Checksums;
  readonly #table: ChecksumTable;
  readonly #pending: PendingRows;
  readonly #blockBytes: number;
  readonly #pieceBlocks: number;
  /** What a checksum becomes by a block of zeroes, for each value of each of its bytes. */
  readonly #shifted: Uint32Array;

  constructor({ checksums, table, pending, blockBytes }: CheckedBlocks) {
    this.#checksums = checksums;
    this.#table = table;
    this.#pending = pending;
    this.#blockBytes = blockBytes;
    this.#pieceBlocks = Math.max(1, Math.floor(PIECE_BYTES / blockBytes));
    this.#shifted = shiftedBy(checksums, blockBytes);
  }

  /** Whether members hold the block as it should be, as far as is known. */
  isOnMembers(row: number, slot: number): boolean {
    const newest = this.#newest(row, slot);
    if (newest !== undefined) return newest.kind === BLOCK_IN_PLACE || newest.kind === BLOCK_LOST;
    return this.#table.isWritten(row, slot);
  }

  /**
   * Makes `bytes`, as they were read from a member or computed, what the run holds at this moment;
   * false if any of them that it takes as they are is wrong, or lost.
   */
  settle(run: Run, bytes: Uint8Array): boolean {
    return this.#settle(run, bytes, true);
  }

  /** As `settle`, where it doesn't matter yet whether the bytes are right; false if any is lost. */
  fillIn(run: Run, bytes: Uint8Array): boolean {
    return this.#settle(run, bytes, false);
  }

  #settle({ row, slot, count }: Run, bytes: Uint8Array, checks: boolean): boolean {
    /** The blocks before the one that is looked at that are to be checked, and their checksum. */
    let length = 0;
    let joined = 0;
    for (let index = 0; index < count; index++) {
      const newest = this.#newest(row + index, slot);
      const isPlaced =
        newest === undefined
          ? this.#table.isWritten(row + index, slot)
          : newest.kind === BLOCK_IN_PLACE;
      if (this.#isLost(newest, row + index, slot)) return false;
      if (isPlaced) {
        const crc = newest === undefined ? this.#table.crc(row + index, slot) : newest.crc;
        joined = length === 0 ? crc : this.#joined(joined, crc);
        length++;
      } else this.#fill(newest, this.#blocks(bytes, index, 1));
      const ends = !isPlaced || length === this.#pieceBlocks || index === count - 1;
      if (!ends || length === 0) continue;
      const first = isPlaced ? index + 1 - length : index - length;
      if (checks && this.#crc(this.#blocks(bytes, first, length)) !== joined) return false;
      length = 0;
    }
    return true;
  }

  #newest(row: number, slot: number): PendingBlock | undefined {
    return this.#pending.rowCount === 0 ? undefined : this.#pending.get(row, slot);
  }

  #isLost(newest: PendingBlock | undefined, row: number, slot: number): boolean {
    return newest === undefined ? this.#table.isLost(row, slot) : newest.kind === BLOCK_LOST;
  }

  #fill(newest: PendingBlock | undefined, block: Uint8Array): void {
    if (newest?.kind === BLOCK_DATA && newest.bytes !== undefined) block.set(newest.bytes);
    else block.fill(0);
  }

  #blocks(bytes: Uint8Array, index: number, count: number): Uint8Array {
    return bytes.subarray(index * this.#blockBytes, (index + count) * this.#blockBytes);
  }

  #crc(bytes: Uint8Array): number {
    return this.#checksums.crc32(bytes, 0);
  }

  /** Of what has the first checksum with a block of the second one after it. */
  #joined(first: number, second: number): number {
    const shifted = this.#shifted;
    const low =
      (shifted[first & 0xff] as number) ^ (shifted[256 + ((first >>> 8) & 0xff)] as number);
    const high =
      (shifted[512 + ((first >>> 16) & 0xff)] as number) ^
      (shifted[768 + (first >>> 24)] as number);
    return (low ^ high ^ second) >>> 0;
  }
}

function shiftedBy(checksums: Checksums, blockBytes: number): Uint32Array {
  const zeroes = new Uint8Array(blockBytes);
  const ofZeroes = checksums.crc32(zeroes, 0);
  const shifted = new Uint32Array(4 * 256);
  for (let bit = 0; bit < 32; bit++) {
    const image = checksums.crc32(zeroes, (1 << bit) >>> 0) ^ ofZeroes;
    const table = (bit >>> 3) * 256;
    for (let value = 0; value < 256; value++) {
      if ((value & (1 << (bit & 7))) === 0) continue;
      shifted[table + value] = (shifted[table + value] as number) ^ image;
    }
  }
  assert(shifted[0] === 0, "what a checksum becomes by zeroes is a sum of what its bits become");
  return shifted;
}
