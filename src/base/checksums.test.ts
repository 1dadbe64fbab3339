import fc from "fast-check";
import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Checksums } from "../world/world.ts";
import { bestChecksums, type ChecksumSet, plainChecksums } from "./checksums.ts";
import { crc32 } from "./crc32.ts";
import { VECTOR_CRC32_BYTES_MIN, vectorCrc32 } from "./crc32-wasm.ts";
import { WasmXxh64 } from "./xxh64-wasm.ts";
import { PlainXxh64, type Xxh64 } from "./xxh64.ts";

const implementations: readonly [string, Xxh64][] = [
  ["plain", new PlainXxh64()],
  ["wasm", new WasmXxh64()],
];

const seed = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test("crc32 equals zlib's, whole and continued", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }),
      (left, right) => {
        expect(crc32(left, 0)).toBe(zlibCrc32(left));
        expect(crc32(right, crc32(left, 0))).toBe(zlibCrc32(right, zlibCrc32(left)));
      },
    ),
    { seed: 1 },
  );
});

test("crc32 of the published check string", () => {
  expect(crc32(new TextEncoder().encode("123456789"), 0)).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0), 0)).toBe(0);
});

describe("crc32 with vectors", () => {
  const vector = vectorCrc32(crc32);

  test("every length at which it begins, at every alignment, equals zlib's", () => {
    const bytes = sanityBuffer(VECTOR_CRC32_BYTES_MIN + 100);
    for (let more = -33; more <= 64; more++) {
      const part = bytes.subarray(more & 15, (more & 15) + VECTOR_CRC32_BYTES_MIN + more);
      const before = Math.imul(more, 0x9e3779b1) >>> 0;
      expect(vector(part, before)).toBe(zlibCrc32(part, before));
    }
  });

  test("lengths around those of its pieces equal zlib's", () => {
    const bytes = sanityBuffer(3 * 16_384 + 2000);
    for (const whole of [4096, 16_384, 2 * 16_384, 3 * 16_384]) {
      for (const more of [-1024, -17, -16, -1, 0, 1, 16, 17, 1007, 1023, 1024, 1040]) {
        const part = bytes.subarray(3, 3 + whole + more);
        expect(vector(part, 7)).toBe(zlibCrc32(part, 7));
      }
    }
  });

  test("every byte of a block counts", () => {
    const bytes = sanityBuffer(4096);
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = (bytes[at] as number) ^ (1 << (at & 7));
      expect(vector(bytes, 0)).toBe(zlibCrc32(bytes));
    }
  });
});

describe.each(implementations)("xxh64, %s", (_name, xxh64) => {
  test.each<[string, bigint, bigint]>([
    ["", 0n, 0xef46db3751d8e999n],
    ["a", 0n, 0xd24ec4f1a98c6e5bn],
    ["abc", 0n, 0x44bc2cf5ad770999n],
    ["Nobody inspects the spammish repetition", 0n, 0xfbcea83c8a378bf1n],
    ["xxhash", 0n, 0x32dd38952c4bc720n],
    ["xxhash", 20141025n, 0xb559b98d844e0635n],
  ])("the published vector of %j with seed %s", (text, seed64, expected) => {
    expect(run(xxh64, new TextEncoder().encode(text), seed64)).toBe(expected);
  });

  test("the sanity vectors of the reference implementation", () => {
    const bytes = sanityBuffer(222);
    const prime = 0x9e3779b1n;
    expect(run(xxh64, bytes.subarray(0, 0), prime)).toBe(0xac75fda2929b17efn);
    expect(run(xxh64, bytes.subarray(0, 1), 0n)).toBe(0xe934a84adb052768n);
    expect(run(xxh64, bytes.subarray(0, 1), prime)).toBe(0x5014607643a9b4c3n);
    expect(run(xxh64, bytes.subarray(0, 14), 0n)).toBe(0x8282dcc4994e35c8n);
    expect(run(xxh64, bytes.subarray(0, 222), 0n)).toBe(0xb641ae8cb691c174n);
    expect(run(xxh64, bytes.subarray(0, 222), prime)).toBe(0x20cb8ab7ae10c14an);
  });

  test("every length of a small buffer, at every alignment, equals the definition", () => {
    const bytes = sanityBuffer(160);
    for (let length = 0; length <= 150; length++) {
      const part = bytes.subarray(length % 8, (length % 8) + length);
      const seed64 = BigInt(length) * 0x1234_5678_9abc_def1n;
      expect(run(xxh64, part, seed64)).toBe(reference(part, BigInt.asUintN(64, seed64)));
    }
  });

  test("any bytes and seed equal the definition", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), seed, (bytes, seed64) => {
        expect(run(xxh64, bytes, seed64)).toBe(reference(bytes, seed64));
      }),
      { seed: 2 },
    );
  });
});

