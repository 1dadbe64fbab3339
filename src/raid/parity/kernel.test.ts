import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { multiply } from "./field.ts";
import { BLOCK_ALIGNMENT_BYTES, HOLE, type ParityKernel, type ParityRow } from "./kernel.ts";
import { plainParityKernel } from "./plain-kernel.ts";
import { vectorParityKernel } from "./vector-kernel.ts";
import { slowP, slowQ } from "./slow-parity.suite.ts";

const SEED = 72;
const ARENA_BYTES = 128 * 1024;
const BENCH_AT = 64 * 1024;
const MEMBERS_MAX = 16;
const GUARD = 0xa5;

const kernels = [plainParityKernel(ARENA_BYTES), vectorParityKernel(ARENA_BYTES)];

/** A small generator of bytes, so that a failure is told by one number. */
function noise(seed: number, length: number): Uint8Array {
  let state = seed * 2_654_435_761 + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

/** Lays blocks out in the arena, with guards between them to tell what is written beside them. */
class Bench {
  readonly #kernel: ParityKernel;
  readonly #length: number;
  #at: number;

  constructor(kernel: ParityKernel, length: number) {
    this.#kernel = kernel;
    this.#length = length;
    this.#at = BENCH_AT + BLOCK_ALIGNMENT_BYTES;
    kernel.arena.bytes.fill(GUARD, BENCH_AT);
  }

  place(content: Uint8Array): number {
    const at = this.#at;
    this.#kernel.arena.bytes.set(content, at);
    this.#at += this.#length + BLOCK_ALIGNMENT_BYTES;
    return at;
  }

  read(at: number): Uint8Array {
    return this.#kernel.arena.bytes.slice(at, at + this.#length);
  }

  /** Everything that is no block is as it was. */
  expectGuards(): void {
    const { bytes } = this.#kernel.arena;
    const step = this.#length + BLOCK_ALIGNMENT_BYTES;
    for (let at = this.#at; BENCH_AT < at; at -= step)
      if (!isGuard(bytes.subarray(at - BLOCK_ALIGNMENT_BYTES, at)))
        expect.fail(`bytes in front of ${at}, which is no block, were written`);
    expect(isGuard(bytes.subarray(this.#at))).toBe(true);
  }
}

const guards = new Uint8Array(ARENA_BYTES).fill(GUARD);

function isGuard(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, guards.subarray(0, bytes.length)) === 0;
}

interface Case {
  readonly length: number;
  readonly seed: number;
  /** For each data role, whether it is a hole. */
  readonly holes: readonly boolean[];
}

const anyCase: fc.Arbitrary<Case> = fc.record({
  length: fc.integer({ min: 1, max: 20 }).map((count) => count * BLOCK_ALIGNMENT_BYTES),
  seed: fc.nat(1_000_000),
  holes: fc.array(
    fc.nat(4).map((one) => one === 0),
    { minLength: 1, maxLength: MEMBERS_MAX - 1 },
  ),
});

function contentOf({ length, seed, holes }: Case): readonly Uint8Array[] {
  return holes.map((hole, role) => (hole ? new Uint8Array(length) : noise(seed + role, length)));
}

function placed(bench: Bench, content: readonly Uint8Array[], holes: readonly boolean[]): number[] {
  return content.map((block, role) => (holes[role] === true ? HOLE : bench.place(block)));
}

describe.each(kernels)("the $kind kernel", (kernel) => {
  test("computes P and Q as they are defined, and each alone", () => {
    const property = fc.property(anyCase, (one) => {
      const content = contentOf(one);
      const bench = new Bench(kernel, one.length);
      const data = placed(bench, content, one.holes);
      const [p, q, pAlone, qAlone] = [1, 2, 3, 4].map((seed) =>
        bench.place(noise(seed, one.length)),
      ) as [number, number, number, number];
      kernel.compute({ data, p, q }, one.length);
      kernel.compute({ data, p: pAlone, q: HOLE }, one.length);
      kernel.compute({ data, p: HOLE, q: qAlone }, one.length);
      const [wantedP, wantedQ] = [slowP(content, one.length), slowQ(content, one.length)];
      expect([p, pAlone].map((at) => bench.read(at))).toEqual([wantedP, wantedP]);
      expect([q, qAlone].map((at) => bench.read(at))).toEqual([wantedQ, wantedQ]);
      bench.expectGuards();
    });
    fc.assert(property, { numRuns: 60, seed: SEED });
  });

  test("updates P and Q to what they would be if computed anew", () => {
    const change = fc.record({
      role: fc.nat(MEMBERS_MAX),
      becomesHole: fc.boolean(),
      keepsP: fc.boolean(),
    });
    const property = fc.property(anyCase, change, (one, { role: anyRole, becomesHole, keepsP }) => {
      const role = anyRole % one.holes.length;
      const content = contentOf(one).slice();
      const bench = new Bench(kernel, one.length);
      const data = placed(bench, content, one.holes);
      const pBefore = slowP(content, one.length);
      const p = bench.place(pBefore);
      const q = bench.place(slowQ(content, one.length));
      const replaced = data[role] ?? HOLE;
      content[role] = becomesHole ? new Uint8Array(one.length) : noise(one.seed + 99, one.length);
      data[role] = becomesHole ? HOLE : bench.place(content[role]);
      kernel.update({ data, p: keepsP ? p : HOLE, q }, role, replaced, one.length);
      expect(bench.read(p)).toEqual(keepsP ? slowP(content, one.length) : pBefore);
      expect(bench.read(q)).toEqual(slowQ(content, one.length));
      bench.expectGuards();
    });
    fc.assert(property, { numRuns: 60, seed: SEED });
  });

  test("gives back every one and every two lost blocks of up to 16 members", () => {
    const length = BLOCK_ALIGNMENT_BYTES;
    for (let dataCount = 1; dataCount + 2 <= MEMBERS_MAX; dataCount++) {
      const blocks = Array.from({ length: dataCount }, (_, role) => noise(role, length));
      blocks.push(slowP(blocks, length), slowQ(blocks, length));
      for (let one = 0; one < dataCount + 2; one++) {
        for (let other = one; other < dataCount + 2; other++) {
          const lost = one === other ? [one] : [other, one];
          expectReconstructed(kernel, blocks, lost);
        }
      }
    }
  });

  test("reconstructs beside holes, without touching anything else", () => {
    const roles = fc.uniqueArray(fc.nat(MEMBERS_MAX), { minLength: 1, maxLength: 2 });
    const property = fc.property(anyCase, roles, (one, anyRoles) => {
      const content = contentOf(one);
      const count = content.length + 2;
      const lost = [...new Set(anyRoles.map((role) => role % count))];
      const blocks = [...content, slowP(content, one.length), slowQ(content, one.length)];
      expectReconstructed(kernel, blocks, lost, one.holes);
    });
    fc.assert(property, { numRuns: 100, seed: SEED });
  });

  test("leaves a lost parity out that is not wanted", () => {
    const bench = new Bench(kernel, 64);
    const content = [noise(1, 64), noise(2, 64)];
    const first = bench.place(noise(3, 64));
    const second = bench.place(noise(2, 64));
    const q = bench.place(slowQ(content, 64));
    kernel.reconstruct({ data: [first, second], p: HOLE, q }, [0, 2], 64);
    expect(bench.read(first)).toEqual(content[0]);
    bench.expectGuards();
  });

  test("sums into one of the sources, and nothing to zeros", () => {
    const bench = new Bench(kernel, 128);
    const target = bench.place(noise(1, 128));
    const source = bench.place(noise(2, 128));
    kernel.xor(target, [source, target, HOLE], 128);
    expect(bench.read(target)).toEqual(slowP([noise(1, 128), noise(2, 128)], 128));
    kernel.xor(target, [HOLE], 128);
    expect(bench.read(target)).toEqual(new Uint8Array(128));
    bench.expectGuards();
  });

  test("adds every multiple of every byte", () => {
    const bench = new Bench(kernel, 256);
    const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const before = noise(1, 256);
    const source = bench.place(everyByte);
    const target = bench.place(before);
    for (let coefficient = 0; coefficient < 256; coefficient++) {
      kernel.arena.bytes.set(before, target);
      kernel.multiplyXor(target, source, coefficient, 256);
      const wanted = everyByte.map((byte, at) => (before[at] ?? 0) ^ multiply(coefficient, byte));
      expect(bench.read(target)).toEqual(wanted);
    }
    bench.expectGuards();
  });

  test("takes as many data blocks as there are coefficients", () => {
    const bench = new Bench(kernel, 64);
    const content = Array.from({ length: 255 }, (_, role) => noise(role, 64));
    const data = content.map((block) => bench.place(block));
    const row = { data, p: bench.place(noise(1, 64)), q: bench.place(noise(2, 64)) };
    kernel.compute(row, 64);
    expect(bench.read(row.p)).toEqual(slowP(content, 64));
    expect(bench.read(row.q)).toEqual(slowQ(content, 64));
    const lost = [data[0] ?? 0, data[254] ?? 0];
    for (const at of lost) kernel.arena.bytes.fill(0x77, at, at + 64);
    kernel.reconstruct(row, [0, 254], 64);
    expect(lost.map((at) => bench.read(at))).toEqual([content[0], content[254]]);
    kernel.arena.bytes.fill(0x77, data[7] ?? 0, (data[7] ?? 0) + 64);
    kernel.reconstruct(row, [7], 64);
    expect(bench.read(data[7] ?? 0)).toEqual(content[7]);
    bench.expectGuards();
  });

  test("refuses blocks that are not aligned or not in the arena", () => {
    const end = kernel.arena.bytes.length;
    expect(() => kernel.xor(65_536, [65_568], 64)).toThrow("aligned");
    expect(() => kernel.xor(65_536, [65_600], 65)).toThrow("aligned");
    expect(() => kernel.xor(end - 64, [65_536], 128)).toThrow("in the arena");
    expect(() => kernel.xor(65_536, [-64], 64)).toThrow("in the arena");
    expect(() => kernel.xor(HOLE, [65_536], 64)).toThrow("has a place");
    const row: ParityRow = { data: [65_536], p: 65_600, q: 65_664 };
    expect(() => kernel.reconstruct(row, [], 64)).toThrow("one or two");
    expect(() => kernel.reconstruct(row, [0, 0], 64)).toThrow("one or two");
    expect(() => kernel.reconstruct(row, [3], 64)).toThrow("one of the row's");
    expect(() => kernel.update(row, 1, HOLE, 64)).toThrow("one of the row's data");
  });
});

/** Spoils the lost blocks, has them reconstructed, and compares all of the row. */
function expectReconstructed(
  kernel: ParityKernel,
  blocks: readonly Uint8Array[],
  lost: readonly number[],
  holes: readonly boolean[] = [],
): void {
  const length = blocks[0]?.length ?? 0;
  const bench = new Bench(kernel, length);
  const dataCount = blocks.length - 2;
  const at = blocks.map((block, role) => {
    if (lost.includes(role)) return bench.place(noise(777, length));
    return holes[role] === true ? HOLE : bench.place(block);
  });
  const [p = HOLE, q = HOLE] = at.slice(dataCount);
  kernel.reconstruct({ data: at.slice(0, dataCount), p, q }, lost, length);
  for (const [role, block] of blocks.entries()) {
    const where = at[role] ?? HOLE;
    if (where === HOLE) continue;
    const same = Buffer.compare(bench.read(where), block) === 0;
    if (!same) expect.fail(`role ${role} of ${blocks.length}, lost ${lost.join(" and ")}`);
  }
  bench.expectGuards();
}
