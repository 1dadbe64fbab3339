/**
 * Arrays beside a plain volume in a file of the same disk, each in a process of its own, from an
 * empty directory on; they take turns. All members are files of one disk, so an array writes more
 * to it than a plain volume does: what is written once more counts as the array's "share".
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Figures, measureInProcess } from "../in-process.ts";
import type { BenchOptions } from "../options.ts";
import { OURS, type Row, Samples, type Section, type Work } from "../report.ts";
import { arraysOf, type Layout, layoutNamed, PLAIN } from "./layouts.ts";
import {
  coldRead,
  degradedWorks,
  firstWrite,
  laterWorks,
  randomWrite,
  type VolumeWork,
} from "./volume-works.ts";

export const OVERWRITE = ", over what was there";
export const SCRUB = "scrub, of all that the members hold";
export const REBUILD = "rebuild, of the member that is made anew";
export const DEGRADED = ", without a member";
/** What a plain volume did in turns with the array. */
export const BESIDE = ", a plain volume in turns";

const SCRIPT = new URL("measure-array.ts", import.meta.url);
const BYTES = 384 * 1024 * 1024;
const SECONDS = 1;
const SHARE = "plain, its share";
const HEALTHY = "healthy";

export async function measureArrays(
  options: BenchOptions,
  levels: readonly number[],
): Promise<readonly Section[]> {
  const arrays = arraysOf(levels);
  const samples = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    const plain = await measureLayout(layoutNamed(PLAIN), round, options);
    for (const layout of arrays) {
      const figures = await measureLayout(layout, round, options);
      for (const [name, value] of Object.entries(figures)) {
        addSamples(samples, layout, name, value, plain, figures);
      }
    }
  }
  return arrays.map((layout, index) => ({
    title: `${layout.name}, beside a plain volume`,
    notes: index === 0 ? notes() : [],
    rows: rowsOf(samples, layout),
  }));
}

function notes(): readonly string[] {
  return [
    "All members are files on one disk. Sequential writes end with a sync; the first go where " +
      `nothing was written before. "${SHARE}" is the plain volume's rate times the part of what ` +
      "an array writes that is data. Unless they say so, reads come from the page cache, where a " +
      "plain volume's are a mere copy, and the array's the check of a checksum besides. Arrays " +
      "without a member are compared with themselves when whole. Reads from the disk take turns " +
      "with a plain volume's in the same process. Beside a scrub, which reads from the disk too, " +
      "is the plain volume read from it, beside a rebuild the plain volume written.",
  ];
}

async function measureLayout(
  layout: Layout,
  round: number,
  { directory, rounds, scale, say }: BenchOptions,
): Promise<Figures> {
  say(`arrays: round ${round + 1} of ${rounds}, ${layout.name}`);
  const folder = join(directory, "array");
  mkdirSync(folder, { recursive: true });
  try {
    const bytes = Math.ceil((BYTES * Math.max(scale, 1 / 6)) / 2 ** 20) * 2 ** 20;
    const seconds = SECONDS * Math.max(scale, 0.25);
    return await measureInProcess(SCRIPT, [layout.name, folder, String(bytes), String(seconds)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function addSamples(
  samples: Samples,
  { name: layout, dataCount, memberCount }: Layout,
  name: string,
  value: number,
  plain: Figures,
  healthy: Figures,
): void {
  if (name.endsWith(BESIDE)) return;
  const row = `${layout}: ${name}`;
  samples.add(row, OURS, value);
  if (name.endsWith(DEGRADED)) {
    samples.add(row, HEALTHY, healthy[name.slice(0, -DEGRADED.length)] ?? Number.NaN);
    return;
  }
  const coldBeside = healthy[coldRead.name + BESIDE] ?? Number.NaN;
  if (name === SCRUB) samples.add(row, PLAIN, coldBeside);
  if (name === REBUILD) samples.add(row, PLAIN, plain[firstWrite.name] ?? Number.NaN);
  if (name === SCRUB || name === REBUILD) return;
  const beside = name === coldRead.name ? coldBeside : (plain[name] ?? Number.NaN);
  samples.add(row, PLAIN, beside);
  if (name.startsWith(firstWrite.name)) samples.add(row, SHARE, (beside * dataCount) / memberCount);
}

function rowsOf(samples: Samples, layout: Layout): readonly Row[] {
  const columns = [PLAIN, SHARE, HEALTHY, OURS];
  const works = [
    reportWork(firstWrite, "", SHARE, layout.level === 5 ? [0.6, 0.85] : undefined),
    reportWork(firstWrite, OVERWRITE, SHARE, undefined),
    ...laterWorks.map((work) => reportWork(work, "", PLAIN, targetsOf(layout, work))),
    ...degradedWorks.map((work) =>
      reportWork(work, DEGRADED, HEALTHY, work.kind === "read" ? [0.4, 0.7] : undefined),
    ),
    ...[SCRUB, REBUILD].map((name): Work => ({
      name,
      unit: "MB/s",
      against: PLAIN,
      bar: undefined,
      aim: undefined,
    })),
  ];
  return works
    .map((work) => {
      const row = samples.row({ ...work, name: `${layout.name}: ${work.name}` }, columns);
      return { ...row, work };
    })
    .filter(({ figures }) => figures.size > 0);
}

type Targets = readonly [bar: number, aim: number];

function targetsOf({ level }: Layout, work: VolumeWork): Targets | undefined {
  if (work === coldRead) return [0.7, 0.95];
  if (work === randomWrite && level === 5) return [0.25, 0.5];
  return undefined;
}

function reportWork(
  { name, unit }: VolumeWork,
  suffix: string,
  against: string,
  targets: Targets | undefined,
): Work {
  return { name: name + suffix, unit, against, bar: targets?.[0], aim: targets?.[1] };
}
