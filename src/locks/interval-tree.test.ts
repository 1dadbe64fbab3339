import fc from "fast-check";
import { expect, test } from "vitest";
import { type Interval, IntervalTree } from "./interval-tree.ts";

const anyPoint = fc.string({ unit: fc.constantFrom("\0", "a", "b", "\xff"), maxLength: 3 });
const anyInterval = fc
  .tuple(anyPoint, fc.option(anyPoint, { nil: undefined }))
  .filter(([start, end]) => end === undefined || start <= end);
const anyChange = fc.record({ interval: anyInterval, removes: fc.nat({ max: 3 }) });

function overlaps(item: Interval, start: string, end: string | undefined): boolean {
  if (end !== undefined && end <= item.start) return false;
  if (item.start === item.end) return start <= item.start;
  return item.end === undefined || start < item.end;
}

test("finds what a search of all would find, in order", () => {
  const property = fc.property(fc.array(anyChange, { maxLength: 60 }), (changes) => {
    const tree = new IntervalTree<Interval>();
    let items: Interval[] = [];
    for (const [serial, { interval, removes }] of changes.entries()) {
      const [start, end] = interval;
      const expected = items
        .filter((item) => start !== end && overlaps(item, start, end))
        .toSorted((left, right) => {
          if (left.start !== right.start) return left.start < right.start ? -1 : 1;
          return left.serial - right.serial;
        });
      if (start !== end) expect(overlapsOf(tree, start, end)).toEqual(expected);

      const item = { start, end, serial };
      tree.insert(item);
      items.push(item);
      for (const removed of items.slice(0, removes === 3 ? 2 : 0)) tree.remove(removed);
      items = items.slice(removes === 3 ? 2 : 0);
    }
  });
  fc.assert(property, { seed: 21, numRuns: 300 });
});

function overlapsOf(tree: IntervalTree<Interval>, start: string, end: string | undefined) {
  const found: Interval[] = [];
  tree.visitOverlaps(start, end, (item) => found.push(item) > 0);
  return found;
}

test("stops where the visitor says so", () => {
  const tree = new IntervalTree<Interval>();
  for (const [serial, key] of ["c", "a", "b"].entries()) {
    tree.insert({ start: key, end: key, serial });
  }
  const seen: string[] = [];
  const ended = tree.visitOverlaps("", undefined, (item) => {
    seen.push(item.start);
    return item.start !== "b";
  });
  expect(seen).toEqual(["a", "b"]);
  expect(ended).toBe(false);
});

test("a search in ten thousand keys reads few of them, also where wide ones were", () => {
  const tree = new IntervalTree<Interval>();
  let reads = 0;
  const insert = (serial: number, end: string) => {
    const key = nameOf(serial);
    const item = {
      get start() {
        reads++;
        return key;
      },
      end,
      serial,
    };
    tree.insert(item);
    return item;
  };
  const wide: Interval[] = [];
  for (let serial = 0; serial < 10_000; serial++) {
    insert(serial, nameOf(serial));
    wide.push(insert(serial, "~"));
  }
  for (const item of wide) tree.remove(item);

  reads = 0;
  const found: Interval[] = [];
  tree.visitOverlaps("05000", "05010", (item) => found.push(item) > 0);
  expect(found).toHaveLength(10);
  expect(reads).toBeLessThan(250);
});

function nameOf(serial: number): string {
  return String(serial).padStart(5, "0");
}
