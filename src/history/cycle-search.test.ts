import { expect, test } from "vitest";
import { findCycles } from "./cycle-search.ts";
import { EdgeList } from "./edge-list.ts";
import { RW, RW_RANGE, WR, WW } from "./relation.ts";
import { NEVER, NO_SESSION } from "./timeline.ts";

/** Nothing came before anything else. */
function timeless(nodeCount: number): Parameters<typeof findCycles>[2] {
  return {
    began: new Int32Array(nodeCount).fill(-1),
    ended: new Int32Array(nodeCount).fill(NEVER),
    session: new Int32Array(nodeCount).fill(NO_SESSION),
    momentCount: 0,
  };
}

/** Write skew of 0 and 1, each of them with a read of the other that is worse, at a distance. */
function skewAndWorse(): EdgeList {
  const edges = new EdgeList();
  edges.add(0, 1, RW);
  edges.add(1, 0, RW);
  edges.add(1, 2, WW);
  edges.add(2, 3, WR);
  edges.add(3, 1, WW);
  return edges;
}

test("the worst kind of cycle is found, and the search is complete", () => {
  const { cycles, complete } = findCycles(skewAndWorse(), 4, timeless(4));
  expect(cycles.map(({ name }) => name)).toContain("G1c");
  expect(complete).toBe(true);
});

test("a search that is cut short says so, and still shows a cycle", () => {
  for (const workMax of [0, 1, 2, 3]) {
    const { cycles, complete } = findCycles(skewAndWorse(), 4, timeless(4), workMax);
    expect(cycles.length, `after ${workMax} edges`).toBeGreaterThan(0);
    expect(complete, `after ${workMax} edges`).toBe(false);
  }
});

test("a component that was searched to its end does not hide one that was not", () => {
  const edges = skewAndWorse();
  edges.add(4, 5, WW);
  edges.add(5, 4, WW);
  for (let workMax = 0; ; workMax++) {
    const { cycles, complete } = findCycles(edges, 6, timeless(6), workMax);
    expect(new Set(cycles.flatMap(({ nodes }) => nodes)).has(4)).toBe(true);
    if (complete) break;
    expect(workMax).toBeLessThan(1000);
  }
});

test("what ranges are part of does not hide a cycle of items alone", () => {
  const edges = new EdgeList();
  edges.add(0, 1, RW_RANGE);
  edges.add(1, 0, WR);
  edges.add(0, 2, RW);
  edges.add(2, 0, RW);
  const { cycles } = findCycles(edges, 3, timeless(3));
  const shown = cycles.map(({ name, relations }) => ({
    name,
    isRange: relations.includes(RW_RANGE),
  }));
  expect(shown).toEqual([
    { name: "G-single", isRange: true },
    { name: "G2-item", isRange: false },
  ]);
});
