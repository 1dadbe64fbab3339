import fc from "fast-check";
import { expect, test } from "vitest";
import { PageSpace } from "./page-space.ts";

const PAGES = 200;

function makeSpace(pageCount: number): PageSpace {
  const space = new PageSpace(() => undefined);
  space.grow(pageCount);
  return space;
}

test("what a snapshot let go is given out again from the lowest on", () => {
  const space = makeSpace(PAGES);
  const pages = Array.from({ length: 150 }, () => space.allocate());
  expect(pages).toEqual(Array.from({ length: 150 }, (_, index) => index + 1));
  space.hold(1);
  for (const page of [140, 3, 70]) space.retire(page, 1, 1, 2);
  expect(space.allocate()).toBe(151);
  space.letGo(1);
  expect([1, 2, 3, 4].map(() => space.allocate())).toEqual([3, 70, 140, 152]);
});

test("a run of pages leaves alone where single ones are looked for", () => {
  const space = makeSpace(PAGES);
  space.allocate();
  expect(space.allocateRun(100)).toBe(2);
  space.hold(1);
  space.retire(2, 100, 1, 2);
  space.letGo(1);
  expect(space.allocateRun(150)).toBe(2);
  expect(space.allocate()).toBe(152);
});

test("only a free end is given back", () => {
  const space = makeSpace(PAGES);
  const pages = Array.from({ length: 90 }, () => space.allocate());
  expect(space.usedEnd).toBe(91);
  expect(() => space.shrink(90)).toThrow("only what is free");
  space.shrink(95);
  expect([space.pageCount, space.freeCount]).toEqual([95, 4]);
  space.hold(5);
  space.retire(pages.at(-1) ?? 0, 1, 5, 6);
  expect(space.usedEnd).toBe(91);
  space.letGo(5);
  expect(space.usedEnd).toBe(90);
  space.grow(PAGES);
  expect(space.freeCount).toBe(PAGES - 90);
  expect(space.checkpointMap()).toHaveLength(Math.ceil(PAGES / 32));
});

test("a map of fewer pages than there are says that the others are free", () => {
  const space = makeSpace(PAGES);
  space.load(Uint32Array.of(0xffff_ffff), PAGES);
  expect([space.freeCount, space.usedEnd]).toEqual([PAGES - 32, 32]);
  const pages = Array.from({ length: PAGES - 32 }, () => space.allocate());
  expect(new Set(pages).size).toBe(PAGES - 32);
});

test("the peak is of pages in use at a time, and begins anew when it was asked for", () => {
  const space = makeSpace(PAGES);
  const pages = Array.from({ length: 20 }, () => space.allocate());
  for (const page of pages) space.retire(page, 1, 1, 1);
  expect(space.takePeak()).toBe(21);
  expect(space.takePeak()).toBe(1);
  space.allocateRun(5);
  expect(space.takePeak()).toBe(6);
});

test("counts are those of the map, whatever was done", () => {
  const act = fc.record({
    takes: fc.boolean(),
    count: fc.integer({ min: 1, max: 9 }),
    at: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const space = makeSpace(PAGES);
      const used = new Set([0]);
      for (const { takes, count, at } of acts) {
        if (takes) {
          const first =
            count === 1 && space.freeCount > 0 ? space.allocate() : space.allocateRun(count);
          const end = first === 0 ? 0 : first + count;
          for (let page = first; page < end; page++) {
            expect(used.has(page)).toBe(false);
            used.add(page);
          }
        } else {
          const page = [...used][at % used.size] ?? 0;
          if (page !== 0) space.retire(page, 1, 1, 1);
          if (page !== 0) used.delete(page);
        }
        expect(space.usedEnd).toBe(Math.max(...used) + 1);
        expect(space.freeCount).toBe(PAGES - used.size);
        const before = at % (PAGES + 1);
        const free = Array.from({ length: before }, (_, page) => page).filter((p) => !used.has(p));
        expect(space.freeBefore(before)).toBe(free.length);
      }
    }),
    { seed: 7, numRuns: 60 },
  );
});
