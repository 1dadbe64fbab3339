import fc from "fast-check";
import { expect, test } from "vitest";
import { batchNumber, lsn } from "../base/ids.ts";
import { BatchIndex } from "./batch-index.ts";
import type { LogPoint } from "./log-zone.ts";

test("it finds a batch not after the wanted one, and near to it", () => {
  const sizes = fc.array(fc.record({ units: fc.integer({ min: 1, max: 9 }), entries: fc.nat(4) }));
  fc.assert(
    fc.property(sizes, fc.nat(100), (batches, dropped) => {
      // With three units to a point.
      const index = new BatchIndex(3 * 4096);
      const points: LogPoint[] = [];
      let position = 0;
      let first = 1;
      for (const { units, entries } of batches) {
        const point = {
          batch: batchNumber(points.length + 1),
          position,
          firstLsn: lsn(first),
          previousChecksum: 0,
        };
        points.push(point);
        index.add(point);
        position += units;
        first += entries + 1;
      }
      const head = points[Math.min(dropped, points.length - 1)];
      if (head === undefined) return;
      index.dropBefore(head.position);
      for (let wanted = head.firstLsn + 30; wanted < first; wanted++) {
        const exact = points.findLast(({ firstLsn }) => firstLsn <= wanted);
        const found = index.find(wanted);
        if (exact === undefined || found === undefined) throw new Error("nothing was found");
        expect(found.firstLsn).toBeLessThanOrEqual(wanted);
        expect(exact.position - found.position).toBeLessThan(3 + 9);
      }
    }),
    { seed: 2, numRuns: 200 },
  );
});

test("its memory does not grow with the ring", () => {
  const index = new BatchIndex(1 << 20);
  for (let unit = 0; unit < 1 << 20; unit++) {
    index.add({
      batch: batchNumber(unit),
      position: unit,
      firstLsn: lsn(unit),
      previousChecksum: 0,
    });
  }
  expect(index.size).toBe(4096);
});
