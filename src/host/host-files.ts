/** The file system of the host, through `node:fs`. Files are for the owner alone (0600, 0700). */

import { constants } from "node:fs";
import {
  close,
  fsync,
  link,
  mkdir,
  open,
  readdir,
  rename,
  stat,
  statfs,
  type StatsFs,
  unlink,
} from "node:fs";
import type { File, Files } from "../world/files.ts";
import { parentPath } from "../world/paths.ts";
import { HostFile } from "./host-file.ts";
import { errnoOf, ioFault } from "./io-fault.ts";

type Back<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

const FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const;

export class HostFiles implements Files {
  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const descriptor = await call<number>("open", path, (back) => {
      open(path, FLAGS[mode], 0o600, back);
    });
    return new HostFile(path, descriptor, mode !== "read");
  }

  async rename(from: string, to: string): Promise<void> {
    await call<void>("rename", from, (back) => {
      rename(from, to, withoutValue(back));
    });
  }

  async link(from: string, to: string): Promise<boolean> {
    return await unless("EEXIST", "link", to, (back) => {
      link(from, to, withoutValue(back));
    });
  }

  async remove(path: string): Promise<boolean> {
    return await unless("ENOENT", "remove", path, (back) => {
      unlink(path, withoutValue(back));
    });
  }

  /**
   * Not by Node's own recursion, which never ends where a file system answers ENOENT to a name that
   * it does not take, as /proc does.
   */
  async makeDirectory(path: string): Promise<void> {
    const above = parentPath(path);
    if (await this.#tryMakeDirectory(path, above !== path)) return;
    await this.makeDirectory(above);
    await this.#tryMakeDirectory(path, false);
  }

  /** Whether it is there; false only if what is above it may be missing. */
  async #tryMakeDirectory(path: string, mayLackParent: boolean): Promise<boolean> {
    try {
      await call<void>("make the directory", path, (back) => {
        mkdir(path, 0o700, withoutValue(back));
      });
      return true;
    } catch (error) {
      if (mayLackParent && hasErrno(error, "ENOENT")) return false;
      // Some file systems refuse before they look whether it is there.
      const isThere = !hasErrno(error, "ENOENT") && (await isDirectory(path));
      if (isThere) return true;
      throw error;
    }
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a directory, and its file systems keep their names by themselves.
    if (process.platform === "win32") return;
    const descriptor = await call<number>("open the directory", path, (back) => {
      open(path, constants.O_RDONLY, back);
    });
    try {
      await call<void>("sync the directory", path, (back) => {
        fsync(descriptor, withoutValue(back));
      });
    } finally {
      await call<void>("close the directory", path, (back) => {
        close(descriptor, (error) => {
          back(error ?? null);
        });
      });
    }
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    try {
      const names = await call<string[]>("list", path, (back) => {
        readdir(path, back);
      });
      return names.toSorted();
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  async kind(path: string): Promise<"file" | "directory" | "other" | undefined> {
    return await new Promise((resolve, reject) => {
      stat(path, (error, stats) => {
        if (error === null) {
          resolve(stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other");
        } else if (errnoOf(error) === "ENOENT") resolve(undefined);
        else reject(ioFault("look at", path, error));
      });
    });
  }

  async freeBytes(path: string): Promise<number> {
    const { blocks, bavail, bsize } = await call<StatsFs>("ask for the room of", path, (back) => {
      statfs(path, back);
    });
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
  }
}

async function call<T>(action: string, path: string, start: (back: Back<T>) => void): Promise<T> {
  return await new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null) resolve(value);
      else reject(ioFault(action, path, error));
    });
  });
}

/** False if the call failed with `errno`. */
async function unless(
  errno: string,
  action: string,
  path: string,
  start: (back: Back<void>) => void,
): Promise<boolean> {
  try {
    await call<void>(action, path, start);
    return true;
  } catch (error) {
    if (hasErrno(error, errno)) return false;
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    stat(path, (error, stats) => {
      resolve(error === null && stats.isDirectory());
    });
  });
}

function hasErrno(error: unknown, errno: string): boolean {
  return error instanceof Error && errnoOf(error.cause) === errno;
}

function withoutValue(back: Back<void>): (error: NodeJS.ErrnoException | null) => void {
  return (error) => {
    back(error);
  };
}
