/**
 * The lock of a file that is served as a volume or as a member of an array: one process at a time
 * has it. It lies beside the file, in a directory of the same name with `.lock` at its end.
 */

import { acquireDirectoryLock, directoryTakenFault } from "../world/directory-lock.ts";
import type { World } from "../world/world.ts";
import { version } from "./version.ts";

export interface MemberLock {
  release(): Promise<void>;
}

/** Rejects with `ERR_LOCKED`, and says who has it, if another process does. */
export async function lockMember(world: World, path: string, command: string): Promise<MemberLock> {
  const program = `holdfast ${command} ${version}`;
  const directory = `${path}.lock`;
  const lock = await acquireDirectoryLock(world, directory, program, (one) => one.destroy());
  if (lock.kind === "taken") throw directoryTakenFault(path, lock);
  return lock;
}
