/**
 * Reads from the disk, of an array and of a plain volume in turns. What the disk's host has in its
 * memory changes such rates by a factor of three within minutes, and so does where the system has
 * to take its pages from; what one of them met a minute ago says little of the other.
 */

import { spreadOf } from "../statistics.ts";
import { dropCaches } from "./layouts.ts";
import { coldRead, measureWork } from "./volume-works.ts";
import type { Volume } from "../../src/volume/volume.ts";

const TURNS = 5;

/** Megabytes a second, the median of each; all of their files are in the directory. */
export async function measureInTurns(
  volumes: readonly Volume[],
  directory: string,
  bytes: number,
): Promise<readonly number[]> {
  const samples = volumes.map((): number[] => []);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [index, volume] of volumes.entries()) {
      dropCaches(directory);
      samples[index]?.push(await measureWork(volume, coldRead, bytes, Number.POSITIVE_INFINITY));
    }
  }
  return samples.map((one) => spreadOf(one).median);
}
