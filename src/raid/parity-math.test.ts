import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { must } from "../base/assert.ts";
import { SeededRandom } from "../base/random.ts";
import { ParityMath, sharedParityBench } from "./parity-math.ts";

const bench = sharedParityBench();
const { arena } = bench.kernel;
/** More than one piece of what is brought to the kernel, and not whole ones. */
const LENGTH = 5 * 4096;

describe.each([
  [3, 1],
  [3, 2],
  [8, 2],
])("of %i data blocks and %i parities", (dataCount, parityCount) => {
  const math = new ParityMath(bench, dataCount, parityCount);

  test("blocks of the arena give what those elsewhere give, wherever the parity lies", () => {
    const data = Array.from({ length: dataCount }, (_, index) => noise(index));
    const expected = blocks(parityCount);
    math.compute(data, expected);
    inArena(dataCount + parityCount, (columns) => {
      const [there, parity] = [columns.slice(0, dataCount), columns.slice(dataCount)];
      for (const [index, block] of there.entries()) block.set(data[index] ?? []);
      math.compute(there, parity);
      expect(parity).toEqual(expected);
      const elsewhere = blocks(parityCount);
      math.compute(there, elsewhere);
      expect(elsewhere).toEqual(expected);
      math.compute(data, parity);
      expect(parity).toEqual(expected);
      expect(there).toEqual(data);

      const fresh = noise(77);
      math.update(1, fresh, data[1], expected);
      math.update(1, fresh, there[1], parity);
      expect(parity).toEqual(expected);
      const lost = blocks(1);
      const rest = [...there, ...parity].map((block, index) => (index === 1 ? undefined : block));
      math.reconstruct(rest, [1], lost);
      expect(lost).toEqual([fresh]);
    });
  });
});

test("the remainders of blocks in the arena are their checksums but for a constant", () => {
  const math = new ParityMath(bench, 3, 1);
  inArena(1, ([column]) => {
    const bytes = must(column, "there is one");
    bytes.set(noise(5));
    for (const length of [1024, 2048, 4096, 16_384]) {
      const remainder = must(math.remainderIn(bytes, length), "it is that long");
      const ofZeroes = crc32(new Uint8Array(length));
      for (let at = 0; at + length <= LENGTH; at += 1008) {
        const crc = (remainder(bytes.byteOffset + at, length) ^ ofZeroes) >>> 0;
        expect(crc).toBe(crc32(bytes.subarray(at, at + length)));
      }
    }
    expect(bytes).toEqual(noise(5));
    expect(math.remainderIn(bytes, 512)).toBeUndefined();
    expect(math.remainderIn(bytes, 32_768)).toBeUndefined();
    expect(math.remainderIn(bytes.slice(), 4096)).toBeUndefined();
  });
});

function noise(seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length: LENGTH }, () => random.below(256));
}

function blocks(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, () => new Uint8Array(LENGTH));
}

function inArena(count: number, run: (columns: readonly Uint8Array[]) => void): void {
  const places = Array.from({ length: count }, () =>
    must(arena.allocate(LENGTH), "the arena has the room"),
  );
  run(places.map((at) => arena.view(at, LENGTH)));
  for (const at of places) arena.release(at);
}