test("the implementations agree on inputs around the size of a chunk", () => {
  const bytes = sanityBuffer(3 * 65_536 + 40);
  for (const chunks of [1, 2, 3]) {
    for (const more of [-33, -32, -31, -8, -1, 0, 1, 8, 31, 32, 33]) {
      const part = bytes.subarray(0, chunks * 65_536 + more);
      const [plain, wasm] = implementations.map(([, xxh64]) => run(xxh64, part, 7n));
      expect(wasm).toBe(plain);
    }
  }
});

test("both sets give the same, in the shape of the World", () => {
  const sets: readonly Checksums[] = [plainChecksums(), bestChecksums(), bestChecksums(zlibCrc32)];
  for (const length of [0, 1, 63, 64, 65, 4096]) {
    const bytes = sanityBuffer(length);
    const results = sets.map((set) => [set.crc32(bytes, 5), runSet(set, bytes)]);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  }
});

function runSet(set: Checksums | ChecksumSet, bytes: Uint8Array): bigint {
  set.xxh64(bytes, 1, 2);
  return (BigInt(set.xxh64High) << 32n) | BigInt(set.xxh64Low);
}

function run(xxh64: Xxh64, bytes: Uint8Array, seed64: bigint): bigint {
  xxh64.hash(bytes, Number(BigInt.asUintN(32, seed64)), Number(BigInt.asUintN(32, seed64 >> 32n)));
  return (BigInt(xxh64.high) << 32n) | BigInt(xxh64.low);
}

/** The bytes that xxHash's own sanity check hashes. */
function sanityBuffer(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let generator = 2_654_435_761n;
  for (let index = 0; index < length; index++) {
    bytes[index] = Number(generator >> 56n);
    generator = BigInt.asUintN(64, generator * 11_400_714_785_074_694_797n);
  }
  return bytes;
}

function cut(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function turn(value: bigint, bits: bigint): bigint {
  return cut(value << bits) | (value >> (64n - bits));
}

/** XXH64 as its specification writes it, in arithmetic that cannot overflow. */
function reference(bytes: Uint8Array, seed64: bigint): bigint {
  const p1 = 0x9e3779b185ebca87n;
  const p2 = 0xc2b2ae3d27d4eb4fn;
  const p3 = 0x165667b19e3779f9n;
  const p4 = 0x85ebca77c2b2ae63n;
  const p5 = 0x27d4eb2f165667c5n;
  const round = (sum: bigint, lane: bigint): bigint => cut(turn(cut(sum + lane * p2), 31n) * p1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let hash = cut(seed64 + p5);
  if (bytes.length >= 32) {
    const lanes = [cut(seed64 + p1 + p2), cut(seed64 + p2), seed64, cut(seed64 - p1)];
    for (; at + 32 <= bytes.length; at += 32) {
      for (const [index, lane] of lanes.entries()) {
        lanes[index] = round(lane, view.getBigUint64(at + 8 * index, true));
      }
    }
    hash = lanes.reduce((sum, lane, i) => cut(sum + turn(lane, [1n, 7n, 12n, 18n][i] ?? 0n)), 0n);
    for (const lane of lanes) hash = cut((hash ^ round(0n, lane)) * p1 + p4);
  }
  hash = cut(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    hash = cut(turn(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4);
  }
  if (at + 4 <= bytes.length) {
    hash = cut(turn(hash ^ cut(BigInt(view.getUint32(at, true)) * p1), 23n) * p2 + p3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = cut(turn(hash ^ cut(BigInt(view.getUint8(at)) * p5), 11n) * p1);
  }
  hash = cut((hash ^ (hash >> 33n)) * p2);
  hash = cut((hash ^ (hash >> 29n)) * p3);
  return hash ^ (hash >> 32n);
}
