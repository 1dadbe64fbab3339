/**
 * Parity with the vectors of WebAssembly: as fast as the memory is. The module is assembled here
 * from readable source (`vector-code.ts`) and its memory is the arena.
 *
 * The reserve at the beginning of the arena holds the positions of the sources of the call under
 * way, and for each coefficient its products with the sixteen values of a byte's low half and of
 * its high half; then there is what checksums need.
 */

import { assert } from "../../base/assert.ts";
import {
  crc32RemainderFunction,
  type Crc32Remainder,
  fillCrc32Tables,
  VECTOR_CRC32_ROOM,
} from "../../base/crc32-wasm.ts";
import { assemble } from "../../base/wasm-assembler.ts";
import { ARENA_RESERVED_BYTES, BuddyArena } from "./arena.ts";
import type { BlockArithmetic } from "./block-arithmetic.ts";
import { multiply } from "./field.ts";
import { HOLE, type ParityKernel } from "./kernel.ts";
import { RowKernel } from "./row-kernel.ts";
import {
  POSITION_BYTES,
  POSITIONS_AT,
  PRODUCTS_BYTES,
  type Sum,
  SUM_SOURCES_MAX,
  sumName,
  type VectorFunctions,
  vectorFunctions,
} from "./vector-code.ts";

const MEMORY_PAGE_BYTES = 65_536;
const COEFFICIENT_COUNT = 256;
const PRODUCTS_AT = 4096;
const REMAINDERS_AT: number = PRODUCTS_AT + COEFFICIENT_COUNT * PRODUCTS_BYTES;

/** Throws where the platform has no WebAssembly, no vectors in it, or no memory for the arena. */
export function vectorParityKernel(arenaBytes: number): ParityKernel {
  const { memory, remainder, ...functions } = instantiate(arenaBytes);
  const bytes = new Uint8Array(memory.buffer);
  fillProducts(bytes);
  fillCrc32Tables(memory.buffer, REMAINDERS_AT);
  return new RowKernel(
    "webassembly",
    new BuddyArena(bytes),
    new VectorArithmetic(bytes, functions),
    remainder,
  );
}

class VectorArithmetic implements BlockArithmetic {
  readonly #bytes: Uint8Array;
  readonly #positions: Int32Array;
  readonly #functions: VectorFunctions;
  /** By the number of sources. */
  readonly #sums: readonly Sum[];

  constructor(bytes: Uint8Array, functions: VectorFunctions) {
    this.#bytes = bytes;
    this.#positions = new Int32Array(bytes.buffer, POSITIONS_AT, COEFFICIENT_COUNT);
    this.#functions = functions;
    const counts = Array.from({ length: SUM_SOURCES_MAX + 1 }, (_, count) => count);
    this.#sums = counts.map((count) => Reflect.get(functions, sumName(count)) as Sum);
  }

  sum(target: number, sources: readonly number[], length: number): void {
    if (SUM_SOURCES_MAX < sources.length) {
      this.#sumInTurns(target, sources, length);
      return;
    }
    let count = 0;
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index] as number;
      if (source !== HOLE) this.#positions[count++] = source;
    }
    this.#sumListed(target, count, length);
  }

  weightedSum(p: number, q: number, sources: readonly number[], length: number): void {
    // Holes after the last block would only double nothing.
    let count = sources.length;
    while (0 < count && sources[count - 1] === HOLE) count--;
    if (count === 0) {
      this.#clear(q, length);
      if (p !== HOLE) this.#clear(p, length);
      return;
    }
    for (let index = 0; index < count; index++) this.#positions[index] = sources[index] as number;
    const end = POSITIONS_AT + count * POSITION_BYTES;
    if (p === HOLE) this.#functions.q(q, end, length);
    else this.#functions.pq(q, end, length, p);
  }

  multiply(target: number, source: number, coefficient: number, length: number): void {
    this.#functions.multiply(target, source, productsAt(coefficient), length);
  }

  addMultiple(target: number, source: number, coefficient: number, length: number): void {
    this.#functions.addMultiple(target, source, productsAt(coefficient), length);
  }

  #sumInTurns(target: number, sources: readonly number[], length: number): void {
    const positions = this.#positions;
    let count = 0;
    // The target is written at the end of each turn, so it has to be in the first.
    if (sources.includes(target)) positions[count++] = target;
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index] as number;
      if (source === HOLE || source === target) continue;
      if (count === SUM_SOURCES_MAX) {
        this.#sumListed(target, count, length);
        positions[0] = target;
        count = 1;
      }
      positions[count++] = source;
    }
    this.#sumListed(target, count, length);
  }

  #sumListed(target: number, count: number, length: number): void {
    if (count === 0) this.#clear(target, length);
    else (this.#sums[count] as Sum)(target, length);
  }

  #clear(target: number, length: number): void {
    this.#bytes.fill(0, target, target + length);
  }
}

/** Besides what is named here, the sums by the names of `sumName`. */
type VectorExports = VectorFunctions & {
  readonly memory: WebAssembly.Memory;
  readonly remainder: Crc32Remainder;
};

function instantiate(arenaBytes: number): VectorExports {
  const memoryPages = arenaBytes / MEMORY_PAGE_BYTES;
  assert(Number.isInteger(memoryPages), "an arena is a multiple of 64 KiB");
  const functions = [...vectorFunctions(), crc32RemainderFunction("remainder", REMAINDERS_AT)];
  const bytes = assemble({ memoryPages, globalCount: 0, functions });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return exports as unknown as VectorExports;
}

function productsAt(coefficient: number): number {
  return PRODUCTS_AT + coefficient * PRODUCTS_BYTES;
}

function fillProducts(bytes: Uint8Array): void {
  const end = REMAINDERS_AT + VECTOR_CRC32_ROOM;
  assert(end <= ARENA_RESERVED_BYTES, "the reserve holds the tables");
  for (let coefficient = 0; coefficient < COEFFICIENT_COUNT; coefficient++) {
    for (let half = 0; half < 16; half++) {
      bytes[productsAt(coefficient) + half] = multiply(coefficient, half);
      bytes[productsAt(coefficient) + 16 + half] = multiply(coefficient, half << 4);
    }
  }
}
