/** How many durable commits a second a store makes on an array, beside one on a plain volume. */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { measureInProcess } from "../in-process.ts";
import type { BenchOptions } from "../options.ts";
import { OURS, Samples, type Section, type Work } from "../report.ts";
import { arraysOf, type Layout, layoutNamed, PLAIN } from "./layouts.ts";

const SCRIPT = new URL("measure-commits.ts", import.meta.url);
const SECONDS = 4;

const targets: Readonly<Record<number, readonly [bar: number, aim: number]>> = {
  1: [0.5, 0.8],
  5: [0.4, 0.7],
};

export async function measureCommits(
  options: BenchOptions,
  levels: readonly number[],
): Promise<Section> {
  const arrays = arraysOf(levels);
  const samples = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    const plain = await measureLayout(layoutNamed(PLAIN), round, options);
    for (const layout of arrays) {
      samples.add(layout.name, PLAIN, plain);
      samples.add(layout.name, OURS, await measureLayout(layout, round, options));
    }
  }
  return {
    title: "The store's commits, on an array and on a plain volume",
    notes: ["Sets of 100 bytes by 50 writers at once, each waiting until its own is durable."],
    rows: arrays.map((layout) => samples.row(workOf(layout), [PLAIN, OURS])),
  };
}

async function measureLayout(
  { name }: Layout,
  round: number,
  { directory, rounds, scale, say }: BenchOptions,
): Promise<number> {
  say(`commits: round ${round + 1} of ${rounds}, ${name}`);
  const folder = join(directory, "commits");
  mkdirSync(folder, { recursive: true });
  try {
    const seconds = String(SECONDS * Math.max(scale, 0.25));
    const figures = await measureInProcess(SCRIPT, [name, folder, seconds]);
    return figures["commitsPerSecond"] ?? Number.NaN;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function workOf({ name, level }: Layout): Work {
  const [bar, aim] = targets[level ?? -1] ?? [];
  return { name, unit: "operations/s", against: PLAIN, bar, aim };
}
