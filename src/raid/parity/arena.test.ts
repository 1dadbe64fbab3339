import fc from "fast-check";
import { expect, test } from "vitest";
import { ARENA_RESERVED_BYTES, ARENA_UNIT_BYTES, BuddyArena } from "./arena.ts";

const SEED = 71;
const ARENA_BYTES = 512 * 1024;

function sizeOf(length: number): number {
  let size = ARENA_UNIT_BYTES;
  while (size < length) size *= 2;
  return size;
}

test("what is allocated lies apart, aligned, behind the reserve, and is all had back", () => {
  const step = fc.oneof(
    fc.record({ length: fc.integer({ min: 1, max: 100_000 }) }),
    fc.record({ release: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const arena = new BuddyArena(new Uint8Array(ARENA_BYTES));
      const held: { readonly at: number; readonly size: number }[] = [];
      for (const one of steps) {
        if ("release" in one) {
          const [region] = held.splice(one.release, 1);
          if (region !== undefined) arena.release(region.at);
        } else {
          const size = sizeOf(one.length);
          const at = arena.allocate(one.length);
          if (at !== undefined) held.push({ at, size });
        }
        const inOrder = held.toSorted((left, right) => left.at - right.at);
        let end = ARENA_RESERVED_BYTES;
        for (const { at, size } of inOrder) {
          expect(at).toBeGreaterThanOrEqual(end);
          expect(at % size).toBe(0);
          end = at + size;
        }
        expect(end).toBeLessThanOrEqual(ARENA_BYTES);
        expect(arena.usedBytes).toBe(held.reduce((sum, { size }) => sum + size, 0));
      }
      for (const { at } of held) arena.release(at);
      // In one piece again: the upper half.
      expect(arena.allocate(ARENA_BYTES / 2)).toBe(ARENA_BYTES / 2);
    }),
    { numRuns: 100, seed: SEED },
  );
});

test("a full arena says so, and has room again after a release", () => {
  const arena = new BuddyArena(new Uint8Array(ARENA_RESERVED_BYTES + 2 * ARENA_UNIT_BYTES));
  const first = arena.allocate(1);
  expect(first).toBe(ARENA_RESERVED_BYTES);
  expect(arena.allocate(1)).toBe(ARENA_RESERVED_BYTES + ARENA_UNIT_BYTES);
  expect(arena.allocate(1)).toBeUndefined();
  expect(arena.allocate(2 ** 30)).toBeUndefined();
  arena.release(ARENA_RESERVED_BYTES);
  expect(arena.allocate(1)).toBe(first);
});

test("what was not allocated, or is released twice, is not taken back", () => {
  const arena = new BuddyArena(new Uint8Array(ARENA_BYTES));
  const at = arena.allocate(2 * ARENA_UNIT_BYTES) ?? 0;
  expect(() => arena.release(0)).toThrow("was allocated");
  expect(() => arena.release(at + ARENA_UNIT_BYTES)).toThrow("was allocated");
  arena.release(at);
  expect(() => arena.release(at)).toThrow("was allocated");
});
