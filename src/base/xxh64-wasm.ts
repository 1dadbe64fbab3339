/**
 * XXH64 in WebAssembly, whose 64-bit multiplication makes it twenty times as fast as plain
 * arithmetic, and faster on short input too. The module is assembled here from readable source
 * when it is first needed.
 *
 * Input is copied into the module's memory in chunks, and the accumulators live in the module's
 * globals between chunks, so that input of any length is hashed with a memory of fixed size.
 */

import { assert } from "./assert.ts";
import {
  assemble,
  type Code,
  F64,
  globalGet,
  globalSet,
  I32,
  I64,
  i32Add,
  i32And,
  i32AtMostUnsigned,
  i32Const,
  i32FromI64Low,
  i32LessUnsigned,
  i64Add,
  i64Const,
  i64FromF64Unsigned,
  i64FromI32Unsigned,
  i64LessUnsigned,
  i64Load,
  i64Load32Unsigned,
  i64Load8Unsigned,
  i64Multiply,
  i64Or,
  i64RotateLeft,
  i64ShiftLeft,
  i64ShiftRightUnsigned,
  i64Xor,
  localGet,
  localSet,
  loopWhile,
  type WasmFunction,
  when,
} from "./wasm-assembler.ts";
import type { Xxh64 } from "./xxh64.ts";

const STRIPE_BYTES = 32;
const MEMORY_PAGES = 1;
/** A whole number of stripes, so that only the last chunk has a tail. */
const CHUNK_BYTES = MEMORY_PAGES * 65_536;

assert(CHUNK_BYTES % STRIPE_BYTES === 0, "chunks hold whole stripes");

export class WasmXxh64 implements Xxh64 {
  readonly #kernel = instantiate();

  get low(): number {
    return this.#kernel.low() >>> 0;
  }

  get high(): number {
    return this.#kernel.high() >>> 0;
  }

  hash(bytes: Uint8Array, seedLow: number, seedHigh: number): void {
    const { memory, begin, stripes, finish } = this.#kernel;
    const length = bytes.length;
    begin(seedLow, seedHigh);
    let at = 0;
    for (; at + CHUNK_BYTES < length; at += CHUNK_BYTES) {
      memory.set(bytes.subarray(at, at + CHUNK_BYTES));
      stripes(CHUNK_BYTES);
    }
    memory.set(at === 0 ? bytes : bytes.subarray(at));
    stripes(length - at);
    finish(length - at, length);
  }
}

interface Kernel {
  readonly memory: Uint8Array;
  /** Sets the accumulators to the seed, given as its low and high 32 bits. */
  readonly begin: (seedLow: number, seedHigh: number) => void;
  /** Takes the whole stripes within the first `length` bytes of the memory. */
  readonly stripes: (length: number) => void;
  /** Takes what is left after the stripes of the first `length` bytes, the last of `total`. */
  readonly finish: (length: number, total: number) => void;
  readonly low: () => number;
  readonly high: () => number;
}

type WasmExports = Omit<Kernel, "memory"> & { readonly memory: WebAssembly.Memory };

const PRIME_1 = i64Const(0x9e3779b185ebca87n);
const PRIME_2 = i64Const(0xc2b2ae3d27d4eb4fn);
const PRIME_3 = i64Const(0x165667b19e3779f9n);
const PRIME_4 = i64Const(0x85ebca77c2b2ae63n);
const PRIME_5 = i64Const(0x27d4eb2f165667c5n);
const ZERO = i64Const(0n);

/** The globals: four accumulators, then the seed, then the result. */
const LANES = [0, 1, 2, 3] as const;
const SEED = 4;
const RESULT = 5;
const GLOBAL_COUNT = 6;

function instantiate(): Kernel {
  const functions = [
    beginFunction(),
    stripesFunction(),
    finishFunction(),
    resultFunction("low", globalGet(RESULT)),
    resultFunction("high", shiftRight(globalGet(RESULT), 32)),
  ];
  const bytes = assemble({ memoryPages: MEMORY_PAGES, globalCount: GLOBAL_COUNT, functions });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const { memory, ...calls } = exports as unknown as WasmExports;
  return { ...calls, memory: new Uint8Array(memory.buffer) };
}

