/**
 * Opens the volume of a data directory, or of an array of disks, for tools that look at it while
 * nobody has it open.
 */

import { lookAtDisk, statusOfDisks } from "../arrays/look-at-disks.ts";
import { assembleDisks } from "../arrays/open-disk-array.ts";
import { Fault, isFault } from "../base/fault.ts";
import { defaultFileVolumeOptions, openFileVolume } from "../volume/file-volume.ts";
import type { Volume } from "../volume/volume.ts";
import {
  acquireDirectoryLock,
  type DirectoryLock,
  directoryTakenFault,
} from "../world/directory-lock.ts";
import { joinPath } from "../world/paths.ts";
import type { World } from "../world/world.ts";
import { fileName } from "../host/file-name.ts";
import { version } from "./version.ts";

export const WHERE_HELP = "the data directory, or the disks of the array";

/**
 * Runs `work` with the volume while the directory, or the disks, are locked; `ERR_LOCKED` if they
 * are in use. To look at an array is to replay its journal. A directory on a file system that is
 * mounted read-only cannot be locked, and is read as it is.
 */
export async function withDataVolume<T>(
  world: World,
  where: readonly string[],
  command: string,
  work: (volume: Volume) => Promise<T>,
): Promise<T> {
  const program = `holdfast ${command} ${version}`;
  const [first = "", ...others] = where;
  const isArray = 0 < others.length || (await world.files.kind(first)) === "file";
  return isArray
    ? await withArray(world, where.map(fileName), program, work)
    : await withDirectory(world, first, program, work);
}

async function withArray<T>(
  world: World,
  disks: readonly string[],
  program: string,
  work: (volume: Volume) => Promise<T>,
): Promise<T> {
  await requireMember(world, disks);
  const array = await assembleDisks(world, disks, { program });
  try {
    return await work(array.volume);
  } finally {
    await array.close();
  }
}

/** Files of which none is a member are refused before they are locked, which leaves a directory. */
async function requireMember(world: World, disks: readonly string[]): Promise<void> {
  for (const disk of disks) {
    const { found } = await lookAtDisk(world, disk);
    if (found?.kind === "valid") return;
  }
  await statusOfDisks(world, disks);
}

async function withDirectory<T>(
  world: World,
  directory: string,
  program: string,
  work: (volume: Volume) => Promise<T>,
): Promise<T> {
  const path = joinPath(directory, "volume");
  if ((await world.files.kind(path)) !== "file") {
    const message = `there is no store in "${directory}": name the directory given to --data`;
    throw new Fault("ERR_FORMAT", message, { directory });
  }
  const lock = await lockUnlessReadOnly(world, directory, program);
  const mode = lock === undefined ? "read" : "write";
  try {
    const volume = await openFileVolume(world.files, path, { ...defaultFileVolumeOptions, mode });
    try {
      return await work(volume);
    } finally {
      await volume.close();
    }
  } finally {
    await lock?.release();
  }
}

/** Undefined where nothing can be written; who has it open through another mount is found out. */
async function lockUnlessReadOnly(
  world: World,
  directory: string,
  program: string,
): Promise<DirectoryLock | undefined> {
  try {
    const lock = await acquireDirectoryLock(world, directory, program, (other) => other.destroy());
    if (lock.kind === "taken") throw directoryTakenFault(directory, lock);
    return lock;
  } catch (error) {
    if (isFault(error, "ERR_IO") && error.details["errno"] === "EROFS") return undefined;
    throw error;
  }
}
