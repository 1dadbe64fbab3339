/** The ring against a list of units, with segments anywhere on the volume, or nowhere. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { HookedVolume } from "./hooked-volume.suite.ts";
import { Ring } from "./ring.ts";

const UNIT_BYTES = 512;
const SEGMENT_UNITS = 3;
const SEGMENT_BYTES = SEGMENT_UNITS * UNIT_BYTES;

interface Write {
  readonly position: number;
  readonly units: number;
  readonly isNow: boolean;
}

interface Layout {
  /** For each segment its place, as an index; undefined: none. */
  readonly order: readonly (number | undefined)[];
}

const layouts: fc.Arbitrary<Layout> = fc.integer({ min: 1, max: 9 }).chain((count) =>
  fc.record({
    order: fc
      .tuple(
        fc.shuffledSubarray(
          Array.from({ length: count }, (_, index) => index),
          { minLength: count },
        ),
        fc.boolean(),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: count, maxLength: count }),
      )
      .map(([shuffled, isInOrder, holes]) =>
        (isInOrder ? shuffled.toSorted((a, b) => a - b) : shuffled).map((place, index) =>
          holes[index] === 0 ? undefined : place,
        ),
      ),
  }),
);

const writes: fc.Arbitrary<readonly Write[]> = fc.array(
  fc.record({
    position: fc.nat(200),
    units: fc.integer({ min: 1, max: 12 }),
    isNow: fc.boolean(),
  }),
  { maxLength: 20 },
);

test("what is written at a position is read there, and what has no place is zero", async () => {
  const property = fc.asyncProperty(layouts, writes, async ({ order }, plan) => {
    const unitCount = order.length * SEGMENT_UNITS;
    const places = order.map((place) => (place === undefined ? 0 : (1 + place) * SEGMENT_BYTES));
    const volume = new MemoryVolume((1 + order.length) * SEGMENT_BYTES);
    const ring = new Ring(volume, {
      ringBytes: unitCount * UNIT_BYTES,
      unitBytes: UNIT_BYTES,
      segmentBytes: SEGMENT_BYTES,
      places,
    });
    const hasPlace = (position: number): boolean =>
      order[Math.floor((position % unitCount) / SEGMENT_UNITS)] !== undefined;
    const model = new Uint8Array(unitCount);
    for (const [index, { position, units, isNow }] of plan.entries()) {
      const positions = Array.from({ length: Math.min(units, unitCount) }, (_, n) => position + n);
      const bytes = new Uint8Array(positions.length * UNIT_BYTES).fill(index + 1);
      if (!positions.every((each) => hasPlace(each))) continue;
      if (isNow) expect(ring.writeDurableNow(position, bytes)).toBe(true);
      else await ring.writeDurable(position, bytes);
      for (const each of positions) model[each % unitCount] = index + 1;
    }
    for (let from = 0; from < unitCount; from++) {
      const read = new Uint8Array(unitCount * UNIT_BYTES).fill(0xee);
      await ring.read(unitCount + from, read);
      const found = Array.from({ length: unitCount }, (_, unit) => read[unit * UNIT_BYTES]);
      const wanted = found.map((_, unit) => model[(from + unit) % unitCount]);
      expect(found).toEqual(wanted);
    }
    const first = Array.from({ length: unitCount }, (_, n) => 7 + n).find((at) => !hasPlace(at));
    const begin = first === undefined ? undefined : Math.max(7, first - (first % SEGMENT_UNITS));
    const until = ring.placedUntil(7);
    if (begin === undefined) expect(until).toBeGreaterThanOrEqual(7 + unitCount - SEGMENT_UNITS);
    else expect(Math.max(7, until)).toBe(begin);
  });
  await fc.assert(property, { seed: 3, numRuns: 300 });
});

test("segments that follow each other on the volume are read and written as one", async () => {
  let operations = 0;
  const memory = new MemoryVolume(20 * SEGMENT_BYTES);
  const volume = new HookedVolume(memory, () => {
    operations++;
  });
  const at = (index: number): number => (1 + index) * SEGMENT_BYTES;
  const ring = new Ring(volume, {
    ringBytes: 6 * SEGMENT_BYTES,
    unitBytes: UNIT_BYTES,
    segmentBytes: SEGMENT_BYTES,
    // The last one goes on where the first begins.
    places: [at(5), at(6), at(7), at(2), 0, at(4)],
  });
  const count = async (segment: number, units: number): Promise<number> => {
    operations = 0;
    await ring.read(segment * SEGMENT_UNITS, new Uint8Array(units * UNIT_BYTES));
    return operations;
  };
  expect(await count(0, 9)).toBe(1);
  expect(await count(0, 10)).toBe(2);
  expect(await count(4, 3)).toBe(0);
  expect(await count(5, 12)).toBe(1);
  operations = 0;
  await ring.writeDurable(5 * SEGMENT_UNITS, new Uint8Array(12 * UNIT_BYTES));
  expect(operations).toBe(1);
  await expect(
    ring.writeDurable(3 * SEGMENT_UNITS, new Uint8Array(4 * UNIT_BYTES)),
  ).rejects.toThrow("no place");
});
