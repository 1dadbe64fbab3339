/**
 * The files of a simulated machine as one of its processes uses them: each operation takes its
 * time, and the plan of the disk may strike it.
 */

import { unreachable } from "../base/assert.ts";
import { Fault, type FaultCode } from "../base/fault.ts";
import type { SeededRandom } from "../base/random.ts";
import type { Strike, StorageOperation } from "../volume/fault-plan.ts";
import { flipBits, misplaced } from "../volume/faulty-volume.ts";
import type { File, Files } from "../world/files.ts";
import { type DiskNode, SimulatedDirectory, type SimulatedDisk } from "./simulated-disk.ts";
import { SimulatedInode } from "./simulated-inode.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** How long operations take: a random time between the two, in microseconds. */
export interface DiskTimes {
  readonly minUs: number;
  readonly maxUs: number;
}

export interface FileParts {
  readonly disk: SimulatedDisk;
  readonly process: SimulatedProcess;
  readonly random: SeededRandom;
  readonly times: Readonly<Record<"read" | "write" | "sync" | "name", DiskTimes>>;
  /** Ends the process or its machine, as a rule of the plan ordered. */
  readonly crash: (how: "process" | "power") => void;
}

/** Where an operation takes place in the end; undefined where it does not. */
type Place = number | undefined;

const SECTOR_BYTES = 512;

const TIMES = {
  read: "read",
  size: "name",
  write: "write",
  truncate: "write",
  durable: "sync",
  sync: "sync",
  syncDirectory: "sync",
  grow: "write",
  open: "name",
  close: "name",
  rename: "name",
  link: "name",
  remove: "name",
  makeDirectory: "name",
  list: "name",
  kind: "name",
  freeBytes: "name",
} as const satisfies Record<StorageOperation, keyof FileParts["times"]>;

export class SimulatedFiles implements Files {
  readonly #parts: FileParts;

  constructor(parts: FileParts) {
    this.#parts = parts;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    return await perform(this.#parts, "open", path, undefined, () => {
      const found = this.#parts.disk.find(path);
      if (mode !== "create") {
        if (found === undefined) throw fault("ERR_IO", "open", path, "ENOENT");
        if (!(found instanceof SimulatedInode)) throw fault("ERR_IO", "open", path, "EISDIR");
        return new SimulatedFile(path, found, mode !== "read", this.#parts);
      }
      if (found !== undefined) throw fault("ERR_IO", "create", path, "EEXIST");
      const inode = new SimulatedInode();
      this.#name(path, inode);
      return new SimulatedFile(path, inode, true, this.#parts);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await perform(this.#parts, "rename", from, undefined, () => {
      const node = this.#mustFind("rename", from);
      const source = this.#parent("rename", from);
      const target = this.#parent("rename", to);
      // As POSIX has it: two names of the same file stay as they are.
      if (this.#parts.disk.find(to) === node) return;
      this.#parts.disk.change([
        { ...source, node: undefined },
        { ...target, node },
      ]);
    });
  }

  async link(from: string, to: string): Promise<boolean> {
    return await perform(this.#parts, "link", to, undefined, () => {
      const node = this.#mustFind("link", from);
      if (this.#parts.disk.find(to) !== undefined) return false;
      this.#name(to, node);
      return true;
    });
  }

  async remove(path: string): Promise<boolean> {
    return await perform(this.#parts, "remove", path, undefined, () => {
      const node = this.#parts.disk.find(path);
      if (node === undefined) return false;
      if (node instanceof SimulatedDirectory) throw fault("ERR_IO", "remove", path, "EISDIR");
      this.#parts.disk.change([{ ...this.#parent("remove", path), node: undefined }]);
      return true;
    });
  }

  async makeDirectory(path: string): Promise<void> {
    await perform(this.#parts, "makeDirectory", path, undefined, () => {
      const parts = path.split("/");
      for (let count = 1; count <= parts.length; count++) {
        const above = parts.slice(0, count).join("/");
        const found = this.#parts.disk.find(above);
        if (found === undefined) this.#name(above, new SimulatedDirectory());
        else if (!(found instanceof SimulatedDirectory)) {
          throw fault("ERR_IO", "make the directory", path, "EEXIST");
        }
      }
    });
  }

  async syncDirectory(path: string): Promise<void> {
    await perform(this.#parts, "syncDirectory", path, undefined, () => {
      this.#parts.disk.syncDirectory(this.#directory("sync the directory", path));
    });
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    return await perform(this.#parts, "list", path, undefined, () => {
      if (this.#parts.disk.find(path) === undefined) return undefined;
      return [...this.#directory("list", path).names.keys()].toSorted();
    });
  }

  async kind(path: string): Promise<"file" | "directory" | "other" | undefined> {
    return await perform(this.#parts, "kind", path, undefined, () => {
      const found = this.#parts.disk.find(path);
      if (found === undefined) return undefined;
      return found instanceof SimulatedDirectory ? "directory" : "file";
    });
  }

  /** How much a disk takes is not simulated, only that one is full. */
  async freeBytes(path: string): Promise<number> {
    return await perform(this.#parts, "freeBytes", path, undefined, () => {
      this.#mustFind("ask for the room of", path);
      return Number.POSITIVE_INFINITY;
    });
  }

  #mustFind(action: string, path: string): DiskNode {
    const node = this.#parts.disk.find(path);
    if (node === undefined) throw fault("ERR_IO", action, path, "ENOENT");
    return node;
  }

  #directory(action: string, path: string): SimulatedDirectory {
    const node = this.#mustFind(action, path);
    if (node instanceof SimulatedDirectory) return node;
    throw fault("ERR_IO", action, path, "ENOTDIR");
  }

  #parent(action: string, path: string): { directory: SimulatedDirectory; name: string } {
    const parent = this.#parts.disk.parentOf(path);
    if (parent === undefined) throw fault("ERR_IO", action, path, "ENOENT");
    return parent;
  }

  #name(path: string, node: DiskNode): void {
    this.#parts.disk.change([{ ...this.#parent("create", path), node }]);
  }
}

