/** Where a log lies on its volume, and the points between its batches. */

import { Fault } from "../base/fault.ts";
import type { BatchNumber, Lsn } from "../base/ids.ts";
import type { Volume } from "../volume/volume.ts";

/** What a store may be made with. The code below this line works with rings of 16 units, too. */
export const RING_BYTES_MIN: number = 4 << 20;
export const RING_BYTES_MAX: number = 4 * 2 ** 30;
const RING_UNITS_MIN = 16;
/** A batch takes at most this part of the ring, so that a few always fit. */
const BATCH_RING_SHARE = 4;
const UNIT_BYTES_MIN = 512;
const UNIT_BYTES_MAX = 65536;
/** A ring has at most so many. */
export const SEGMENT_COUNT_MAX = 64;

/**
 * What holds the log: a ring of write units, in segments that have a place on the volume only while
 * they are needed.
 */
export interface LogZone {
  readonly ringBytes: number;
  /** Batches begin at multiples of this and are padded to it. Fixed when the store is made. */
  readonly unitBytes: number;
  /** Of a segment: whole write units, and of all segments the ring. */
  readonly segmentBytes: number;
  /** The byte of the volume at which each segment begins; 0: it has no place, and holds zeroes. */
  readonly places: readonly number[];
}

/** A point between two batches: what is needed to go on from there, reading or writing. */
export interface LogPoint {
  /** Of the batch that begins here. */
  readonly batch: BatchNumber;
  /**
   * How many write units of log came before, since the store was made. The place in the ring is
   * the remainder.
   */
  readonly position: number;
  /** Of the first entry of the batch that begins here. */
  readonly firstLsn: Lsn;
  /** Of the batch that ends here; 0 at the beginning of all. */
  readonly previousChecksum: number;
}

/** Where the log begins that a checkpoint needs. */
export interface LogAnchor extends LogPoint {
  /** The checkpoint holds what the entries before this one did. */
  readonly replayFrom: Lsn;
}

export function batchBytesMax(zone: LogZone): number {
  return zone.ringBytes / BATCH_RING_SHARE;
}

/** Refuses a zone that no log can lie in, before anything of it is believed. */
export function checkZone(zone: LogZone, volume: Volume): void {
  const { ringBytes, unitBytes } = zone;
  const { name: volumeName, writeUnitBytes } = volume;
  const isPowerOfTwo = 0 < unitBytes && (unitBytes & (unitBytes - 1)) === 0;
  if (!isPowerOfTwo || unitBytes < UNIT_BYTES_MIN || UNIT_BYTES_MAX < unitBytes) {
    throw malformed(`a write unit of ${unitBytes} bytes`, volumeName);
  }
  const units = ringBytes / unitBytes;
  if (!Number.isInteger(units) || units < RING_UNITS_MIN || RING_BYTES_MAX < ringBytes) {
    throw malformed(`a ring of ${ringBytes} bytes`, volumeName);
  }
  checkSegments(zone, volume);
  if (unitBytes % writeUnitBytes !== 0) {
    throw new Fault(
      "ERR_FORMAT",
      `the log on "${volumeName}" is written in units of ${unitBytes} bytes, and this volume ` +
        `writes in units of ${writeUnitBytes}, so a torn write could damage what was ` +
        "acknowledged: restore a backup onto it instead of copying the files",
      { volume: volumeName, unitBytes, writeUnitBytes },
    );
  }
}

function checkSegments(
  { ringBytes, unitBytes, segmentBytes, places }: LogZone,
  { name, sizeBytes }: Volume,
): void {
  const isRing = places.length * segmentBytes === ringBytes && segmentBytes % unitBytes === 0;
  if (!isRing) throw malformed(`${places.length} segments of ${segmentBytes} bytes`, name);
  let end = 0;
  for (const place of places.filter((at) => at !== 0).toSorted((a, b) => a - b)) {
    const isAside = end <= place && place % unitBytes === 0 && place + segmentBytes <= sizeBytes;
    if (!isAside) throw malformed(`a segment at byte ${place}`, name);
    end = place + segmentBytes;
  }
}

function malformed(what: string, volumeName: string): Fault {
  return new Fault("ERR_CORRUPT", `the log on "${volumeName}" cannot have ${what}`, {
    volume: volumeName,
  });
}
