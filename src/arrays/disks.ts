/**
 * The files that an array of this process lies on, by their paths. Each is locked as long as it
 * belongs here, and open as long as it is in use.
 */

import { Fault, isFault } from "../base/fault.ts";
import { openFileVolume } from "../volume/file-volume.ts";
import type { Volume } from "../volume/volume.ts";
import type { Connection } from "../world/network.ts";
import type { Files } from "../world/files.ts";
import { parentPath } from "../world/paths.ts";
import type { World } from "../world/world.ts";
import { lockMember, type MemberLock } from "./member-lock.ts";

export interface DisksOptions {
  /** Who has them, for the messages that others get. */
  readonly program: string;
  /** Takes the connections of those who find them locked. */
  readonly accept: (connection: Connection) => void;
}

interface Disk {
  readonly lock: MemberLock;
  volume: Volume | undefined;
}

export class Disks {
  readonly #world: World;
  readonly #options: DisksOptions;
  readonly #disks = new Map<string, Disk>();

  constructor(world: World, options: DisksOptions) {
    this.#world = world;
    this.#options = options;
  }

  get paths(): readonly string[] {
    return [...this.#disks.keys()];
  }

  has(path: string): boolean {
    return this.#disks.has(path);
  }

  /** How large the file is that is open; none if it isn't. */
  sizeBytesOf(path: string): number {
    return this.#disks.get(path)?.volume?.sizeBytes ?? 0;
  }

  /** Locks the file, if it isn't yet, and opens it. It must be there, and be a file. */
  async take(path: string): Promise<Volume> {
    const { files } = this.#world;
    const kind = await files.kind(path);
    if (kind !== "file") throw kind === undefined ? missing(path) : noFile(path);
    const { program, accept } = this.#options;
    const held = this.#disks.get(path);
    const lock = held?.lock ?? (await lockMember(this.#world, path, program, accept));
    const disk: Disk = { lock, volume: undefined };
    this.#disks.set(path, disk);
    try {
      disk.volume = await openFileVolume(files, path);
      return disk.volume;
    } catch (error) {
      if (held === undefined) await this.release(path);
      throw error;
    }
  }

  /** Makes a file without content, which grows as it is used. False if there is one. */
  async make(path: string): Promise<boolean> {
    const { files } = this.#world;
    if (await isFileOrMakeable(files, path)) return false;
    await (await files.open(path, "create")).close();
    await files.syncDirectory(parentPath(path));
    return true;
  }

  /** Closes the file, which stays locked. */
  async close(path: string): Promise<void> {
    const disk = this.#disks.get(path);
    const volume = disk?.volume;
    if (disk !== undefined) disk.volume = undefined;
    await volume?.close();
  }

  /** Closes the file and lets others have it. */
  async release(path: string): Promise<void> {
    const disk = this.#disks.get(path);
    if (disk === undefined) return;
    this.#disks.delete(path);
    try {
      await disk.volume?.close();
    } finally {
      await disk.lock.release();
    }
  }

  /** Releases all of them, whatever happens with some. */
  async releaseAll(): Promise<void> {
    const paths = [...this.#disks.keys()];
    const done = await Promise.allSettled(paths.map(async (path) => await this.release(path)));
    const failed = done.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

/** Whether the file is there; throws if it isn't and cannot be made, or if it is no file. */
export async function isFileOrMakeable(files: Files, path: string): Promise<boolean> {
  const kind = await files.kind(path);
  if (kind === "file") return true;
  if (kind !== undefined) throw noFile(path);
  const directory = parentPath(path);
  if ((await files.kind(directory)) !== "directory") throw noDirectory(path, directory);
  if (path.startsWith("/dev/")) throw noDevice(path);
  return false;
}

/** What keeps this process, as it is now, from a file whose disk may be as good as ever. */
const NOT_THE_DISK: ReadonlySet<unknown> = new Set([
  "EACCES",
  "EPERM",
  "EROFS",
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "EAGAIN",
  "EBUSY",
  "ETXTBSY",
]);

/** Whether the fault says that the disk itself is wrong, so that an array may do without it. */
export function isGone(error: unknown): error is Fault {
  if (!isFault(error) || isWithheld(error)) return false;
  return error.code === "ERR_IO" || error.details["missing"] === true;
}

/** What to tell of a member that cannot be had: if it may be whole, how to go on without it. */
export function notTaken(path: string, error: unknown): unknown {
  if (!isFault(error) || !isWithheld(error)) return error;
  const message =
    `${error.message}. Nothing was assembled or written, since "${path}" would be out of the ` +
    "array from now on. To go on without it leave it out; it catches up when it is added again";
  return new Fault(error.code, message, error.details, error);
}

function isWithheld(error: Fault): boolean {
  return error.code === "ERR_IO" && NOT_THE_DISK.has(error.details["errno"]);
}

function missing(path: string): Fault {
  const message = `"${path}" is not there: check the path`;
  return new Fault("ERR_ARGUMENT", message, { path, missing: true });
}

function noDirectory(path: string, directory: string): Fault {
  const message = `"${path}" cannot be made, since "${directory}" is no directory: check the path`;
  return new Fault("ERR_ARGUMENT", message, { path });
}

/** A file there would fill the memory, and was meant to be a device that has another name. */
function noDevice(path: string): Fault {
  return new Fault("ERR_ARGUMENT", `"${path}" is not there: check the path`, { path });
}

function noFile(path: string): Fault {
  const message = `"${path}" is no file, which is all that can be a member so far`;
  return new Fault("ERR_ARGUMENT", message, { path });
}
