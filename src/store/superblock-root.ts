/** What the cells know of a superblock: a checkpoint's root, and which pages are the log's. */

import { Fault } from "../base/fault.ts";
import { pageNumber } from "../base/ids.ts";
import { mapPagesOf } from "../cells/allocation-map.ts";
import type { CheckpointRoot } from "../cells/cells.ts";
import type { PageRun } from "../cells/page-space.ts";
import type { LogDescription } from "../log/recovery.ts";
import type { Volume } from "../volume/volume.ts";
import type { SuperblockZone } from "./superblock.ts";
import type { PageZone, Superblock } from "./superblock-format.ts";

/** The fields of a superblock that a checkpoint replaces. */
export function checkpointFields(
  root: CheckpointRoot,
  pages: PageZone,
): Pick<Superblock, "root" | "map" | "pages"> {
  return {
    root: {
      page: pageNumber(root.rootPage),
      level: root.rootLevel,
      generation: root.generation,
      checksumLow: root.rootSumLow,
      checksumHigh: root.rootSumHigh,
    },
    map: {
      firstPage: pageNumber(root.mapPage),
      pageCount: mapPagesOf(root.mapBytes),
      lengthBytes: root.mapBytes,
      checksumLow: root.mapSumLow,
      checksumHigh: root.mapSumHigh,
    },
    pages: { ...pages, pageCount: root.pageCount },
  };
}

/** The checkpoint of a superblock; undefined if none was taken yet. */
export function checkpointOf({ root, map, pages }: Superblock): CheckpointRoot | undefined {
  if (root.page === 0) return undefined;
  return {
    rootPage: root.page,
    rootLevel: root.level,
    rootSumLow: root.checksumLow,
    rootSumHigh: root.checksumHigh,
    generation: root.generation,
    mapPage: map.firstPage,
    mapBytes: map.lengthBytes,
    mapSumLow: map.checksumLow,
    mapSumHigh: map.checksumHigh,
    pageCount: pages.pageCount,
  };
}

/** What is known of the log. */
export function logOf({ current, mayBeOlder }: SuperblockZone): LogDescription {
  const { volumeId, zone, anchor, generations, cleanBatch } = current;
  return { volumeId, zone, anchor, generations, cleanBatch, mayBeOlder };
}

/**
 * `ERR_CORRUPT` if the volume is shorter than its superblock tells: as part of a copy is, and as a
 * volume is that was cut, if all that is left is the superblock of before.
 */
export function requireAllPages(superblocks: SuperblockZone, { name, sizeBytes }: Volume): void {
  const { pages } = superblocks.current;
  const toldBytes = pages.at + pages.pageCount * pages.pageBytes;
  if (toldBytes <= sizeBytes) return;
  const advice = superblocks.mayBeOlder
    ? "both copies of a superblock are damaged, which may have been newer and told otherwise. " +
      "Restore a backup"
    : "if it is a copy, copy it whole; else restore a backup";
  throw new Fault(
    "ERR_CORRUPT",
    `"${name}" has ${sizeBytes} bytes, and by superblock ${superblocks.sequence} at least ` +
      `${toldBytes}: ${advice}`,
    { volume: name, sizeBytes, toldBytes },
  );
}

/**
 * The pages at which the segments of the log's ring lie. No checkpoint has them in its map.
 * `ERR_CORRUPT` if they are no whole pages that the volume has.
 */
export function ringPages({ zone, pages }: Superblock, volume: Volume): readonly PageRun[] {
  const { segmentBytes } = zone;
  const count = segmentBytes / pages.pageBytes;
  return zone.places
    .filter((place) => place !== 0)
    .map((place) => {
      const first = (place - pages.at) / pages.pageBytes;
      const isThere = 1 <= first && place + segmentBytes <= volume.sizeBytes;
      const isWhole = Number.isInteger(first) && Number.isInteger(count);
      if (!isThere || !isWhole) throw noPages(volume, place, segmentBytes);
      return { first, count };
    });
}

function noPages({ name, sizeBytes }: Volume, place: number, segmentBytes: number): Fault {
  return new Fault(
    "ERR_CORRUPT",
    `By its superblock a part of the log of "${name}", ${segmentBytes} bytes, lies at byte ` +
      `${place}, and these are no whole pages of its ${sizeBytes} bytes: if it is a copy, copy ` +
      "it whole; else restore a backup",
    { volume: name, position: place },
  );
}
