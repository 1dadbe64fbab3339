/**
 * Measures one layout: `measure-array.ts LAYOUT DIRECTORY BYTES SECONDS`. Arrays that may lose a
 * member are measured again without their first.
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { hostWorld } from "../holdfast.ts";
import { printFigures } from "../in-process.ts";
import {
  assembleDegraded,
  createLayout,
  createSpare,
  dropCaches,
  layoutNamed,
  PLAIN,
} from "./layouts.ts";
import { BESIDE, DEGRADED, OVERWRITE, REBUILD, SCRUB } from "./array-part.ts";
import { measureInTurns } from "./cold-reads.ts";
import {
  coldRead,
  degradedWorks,
  firstWrite,
  laterWorks,
  measureWork,
  type VolumeWork,
} from "./volume-works.ts";
import type { RaidArray } from "../../src/raid/array.ts";
import type { Volume } from "../../src/volume/volume.ts";

const [layoutName, directory = "", bytesText, secondsText] = process.argv.slice(2);
const layout = layoutNamed(layoutName);
const bytes = Number(bytesText);
const seconds = Number(secondsText);
/** Writing everything must come to its end. */
const UNLIMITED = Number.POSITIVE_INFINITY;

const figures: Record<string, number> = {};
const world = await hostWorld();
const volume = await createLayout(world, layout, directory, bytes);
figures[firstWrite.name] = await measureWork(volume, firstWrite, bytes, UNLIMITED);
figures[firstWrite.name + OVERWRITE] = await measureWork(volume, firstWrite, bytes, UNLIMITED);
const isPlain = layout.level === undefined;
const whenWhole = isPlain ? laterWorks : laterWorks.filter((work) => work !== coldRead);
await measureAll(volume, whenWhole, "");
if ("scrub" in volume) {
  await measureBeside(volume);
  figures[SCRUB] = await measureScrub(volume);
}
await volume.close();

if (layout.level !== undefined && layout.level !== 0) {
  const degraded = await assembleDegraded(world, layout, directory);
  await measureAll(degraded, degradedWorks, DEGRADED);
  figures[REBUILD] = await measureRebuild(degraded);
  await degraded.close();
}
printFigures(figures);

async function measureAll(
  measured: Volume,
  works: readonly VolumeWork[],
  suffix: string,
): Promise<void> {
  for (const work of works) {
    if (work.isCold) await forget(measured);
    figures[work.name + suffix] = await measureWork(measured, work, bytes, seconds);
  }
}

/** Reads the array from the disk in turns with a plain volume, which is made for that. */
async function measureBeside(array: RaidArray): Promise<void> {
  const plain = await createLayout(world, layoutNamed(PLAIN), directory, bytes);
  await measureWork(plain, firstWrite, bytes, UNLIMITED);
  await array.checkpoint();
  const [ours, theirs] = await measureInTurns([array, plain], directory, bytes);
  figures[coldRead.name] = ours ?? Number.NaN;
  figures[coldRead.name + BESIDE] = theirs ?? Number.NaN;
  await plain.close();
  rmSync(join(directory, PLAIN));
}

/**
 * Has everything in place and out of the cache, so that it comes from the disk: what is still to be
 * written stays in the cache, and in an array's memory, and would be written meanwhile.
 */
async function forget(measured: Volume): Promise<void> {
  if ("checkpoint" in measured) await (measured as RaidArray).checkpoint();
  else await measured.sync();
  dropCaches(directory);
}

/** Megabytes a second of all that the members hold, from the disk. */
async function measureScrub(array: RaidArray): Promise<number> {
  await forget(array);
  const startedMs = performance.now();
  const report = await array.scrub();
  if (report === undefined) throw new Error("the scrub ended early");
  return megabytesPerSecond((bytes * layout.memberCount) / layout.dataCount, startedMs);
}

/** Megabytes a second of the member that is made anew, from members on the disk. */
async function measureRebuild(array: RaidArray): Promise<number> {
  const spare = await createSpare(world, directory);
  await forget(array);
  const startedMs = performance.now();
  await array.add(spare);
  await array.settled();
  if (array.status().health !== "whole") throw new Error("the rebuild ended early");
  return megabytesPerSecond(bytes / layout.dataCount, startedMs);
}

function megabytesPerSecond(count: number, startedMs: number): number {
  return count / 1_000_000 / ((performance.now() - startedMs) / 1_000);
}
