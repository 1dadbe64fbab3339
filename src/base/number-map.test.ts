import fc from "fast-check";
import { expect, test } from "vitest";
import { NumberMap } from "./number-map.ts";

test("it holds what a Map would", () => {
  const number = fc.oneof(
    fc.nat(60),
    fc.nat(2 ** 40),
    fc.nat(8).map((high) => high * 64),
  );
  const call = fc.record({ kind: fc.constantFrom("set", "set", "delete"), number });
  fc.assert(
    fc.property(fc.array(call, { maxLength: 300 }), (calls) => {
      const map = new NumberMap<number>();
      const model = new Map<number, number>();
      calls.forEach(({ kind, number: key }, index) => {
        if (kind === "set") {
          map.set(key, index);
          model.set(key, index);
        } else expect(map.delete(key)).toBe(model.delete(key));
        expect(map.size).toBe(model.size);
      });
      const keys = [...model.keys()].toSorted((left, right) => left - right);
      expect(map.values()).toEqual(keys.map((key) => model.get(key)));
      for (const { number: key } of calls) {
        expect(map.has(key)).toBe(model.has(key));
        expect(map.get(key)).toBe(model.get(key));
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});
