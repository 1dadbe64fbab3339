/**
 * The library beside what Node users embed today. Each store is measured in a process of its own,
 * from an empty directory on, and they take turns.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Figures, measureInProcess } from "../in-process.ts";
import type { BenchOptions } from "../options.ts";
import { Samples, type Section } from "../report.ts";
import { peers } from "./peers.ts";
import { libraryWorks } from "./works.ts";

const SCRIPT = new URL("measure-peer.ts", import.meta.url);
const KEY_COUNT = 1_000_000;
const SECONDS = 3;
const SECONDS_MIN = 0.5;
const KEY_STEP = 1_000;

export async function measureLibrary(options: BenchOptions): Promise<Section> {
  const keyCount = Math.ceil((KEY_COUNT * options.scale) / KEY_STEP) * KEY_STEP;
  const samples = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    for (const { name } of peers) {
      options.say(`library: round ${round + 1} of ${options.rounds}, ${name}`);
      const figures = await measurePeer(name, keyCount, options);
      for (const [work, value] of Object.entries(figures)) samples.add(work, name, value);
    }
  }
  const columns = peers.map(({ name }) => name);
  return {
    title: "The library, beside embedded stores",
    notes: [
      `Keys of 16 bytes, values of 100, ${keyCount} of them. better-sqlite3 in WAL mode with ` +
        "synchronous = FULL, its concurrent writers grouped by hand; lmdb with `flushed` " +
        "awaited, since it answers before its fsync; classic-level with `sync: true`.",
    ],
    rows: libraryWorks.map((work) => samples.row(work, columns)),
  };
}

async function measurePeer(
  name: string,
  keyCount: number,
  { directory, scale }: BenchOptions,
): Promise<Figures> {
  const folder = join(directory, "library", name);
  mkdirSync(folder, { recursive: true });
  try {
    const seconds = String(Math.max(SECONDS_MIN, SECONDS * scale));
    return await measureInProcess(SCRIPT, [name, folder, String(keyCount), seconds]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
