/** Opens the volume of a data directory for tools that look at it while nobody has it open. */

import { Fault } from "../base/fault.ts";
import { openFileVolume } from "../volume/file-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { acquireDirectoryLock, directoryTakenFault } from "../world/directory-lock.ts";
import { joinPath } from "../world/paths.ts";
import type { World } from "../world/world.ts";
import { version } from "./version.ts";

/** Runs `work` with the volume while the directory is locked; `ERR_LOCKED` if it is in use. */
export async function withDataVolume<T>(
  world: World,
  directory: string,
  command: string,
  work: (volume: Volume) => Promise<T>,
): Promise<T> {
  const path = joinPath(directory, "volume");
  if ((await world.files.kind(path)) !== "file") {
    const message = `there is no store in "${directory}": name the directory given to --data`;
    throw new Fault("ERR_FORMAT", message, { directory });
  }
  const program = `holdfast ${command} ${version}`;
  const lock = await acquireDirectoryLock(world, directory, program, (other) => other.destroy());
  if (lock.kind === "taken") throw directoryTakenFault(directory, lock);
  try {
    const volume = await openFileVolume(world.files, path);
    try {
      return await work(volume);
    } finally {
      await volume.close();
    }
  } finally {
    await lock.release();
  }
}
