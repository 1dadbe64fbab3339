/**
 * The algebra of rows, on top of the arithmetic of blocks. The equations are those of H. Peter
 * Anvin, "The mathematics of RAID-6", sections 4 and 5.
 *
 * With the data of the roles x < y lost, let P' and Q' be the parities of the data that is left.
 * Then
 *
 *     P + P' = D[x] + D[y]
 *     Q + Q' = 2^x * D[x] + 2^y * D[y]
 *
 * and so, with d = y - x (never 0 modulo 255, so that 2^d + 1 has an inverse),
 *
 *     D[x] = (2^d * (P + P') + 2^-x * (Q + Q')) / (2^d + 1)
 *     D[y] = D[x] + (P + P').
 */

import { assert, must } from "../../base/assert.ts";
import type { Crc32Remainder } from "../../base/crc32-wasm.ts";
import type { BlockArithmetic } from "./block-arithmetic.ts";
import { inverse, multiply, powerOfTwo } from "./field.ts";
import {
  BLOCK_ALIGNMENT_BYTES,
  DATA_ROLES_MAX,
  HOLE,
  type ParityArena,
  type ParityKernel,
  type ParityRow,
} from "./kernel.ts";

export class RowKernel implements ParityKernel {
  readonly kind: ParityKernel["kind"];
  readonly arena: ParityArena;
  readonly remainder: Crc32Remainder | undefined;
  readonly #blocks: BlockArithmetic;
  /** Sources that differ from those of the row; kept, so that no call makes a list. */
  readonly #sources: number[] = [];

  constructor(
    kind: ParityKernel["kind"],
    arena: ParityArena,
    blocks: BlockArithmetic,
    remainder?: Crc32Remainder,
  ) {
    this.kind = kind;
    this.arena = arena;
    this.remainder = remainder;
    this.#blocks = blocks;
  }

  xor(target: number, sources: readonly number[], length: number): void {
    this.#checkTarget(target, length);
    this.#checkSources(sources, length);
    this.#blocks.sum(target, sources, length);
  }

  multiplyXor(target: number, source: number, coefficient: number, length: number): void {
    this.#checkTarget(target, length);
    this.#checkBlock(source, length);
    assert(0 <= coefficient && coefficient <= 0xff, "a coefficient is a byte");
    if (source === HOLE || coefficient === 0) return;
    this.#blocks.addMultiple(target, source, coefficient, length);
  }

  compute(row: ParityRow, length: number): void {
    this.#checkRow(row, length);
    this.#computeFrom(row.data, row.p, row.q, length);
  }

  update(row: ParityRow, role: number, replaced: number, length: number): void {
    const fresh = this.#dataAt(row, role);
    this.#checkBlock(fresh, length);
    this.#checkBlock(replaced, length);
    if (row.p !== HOLE) {
      this.#checkTarget(row.p, length);
      this.#blocks.sum(row.p, this.#listed(row.p, fresh, replaced), length);
    }
    if (row.q === HOLE) return;
    this.multiplyXor(row.q, fresh, powerOfTwo(role), length);
    this.multiplyXor(row.q, replaced, powerOfTwo(role), length);
  }

  reconstruct(row: ParityRow, lost: readonly number[], length: number): void {
    this.#checkRow(row, length);
    const count = row.data.length;
    const [one, other] = lost;
    assert(one !== undefined && lost.length <= 2 && one !== other, "one or two roles are lost");
    const first = other === undefined ? one : Math.min(one, other);
    const second = other === undefined ? undefined : Math.max(one, other);
    assert(0 <= first && (second ?? first) <= count + 1, "a lost role is one of the row's");

    if (count <= first) this.#recomputeParity(row, lost, length);
    else if (second === undefined || second === count + 1) {
      this.#dataFromP(row, first, length);
      if (second !== undefined) this.#recomputeParity(row, lost, length);
    } else if (second === count) {
      this.#dataFromQ(row, first, length);
      this.#recomputeParity(row, lost, length);
    } else this.#dataFromBoth(row, first, second, length);
  }

