/**
 * The checksums of all blocks of a stripe.
 *
 * That of P is not computed from its bytes: it is the sum of those of the data, since all that a
 * CRC-32 is made of are sums. So if P itself is computed wrong, or changes, it will not agree.
 */

import type { Checksums } from "../world/world.ts";
import type { ParityMath } from "./parity-math.ts";
import type { Shaped } from "./shape.ts";

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
    { geometry, math }: Shaped,
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
      const at = slot * chunkBlocks;
      const ofChunk = crcs.subarray(at, at + chunkBlocks);
      this.#fill(ofChunk, columns[slot] as Uint8Array, turn * chunkBlocks, math);
      if (dataCount <= index) continue;
      for (let row = 0; row < chunkBlocks; row++) {
        sums[row] = (sums[row] as number) ^ (ofChunk[row] as number);
      }
    }
    if (geometry.parityCount > 0) crcs.set(sums, geometry.pSlot(stripe) * chunkBlocks);
    return crcs;
  }

  /** Those of as many blocks of the column, from `first` on. */
  #fill(
    target: Uint32Array,
    column: Uint8Array,
    first: number,
    math: ParityMath | undefined,
  ): void {
    const blockBytes = this.#blockBytes;
    const remainder = math?.remainderIn(column, blockBytes);
    if (remainder === undefined) {
      const blocks = this.blocksOf(column);
      for (let index = 0; index < target.length; index++) {
        target[index] = this.#checksums.crc32(blocks[first + index] as Uint8Array, 0);
      }
      return;
    }
    const at = column.byteOffset + first * blockBytes;
    for (let index = 0; index < target.length; index++) {
      target[index] = remainder(at + index * blockBytes, blockBytes) ^ this.#ofZeroes;
    }
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
