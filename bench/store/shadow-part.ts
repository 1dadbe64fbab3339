/**
 * What the log buys: the shadow store, which replaces its whole file at a commit, beside the
 * log-structured store, at growing sizes.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { measureInProcess } from "../in-process.ts";
import type { BenchOptions } from "../options.ts";
import { OURS, Samples, type Section, type Work } from "../report.ts";

const SCRIPT = new URL("measure-shadow.ts", import.meta.url);
const SHADOW = "shadow store";
const ROW_COUNTS = [100, 1_000, 10_000, 100_000] as const;
const SECONDS = 2;
const SECONDS_MIN = 0.5;

export async function measureShadow(options: BenchOptions): Promise<Section> {
  const samples = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    for (const rowCount of ROW_COUNTS) {
      options.say(`shadow: round ${round + 1} of ${options.rounds}, ${rowCount} rows`);
      for (const store of [SHADOW, OURS]) await measureOne(store, rowCount, samples, options);
    }
  }
  const works = ROW_COUNTS.flatMap((rowCount) => [
    workOf("1 writer", rowCount),
    workOf("64 writers", rowCount),
  ]);
  return {
    title: "The log beside shadow copies",
    notes: [
      "Durable updates of one row of 100 bytes. The shadow store writes a copy of all its rows, " +
        "syncs it and renames it for every group of commits; the log writes the change.",
    ],
    rows: works.map((work) => samples.row(work, [SHADOW, OURS])),
  };
}

async function measureOne(
  store: string,
  rowCount: number,
  samples: Samples,
  { directory, scale }: BenchOptions,
): Promise<void> {
  const folder = join(directory, "shadow");
  mkdirSync(folder, { recursive: true });
  try {
    const seconds = String(Math.max(SECONDS_MIN, SECONDS * scale));
    const figures = await measureInProcess(SCRIPT, [store, folder, String(rowCount), seconds]);
    samples.add(workOf("1 writer", rowCount).name, store, figures["alone"] ?? Number.NaN);
    samples.add(workOf("64 writers", rowCount).name, store, figures["together"] ?? Number.NaN);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function workOf(writers: string, rowCount: number): Work {
  const name = `durable update, ${rowCount} rows, ${writers}`;
  return { name, unit: "operations/s", bar: undefined, aim: undefined, against: undefined };
}
