import fc from "fast-check";
import { expect, test } from "vitest";
import { equalBytes } from "./bytes.ts";

/** Bytes that begin anywhere in their buffer. */
const placed = fc
  .record({ bytes: fc.uint8Array({ maxLength: 1100 }), offset: fc.integer({ min: 0, max: 9 }) })
  .map(({ bytes, offset }) => {
    const view = new Uint8Array(new ArrayBuffer(bytes.length + 16), offset, bytes.length);
    view.set(bytes);
    return view;
  });

test("equal bytes are equal, wherever they lie, and one that differs is seen", () => {
  fc.assert(
    fc.property(placed, fc.integer({ min: 0, max: 9 }), fc.nat(), (left, offset, where) => {
      const right = new Uint8Array(new ArrayBuffer(left.length + 16), offset, left.length);
      right.set(left);
      expect(equalBytes(left, right)).toBe(true);
      expect(equalBytes(left, right.subarray(1))).toBe(left.length === 0);
      if (left.length === 0) return;
      const at = where % left.length;
      right[at] = (right[at] ?? 0) ^ 1;
      expect(equalBytes(left, right)).toBe(false);
    }),
    { seed: 11 },
  );
});
