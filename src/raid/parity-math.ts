/**
 * Parity over blocks that lie anywhere: those outside of the kernel's memory are brought there and
 * back in pieces that stay in the processor's cache. Nothing waits here, so that one region serves
 * everybody.
 *
 * Blocks are named by their index in the row: data from 0, then P, then Q. One that is undefined is
 * a hole: nobody wrote it, and it counts as zeroes.
 */

import { assert, must } from "../base/assert.ts";
import {
  type Crc32Remainder,
  VECTOR_CRC32_BYTES_MAX,
  VECTOR_CRC32_BYTES_MIN,
} from "../base/crc32-wasm.ts";
import { MEMBER_COUNT_MAX } from "./geometry.ts";
import { bestParityKernel } from "./parity/best-kernel.ts";
import { HOLE, type ParityArena, type ParityKernel, type ParityRow } from "./parity/kernel.ts";

export type RowBlocks = readonly (Uint8Array | undefined)[];

const PIECE_BYTES = 16_384;
/** A place for each index, and one for what is replaced. */
const PLACE_COUNT: number = MEMBER_COUNT_MAX + 1;
/** For the places and for blocks that are given out. It takes no memory before it is used. */
const ARENA_BYTES: number = 64 << 20;

export class ParityMath {
  readonly #kernel: ParityKernel;
  readonly #dataCount: number;
  readonly #parityCount: number;
  /** Where the piece of each index lies, and one more after them. */
  readonly #places: readonly number[];
  /** Which of the places are used in one call. */
  readonly #data: number[];

  constructor(bench: ParityBench, dataCount: number, parityCount: number) {
    this.#kernel = bench.kernel;
    this.#dataCount = dataCount;
    this.#parityCount = parityCount;
    const count = dataCount + parityCount + 1;
    assert(count <= PLACE_COUNT, "there is a place for each index");
    this.#places = Array.from({ length: count }, (_, index) => bench.at + index * PIECE_BYTES);
    this.#data = Array.from({ length: dataCount }, () => HOLE);
  }

  /** Blocks that lie here need not be brought anywhere. */
  get arena(): ParityArena {
    return this.#kernel.arena;
  }

  hasInArena(block: Uint8Array): boolean {
    return block.buffer === this.arena.bytes.buffer;
  }

  /** What computes the checksums of blocks of that size, if they lie where it can. */
  remainderIn(column: Uint8Array, blockBytes: number): Crc32Remainder | undefined {
    const suits = VECTOR_CRC32_BYTES_MIN <= blockBytes && blockBytes <= VECTOR_CRC32_BYTES_MAX;
    return suits && this.hasInArena(column) ? this.#kernel.remainder : undefined;
  }

  /** Computes the parities from all data. `parity` is P, and Q where there are two. */
  compute(data: RowBlocks, parity: readonly Uint8Array[]): void {
    const length = lengthOf(parity);
    for (let at = 0; at < length; at += PIECE_BYTES) {
      const count = Math.min(PIECE_BYTES, length - at);
      this.#bringData(data, at, count);
      this.#kernel.compute(this.#rowFor(parity, at), count);
      this.#takeParity(parity, at, count);
    }
  }

  /** Brings the parities up to date after the data of one index changed from `old` to `fresh`. */
  update(
    dataIndex: number,
    fresh: Uint8Array | undefined,
    old: Uint8Array | undefined,
    parity: readonly Uint8Array[],
  ): void {
    const length = lengthOf(parity);
    const spare = this.#place(this.#dataCount + this.#parityCount);
    for (let at = 0; at < length; at += PIECE_BYTES) {
      const count = Math.min(PIECE_BYTES, length - at);
      this.#data.fill(HOLE);
      this.#data[dataIndex] = this.#bring(fresh, this.#place(dataIndex), at, count);
      const replaced = this.#bring(old, spare, at, count);
      for (const [index, block] of parity.entries()) {
        if (this.hasInArena(block)) continue;
        this.#bring(block, this.#place(this.#dataCount + index), at, count);
      }
      this.#kernel.update(this.#rowFor(parity, at), dataIndex, replaced, count);
      this.#takeParity(parity, at, count);
    }
  }

