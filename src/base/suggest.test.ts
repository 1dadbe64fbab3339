import fc from "fast-check";
import { expect, test } from "vitest";
import { didYouMean, editDistance } from "./suggest.ts";

test.each([
  ["", "", 0],
  ["port", "port", 0],
  ["prot", "port", 1],
  ["por", "port", 1],
  ["ports", "port", 1],
  ["part", "port", 1],
  ["cache", "port", 5],
])("from %o to %o it takes %d", (left, right, distance) => {
  expect(editDistance(left, right)).toBe(distance);
});

test("the distance is the same both ways, and no more than replacing everything", () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right);
      expect(editDistance(right, left)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length));
      expect(distance === 0).toBe(left === right);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("the closest is suggested, and nothing where all is far", () => {
  expect(didYouMean("http-prot", ["port", "http-port"])).toBe(' (did you mean "http-port"?)');
  expect(didYouMean("colour", ["port", "http-port"])).toBe("");
});
