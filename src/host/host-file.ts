/**
 * A file of the host.
 *
 * It guarantees that
 *
 *  1. `writeDurable` and `writeDurableNow` write through a second descriptor opened with O_DSYNC,
 *     one call to the system instead of two, where the platform's O_DSYNC means a loss of power;
 *     elsewhere they write and then sync. Whole blocks go past the system's cache of pages,
 *     through a third descriptor (O_DIRECT), where the file system lets them;
 *  2. a descriptor is closed only when no operation on it is under way, since its number may be
 *     given to another file at once;
 *  3. a short read or write is continued; zero bytes written is a fault, not a loop.
 */

import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstat,
  fstatSync,
  ftruncate,
  openSync,
  read,
  write,
  writeSync,
} from "node:fs";
import { Fault } from "../base/fault.ts";
import type { File } from "../world/files.ts";
import { giveBackLane, takeLane } from "./direct-lanes.ts";
import { errnoOf, ioFault } from "./io-fault.ts";

type Done = (error: NodeJS.ErrnoException | null) => void;
type Counted = (error: NodeJS.ErrnoException | null, count: number) => void;

/** Elsewhere the system's O_DSYNC may stop short of the device, as on macOS. */
const HAS_DURABLE_FLAG = process.platform === "linux";

/** What a file system answers that does not take a direct write; nothing was written then. */
const NOT_TAKEN = "EINVAL";

export class HostFile implements File {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #writable: boolean;
  /** Undefined until the first durable write; the plain descriptor if there can be no other. */
  #durable: number | undefined;
  /** Undefined until the first durable write; null if there can be none. */
  #direct: number | null | undefined;
  /** Some file systems let a file be opened for direct writes, and then take none. */
  #takesDirect = true;
  #operations = 0;
  #closed = false;
  #whenIdle: (() => void) | undefined;

