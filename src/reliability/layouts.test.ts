import { describe, expect, test } from "vitest";
import { reportOnLayout } from "./comparison.ts";
import { plainGroup } from "./group-model.ts";
import { layoutOf, layoutsFor } from "./layouts.ts";
import { drawNines, plotLosses } from "./loss-plot.ts";
import {
  describeBytes,
  describeHours,
  describeRest,
  describeShare,
  parseBytes,
  parseHours,
  parseShare,
} from "./quantities.ts";

describe("layouts", () => {
  test.each([
    ["single", 1, 1, 0, 1],
    ["0", 1, 8, 0, 1],
    ["1", 1, 8, 7, 1 / 8],
    ["4", 1, 8, 1, 7 / 8],
    ["5", 1, 8, 1, 7 / 8],
    ["6", 1, 8, 2, 6 / 8],
    ["10", 4, 2, 1, 1 / 2],
    ["10:2", 2, 4, 3, 1 / 4],
    ["50", 2, 4, 1, 3 / 4],
    ["60", 2, 4, 2, 1 / 2],
    ["replicas:5/2", 1, 5, 2, 1 / 5],
    ["replicas:3", 1, 3, 2, 1 / 3],
  ])("%s of eight disks", (word, groups, members, tolerated, usable) => {
    const layout = layoutOf(word, 8);
    expect([layout.groupCount, layout.memberCount, layout.toleratedCount]).toEqual([
      groups,
      members,
      tolerated,
    ]);
    expect(layout.usableShare).toBe(usable);
  });

  test.each(["7", "5:2", "10:3", "50:8", "10:1", "6:1/2", "replicas:2/2", "replicas:40", ""])(
    "%s of eight disks is refused",
    (word) => {
      expect(() => layoutOf(word, 8)).toThrow(Error);
    },
  );

  test("no two that differ have the same name", () => {
    const words = ["1", "10", "10:2", "5", "4", "replicas:3", "replicas:3/1", "replicas:4"];
    expect(new Set(words.map((word) => layoutOf(word, 8).name)).size).toBe(words.length);
  });

  test("what is offered fits", () => {
    const names = (disks: number): string[] => layoutsFor(disks).map(({ name }) => name);
    expect(names(1)).toEqual(["single"]);
    expect(names(2)).toEqual(["single", "RAID 0", "RAID 1"]);
    expect(names(7)).toEqual(["single", "RAID 0", "RAID 5", "RAID 6"]);
    expect(names(8)).toContain("RAID 60");
  });
});

describe("quantities", () => {
  test.each([
    ["1.2e6h", 1.2e6],
    ["24 h", 24],
    ["14d", 336],
    ["2w", 336],
    ["5y", 43_800],
    ["90min", 1.5],
    ["36s", 0.01],
  ])("%s is %d hours", (text, hours) => {
    expect(parseHours(text)).toBeCloseTo(hours, 12);
  });

  test.each(["24", "h", "-1h", "0h", "1e999h", "5 years", "1H", "", "5m"])(
    "%s is no time",
    (text) => {
      expect(() => parseHours(text)).toThrow("the units are s, min, h, d, w, y");
    },
  );

  test("sizes are decimal or binary as they say", () => {
    expect([parseBytes("8TB"), parseBytes("1KiB"), parseBytes("1kB")]).toEqual([8e12, 1_024, 1e3]);
    expect(() => parseBytes("8")).toThrow("TB");
  });

  test("shares are up to one", () => {
    expect([parseShare("1e-15"), parseShare("1%"), parseShare("0")]).toEqual([1e-15, 0.01, 0]);
    for (const wrong of ["2", "101%", "x", "-1", "1h"]) {
      expect(() => parseShare(wrong)).toThrow("share");
    }
  });

  test("are told so that they can be read", () => {
    const hours = [1 / 3_600, 0.2, 24, 336, 1.2e6, 1e12, Number.POSITIVE_INFINITY];
    expect(hours.map((one) => describeHours(one))).toEqual([
      "1 s",
      "12 min",
      "24 h",
      "14 days",
      "137 years",
      "1.14e+8 years",
      "never",
    ]);
    const shares = [0, 1.46e-6, 0.00292, 0.5, 0.99999, 1];
    expect(shares.map((one) => describeShare(one))).toEqual([
      "0",
      "1.46e-6",
      "0.292 %",
      "50 %",
      "> 99.9 %",
      "100 %",
    ]);
    expect([1, 0.1, 2e-5, 1e-20, 0].map((one) => describeRest(one))).toEqual([
      "0 %",
      "90.0 %",
      "99.9980 %",
      "1 - 1.0e-20",
      "100 %",
    ]);
    expect([describeBytes(8e12), describeBytes(500)]).toEqual(["8 TB", "500 B"]);
  });
});

const member = plainGroup({ memberCount: 1, toleratedCount: 0, mttfHours: 1e6, mttrHours: 24 });

describe("a comparison", () => {
  const comparison = {
    layouts: layoutsFor(8),
    member,
    missionHours: 43_800,
    simulation: undefined,
    bounds: { best: { ...member, mttfHours: 1e200 }, worst: { ...member, mttfHours: 1e5 } },
  };
  const reports = comparison.layouts.map((layout) => reportOnLayout(layout, comparison));

  test("has RAID 6 above RAID 10 above RAID 5 above one disk above RAID 0", () => {
    const order = reports.toSorted((left, right) => right.nines - left.nines);
    expect(order.map(({ name }) => name)).toEqual([
      "RAID 60",
      "RAID 6",
      "RAID 10",
      "RAID 50",
      "RAID 5",
      "single",
      "RAID 0",
    ]);
  });

  test("has bounds around each, down to none at all", () => {
    for (const { lossBounds, lossProbability } of reports) {
      expect(lossBounds?.low).toBe(0);
      expect(lossBounds?.high).toBeGreaterThan(lossProbability);
    }
  });

  test("is drawn with a line and a name for each, none upon another", () => {
    const svg = plotLosses(comparison);
    for (const { name } of reports) expect(svg).toContain(`>${name}</text>`);
    expect(svg.match(/fill="none"/gu)).toHaveLength(reports.length);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/u);
    const names = [...svg.matchAll(/x="638" y="([\d.]+)"/gu)].map((found) => Number(found[1]));
    const heights = names.toSorted((left, right) => left - right);
    for (const [index, height] of heights.entries()) {
      if (0 < index) expect(height - (heights[index - 1] ?? 0)).toBeGreaterThan(15);
    }
    expect(Math.max(...heights)).toBeLessThan(420);
  });

  test("has bars as long as the nines are many", () => {
    const lengths = drawNines(reports).map((line) => line.split("█").length - 1);
    const nines = reports.map((report) => report.nines);
    const longest = nines.indexOf(Math.max(...nines));
    expect(lengths[longest]).toBe(44);
    expect(lengths.every((length) => 0 < length)).toBe(true);
  });
});
