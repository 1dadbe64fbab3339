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
 * remainder is found by sixteen tables, sixteen bytes at a step.
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
  i32Store,
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

/** Input is copied into the memory in pieces of at most so many bytes. */
const CHUNK_BYTES = 16_384;
const MEMORY_PAGES = 1;
/** The tables, then what was made of the input, with a vector of zeroes before it, then the input. */
const TABLE_BYTES = 1024;
const MADE_AT: number = SLICES * TABLE_BYTES + VECTOR_BYTES;
const INPUT_AT: number = MADE_AT + CHUNK_BYTES + VECTOR_BYTES;

assert(INPUT_AT + CHUNK_BYTES <= MEMORY_PAGES * 65_536, "everything has its place in the memory");

/**
 * One that takes shorter input, and what is left of longer, to `other`. Throws where the platform
 * has no vectors in WebAssembly.
 */
export function vectorCrc32(other: Crc32): Crc32 {
  kernel ??= instantiate();
  const { memory, remainder } = kernel;
  return (bytes, seed) => {
    if (bytes.length < VECTOR_CRC32_BYTES_MIN) return other(bytes, seed);
    let crc = ~seed;
    let at = 0;
    for (;;) {
      const length = Math.min(CHUNK_BYTES, (bytes.length - at) & -VECTOR_BYTES);
      if (length < VECTOR_CRC32_BYTES_MIN) break;
      memory.set(length === bytes.length ? bytes : bytes.subarray(at, at + length), INPUT_AT);
      crc = remainder(crc, length);
      at += length;
    }
    return at === bytes.length ? ~crc >>> 0 : other(bytes.subarray(at), ~crc >>> 0);
  };
}

interface Kernel {
  readonly memory: Uint8Array;
  /** The remainder of the first `length` bytes of the input, whole vectors, after that before. */
  readonly remainder: (before: number, length: number) => number;
}

/** One for all, since nothing stays there: each sets gigabytes of addresses aside. */
let kernel: Kernel | undefined;

type WasmExports = Omit<Kernel, "memory"> & { readonly memory: WebAssembly.Memory };

function instantiate(): Kernel {
  const bytes = assemble({
    memoryPages: MEMORY_PAGES,
    globalCount: 0,
    functions: [remainderFunction()],
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const { memory, remainder } = exports as unknown as WasmExports;
  const view = new DataView(memory.buffer);
  for (const [index, entry] of crc32Tables(SLICES).entries()) view.setInt32(4 * index, entry, true);
  return { memory: new Uint8Array(memory.buffer), remainder };
}

const [BEFORE, LENGTH, AT, KEPT, WORDS] = [0, 1, 2, 3, 4] as const;

function remainderFunction(): WasmFunction {
  const seeded = i32Xor(i32Load(i32Const(INPUT_AT), 0), localGet(BEFORE));
  const body = [
    i32Store(i32Const(INPUT_AT), 0, seeded),
    localSet(KEPT, i32Subtract(localGet(LENGTH), i32Const(REST_BYTES))),
    removal(),
    rest(),
    localSet(AT, i32Add(localGet(KEPT), i32Const(MADE_AT + VECTOR_BYTES))),
    localSet(LENGTH, i32Add(localGet(AT), i32Const(REST_BYTES))),
    localSet(BEFORE, i32Const(0)),
    loopWhile(i32LessUnsigned(localGet(AT), localGet(LENGTH)), divisionStep()),
    localGet(BEFORE),
  ].flat();
  const locals = [I32, I32, I32, I32, I32, I32] as const;
  return { name: "remainder", parameters: [I32, I32], results: [I32], locals, body };
}

/** What all bytes are that are removed, at the time when they are: their own and those before. */
function removal(): Code {
  const starts = DISTANCES.map((distance) => distance & -VECTOR_BYTES);
  const parts = [0, ...starts].map((_, count) => {
    const end = starts[count];
    const condition = end === undefined ? localGet(KEPT) : i32Const(end);
    return sums(condition, DISTANCES.slice(0, count), MADE_AT);
  });
  return [...localSet(AT, i32Const(0)), ...parts.flat()];
}

/** What the bytes that stay become; between them and the others lies a vector of zeroes. */
function rest(): Code {
  const parts = DISTANCES.map((distance, index) => {
    const end = (distance + VECTOR_BYTES - 1) & -VECTOR_BYTES;
    const condition = i32Add(localGet(KEPT), i32Const(end));
    return sums(condition, DISTANCES.slice(index), MADE_AT + VECTOR_BYTES);
  });
  return [...v128Store(localGet(KEPT), MADE_AT, v128Bytes(0)), ...parts.flat()];
}

/** Adds to the input, up to `end`, what was made as far before it as the distances say. */
function sums(end: Code, distances: readonly number[], targetAt: number): Code {
  const at = localGet(AT);
  const sum = distances
    .map((distance) => v128Load(at, MADE_AT - distance))
    .reduce((left, right) => v128Xor(left, right), v128Load(at, INPUT_AT));
  return loopWhile(
    i32LessUnsigned(at, end),
    v128Store(at, targetAt, sum),
    localSet(AT, i32Add(at, i32Const(VECTOR_BYTES))),
  );
}

/** Sixteen bytes by sixteen tables. What depends on the step before is added last. */
function divisionStep(): Code {
  const at = localGet(AT);
  const wordBytes = [0, 1, 2, 3] as const;
  const words = wordBytes.map((word) => i32Load(at, 4 * word));
  const loads = words.map((word, index) =>
    localSet(WORDS + index, index === 0 ? i32Xor(word, localGet(BEFORE)) : word),
  );
  const entries = words.flatMap((_, index) =>
    wordBytes.map((byte) => {
      const slice = SLICES - 1 - (4 * index + byte);
      return i32Load(entryOffset(localGet(WORDS + index), byte), slice * TABLE_BYTES);
    }),
  );
  return [
    ...loads.flat(),
    ...localSet(
      BEFORE,
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
