/**
 * Measures one layout: `measure-array.ts LAYOUT DIRECTORY BYTES SECONDS`. Arrays that may lose a
 * member are measured again without their first.
 */

import { hostWorld } from "../holdfast.ts";
import { printFigures } from "../in-process.ts";
import { assembleDegraded, createLayout, dropCaches, layoutNamed } from "./layouts.ts";
import { DEGRADED, OVERWRITE } from "./array-part.ts";
import {
  degradedWorks,
  firstWrite,
  laterWorks,
  measureWork,
  type VolumeWork,
} from "./volume-works.ts";
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
await measureAll(volume, laterWorks, "");
await volume.close();

if (layout.level !== undefined && layout.level !== 0) {
  const degraded = await assembleDegraded(world, layout, directory);
  await measureAll(degraded, degradedWorks, DEGRADED);
  await degraded.close();
}
printFigures(figures);

async function measureAll(
  measured: Volume,
  works: readonly VolumeWork[],
  suffix: string,
): Promise<void> {
  for (const work of works) {
    if (work.isCold) dropCaches(directory);
    figures[work.name + suffix] = await measureWork(measured, work, bytes, seconds);
  }
}
