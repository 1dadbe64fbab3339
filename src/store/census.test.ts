import fc from "fast-check";
import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { Census } from "./census.ts";

const key = fc.oneof(
  fc.constantFrom([], [1], [1, 7], [2], [2, 0, 0, 0, 0], [255, 1]),
  fc
    .tuple(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.constantFrom(0, 1, 0xff), fc.nat(3))
    .map(([high, low, kind]) => [2, high, 0, 0, low, kind, 9]),
);

/** The prefix by which a key is counted, as text. */
function prefixOf(bytes: readonly number[]): string {
  if (bytes[0] !== 2 || bytes.length < 6) return String(bytes[0] ?? 0);
  return bytes.slice(0, 6).join(" ");
}

test("rows are counted by their prefixes, through copies and checkpoints", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 60 }), (changes) => {
      const counts = new Map<string, number>();
      let census = new Census();
      for (const [bytes, comes] of changes) {
        const prefix = prefixOf(bytes);
        const before = counts.get(prefix) ?? 0;
        if (!comes && before === 0) continue;
        counts.set(prefix, before + (comes ? 1 : -1));
        const padded = Uint8Array.from([9, ...bytes, 9]);
        census.add(padded, 1, bytes.length, comes ? 1 : -1);
        if (changes.length % 3 === 0) census = Census.decode(census.encode());
        else if (changes.length % 3 === 1) census = census.copy();
      }
      for (const [bytes] of changes) {
        expect(census.count(Uint8Array.from(bytes))).toBe(counts.get(prefixOf(bytes)) ?? 0);
      }
    }),
    { seed: 3, numRuns: 200 },
  );
});

test("a copy stays as it is", () => {
  const census = new Census();
  const row = Uint8Array.of(1);
  census.add(row, 0, 1, 1);
  const copy = census.copy();
  census.add(row, 0, 1, 1);
  copy.add(row, 0, 1, -1);
  expect([census.count(row), copy.count(row)]).toEqual([2, 0]);
});

test("a census that was cut short is refused", () => {
  const census = new Census();
  census.add(Uint8Array.of(1), 0, 1, 1);
  const bytes = census.encode();
  expect(bytes.length).toBe(16);
  let error: unknown;
  try {
    Census.decode(bytes.subarray(0, 15));
  } catch (thrown) {
    error = thrown;
  }
  expect(isFault(error, "ERR_CORRUPT")).toBe(true);
});