class SimulatedFile implements File {
  readonly #path: string;
  readonly #inode: SimulatedInode;
  readonly #writable: boolean;
  readonly #parts: FileParts;
  #closed = false;

  constructor(path: string, inode: SimulatedInode, writable: boolean, parts: FileParts) {
    this.#path = path;
    this.#inode = inode;
    this.#writable = writable;
    this.#parts = parts;
  }

  async sizeBytes(): Promise<number> {
    this.#check("measure", false);
    return await perform(this.#parts, "size", this.#path, this.#inode, () => this.#inode.sizeBytes);
  }

  async read(at: number, target: Uint8Array): Promise<number> {
    this.#check("read", false);
    const range = { at, length: target.length, source: undefined };
    return await performAt(this.#parts, "read", this.#path, this.#inode, range, (place) =>
      place === undefined ? 0 : this.#inode.cache.read(place, target),
    );
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    await this.#write("write", at, source);
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    await this.#write("durable", at, source);
  }

  writeDurableNow(at: number, source: Uint8Array): void {
    this.#check("write", true);
    const { process, disk } = this.#parts;
    process.checkAlive();
    const length = source.length;
    const strike = disk.plan.strike({ operation: "durable", path: this.#path, at, length });
    const range = { at, length, source };
    const place = suffer(this.#parts, strike, "durable", this.#path, this.#inode, range);
    process.checkAlive();
    if (place !== undefined) this.#take("durable", place, source);
  }

  async sync(): Promise<void> {
    this.#check("sync", true);
    const point = this.#inode.syncPoint();
    try {
      await performAt(this.#parts, "sync", this.#path, this.#inode, nowhere, (place) => {
        if (place !== undefined) this.#inode.settle(point);
      });
    } catch (error) {
      this.#inode.forgetUnsynced(point);
      throw error;
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#check("truncate", true);
    await perform(this.#parts, "truncate", this.#path, this.#inode, () => {
      this.#inode.truncate(sizeBytes);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await perform(this.#parts, "close", this.#path, this.#inode, () => undefined);
  }

  async #write(operation: "write" | "durable", at: number, source: Uint8Array): Promise<void> {
    this.#check("write", true);
    const range = { at, length: source.length, source };
    await performAt(this.#parts, operation, this.#path, this.#inode, range, (place) => {
      if (place !== undefined) this.#take(operation, place, source);
    });
  }

  #take(operation: "write" | "durable", at: number, source: Uint8Array): void {
    const { disk } = this.#parts;
    const growth = Math.max(0, at + source.length - this.#inode.sizeBytes);
    if (0 < growth && disk.capacityBytes < disk.usedBytes() + growth) {
      throw fault("ERR_FULL", "write", this.#path, "ENOSPC");
    }
    this.#inode.write(at, source);
    disk.plan.written(this.#path, at, source.length);
    if (operation === "durable") this.#inode.settleRange(at, source.length);
  }

  #check(action: string, writes: boolean): void {
    if (this.#closed) throw fault("ERR_CLOSED", action, this.#path, "EBADF");
    if (writes && !this.#writable) throw fault("ERR_IO", action, this.#path, "EBADF");
  }
}

interface Range {
  readonly at: number;
  readonly length: number;
  /** What was to be written. */
  readonly source: Uint8Array | undefined;
}

const nowhere: Range = { at: 0, length: 0, source: undefined };

async function perform<T>(
  parts: FileParts,
  operation: StorageOperation,
  path: string,
  inode: SimulatedInode | undefined,
  effect: () => T,
): Promise<T> {
  return await performAt(parts, operation, path, inode, nowhere, effect);
}

/** Does the operation when its time has passed, unless and as the plan strikes it. */
async function performAt<T>(
  parts: FileParts,
  operation: StorageOperation,
  path: string,
  inode: SimulatedInode | undefined,
  range: Range,
  effect: (place: Place) => T,
): Promise<T> {
  const { process, disk, random, times } = parts;
  const { at, length } = range;
  if (process.isDead) return await new Promise<never>(() => undefined);
  const strike = disk.plan.strike({ operation, path, at, length });
  const { minUs, maxUs } = times[TIMES[operation]];
  const slower = strike?.fault.kind === "slow" ? strike.fault.delayMs * 1000 : 0;
  const delayUs = minUs + random.below(maxUs - minUs + 1) + slower;
  if (strike?.fault.kind === "stalled") {
    await new Promise<void>((resolve) => {
      disk.plan.onRelease(resolve);
    });
  }
  const cutShort = (): void => {
    if (inode !== undefined) keepBeginning(inode, range, random);
  };
  return await process.perform(
    delayUs,
    operation,
    () => effect(suffer(parts, strike, operation, path, inode, range)),
    cutShort,
  );
}

/** A write that was under way when its process died has got some way, or nowhere. */
function keepBeginning(inode: SimulatedInode, { at, source }: Range, random: SeededRandom): void {
  if (source === undefined || random.chance(50)) return;
  const sectorCount = Math.ceil(source.length / SECTOR_BYTES);
  inode.write(at, source.subarray(0, random.below(sectorCount + 1) * SECTOR_BYTES));
}

/** Lets the strike do its part, and returns where the operation is to take place. */
function suffer(
  parts: FileParts,
  strike: Strike | undefined,
  operation: StorageOperation,
  path: string,
  inode: SimulatedInode | undefined,
  { at, length, source }: Range,
): Place {
  if (strike === undefined) return at;
  const { fault: struck, range } = strike;
  switch (struck.kind) {
    case "error":
    case "unreadable":
      throw fault("ERR_IO", operation, path, "EIO");
    case "full":
      throw fault("ERR_FULL", operation, path, "ENOSPC");
    case "short":
      if (source !== undefined) inode?.write(at, source.subarray(0, struck.keptBytes));
      throw fault("ERR_IO", operation, path, "EIO");
    case "lost":
      return undefined;
    case "misdirected":
      return misplaced(at, length, struck.byBytes, inode?.sizeBytes ?? 0);
    case "rot":
      inode?.rot(range.at, range.length, (bytes) => {
        flipBits(bytes, struck.bitCount, parts.random);
      });
      return at;
    case "slow":
    case "stalled":
      return at;
    case "crash":
      parts.crash(struck.how);
      return undefined;
    default:
      return unreachable(struck);
  }
}

function fault(code: FaultCode, action: string, path: string, errno: string): Fault {
  return new Fault(code, `Cannot ${action} "${path}": ${errno}`, { path, errno });
}
