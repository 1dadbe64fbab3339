/** Keeps arrays from being made of files that hold something. */

import { Fault } from "../base/fault.ts";
import { isUnfinished } from "../raid/format-members.ts";
import { readSuperblock } from "../raid/read-superblock.ts";
import { idText } from "../raid/superblock.ts";
import { hasLockDirectory } from "./member-lock.ts";
import type { Volume } from "../volume/volume.ts";
import { openFileVolume } from "../volume/file-volume.ts";
import type { Checksums, World } from "../world/world.ts";

/** File systems, partition tables and images say what they are at one of their ends. */
const LOOKED_AT_BYTES = 131_072;
const SUPERBLOCKS_BYTES = 8192;

/**
 * `ERR_ARGUMENT` if there is anything but zeroes at either end. What an array left whose making was
 * cut short is nothing, and is wiped out.
 */
export async function requireUnused(volume: Volume, checksums: Checksums): Promise<void> {
  if (isUnfinished(await readSuperblock(volume, checksums))) {
    await forgetMembership(volume, checksums);
  }
  await requireZeroes(volume);
}

/**
 * How large the file is, if nobody can have it locked. As `requireUnused` it refuses one that holds
 * something, unless that is forced. It is only looked at.
 */
export async function sizeOfUnused(
  world: World,
  path: string,
  force: boolean,
): Promise<number | undefined> {
  if (await hasLockDirectory(world, path)) return undefined;
  const { files, checksums } = world;
  const readOnly = { open: async (name: string) => await files.open(name, "read") };
  const volume = await openFileVolume(readOnly, path);
  try {
    const isUnused = force || isUnfinished(await readSuperblock(volume, checksums));
    if (!isUnused) await requireZeroes(volume);
    return volume.sizeBytes;
  } finally {
    await volume.close();
  }
}

async function requireZeroes(volume: Volume): Promise<void> {
  const length = Math.min(LOOKED_AT_BYTES, volume.sizeBytes);
  const bytes = new Uint8Array(length);
  for (const at of [0, volume.sizeBytes - length]) {
    await volume.read(at, bytes);
    if (bytes.every((byte) => byte === 0)) continue;
    const message =
      `"${volume.name}" holds something, which would be lost: use another file, or force it if ` +
      "nothing on it is needed";
    throw new Fault("ERR_ARGUMENT", message, { path: volume.name });
  }
}

/** Makes the volume forget that it was a member of an array, if it was. */
export async function forgetMembership(volume: Volume, checksums: Checksums): Promise<void> {
  const { kind } = await readSuperblock(volume, checksums);
  if (kind !== "valid" && kind !== "foreign") return;
  await volume.write(0, new Uint8Array(SUPERBLOCKS_BYTES));
  await volume.sync();
}

/** Which array the volume says it is a member of, if it does. */
export async function arrayIdOf(volume: Volume, checksums: Checksums): Promise<string | undefined> {
  const found = await readSuperblock(volume, checksums);
  return found.kind === "valid" ? idText(found.superblock.array.arrayId) : undefined;
}
