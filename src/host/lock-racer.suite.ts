/** A process that takes and releases the lock of a directory as its parent says, for tests. */

import {
  acquireDirectoryLock,
  type DirectoryLock,
  type DirectoryTaken,
} from "../world/directory-lock.ts";
import { hostWorld } from "./world.ts";

const world = hostWorld();
let lock: DirectoryLock | DirectoryTaken | undefined;

process.on("message", (message) => {
  void obey(String(message)).then((answer) => process.send?.(answer));
});
process.send?.("ready");

/** Takes the lock of the directory that the message names, or releases what it has. */
async function obey(message: string): Promise<string> {
  if (message !== "release") {
    lock = await acquireDirectoryLock(world, message, "racer", (connection) => {
      connection.handle({
        data: () => undefined,
        drained: () => undefined,
        closed: () => undefined,
      });
    });
    return lock.kind === "held" ? "held" : `taken by ${lock.holder?.pid}`;
  }
  if (lock?.kind === "held") await lock.release();
  lock = undefined;
  return "released";
}