  constructor(path: string, descriptor: number, writable: boolean) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#writable = writable;
  }

  async sizeBytes(): Promise<number> {
    return await new Promise((resolve, reject) => {
      const ended = this.#begin("measure", reject);
      if (ended === undefined) return;
      fstat(this.#descriptor, (error, stats) => {
        if (ended(error)) resolve(stats.size);
      });
    });
  }

  async read(at: number, target: Uint8Array): Promise<number> {
    return await new Promise((resolve, reject) => {
      const ended = this.#begin("read", reject);
      if (ended === undefined) return;
      let filled = 0;
      const step: Counted = (error, count) => {
        filled += error === null ? count : 0;
        if (error === null && count !== 0 && filled < target.length) next();
        else if (ended(error)) resolve(filled);
      };
      const next = (): void =>
        read(this.#descriptor, target, filled, target.length - filled, at + filled, step);
      next();
    });
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    await this.#simple("write", (done) => {
      writeWhole(this.#descriptor, at, source, done);
    });
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    if (this.#closed) throw this.#used("write");
    const direct = this.#directDescriptor();
    const lane = direct === null ? undefined : takeLane(at, source);
    await this.#simple("write", (done) => {
      if (direct === null || lane === undefined) this.#writeCached(at, source, done);
      else this.#writeDirect(direct, lane, at, source, done);
    });
  }

  writeDurableNow(at: number, source: Uint8Array): void {
    if (this.#closed) throw this.#used("write");
    try {
      if (!this.#writeDirectNow(at, source)) this.#writeCachedNow(at, source);
    } catch (error) {
      throw ioFault("write", this.#path, error);
    }
  }

  async sync(): Promise<void> {
    await this.#simple("sync", (done) => {
      fdatasync(this.#descriptor, done);
    });
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#simple("truncate", (done) => {
      ftruncate(this.#descriptor, sizeBytes, done);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (0 < this.#operations) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    const all = new Set([this.#direct, this.#durable, this.#descriptor]);
    for (const descriptor of all) {
      if (typeof descriptor === "number") await closeDescriptor(descriptor, this.#path);
    }
  }

  #writeDirect(direct: number, lane: Uint8Array, at: number, source: Uint8Array, done: Done): void {
    write(direct, lane, 0, source.length, at, (error, count) => {
      giveBackLane(lane);
      if (error !== null && errnoOf(error) !== NOT_TAKEN) {
        done(error);
        return;
      }
      if (error !== null) this.#takesDirect = false;
      if (error === null && count === source.length) done(null);
      else this.#writeCached(at, source, done);
    });
  }

  /** Whether all of it was written. */
  #writeDirectNow(at: number, source: Uint8Array): boolean {
    const direct = this.#directDescriptor();
    const lane = direct === null ? undefined : takeLane(at, source);
    if (direct === null || lane === undefined) return false;
    try {
      return writeSync(direct, lane, 0, source.length, at) === source.length;
    } catch (error) {
      if (errnoOf(error) !== NOT_TAKEN) throw error;
      this.#takesDirect = false;
      return false;
    } finally {
      giveBackLane(lane);
    }
  }

  #writeCached(at: number, source: Uint8Array, done: Done): void {
    const durable = this.#durableDescriptor();
    writeWhole(durable, at, source, (error) => {
      if (error === null && durable === this.#descriptor) fdatasync(durable, done);
      else done(error);
    });
  }

  #writeCachedNow(at: number, source: Uint8Array): void {
    const durable = this.#durableDescriptor();
    for (let taken = 0; taken < source.length;) {
      const count = writeSync(durable, source, taken, source.length - taken, at + taken);
      if (count === 0) throw new Error("no bytes were taken");
      taken += count;
    }
    if (durable === this.#descriptor) fdatasyncSync(durable);
  }

  async #simple(action: string, start: (done: Done) => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const ended = this.#begin(action, reject);
      if (ended === undefined) return;
      start((error) => {
        if (ended(error)) resolve();
      });
    });
  }

  /** Counts an operation as under way; what it returns ends it, and says whether it succeeded. */
  #begin(
    action: string,
    reject: (fault: Fault) => void,
  ): ((error: NodeJS.ErrnoException | null) => boolean) | undefined {
    if (this.#closed) {
      reject(this.#used(action));
      return undefined;
    }
    this.#operations++;
    return (error) => {
      this.#operations--;
      if (error !== null) reject(ioFault(action, this.#path, error));
      if (this.#operations === 0) this.#whenIdle?.();
      return error === null;
    };
  }

  #durableDescriptor(): number {
    this.#durable ??= this.#openAgain(constants.O_DSYNC) ?? this.#descriptor;
    return this.#durable;
  }

  #directDescriptor(): number | null {
    if (this.#direct === undefined) {
      this.#direct = this.#openAgain(constants.O_DSYNC | constants.O_DIRECT) ?? null;
    }
    return this.#takesDirect ? this.#direct : null;
  }

  /**
   * The file by another descriptor, for writing. Undefined where there can be none, above all if
   * the path leads to another file by now.
   */
  #openAgain(flags: number): number | undefined {
    if (!HAS_DURABLE_FLAG || !this.#writable) return undefined;
    let descriptor: number | undefined;
    try {
      descriptor = openSync(this.#path, constants.O_WRONLY | flags);
      const theirs = fstatSync(descriptor, { bigint: true });
      const ours = fstatSync(this.#descriptor, { bigint: true });
      if (theirs.ino === ours.ino && theirs.dev === ours.dev) return descriptor;
    } catch {
      // Writing through the other descriptors gives the same promise, only slower.
    }
    if (descriptor !== undefined) closeSync(descriptor);
    return undefined;
  }

  #used(action: string): Fault {
    const message = `Cannot ${action} "${this.#path}": it is closed; open it again`;
    return new Fault("ERR_CLOSED", message, { path: this.#path });
  }
}

/** Writes all of it, in as many steps as the system takes. */
function writeWhole(descriptor: number, at: number, source: Uint8Array, done: Done): void {
  let taken = 0;
  const step: Counted = (error, count) => {
    taken += error === null ? count : 0;
    if (error !== null) done(error);
    else if (taken < source.length && count === 0) done(new Error("no bytes were taken"));
    else if (taken < source.length) next();
    else done(null);
  };
  const next = (): void =>
    write(descriptor, source, taken, source.length - taken, at + taken, step);
  next();
}

async function closeDescriptor(descriptor: number, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    close(descriptor, (error) => {
      // A failed close may be the last word on a failed write, so it is not swallowed.
      if (error === null) resolve();
      else reject(ioFault("close", path, error));
    });
  });
}
