/**
 * The arithmetic of parity, over blocks that lie in one memory.
 *
 * A row has data blocks `D[0] .. D[n-1]` and up to two parities,
 *
 *     P = D[0] ^ D[1] ^ ... ^ D[n-1]
 *     Q = g^0 * D[0] ^ g^1 * D[1] ^ ... ^ g^(n-1) * D[n-1]
 *
 * byte by byte, where `*` multiplies in the field of 256 elements (`field.ts`) and `g` is 2. Any
 * two blocks of a row can be had back from the others. The algebra is that of H. Peter Anvin, "The
 * mathematics of RAID-6" (2004, last revised 2011).
 *
 * Blocks are named by where they begin in the kernel's arena, so that nothing is copied to be
 * computed: members are read into the arena and written from it. A source may be `HOLE`, a block
 * of zeros that nobody keeps. Blocks begin at multiples of `BLOCK_ALIGNMENT_BYTES`, and lengths
 * are multiples of it. A block that is written may not overlap another one, in part or whole,
 * unless the method says so.
 *
 * Every kernel computes the same, to the last bit: `bestParityKernel` (`best-kernel.ts`) is the
 * fastest there is here, `plainParityKernel` (`plain-kernel.ts`) the one that runs everywhere.
 * Nothing here waits or allocates.
 */

import type { Crc32Remainder } from "../../base/crc32-wasm.ts";

/** Stands for a block of zeros as a source, and for "not wanted" where a block would be written. */
export const HOLE = 0;

/** Where a block begins and how long it is are multiples of this. */
export const BLOCK_ALIGNMENT_BYTES = 64;

/** More would repeat a coefficient of Q, and two lost blocks could not be told apart. */
export const DATA_ROLES_MAX = 255;

/**
 * Where the blocks of one row are. The roles are numbered: data from 0 to n - 1, then P, which is
 * n, and Q, which is n + 1. Kernels keep no reference, so callers may use one object again.
 */
export interface ParityRow {
  readonly data: readonly number[];
  readonly p: number;
  readonly q: number;
}

export interface ParityKernel {
  readonly kind: "webassembly" | "plain";
  readonly arena: ParityArena;
  /** Of blocks in the arena, where they can be had faster than by whoever else computes them. */
  readonly remainder: Crc32Remainder | undefined;

  /** `target` becomes the sum of the sources, of which it may itself be one. */
  xor(target: number, sources: readonly number[], length: number): void;

  /** Adds `coefficient * source` to `target`. */
  multiplyXor(target: number, source: number, coefficient: number, length: number): void;

  /** Computes P and Q from all data of the row; a parity that is `HOLE` is left out. */
  compute(row: ParityRow, length: number): void;

  /**
   * Brings P and Q up to date after a change of one data block: `row.data[role]` is the new one
   * and `replaced` the old one. Other data is not looked at; a parity that is `HOLE` is left out.
   */
  update(row: ParityRow, role: number, replaced: number, length: number): void;

  /**
   * Computes the blocks of one or two lost roles from the others, into where the row says they
   * are. A lost parity that is `HOLE` is not wanted; lost data must have a place. The parities
   * that are not needed are not looked at: Q, if one data block is lost and P is not.
   */
  reconstruct(row: ParityRow, lost: readonly number[], length: number): void;
}

/**
 * The memory in which blocks lie. Its size is fixed when the kernel is made, because memory that
 * grew would leave views of it empty, also those that a disk is reading into. The operating system
 * gives memory only where it is touched, so it may be made as large as it could ever have to be.
 */
export interface ParityArena {
  /** The memory. Views of it stay good for ever; a released block's are soon another's. */
  readonly bytes: Uint8Array;
  /** What is allocated, in sizes rounded up to powers of two. */
  readonly usedBytes: number;
  /**
   * Sets room for `length` bytes aside and returns where it begins, a multiple of its size rounded
   * up to a power of two (of 4 KiB if that is less). What is there before is left there, and not
   * zero. Undefined if there is no such room: wait for a release.
   */
  allocate(length: number): number | undefined;
  /** Gives back what `allocate` returned. */
  release(at: number): void;
  /** The bytes of a block, for reading members into it and writing them from it. */
  view(at: number, length: number): Uint8Array;
}
