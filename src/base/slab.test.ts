import fc from "fast-check";
import { expect, test } from "vitest";
import { Slab } from "./slab.ts";

const SLAB_BYTES = 8192;

test("a copy is what copyWithin makes, up to the slab's last byte, and nothing else changes", () => {
  const half = SLAB_BYTES / 2;
  const pattern = Uint8Array.from(
    { length: SLAB_BYTES },
    (_, index) => (index * 31) ^ (index >> 8),
  );
  const length = fc.oneof(fc.nat(40), fc.nat(1100), fc.nat(half - 8));
  const place = fc.record({ length, from: fc.nat(half), to: fc.nat(half), isDown: fc.boolean() });
  fc.assert(
    fc.property(place, ({ length: copied, from, to, isDown }) => {
      const slab = new Slab(SLAB_BYTES);
      slab.bytes.set(pattern);
      // As near to the end of its half as it may lie; the other half is written to.
      const fromAt = (isDown ? half : 0) + Math.min(from, half - copied);
      const toAt = (isDown ? 0 : half) + (Math.min(to, half - copied) & ~3);
      const expected = pattern.slice().copyWithin(toAt, fromAt, fromAt + copied);
      slab.copy(toAt, fromAt, copied);
      expect(slab.bytes).toEqual(expected);
    }),
    { seed: 5, numRuns: 200 },
  );
});
