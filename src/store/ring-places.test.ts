/** The plan of where segments lie, against what it must keep. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { keepLowest, RingPlaces } from "./ring-places.ts";

const STEP = 1000;

test("a spare place moves, what may be live stays, and no place is given twice", () => {
  const property = fc.property(
    fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 2, maxLength: 12 }),
    fc.nat(100),
    fc.infiniteStream(fc.nat(30)),
    (holes, head, froms) => {
      const count = holes.length;
      const before = holes.map((hole, index) => (hole === 0 ? 0 : STEP * (1 + ((index * 7) % 13))));
      const plan = new RingPlaces(before, head, STEP);
      const segments = Array.from({ length: count }, (_, index) => head + index);
      const first = segments.find((segment) => plan.placeOf(segment) === 0);
      if (first === undefined) return;
      const from = head + (froms.next().value as number);
      const spare = segments.filter(
        (segment) => first < segment && from <= segment && plan.placeOf(segment) !== 0,
      );
      expect(plan.moveSpare(first, from)).toBe(spare.length > 0);
      for (const segment of segments) {
        if (segment < first) expect(plan.placeOf(segment)).toBe(before[segment % count]);
      }
      const ascending = (left: number, right: number): number => left - right;
      expect(plan.places.toSorted(ascending)).toEqual(before.toSorted(ascending));
    },
  );
  fc.assert(property, { seed: 5, numRuns: 500 });
});

test("of spare places the one that goes on is taken, or else the lowest", () => {
  const goesOn = new RingPlaces([5000, 0, 0, 9000, 6000, 2000], 0, STEP);
  expect(goesOn.moveSpare(1, 2)).toBe(true);
  expect(goesOn.places).toEqual([5000, 6000, 0, 9000, 0, 2000]);
  expect(goesOn.moveSpare(2, 3)).toBe(true);
  expect(goesOn.places).toEqual([5000, 6000, 2000, 9000, 0, 0]);
});

test("the lowest places are kept, in a row from the head on", () => {
  expect(keepLowest([7000, 0, 3000, 9000, 1000, 0], 10, 3)).toEqual([7000, 0, 0, 0, 1000, 3000]);
  expect(keepLowest([7000, 0, 3000], 0, 3)).toEqual([3000, 7000, 0]);
});
