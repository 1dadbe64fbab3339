import fc from "fast-check";
import { expect, test } from "vitest";
import { type LockedRange, RangeLock } from "./range-lock.ts";

const overlap = (left: LockedRange, right: LockedRange): boolean =>
  left.start < right.end && right.start < left.end;

test("of ranges that overlap one is held at a time, in the order of asking; none is forgotten", async () => {
  const range = fc
    .record({ start: fc.nat(30), length: fc.integer({ min: 1, max: 10 }) })
    .map(({ start, length }): LockedRange => ({ start, end: start + length }));
  const input = fc.array(fc.oneof(range, fc.nat(100)), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(input, async (steps) => {
      const lock = new RangeLock();
      const asked: LockedRange[] = [];
      const held = new Set<LockedRange>();
      const take = (one: LockedRange): void => {
        for (const other of held) expect(overlap(one, other)).toBe(false);
        const earlier = asked.slice(0, asked.indexOf(one));
        expect(earlier.some((other) => overlap(one, other))).toBe(false);
        held.add(one);
      };
      const drop = async (one: LockedRange): Promise<void> => {
        held.delete(one);
        asked.splice(asked.indexOf(one), 1);
        lock.release(one);
        await Promise.resolve();
        await Promise.resolve();
      };
      for (const next of steps) {
        if (typeof next === "number") {
          const one = [...held][next % Math.max(1, held.size)];
          if (one !== undefined) await drop(one);
        } else {
          const own = { ...next };
          asked.push(own);
          const waiting = lock.acquire(own);
          if (waiting === undefined) take(own);
          else void waiting.then(() => take(own));
        }
        // What overlaps nothing that came before it is held.
        for (const [index, one] of asked.entries()) {
          const free = !asked.slice(0, index).some((other) => overlap(one, other));
          expect(held.has(one)).toBe(free);
        }
      }
      while (held.size > 0) await drop([...held][0] as LockedRange);
      expect(asked).toEqual([]);
    }),
    { numRuns: 300, seed: 3 },
  );
});

test("only what is held is released", () => {
  const lock = new RangeLock();
  const held = { start: 0, end: 2 };
  const waiting = { start: 1, end: 3 };
  expect(lock.acquire(held)).toBeUndefined();
  expect(lock.acquire(waiting)).toBeInstanceOf(Promise);
  expect(() => lock.release(waiting)).toThrow("is held");
  expect(() => lock.release({ start: 0, end: 2 })).toThrow("was acquired");
});