function beginFunction(): WasmFunction {
  const seedLow = i64FromI32Unsigned(localGet(0));
  const seedHigh = i64FromI32Unsigned(localGet(1));
  const seed = globalGet(SEED);
  const body = [
    globalSet(SEED, i64Or(i64ShiftLeft(seedHigh, i64Const(32n)), seedLow)),
    globalSet(0, i64Add(i64Add(seed, PRIME_1), PRIME_2)),
    globalSet(1, i64Add(seed, PRIME_2)),
    globalSet(2, seed),
    globalSet(3, i64Add(seed, i64Const(-0x9e3779b185ebca87n))),
  ].flat();
  return { name: "begin", parameters: [I32, I32], results: [], locals: [], body };
}

function stripesFunction(): WasmFunction {
  const length = localGet(0);
  const at = localGet(1);
  const lanesAt = 2;
  const body = [
    ...LANES.map((lane) => localSet(lanesAt + lane, globalGet(lane))),
    loopWhile(
      i32AtMostUnsigned(i32Add(at, i32Const(STRIPE_BYTES)), length),
      ...LANES.map((lane) => {
        const before = localGet(lanesAt + lane);
        return localSet(lanesAt + lane, round(before, i64Load(at, 8 * lane)));
      }),
      localSet(1, i32Add(at, i32Const(STRIPE_BYTES))),
    ),
    ...LANES.map((lane) => globalSet(lane, localGet(lanesAt + lane))),
  ].flat();
  const locals = [I32, I64, I64, I64, I64] as const;
  return { name: "stripes", parameters: [I32], results: [], locals, body };
}

function finishFunction(): WasmFunction {
  const length = localGet(0);
  const total = i64FromF64Unsigned(localGet(1));
  const at = localGet(2);
  const hash = localGet(3);
  const next = (bytes: number): Code => i32Add(at, i32Const(bytes));
  const body = [
    localSet(3, mergedLanes()),
    when(
      i64LessUnsigned(total, i64Const(BigInt(STRIPE_BYTES))),
      localSet(3, i64Add(globalGet(SEED), PRIME_5)),
    ),
    localSet(3, i64Add(hash, total)),
    localSet(2, i32And(length, i32Const(-STRIPE_BYTES))),
    loopWhile(
      i32AtMostUnsigned(next(8), length),
      localSet(3, tailStep(hash, round(ZERO, i64Load(at, 0)), 27, PRIME_1, PRIME_4)),
      localSet(2, next(8)),
    ),
    when(
      i32AtMostUnsigned(next(4), length),
      localSet(3, tailStep(hash, i64Multiply(load4(at), PRIME_1), 23, PRIME_2, PRIME_3)),
      localSet(2, next(4)),
    ),
    loopWhile(
      i32LessUnsigned(at, length),
      localSet(3, tailStep(hash, i64Multiply(load1(at), PRIME_5), 11, PRIME_1, ZERO)),
      localSet(2, next(1)),
    ),
    localSet(3, i64Multiply(i64Xor(hash, shiftRight(hash, 33)), PRIME_2)),
    localSet(3, i64Multiply(i64Xor(hash, shiftRight(hash, 29)), PRIME_3)),
    globalSet(RESULT, i64Xor(hash, shiftRight(hash, 32))),
  ].flat();
  return { name: "finish", parameters: [I32, F64], results: [], locals: [I32, I64], body };
}

function resultFunction(name: string, half: Code): WasmFunction {
  return { name, parameters: [], results: [I32], locals: [], body: i32FromI64Low(half) };
}

/** Takes one lane of a stripe into its accumulator. */
function round(accumulator: Code, lane: Code): Code {
  return i64Multiply(rotate(i64Add(accumulator, i64Multiply(lane, PRIME_2)), 31), PRIME_1);
}

function mergedLanes(): Code {
  const turned = [1, 7, 12, 18].map((bits, lane) => rotate(globalGet(lane), bits));
  const sum = turned.reduce((left, right) => i64Add(left, right));
  return LANES.reduce((merged: Code, lane) => {
    const mixed = i64Xor(merged, round(ZERO, globalGet(lane)));
    return i64Add(i64Multiply(mixed, PRIME_1), PRIME_4);
  }, sum);
}

function tailStep(hash: Code, mixed: Code, bits: number, factor: Code, plus: Code): Code {
  return i64Add(i64Multiply(rotate(i64Xor(hash, mixed), bits), factor), plus);
}

function rotate(value: Code, bits: number): Code {
  return i64RotateLeft(value, i64Const(BigInt(bits)));
}

function shiftRight(value: Code, bits: number): Code {
  return i64ShiftRightUnsigned(value, i64Const(BigInt(bits)));
}

function load4(address: Code): Code {
  return i64Load32Unsigned(address, 0);
}

function load1(address: Code): Code {
  return i64Load8Unsigned(address, 0);
}
