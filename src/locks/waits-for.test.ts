import { expect, test } from "vitest";
import { owner } from "./lock-owner.ts";
import { findCycle, type WaitsForEdge } from "./waits-for.ts";

function edges(...pairs: readonly (readonly [number, number])[]): readonly WaitsForEdge[] {
  return pairs.map(([waiter, blocker]) => ({
    waiter: owner(waiter),
    blocker: owner(blocker),
    because: "holds",
  }));
}

test("a graph without cycles has none, even where paths meet", () => {
  expect(findCycle(edges())).toBeUndefined();
  expect(findCycle(edges([1, 2], [1, 3], [2, 4], [3, 4], [4, 5]))).toBeUndefined();
});

test("a cycle is given without the path that leads to it", () => {
  expect(findCycle(edges([1, 2], [2, 3], [3, 4], [4, 2]))).toEqual([2, 3, 4]);
  expect(findCycle(edges([1, 2], [5, 6], [6, 5]))).toEqual([5, 6]);
  expect(findCycle(edges([7, 7]))).toEqual([7]);
});

test("a long queue is searched without recursion", () => {
  const queue = Array.from({ length: 50_000 }, (_, index) => [index, index + 1] as const);
  expect(findCycle(edges(...queue))).toBeUndefined();
  expect(findCycle(edges(...queue, [50_000, 0]))).toHaveLength(50_001);
});
