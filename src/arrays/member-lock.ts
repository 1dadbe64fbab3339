/**
 * The lock of a file that is served as a volume or as a member of an array: one process at a time
 * has it. It lies beside the file, in a directory of the same name with `.lock` at its end. That
 * stays when the lock is let go of: were its claims to begin anew, one who slept while it took over
 * from a dead process would have the file as well (`host/local-claim.ts`). Whoever has it listens
 * at its socket, for its user alone; that is where an array is asked and told things while it is in
 * use (`control-desk.ts`).
 */

import { acquireDirectoryLock, directoryTakenFault, lockAddress } from "../world/directory-lock.ts";
import type { Address, Connection } from "../world/network.ts";
import type { World } from "../world/world.ts";

export interface MemberLock {
  release(): Promise<void>;
}

/** Where the holder of the member listens. */
export function memberAddress(path: string): Address {
  return lockAddress(lockDirectory(path));
}

/**
 * Rejects with `ERR_LOCKED`, and says who has it, if another process does. While it is held, those
 * who connect to `memberAddress` are handed to `accept`.
 */
export async function lockMember(
  world: World,
  path: string,
  program: string,
  accept: (connection: Connection) => void = turnAway,
): Promise<MemberLock> {
  const lock = await acquireDirectoryLock(world, lockDirectory(path), program, accept);
  if (lock.kind === "taken") throw directoryTakenFault(path, lock);
  return lock;
}

/** Whether a lock of it was ever taken, which leaves a directory. */
export async function hasLockDirectory({ files }: World, path: string): Promise<boolean> {
  return (await files.kind(lockDirectory(path))) !== undefined;
}

function lockDirectory(path: string): string {
  return `${path}.lock`;
}

function turnAway(connection: Connection): void {
  connection.handle({ data: ignore, drained: ignore, closed: ignore });
  connection.destroy();
}

function ignore(): void {
  // Whoever comes has nothing to say to a file that is no array.
}
