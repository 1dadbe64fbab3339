/**
 * What `import ... from "holdfast/raid"` gives: arrays of disks as volumes of bytes, which go on
 * when members fail, repair themselves and can be rebuilt, replaced and grown while they are used.
 * `createArray` and `assembleArray` lock the files and answer `holdfast raid`; the others take any
 * volumes, arrays too.
 */

import type { DiskArray } from "../arrays/disk-array.ts";
import {
  assembleDisks,
  createOnDisks,
  type HoldOptions,
  type NewDiskArray,
} from "../arrays/open-disk-array.ts";
import { fileName } from "../host/file-name.ts";
import { hostWorld } from "../host/world.ts";
import {
  assembleArray as assembleVolumes,
  createArray as createOfVolumes,
  type RaidArray,
} from "../raid/array.ts";
import {
  type AssembleOptions,
  type CreateOptions,
  defaultAssembleOptions,
  defaultCreateOptions,
} from "../raid/options.ts";
import { openFileVolume } from "../volume/file-volume.ts";
import type { Volume } from "../volume/volume.ts";

export { Fault as HoldfastError, isFault as isHoldfastError } from "../base/fault.ts";
export type { ArrayListener } from "../arrays/array-events.ts";
export type {
  AbsentDisk,
  DiskArray,
  DiskArrayStatus,
  ScrubFindings,
} from "../arrays/disk-array.ts";
export type { ArrayMeasurements } from "../arrays/measured.ts";
export type { HoldOptions, NewDiskArray } from "../arrays/open-disk-array.ts";
export type { RaidArray } from "../raid/array.ts";
export type { RaidLayout, RaidLevel } from "../raid/geometry.ts";
export type { Added } from "../raid/membership.ts";
export type {
  AssembleOptions,
  BackgroundOptions,
  CreateOptions,
  RaidOptions,
} from "../raid/options.ts";
export type { JobKind, JobProgress } from "../raid/progress.ts";
export type { ScrubReport } from "../raid/scrubber.ts";
export type { RaidHealth, RaidStatus, RoleStatus } from "../raid/status.ts";
export type { RaidCounters } from "../raid/superblock.ts";
export type { SparseVolume } from "../volume/sparse-volume.ts";
export type { Volume } from "../volume/volume.ts";

const defaultHold: HoldOptions = { program: "holdfast/raid, as a library", nameOf: fileName };

/** Makes an array of files that hold nothing; missing ones are made. */
export async function createArray(
  array: NewDiskArray,
  options: Partial<HoldOptions> = {},
): Promise<DiskArray> {
  return await createOnDisks(hostWorld(), array, { ...defaultHold, ...options });
}

/** Assembles the array that the files make, in any order, without those that are gone. */
export async function assembleArray(
  disks: readonly string[],
  options: Partial<HoldOptions> = {},
): Promise<DiskArray> {
  return await assembleDisks(hostWorld(), disks, { ...defaultHold, ...options });
}

/** Opens a file, which must be there, as a volume. Nothing keeps others from opening it too. */
export async function openVolume(path: string): Promise<Volume> {
  return await openFileVolume(hostWorld().files, path);
}

/** Makes an array of volumes, which may be arrays themselves; it closes them at its end. */
export async function createArrayOf(
  volumes: readonly Volume[],
  options: Partial<CreateOptions> & Pick<CreateOptions, "level">,
): Promise<RaidArray> {
  return await createOfVolumes(hostWorld(), volumes, { ...defaultCreateOptions, ...options });
}

/** Assembles the array that the volumes make. */
export async function assembleArrayOf(
  volumes: readonly Volume[],
  options: Partial<AssembleOptions> = {},
): Promise<RaidArray> {
  return await assembleVolumes(hostWorld(), volumes, { ...defaultAssembleOptions, ...options });
}
