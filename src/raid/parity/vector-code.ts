/**
 * The loops over the bytes of blocks as WebAssembly, four vectors of sixteen bytes at a time. The
 * positions of sources are handed over in a table in memory. Multiplying by a coefficient takes
 * two lookups, one for each half of a byte, in tables of sixteen products.
 *
 * Doubling all bytes of a vector is adding each to itself, which shifts it, and then in those
 * whose highest bit was set, which are the negative ones, adding what is left of the field's
 * polynomial.
 */

import {
  type Code,
  i16x8ShiftRightUnsigned,
  I32,
  i32Add,
  i32Const,
  i32LessUnsigned,
  i32Load,
  i32Subtract,
  i8x16Add,
  i8x16LessSigned,
  i8x16Swizzle,
  localGet,
  localSet,
  loopWhile,
  V128,
  v128And,
  v128Bytes,
  type ValueType,
  v128Load,
  v128Store,
  v128Xor,
  type WasmFunction,
  when,
} from "../../base/wasm-assembler.ts";
import { REDUCTION } from "./field.ts";
import { BLOCK_ALIGNMENT_BYTES } from "./kernel.ts";

/** Where the table of the sources' positions begins, and how many bytes each takes. */
export const POSITIONS_AT = 0;
export const POSITION_BYTES = 4;
/** Bytes of one table of products: of the low halves of bytes, then of the high ones. */
export const PRODUCTS_BYTES = 32;

const VECTOR_BYTES = 16;
const LANES = [0, 1, 2, 3] as const;
const ZERO = v128Bytes(0);

/** More sources than these are summed in several turns. */
export const SUM_SOURCES_MAX = 8;

/** The sum of as many blocks as the function is for, at the beginning of the table. */
export type Sum = (target: number, length: number) => void;

export interface VectorFunctions {
  /** Q of the blocks in the table, which ends at `tableEnd`; the last is no hole. */
  readonly q: (q: number, tableEnd: number, length: number) => void;
  /** Q, as above, and P. */
  readonly pq: (q: number, tableEnd: number, length: number, p: number) => void;
  readonly multiply: (target: number, source: number, products: number, length: number) => void;
  readonly addMultiple: (target: number, source: number, products: number, length: number) => void;
}

export function sumName(count: number): string {
  return `sum${count}`;
}

export function vectorFunctions(): readonly WasmFunction[] {
  return [
    ...Array.from({ length: SUM_SOURCES_MAX }, (_, index) => sumFunction(index + 1)),
    weightedSumFunction("q", false),
    weightedSumFunction("pq", true),
    multiplyFunction("multiply", false),
    multiplyFunction("addMultiple", true),
  ];
}

/** One for each number of sources, because a loop over them would take half of the time. */
function sumFunction(count: number): WasmFunction {
  const [target, length, at] = [localGet(0), localGet(1), 2];
  const positions = Array.from({ length: count }, (_, index) => at + 1 + index);
  const sources = positions.map((position) => position + count);
  const body = [
    ...positions.map((position, index) =>
      localSet(position, i32Load(i32Const(POSITIONS_AT), index * POSITION_BYTES)),
    ),
    eachStep(at, length, [
      ...sources.map((source) => localSet(source, i32Add(localGet(source - count), localGet(at)))),
      ...storeLanes(i32Add(target, localGet(at)), (lane) =>
        sources
          .map((source) => laneOf(localGet(source), lane))
          .reduce((left, right) => v128Xor(left, right)),
      ),
    ]),
  ].flat();
  const locals = Array.from({ length: 1 + 2 * count }, (): ValueType => I32);
  return { name: sumName(count), parameters: [I32, I32], results: [], locals, body };
}

