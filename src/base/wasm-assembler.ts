/**
 * A small assembler for WebAssembly modules, so that the kernels that need its 64-bit integers or
 * its vectors are readable source here and not bytes from elsewhere.
 *
 * Code is a list of bytes that leaves its value on the stack of the machine; an operation is its
 * operands' code followed by its own. A module has one memory and exports everything by name. It
 * covers what the kernels use and no more; the engine validates what it is given.
 */

import { assert } from "./assert.ts";
import { fromLatin1 } from "./bytes.ts";

export type Code = readonly number[];

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
/** Sixteen bytes that are worked on at once. */
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof F64 | typeof V128;

export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  /** Local variables beside the parameters, numbered after them. */
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

export interface WasmModule {
  /** In pages of 64 KiB. The memory is exported as "memory". */
  readonly memoryPages: number;
  /** Mutable 64-bit globals, zero at first. */
  readonly globalCount: number;
  readonly functions: readonly WasmFunction[];
}

const MAGIC_AND_VERSION: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** Begins every operation on vectors. */
const VECTOR: Code = [0xfd];

export function assemble(module: WasmModule): Uint8Array {
  const { functions } = module;
  const globals = Array.from({ length: module.globalCount }, () => [I64, 1, 0x42, 0, 0x0b]);
  return Uint8Array.from([
    ...MAGIC_AND_VERSION,
    ...section(1, vector(functions.map(typeOf))),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(5, vector([[0, ...unsigned(module.memoryPages)]])),
    ...section(6, vector(globals)),
    ...section(7, vector([exported("memory", 2, 0), ...functions.map(exportOf)])),
    ...section(10, vector(functions.map(bodyOf))),
  ]);
}

export function localGet(index: number): Code {
  return [0x20, ...unsigned(index)];
}

export function localSet(index: number, value: Code): Code {
  return [...value, 0x21, ...unsigned(index)];
}

export function globalGet(index: number): Code {
  return [0x23, ...unsigned(index)];
}

export function globalSet(index: number, value: Code): Code {
  return [...value, 0x24, ...unsigned(index)];
}

export function i32Const(value: number): Code {
  return [0x41, ...signed(BigInt(value))];
}

export function i64Const(value: bigint): Code {
  return [0x42, ...signed(BigInt.asIntN(64, value))];
}

/** A vector whose bytes are all `byte`. */
export function v128Bytes(byte: number): Code {
  return [...VECTOR, 0x0c, ...Array.from({ length: 16 }, () => byte & 0xff)];
}

/** An operation on two values. */
export type Binary = (left: Code, right: Code) => Code;

export const i32Add: Binary = binary(0x6a);
export const i32Subtract: Binary = binary(0x6b);
export const i32And: Binary = binary(0x71);
export const i32Xor: Binary = binary(0x73);
export const i32ShiftLeft: Binary = binary(0x74);
export const i32ShiftRightUnsigned: Binary = binary(0x76);
export const i32LessUnsigned: Binary = binary(0x49);
export const i32AtMostUnsigned: Binary = binary(0x4d);
export const i64Add: Binary = binary(0x7c);
export const i64Multiply: Binary = binary(0x7e);
export const i64Or: Binary = binary(0x84);
export const i64Xor: Binary = binary(0x85);
export const i64LessUnsigned: Binary = binary(0x54);
export const i64ShiftLeft: Binary = binary(0x86);
export const i64ShiftRightUnsigned: Binary = binary(0x88);
export const i64RotateLeft: Binary = binary(0x89);
export const v128And: Binary = binary(...VECTOR, 0x4e);
export const v128Xor: Binary = binary(...VECTOR, 0x51);
export const i8x16Add: Binary = binary(...VECTOR, 0x6e);
/** For each byte, all ones if the left one is less, both signed, and zero if not. */
export const i8x16LessSigned: Binary = binary(...VECTOR, 0x25);
/** For each byte on the right, the byte of the left that it numbers; zero above 15. */
export const i8x16Swizzle: Binary = binary(...VECTOR, 0x0e);
/** Shifts each 16-bit lane by an i32. */
export const i16x8ShiftRightUnsigned: Binary = binary(...VECTOR, 0x8d, 0x01);

/** An operation on one value. */
export type Unary = (value: Code) => Code;

export const i32FromI64Low: Unary = unary(0xa7);
export const i64FromI32Unsigned: Unary = unary(0xad);
export const i64FromF64Unsigned: Unary = unary(0xb1);

/** Loads four bytes, little-endian, from `address + offset`. */
export function i32Load(address: Code, offset: number): Code {
  return [...address, 0x28, 0, ...unsigned(offset)];
}

/** Loads a vector, which may begin anywhere. */
export function v128Load(address: Code, offset: number): Code {
  return [...address, ...VECTOR, 0x00, 0, ...unsigned(offset)];
}

export function v128Store(address: Code, offset: number, value: Code): Code {
  return [...address, ...value, ...VECTOR, 0x0b, 0, ...unsigned(offset)];
}

/** Loads eight bytes, little-endian, from `address + offset`. */
export function i64Load(address: Code, offset: number): Code {
  return [...address, 0x29, 0, ...unsigned(offset)];
}

/** Loads four bytes as an unsigned number. */
export function i64Load32Unsigned(address: Code, offset: number): Code {
  return [...address, 0x35, 0, ...unsigned(offset)];
}

/** Loads one byte as an unsigned number. */
export function i64Load8Unsigned(address: Code, offset: number): Code {
  return [...address, 0x31, 0, ...unsigned(offset)];
}

export function when(condition: Code, ...statements: readonly Code[]): Code {
  return [...condition, 0x04, 0x40, ...statements.flat(), 0x0b];
}

/** Repeats the statements for as long as the condition, tested before them, holds. */
export function loopWhile(condition: Code, ...statements: readonly Code[]): Code {
  return [0x03, 0x40, ...when(condition, ...statements, [0x0c, 1]), 0x0b];
}

function binary(...operation: Code): Binary {
  return (left, right) => [...left, ...right, ...operation];
}

function unary(operation: number): Unary {
  return (value) => [...value, operation];
}

function typeOf(one: WasmFunction): Code {
  return [0x60, ...vector(one.parameters.map(single)), ...vector(one.results.map(single))];
}

function exportOf(one: WasmFunction, index: number): Code {
  return exported(one.name, 0, index);
}

function exported(name: string, kind: number, index: number): Code {
  const letters = fromLatin1(name);
  return [...unsigned(letters.length), ...letters, kind, ...unsigned(index)];
}

function bodyOf(one: WasmFunction): Code {
  const locals = one.locals.map((type) => [1, type]);
  const code = [...vector(locals), ...one.body, 0x0b];
  return [...unsigned(code.length), ...code];
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function single(byte: number): Code {
  return [byte];
}

/** A natural number in LEB128. */
function unsigned(value: number): Code {
  assert(Number.isInteger(value) && 0 <= value && value < 2 ** 31, "a small natural number");
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** A number in signed LEB128. */
function signed(value: bigint): Code {
  const seven = Number(value & 0x7fn);
  const rest = value >> 7n;
  const ends = (rest === 0n && seven < 0x40) || (rest === -1n && 0x40 <= seven);
  return ends ? [seven] : [seven | 0x80, ...signed(rest)];
}
