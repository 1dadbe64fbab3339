/**
 * What the store promises of itself: how fast it recovers, that opening does not grow with the
 * data, that checkpoints do not hold up writers, that memory is what was configured.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Figures, measureInProcess, measureUntilKilled } from "../in-process.ts";
import type { BenchOptions } from "../options.ts";
import { OURS, Samples, type Section, type Work } from "../report.ts";

const SCRIPT = new URL("measure-store.ts", import.meta.url);
const MEBIBYTE = 1024 * 1024;
const MEGABYTE = 1_000_000;
const MS_PER_SECOND = 1_000;
const MILLION = 1_000_000;
const STEP = 1_000;
const LOGGED_ROWS = { fill: 1.4 * MILLION, update: 1.1 * MILLION };
const RECOVERY_SCALE_MIN = 0.5;

/** The column for what is demanded, where there is nobody to compare with. */
const DEMANDED = "demanded";
const WITHOUT = "without checkpoints";

const recoveries = {
  fill: demanded("recovery after a load: log replayed a second", "MB/s", 1),
  update: demanded("recovery after puts of 64 writers: log replayed a second", "MB/s", 1),
} as const;
const openMillion = demanded("opening 1 million keys, more than an empty store", "ms", 1);
const openTenMillion = demanded("opening 10 million keys, more than an empty store", "ms", 1);
const memory = demanded("memory with a million keys; the cache is 256 MiB", "bytes", 1 / 1.5);
const checkpoints: Work = {
  name: "durable put, 64 writers: p99 while checkpoints run",
  unit: "ms",
  bar: 0.5,
  aim: 1,
  against: WITHOUT,
};

export async function measureStore(options: BenchOptions): Promise<Section> {
  const samples = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    options.say(`store: round ${round + 1} of ${options.rounds}`);
    await measureRecovery(samples, options, "fill");
    await measureRecovery(samples, options, "update");
    await measureOpening(samples, options, openMillion.name, MILLION, 1);
    await measureCheckpoints(samples, options);
  }
  if (options.large) {
    options.say("store: ten million keys");
    await measureOpening(samples, options, openTenMillion.name, 10 * MILLION, options.rounds);
  }
  const { fill, update } = recoveries;
  const works = [fill, update, openMillion, openTenMillion, memory, checkpoints];
  return {
    title: "The store by itself",
    notes: [
      "Recovery: the log of a killed process, replayed into an empty tree: of a load of rows in " +
        "random order, a thousand a transaction, and of 64 writers that put random rows of as " +
        "many, one a transaction. All that the log takes in the ring counts, and all the time " +
        "until the store is open, but for loading its code. Opening: " +
        "a store that was closed in good order. Checkpoints: a log of 16 MiB, which makes them " +
        "run all the time, beside one of 1 GiB, where none runs.",
    ],
    rows: works.map((work) => samples.row(work, [DEMANDED, WITHOUT, OURS])),
  };
}

async function measureRecovery(
  samples: Samples,
  options: BenchOptions,
  work: keyof typeof recoveries,
): Promise<void> {
  const { name } = recoveries[work];
  // A log that is over before its replay is compiled says little, however quick it shall be; and
  // one that is longer is cut by a checkpoint.
  const rows = LOGGED_ROWS[work] * Math.max(options.scale, RECOVERY_SCALE_MIN);
  const count = rounded(rows);
  const sizes = [String(1024 * MEBIBYTE), String(256 * MEBIBYTE)];
  await inDirectory(options, async (directory) => {
    const args = [directory, String(count), ...sizes];
    const filled = await measureUntilKilled(SCRIPT, [work, ...args]);
    const opened = await measureInProcess(SCRIPT, ["open", ...args]);
    const megabytes = figure(filled, "logBytes") / MEGABYTE;
    const seconds = figure(opened, "openMs") / MS_PER_SECOND;
    samples.add(name, OURS, megabytes / seconds);
  });
  samples.add(name, DEMANDED, 300);
}

/** Makes the two stores, and opens each so many times. */
async function measureOpening(
  samples: Samples,
  options: BenchOptions,
  name: string,
  keyCount: number,
  times: number,
): Promise<void> {
  const sizes = [String(256 * MEBIBYTE), String(256 * MEBIBYTE)];
  const openings: number[][] = [];
  for (const count of [0, rounded(keyCount * options.scale)]) {
    await inDirectory(options, async (directory) => {
      const args = [directory, String(count), ...sizes];
      const loaded = await measureInProcess(SCRIPT, ["load", ...args]);
      const found: number[] = [];
      for (let time = 0; time < times; time++) {
        const opened = await measureInProcess(SCRIPT, ["open", ...args]);
        found.push(figure(opened, "openMs"));
      }
      openings.push(found);
      if (count > 0 && name === openMillion.name) {
        samples.add(memory.name, OURS, figure(loaded, "residentBytes"));
      }
    });
  }
  const [empty = [], full = []] = openings;
  for (const [index, openMs] of full.entries()) {
    samples.add(name, OURS, Math.max(0.01, openMs - (empty[index] ?? Number.NaN)));
  }
  samples.add(name, DEMANDED, 200);
  if (name === openMillion.name) samples.add(memory.name, DEMANDED, 256 * MEBIBYTE);
}

async function measureCheckpoints(samples: Samples, options: BenchOptions): Promise<void> {
  const count = String(rounded(0.4 * MILLION * options.scale));
  const columns = [
    [WITHOUT, 1024],
    [OURS, 16],
  ] as const;
  for (const [column, logMebibytes] of columns) {
    await inDirectory(options, async (directory) => {
      const sizes = [String(256 * MEBIBYTE), String(logMebibytes * MEBIBYTE)];
      const found = await measureInProcess(SCRIPT, ["puts", directory, count, ...sizes]);
      samples.add(checkpoints.name, column, figure(found, "p99Ms"));
      options.say(`  ${column}: ${figure(found, "checkpoints")} checkpoints`);
    });
  }
}

async function inDirectory(
  { directory }: BenchOptions,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  const folder = join(directory, "store");
  mkdirSync(folder, { recursive: true });
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function figure(figures: Figures, name: string): number {
  return figures[name] ?? Number.NaN;
}

function rounded(count: number): number {
  return Math.ceil(count / STEP) * STEP;
}

function demanded(name: string, unit: Work["unit"], bar: number): Work {
  return { name, unit, bar, aim: undefined, against: DEMANDED };
}