  #computeFrom(data: readonly number[], p: number, q: number, length: number): void {
    if (q !== HOLE) this.#blocks.weightedSum(p, q, data, length);
    else if (p !== HOLE) this.#blocks.sum(p, data, length);
  }

  #recomputeParity(row: ParityRow, lost: readonly number[], length: number): void {
    const count = row.data.length;
    const p = lost.includes(count) ? row.p : HOLE;
    const q = lost.includes(count + 1) ? row.q : HOLE;
    this.#computeFrom(row.data, p, q, length);
  }

  #dataFromP(row: ParityRow, x: number, length: number): void {
    const target = this.#dataAt(row, x);
    this.#checkTarget(target, length);
    const sources = this.#dataWithout(row, x, x);
    sources.push(row.p);
    this.#blocks.sum(target, sources, length);
  }

  /** D[x] = 2^-x * (Q + Q'), where Q' is that of the other data. */
  #dataFromQ(row: ParityRow, x: number, length: number): void {
    const target = this.#dataAt(row, x);
    this.#checkTarget(target, length);
    this.#blocks.weightedSum(HOLE, target, this.#dataWithout(row, x, x), length);
    this.#blocks.sum(target, this.#listed(target, row.q, HOLE), length);
    this.#blocks.multiply(target, target, powerOfTwo(-x), length);
  }

  #dataFromBoth(row: ParityRow, x: number, y: number, length: number): void {
    const blocks = this.#blocks;
    const [atX, atY] = [this.#dataAt(row, x), this.#dataAt(row, y)];
    this.#checkTarget(atX, length);
    this.#checkTarget(atY, length);
    const ofP = powerOfTwo(y - x);
    const divisor = inverse(ofP ^ 1);

    // The block of y holds P + P' until the end, that of x Q + Q'.
    blocks.weightedSum(atY, atX, this.#dataWithout(row, x, y), length);
    blocks.sum(atY, this.#listed(atY, row.p, HOLE), length);
    blocks.sum(atX, this.#listed(atX, row.q, HOLE), length);
    blocks.multiply(atX, atX, multiply(powerOfTwo(-x), divisor), length);
    blocks.addMultiple(atX, atY, multiply(ofP, divisor), length);
    blocks.sum(atY, this.#listed(atY, atX, HOLE), length);
  }

  #dataAt(row: ParityRow, role: number): number {
    return must(row.data[role], "the role is one of the row's data");
  }

  #dataWithout(row: ParityRow, x: number, y: number): number[] {
    const sources = this.#sources;
    sources.length = 0;
    for (let role = 0; role < row.data.length; role++)
      sources.push(role === x || role === y ? HOLE : (row.data[role] as number));
    return sources;
  }

  #listed(first: number, second: number, third: number): readonly number[] {
    const sources = this.#sources;
    sources.length = 3;
    sources[0] = first;
    sources[1] = second;
    sources[2] = third;
    return sources;
  }

  #checkRow(row: ParityRow, length: number): void {
    this.#checkSources(row.data, length);
    this.#checkBlock(row.p, length);
    this.#checkBlock(row.q, length);
  }

  #checkSources(sources: readonly number[], length: number): void {
    assert(sources.length <= DATA_ROLES_MAX, "a row has at most 255 blocks of data");
    for (let index = 0; index < sources.length; index++)
      this.#checkBlock(sources[index] as number, length);
  }

  #checkTarget(at: number, length: number): void {
    assert(at !== HOLE, "what is computed has a place");
    this.#checkBlock(at, length);
  }

  #checkBlock(at: number, length: number): void {
    assert(((at | length) & (BLOCK_ALIGNMENT_BYTES - 1)) === 0, "blocks are aligned");
    assert(0 <= at && at + length <= this.arena.bytes.length, "blocks are in the arena");
  }
}