/** By Horner's rule, from the last block of the table to the first. */
function weightedSumFunction(name: string, withP: boolean): WasmFunction {
  const [q, tableEnd, length, p] = [0, 1, 2, 3].map(localGet) as Four;
  const [at, entry, source, weighted, sums, reduction] = [4, 5, 6, 7, 11, 15];
  const previous = localSet(entry, i32Subtract(localGet(entry), i32Const(POSITION_BYTES)));
  const position = i32Load(localGet(entry), 0);
  const body = [
    localSet(reduction, v128Bytes(REDUCTION)),
    eachStep(at, length, [
      localSet(entry, tableEnd),
      previous,
      localSet(source, i32Add(position, localGet(at))),
      ...LANES.map((lane) => localSet(weighted + lane, laneOf(localGet(source), lane))),
      ...LANES.map((lane) => localSet(sums + lane, localGet(weighted + lane))),
      loopWhile(
        i32LessUnsigned(i32Const(POSITIONS_AT), localGet(entry)),
        previous,
        ...LANES.map((lane) =>
          localSet(weighted + lane, doubled(localGet(weighted + lane), localGet(reduction))),
        ),
        localSet(source, position),
        when(
          localGet(source),
          localSet(source, i32Add(localGet(source), localGet(at))),
          ...addLanes(weighted, localGet(source)),
          ...(withP ? addLanes(sums, localGet(source)) : []),
        ),
      ),
      ...storeLanes(i32Add(q, localGet(at)), (lane) => localGet(weighted + lane)),
      ...(withP ? storeLanes(i32Add(p, localGet(at)), (lane) => localGet(sums + lane)) : []),
    ]),
  ].flat();
  const locals = [...THREE_INTEGERS, ...FOUR_VECTORS, ...FOUR_VECTORS, V128] as const;
  // Without P a local that nobody uses stands in its place, so that the others keep their numbers.
  return withP
    ? { name, parameters: FOUR_INTEGERS, results: [], locals, body }
    : { name, parameters: THREE_INTEGERS, results: [], locals: [I32, ...locals], body };
}

function multiplyFunction(name: string, adds: boolean): WasmFunction {
  const [target, source, products, length] = [0, 1, 2, 3].map(localGet) as Four;
  const [at, to, from, bytes, lows, highs, lowHalf] = [4, 5, 6, 7, 8, 9, 10];
  const product = v128Xor(
    i8x16Swizzle(localGet(lows), v128And(localGet(bytes), localGet(lowHalf))),
    i8x16Swizzle(localGet(highs), highHalves(localGet(bytes), localGet(lowHalf))),
  );
  const body = [
    localSet(lows, laneOf(products, 0)),
    localSet(highs, laneOf(products, 1)),
    localSet(lowHalf, v128Bytes(0x0f)),
    eachStep(at, length, [
      localSet(to, i32Add(target, localGet(at))),
      localSet(from, i32Add(source, localGet(at))),
      ...LANES.flatMap((lane) => [
        localSet(bytes, laneOf(localGet(from), lane)),
        storeLane(
          localGet(to),
          lane,
          adds ? v128Xor(product, laneOf(localGet(to), lane)) : product,
        ),
      ]),
    ]),
  ].flat();
  const locals = [...THREE_INTEGERS, ...FOUR_VECTORS];
  return { name, parameters: FOUR_INTEGERS, results: [], locals, body };
}

type Four = [Code, Code, Code, Code];
const THREE_INTEGERS: readonly ValueType[] = [I32, I32, I32];
const FOUR_INTEGERS: readonly ValueType[] = [...THREE_INTEGERS, I32];
const FOUR_VECTORS: readonly ValueType[] = [V128, V128, V128, V128];

/** Runs the statements with the local `at` at 0, 64 and so on, below `length`. */
function eachStep(at: number, length: Code, statements: readonly Code[]): Code {
  const step = i32Const(BLOCK_ALIGNMENT_BYTES);
  return [
    ...localSet(at, i32Const(0)),
    ...loopWhile(
      i32LessUnsigned(localGet(at), length),
      ...statements,
      localSet(at, i32Add(localGet(at), step)),
    ),
  ];
}

function laneOf(address: Code, lane: number): Code {
  return v128Load(address, lane * VECTOR_BYTES);
}

function storeLane(address: Code, lane: number, value: Code): Code {
  return v128Store(address, lane * VECTOR_BYTES, value);
}

function storeLanes(address: Code, valueOf: (lane: number) => Code): readonly Code[] {
  return LANES.map((lane) => storeLane(address, lane, valueOf(lane)));
}

/** Adds what is at the address to four locals, of which `first` is the first. */
function addLanes(first: number, address: Code): readonly Code[] {
  return LANES.map((lane) =>
    localSet(first + lane, v128Xor(localGet(first + lane), laneOf(address, lane))),
  );
}

function doubled(bytes: Code, reduction: Code): Code {
  const overflowed = i8x16LessSigned(bytes, ZERO);
  return v128Xor(i8x16Add(bytes, bytes), v128And(overflowed, reduction));
}

/** There is no shift of single bytes that is fast everywhere, so pairs of them are shifted. */
function highHalves(bytes: Code, lowHalf: Code): Code {
  return v128And(i16x8ShiftRightUnsigned(bytes, i32Const(4)), lowHalf);
}
