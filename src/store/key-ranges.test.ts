import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, concatBytes, equalBytes, fromLatin1 } from "../base/bytes.ts";
import { KeyRanges } from "./key-ranges.ts";

const any = fc.uint8Array({ maxLength: 6 });
const few = fc.uint8Array({ maxLength: 5 }).map((bytes) => bytes.map((byte) => byte & 1));
const numbered = fc
  .integer({ min: 0, max: 99_999 })
  .map((number) => fromLatin1(`key:${String(number).padStart(8, "0")}`));
const behind = fc.tuple(numbered, few).map((parts) => concatBytes(parts));

function isOnce(key: Uint8Array, index: number, keys: readonly Uint8Array[]): boolean {
  return index === 0 || !equalBytes(key, keys[index - 1] as Uint8Array);
}

test.each([
  ["any bytes", any],
  ["few bytes", few],
  ["numbers", numbered],
  ["all of these", fc.oneof(any, few, numbered, behind)],
])("%s lie in ranges that follow each other as they do", (_, key) => {
  const sample = fc.array(key, { minLength: 1, maxLength: 40, size: "max" });
  const other = fc.array(fc.oneof(key, any, behind), { maxLength: 200, size: "max" });
  fc.assert(
    fc.property(sample, other, (sampled, others) => {
      const bounds = sampled.toSorted(compareBytes).filter(isOnce);
      const ranges = new KeyRanges();
      ranges.partBy(bounds);
      expect(ranges.count).toBeLessThanOrEqual(bounds.length + 1);
      const keys = [...sampled, ...others].toSorted(compareBytes);
      const numbers = keys.map((one) => ranges.of(one, 0, one.length));
      expect(numbers).toEqual(numbers.toSorted((left, right) => left - right));
      expect(Math.max(...numbers)).toBeLessThan(ranges.count);
      // No range but the first is missing: each begins with a key of the sample, or just below.
      const reached = new Set(bounds.map((one) => ranges.of(one, 0, one.length)));
      expect(reached.size).toBe(ranges.count - 1);
      ranges.clear();
      expect(keys.every((one) => ranges.of(one, 0, one.length) === 0)).toBe(true);
    }),
    { seed: 1, numRuns: 100 },
  );
});
