/**
 * CRC-32 with the vectors of WebAssembly, for input that is long enough: about three times as fast
 * as zlib's tables. The module is assembled here from readable source when it is first needed.
 *
 * A CRC is the remainder of the input, as a polynomial whose highest power comes first, divided by
 * the polynomial P of the checksum. It stays the same if multiples of P are added to the input, and
 * some multiples have few terms. That of the lowest degree with only five is
 *
 *     S = x^300 + x^155 + x^117 + x^89 + 1
 *
 * and so is the same with x^8 for x, which is S to the power of eight. So a byte may be removed if
 * it is added to the bytes that come 145, 183, 211 and 300 after it. All but the last are removed
 * in order, sixteen at a time, which is four loads and additions and no table; of the rest the
 * remainder is found by sixteen tables, sixteen bytes at a step. To remove bytes by
 * such multiples is the idea of S. Russell, "Chorba: A novel CRC32 implementation", 2024
 * (arXiv 2412.16398).
 */

import { assert } from "./assert.ts";
import { type Crc32, crc32Tables } from "./crc32.ts";
import {
  assemble,
  type Code,
  I32,
  i32Add,
  i32And,
  i32Const,
  i32LessUnsigned,
  i32Load,
  i32ShiftLeft,
  i32ShiftRightUnsigned,
  i32Subtract,
  i32Xor,
  localGet,
  localSet,
  loopWhile,
  v128Bytes,
  v128Load,
  v128Store,
  v128Xor,
  type WasmFunction,
} from "./wasm-assembler.ts";

/** Shorter input has too little to remove. */
export const VECTOR_CRC32_BYTES_MIN = 1024;

const VECTOR_BYTES = 16;
/** How far after a byte those are that it is added to when it is removed. */
const DISTANCES = [145, 183, 211, 300] as const;
/** What is left in the end: as many bytes as the furthest distance, in whole vectors. */
const REST_BYTES = 304;
const SLICES = 16;
const TABLE_BYTES = 1024;

/** Input is taken in pieces of at most so many bytes. */
export const VECTOR_CRC32_BYTES_MAX = 16_384;
/** What a module has to set aside for it: the tables, then what is made of a piece of input. */
export const VECTOR_CRC32_ROOM: number =
  SLICES * TABLE_BYTES + VECTOR_CRC32_BYTES_MAX + 2 * VECTOR_BYTES;

/**
 * What is left of the input, which has 1024 to 16384 bytes in whole vectors, after the division:
 * the sum of its CRC-32 and that of as many zeroes.
 */
export type Crc32Remainder = (inputAt: number, length: number) => number;

/**
 * One that takes shorter input, and what is left of longer, to `other`. Throws where the platform
 * has no vectors in WebAssembly.
 */
export function vectorCrc32(other: Crc32): Crc32 {
  kernel ??= instantiate();
  const { input, first, remainder } = kernel;
  return (bytes, seed) => {
    if (bytes.length < VECTOR_CRC32_BYTES_MIN) return other(bytes, seed);
    let crc = ~seed;
    let at = 0;
    for (;;) {
      const length = Math.min(VECTOR_CRC32_BYTES_MAX, (bytes.length - at) & -VECTOR_BYTES);
      if (length < VECTOR_CRC32_BYTES_MIN) break;
      input.set(length === bytes.length ? bytes : bytes.subarray(at, at + length));
      first.setInt32(0, first.getInt32(0, true) ^ crc, true);
      crc = remainder(INPUT_AT, length);
      at += length;
    }
    return at === bytes.length ? ~crc >>> 0 : other(bytes.subarray(at), ~crc >>> 0);
  };
}

/** Fills in the tables of `crc32RemainderFunction` for the same room. */
export function fillCrc32Tables(memory: ArrayBuffer, roomAt: number): void {
  const view = new DataView(memory, roomAt);
  for (const [index, entry] of crc32Tables(SLICES).entries()) view.setInt32(4 * index, entry, true);
}

/** A `Crc32Remainder`, for a module with such room at `roomAt`. */
export function crc32RemainderFunction(name: string, roomAt: number): WasmFunction {
  // There is a vector of zeroes before what is made.
  const madeAt = roomAt + SLICES * TABLE_BYTES + VECTOR_BYTES;
  const restAt = i32Add(localGet(KEPT), i32Const(madeAt + VECTOR_BYTES));
  const body = [
    localSet(KEPT, i32Subtract(localGet(LENGTH), i32Const(REST_BYTES))),
    removal(madeAt),
    rest(madeAt),
    localSet(AT, restAt),
    localSet(LENGTH, i32Add(localGet(AT), i32Const(REST_BYTES))),
    loopWhile(i32LessUnsigned(localGet(AT), localGet(LENGTH)), divisionStep(roomAt)),
    localGet(CRC),
  ].flat();
  const locals = [I32, I32, I32, I32, I32, I32, I32] as const;
  return { name, parameters: [I32, I32], results: [I32], locals, body };
}

