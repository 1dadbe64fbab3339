/**
 * The library beside what Node users embed today. Each store is measured in a process of its own,
 * from an empty directory on, and they take turns.
 */

import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { BenchOptions } from "../options.ts";
import { Samples, type Section } from "../report.ts";
import { peers } from "./peers.ts";
import { libraryWorks } from "./works.ts";

const KEY_COUNT = 1_000_000;
const SECONDS = 3;
const KEY_STEP = 1_000;

export async function measureLibrary(options: BenchOptions): Promise<Section> {
  const keyCount = Math.ceil((KEY_COUNT * options.scale) / KEY_STEP) * KEY_STEP;
  const samples = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    for (const { name } of peers) {
      options.say(`library: round ${round + 1} of ${options.rounds}, ${name}`);
      const figures = await measureInProcess(name, keyCount, options);
      for (const [work, value] of Object.entries(figures)) samples.add(work, name, value);
    }
  }
  const columns = peers.map(({ name }) => name);
  return {
    title: "The library, beside embedded stores",
    notes: [
      `Keys of 16 bytes, values of 100, ${keyCount} of them. better-sqlite3 in WAL mode with ` +
        "synchronous = FULL, its concurrent writers grouped by hand; lmdb with `flushed` awaited, " +
        "since it answers before its fsync; classic-level with `sync: true`.",
    ],
    rows: libraryWorks.map((work) => samples.row(work, columns)),
  };
}

async function measureInProcess(
  name: string,
  keyCount: number,
  { directory, scale }: BenchOptions,
): Promise<Readonly<Record<string, number>>> {
  const folder = join(directory, "library", name);
  mkdirSync(folder, { recursive: true });
  try {
    const script = fileURLToPath(new URL("measure-peer.ts", import.meta.url));
    const seconds = String(Math.max(0.5, SECONDS * scale));
    const args = ["--import", "tsx", script, name, folder, String(keyCount), seconds];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return JSON.parse(stdout) as Readonly<Record<string, number>>;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
