import { afterEach, expect, test, vi } from "vitest";
import { AssertionFailure } from "../../base/assert.ts";
import { ARENA_RESERVED_BYTES } from "./arena.ts";
import { bestParityKernel } from "./best-kernel.ts";
import { HOLE, type ParityKernel } from "./kernel.ts";
import { plainParityKernel } from "./plain-kernel.ts";

const ARENA_BYTES = 1 << 20;

afterEach(() => {
  vi.unstubAllGlobals();
});

test("takes the vectors of WebAssembly where there are any, and plain code elsewhere", () => {
  expect(bestParityKernel(ARENA_BYTES).kind).toBe("webassembly");

  vi.stubGlobal("WebAssembly", undefined);
  expect(bestParityKernel(ARENA_BYTES).kind).toBe("plain");
});

test("takes plain code where the engine does not know vectors or has no memory for them", () => {
  function refuse(): never {
    throw new RangeError("could not allocate memory");
  }
  vi.stubGlobal("WebAssembly", { Module: refuse, Instance: refuse });
  expect(bestParityKernel(ARENA_BYTES).kind).toBe("plain");
});

test("wants an arena of whole pages", () => {
  expect(() => bestParityKernel(100_000)).toThrow(AssertionFailure);
});

test("both kernels allocate the same places and compute the same of long blocks", () => {
  const kernels = [plainParityKernel(ARENA_BYTES), bestParityKernel(ARENA_BYTES)];
  const [plain, best] = kernels.map((kernel) => workOf(kernel));
  expect(best?.places).toEqual(plain?.places);
  expect(Buffer.compare(best?.bytes ?? Buffer.of(), plain?.bytes ?? Buffer.of(1))).toBe(0);
});

/** Some of everything, on eleven blocks of 16 KiB; the reserve is the kernel's own affair. */
function workOf(kernel: ParityKernel): { places: readonly number[]; bytes: Uint8Array } {
  const { arena } = kernel;
  const length = 16_384;
  const places = Array.from({ length: 13 }, () => arena.allocate(length) ?? HOLE);
  for (const [role, at] of places.entries())
    arena.view(at, length).set(Uint8Array.from({ length }, (_, byte) => byte * (role + 3) + role));
  const row = { data: places.slice(0, 11), p: places[11] ?? HOLE, q: places[12] ?? HOLE };
  kernel.compute(row, length);
  kernel.multiplyXor(row.data[4] ?? HOLE, row.q, 0x53, length);
  kernel.reconstruct(row, [3, 8], length);
  kernel.update(row, 6, row.data[0] ?? HOLE, length);
  kernel.xor(row.data[10] ?? HOLE, [...row.data, row.p], length);
  return { places, bytes: arena.bytes.slice(ARENA_RESERVED_BYTES) };
}