const MEMORY_PAGES = 1;
const INPUT_AT: number = VECTOR_CRC32_ROOM;
const INPUT_END: number = INPUT_AT + VECTOR_CRC32_BYTES_MAX;
assert(INPUT_END <= MEMORY_PAGES * 65_536, "everything has its place in the memory");

interface Kernel {
  readonly input: Uint8Array;
  readonly first: DataView;
  readonly remainder: Crc32Remainder;
}

/** One for all, since nothing stays there: each sets gigabytes of addresses aside. */
let kernel: Kernel | undefined;

interface WasmExports {
  readonly memory: WebAssembly.Memory;
  readonly remainder: Crc32Remainder;
}

function instantiate(): Kernel {
  const functions = [crc32RemainderFunction("remainder", 0)];
  const bytes = assemble({ memoryPages: MEMORY_PAGES, globalCount: 0, functions });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const { memory, remainder } = exports as unknown as WasmExports;
  fillCrc32Tables(memory.buffer, 0);
  const input = new Uint8Array(memory.buffer, INPUT_AT, VECTOR_CRC32_BYTES_MAX);
  return { input, first: new DataView(memory.buffer, INPUT_AT), remainder };
}

/** The first two are the parameters; `FROM` goes through the input as `AT` does from 0. */
const [FROM, LENGTH, AT, KEPT, CRC, WORDS] = [0, 1, 2, 3, 4, 5] as const;

/** What all bytes are that are removed, at the time when they are: their own and those before. */
function removal(madeAt: number): Code {
  const starts = DISTANCES.map((distance) => distance & -VECTOR_BYTES);
  const parts = [0, ...starts].map((_, count) => {
    const end = starts[count];
    const condition = end === undefined ? localGet(KEPT) : i32Const(end);
    return sums(condition, DISTANCES.slice(0, count), madeAt, madeAt);
  });
  return [...localSet(AT, i32Const(0)), ...parts.flat()];
}

/** What the bytes that stay become; between them and the others lies a vector of zeroes. */
function rest(madeAt: number): Code {
  const parts = DISTANCES.map((distance, index) => {
    const end = (distance + VECTOR_BYTES - 1) & -VECTOR_BYTES;
    const condition = i32Add(localGet(KEPT), i32Const(end));
    return sums(condition, DISTANCES.slice(index), madeAt, madeAt + VECTOR_BYTES);
  });
  return [...v128Store(localGet(KEPT), madeAt, v128Bytes(0)), ...parts.flat()];
}

/** Adds to the input, up to `end`, what was made as far before it as the distances say. */
function sums(end: Code, distances: readonly number[], madeAt: number, targetAt: number): Code {
  const at = localGet(AT);
  const sum = distances
    .map((distance) => v128Load(at, madeAt - distance))
    .reduce((left, right) => v128Xor(left, right), v128Load(localGet(FROM), 0));
  return loopWhile(
    i32LessUnsigned(at, end),
    v128Store(at, targetAt, sum),
    localSet(AT, i32Add(at, i32Const(VECTOR_BYTES))),
    localSet(FROM, i32Add(localGet(FROM), i32Const(VECTOR_BYTES))),
  );
}

/** Sixteen bytes by sixteen tables. What depends on the step before is added last. */
function divisionStep(roomAt: number): Code {
  const at = localGet(AT);
  const wordBytes = [0, 1, 2, 3] as const;
  const words = wordBytes.map((word) => i32Load(at, 4 * word));
  const loads = words.map((word, index) =>
    localSet(WORDS + index, index === 0 ? i32Xor(word, localGet(CRC)) : word),
  );
  const entries = words.flatMap((_, index) =>
    wordBytes.map((byte) => {
      const slice = SLICES - 1 - (4 * index + byte);
      return i32Load(entryOffset(localGet(WORDS + index), byte), roomAt + slice * TABLE_BYTES);
    }),
  );
  return [
    ...loads.flat(),
    ...localSet(
      CRC,
      entries.reduceRight((left, right) => i32Xor(left, right)),
    ),
    ...localSet(AT, i32Add(at, i32Const(VECTOR_BYTES))),
  ];
}

/** Where in a table of four-byte entries that of one of the word's bytes is. */
function entryOffset(word: Code, byte: number): Code {
  if (byte === 0) return i32ShiftLeft(i32And(word, i32Const(0xff)), i32Const(2));
  return i32And(i32ShiftRightUnsigned(word, i32Const(8 * byte - 2)), i32Const(0x3fc));
}