  /** Computes the blocks of one or two lost indexes from the others, into `targets`. */
  reconstruct(blocks: RowBlocks, lost: readonly number[], targets: readonly Uint8Array[]): void {
    const length = lengthOf(targets);
    for (let at = 0; at < length; at += PIECE_BYTES) {
      const count = Math.min(PIECE_BYTES, length - at);
      this.#bringData(blocks, at, count);
      for (const index of lost) {
        if (index < this.#dataCount) this.#data[index] = this.#place(index);
      }
      for (let index = this.#dataCount; index < this.#dataCount + this.#parityCount; index++) {
        // A parity that nobody wrote belongs to a row of holes, and is zeroes.
        const place = this.#place(index);
        if (this.#bring(blocks[index], place, at, count) === HOLE) this.#clear(place, count);
      }
      this.#kernel.reconstruct(this.#row(), lost, count);
      for (const [which, target] of targets.entries()) {
        this.#take(this.#place(must(lost[which], "each lost one has a target")), target, at, count);
      }
    }
  }

  #bringData(data: RowBlocks, at: number, count: number): void {
    for (let index = 0; index < this.#dataCount; index++) {
      const block = data[index];
      const isThere = block !== undefined && this.hasInArena(block);
      this.#data[index] = isThere
        ? block.byteOffset + at
        : this.#bring(block, this.#place(index), at, count);
    }
  }

  #bring(block: Uint8Array | undefined, place: number, at: number, count: number): number {
    if (block === undefined) return HOLE;
    this.#kernel.arena.bytes.set(block.subarray(at, at + count), place);
    return place;
  }

  #clear(place: number, count: number): void {
    this.#kernel.arena.bytes.fill(0, place, place + count);
  }

  #takeParity(parity: readonly Uint8Array[], at: number, count: number): void {
    for (const [index, target] of parity.entries()) {
      if (this.hasInArena(target)) continue;
      this.#take(this.#place(this.#dataCount + index), target, at, count);
    }
  }

  #take(place: number, target: Uint8Array, at: number, count: number): void {
    target.set(this.#kernel.arena.bytes.subarray(place, place + count), at);
  }

  /** The row with its parity where it belongs, if that is in the arena. */
  #rowFor(parity: readonly Uint8Array[], at: number): ParityRow {
    const [p, q] = parity.map((block, index) =>
      this.hasInArena(block) ? block.byteOffset + at : this.#place(this.#dataCount + index),
    );
    return { data: this.#data, p: p ?? HOLE, q: q ?? HOLE };
  }

  #row(): ParityRow {
    const p = this.#parityCount > 0 ? this.#place(this.#dataCount) : HOLE;
    const q = this.#parityCount > 1 ? this.#place(this.#dataCount + 1) : HOLE;
    return { data: this.#data, p, q };
  }

  #place(index: number): number {
    return this.#places[index] as number;
  }
}

/** Computes P, and Q where two are wanted, of all data of a row, in the order of its indexes. */
export function computeParity(data: readonly Uint8Array[], parity: readonly Uint8Array[]): void {
  new ParityMath(sharedParityBench(), data.length, parity.length).compute(data, parity);
}

/** A kernel, and where in its arena there is a place for each index of any row. */
export interface ParityBench {
  readonly kernel: ParityKernel;
  readonly at: number;
}

let shared: ParityBench | undefined;

/**
 * The one that all arrays use, since none keeps anything there for long: engines set gigabytes of
 * addresses aside for each kernel, and take their time to compile it.
 */
export function sharedParityBench(): ParityBench {
  if (shared !== undefined) return shared;
  const kernel = bestParityKernel(ARENA_BYTES);
  const at = must(kernel.arena.allocate(PLACE_COUNT * PIECE_BYTES), "the arena has the room");
  shared = { kernel, at };
  return shared;
}

function lengthOf(blocks: readonly Uint8Array[]): number {
  return must(blocks[0], "there is a block to compute").length;
}
