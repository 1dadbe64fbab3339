import fc from "fast-check";
import { expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { Geometry, type GeometryOptions, type RaidLevel, raidLayouts } from "./geometry.ts";

test("every block has a place of its own, and every place beside parity a block", () => {
  fc.assert(
    fc.property(arbitraryGeometry(), (options) => {
      const geometry = new Geometry(options);
      const stripes = options.memberCount + 1;
      const blocks = stripes * options.chunkBlocks * geometry.dataCount;
      const places = new Set<string>();
      for (let block = 0; block < blocks; block++) {
        const row = geometry.rowOfBlock(block);
        const slot = geometry.slotOfBlock(block);
        const stripe = geometry.stripeOfRow(row);
        expect(stripe).toBe(geometry.stripeOfBlock(block));
        const index = geometry.indexOfSlot(stripe, slot);
        expect(index).toBeLessThan(geometry.dataCount);
        expect(geometry.blockAt(row, index)).toBe(block);
        places.add(`${row} ${slot}`);
      }
      expect(places.size).toBe(blocks);
      for (let stripe = 0; stripe < stripes; stripe++) {
        const indexes = Array.from({ length: geometry.slotCount }, (_, slot) => {
          const index = geometry.indexOfSlot(stripe, slot);
          expect(geometry.slotOfIndex(stripe, index)).toBe(slot);
          return index;
        });
        expect(indexes.toSorted((a, b) => a - b)).toEqual([...indexes.keys()]);
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("left-symmetric is laid out as the textbook draws it", () => {
  expect(picture("left-symmetric", 5, 4)).toEqual(["0 1 2 P", "4 5 P 3", "8 P 6 7", "P 9 10 11"]);
  expect(picture("left-asymmetric", 5, 4)).toEqual(["0 1 2 P", "3 4 P 5", "6 P 7 8", "P 9 10 11"]);
  expect(picture("right-symmetric", 5, 4)).toEqual(["P 0 1 2", "5 P 3 4", "7 8 P 6", "9 10 11 P"]);
  expect(picture("right-asymmetric", 5, 4)).toEqual(["P 0 1 2", "3 P 4 5", "6 7 P 8", "9 10 11 P"]);
  expect(picture("left-symmetric", 6, 4)).toEqual(["Q 0 1 P", "2 3 P Q", "5 P Q 4", "P Q 6 7"]);
  expect(picture("left-asymmetric", 6, 4)).toEqual(["Q 0 1 P", "2 3 P Q", "4 P Q 5", "P Q 6 7"]);
  expect(picture("left-symmetric", 4, 4)).toEqual(["0 1 2 P", "3 4 5 P", "6 7 8 P", "9 10 11 P"]);
  expect(picture("left-symmetric", 0, 3)).toEqual(["0 1 2", "3 4 5", "6 7 8"]);
});

test("what cannot be an array is refused, and the message names the range", () => {
  const good: GeometryOptions = {
    level: 5,
    layout: "left-symmetric",
    memberCount: 3,
    blockBytes: 4096,
    chunkBlocks: 16,
  };
  for (const bad of [
    { memberCount: 2 },
    { memberCount: 33 },
    // What only programs without types ask for.
    { level: 9 as 5 },
    { level: 2 as 5 },
    { level: JSON.parse('"5"') as 5 },
    { layout: "left" as "left-symmetric" },
    { blockBytes: 100 },
    { blockBytes: 32 },
    { chunkBlocks: 3 },
    { chunkBlocks: 0 },
  ]) {
    expect(thrown(() => new Geometry({ ...good, ...bad }))).toBe(true);
  }
  expect(new Geometry(good).dataCount).toBe(2);
});

function thrown(make: () => unknown): boolean {
  try {
    make();
    return false;
  } catch (error) {
    return isFault(error, "ERR_ARGUMENT");
  }
}

/** One line a stripe of one-block chunks: what each slot holds. */
function picture(layout: GeometryOptions["layout"], level: RaidLevel, count: number): string[] {
  const geometry = new Geometry({
    level,
    layout,
    memberCount: count,
    blockBytes: 64,
    chunkBlocks: 1,
  });
  return Array.from({ length: count }, (_, stripe) =>
    Array.from({ length: count }, (_unused, slot) => {
      const index = geometry.indexOfSlot(stripe, slot);
      if (index >= geometry.dataCount) return index === geometry.dataCount ? "P" : "Q";
      return String(geometry.blockAt(stripe, index));
    }).join(" "),
  );
}

function arbitraryGeometry(): fc.Arbitrary<GeometryOptions> {
  return fc.record({
    level: fc.constantFrom<RaidLevel>(0, 1, 4, 5, 6),
    layout: fc.constantFrom(...raidLayouts),
    memberCount: fc.integer({ min: 4, max: 7 }),
    blockBytes: fc.constant(64),
    chunkBlocks: fc.constantFrom(1, 2, 4),
  });
}
