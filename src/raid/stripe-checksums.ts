/**
 * The checksums of all blocks of a stripe.
 *
 * That of P is not computed from its bytes: it is the sum of those of the data, since all that a
 * CRC-32 is made of are sums. So if P itself is computed wrong, or changes, it will not agree.
 */

import type { Checksums } from "../world/world.ts";
import type { Geometry } from "./geometry.ts";

export class StripeChecksums {
  readonly #checksums: Checksums;
  readonly #blockBytes: number;
  readonly #ofZeroes: number;
  /** Columns are used again and again, and it takes its time to make a view of each block. */
  readonly #blocks = new WeakMap<Uint8Array, readonly Uint8Array[]>();

  constructor(checksums: Checksums, blockBytes: number) {
    this.#checksums = checksums;
    this.#blockBytes = blockBytes;
    this.#ofZeroes = checksums.crc32(new Uint8Array(blockBytes), 0);
  }

  /** Of the stripe that is the `turn`th in the columns, which are by slot: slot after slot. */
  of(
    geometry: Geometry,
    stripe: number,
    columns: readonly Uint8Array[],
    turn: number,
  ): Uint32Array {
    const { chunkBlocks, dataCount, slotCount } = geometry;
    const crcs = new Uint32Array(slotCount * chunkBlocks);
    const sums = new Uint32Array(chunkBlocks);
    // The constant part of a CRC-32 falls out of the sum of an even number of them.
    if (dataCount % 2 === 0) sums.fill(this.#ofZeroes);
    for (let index = 0; index < slotCount; index++) {
      if (index === dataCount) continue;
      const slot = geometry.slotOfIndex(stripe, index);
      const blocks = this.blocksOf(columns[slot] as Uint8Array);
      for (let row = 0; row < chunkBlocks; row++) {
        const block = blocks[turn * chunkBlocks + row] as Uint8Array;
        const crc = this.#checksums.crc32(block, 0);
        crcs[slot * chunkBlocks + row] = crc;
        if (index < dataCount) sums[row] = (sums[row] as number) ^ crc;
      }
    }
    if (geometry.parityCount > 0) crcs.set(sums, geometry.pSlot(stripe) * chunkBlocks);
    return crcs;
  }

  /** The views of a column's blocks. */
  blocksOf(column: Uint8Array): readonly Uint8Array[] {
    const known = this.#blocks.get(column);
    if (known !== undefined) return known;
    const blockBytes = this.#blockBytes;
    const blocks = Array.from({ length: column.length / blockBytes }, (_, index) =>
      column.subarray(index * blockBytes, (index + 1) * blockBytes),
    );
    this.#blocks.set(column, blocks);
    return blocks;
  }
}
