/**
 * A volume in one file, written in advance: its blocks have their places on the disk before they
 * are used, so that a durable write changes no file system structures and costs one write.
 *
 * A new volume appears under its name whole or not at all.
 */

import { Fault } from "../base/fault.ts";
import type { File, Files } from "../world/files.ts";
import { parentPath } from "../world/paths.ts";
import type { Volume } from "./volume.ts";
import { assertWithin, assertWriteUnit, checkReadable, VolumeState } from "./volume-state.ts";

export interface FileVolumeOptions {
  readonly writeUnitBytes: number;
  /** Of one that is only read, every write fails. */
  readonly mode: "read" | "write";
}

export const defaultFileVolumeOptions: FileVolumeOptions = { writeUnitBytes: 4096, mode: "write" };

/** Zeroes are written in steps of this size. */
const SLICE_BYTES = 1 << 20;

type Progress = (doneBytes: number, totalBytes: number) => void;
type MayGoOn = () => Promise<void>;

/** Opens the volume in the file, which must exist. */
export async function openFileVolume(
  files: Pick<Files, "open">,
  path: string,
  options: FileVolumeOptions = defaultFileVolumeOptions,
): Promise<Volume> {
  assertWriteUnit(options.writeUnitBytes);
  const file = await files.open(path, options.mode);
  const sizeBytes = await file.sizeBytes();
  return new FileVolume(path, file, sizeBytes, options.writeUnitBytes);
}

/** Makes the file, which must not exist, and fills it with zeroes; all of it is durable. */
export async function createFileVolume(
  files: Files,
  path: string,
  sizeBytes: number,
  progress: Progress = () => undefined,
  options: FileVolumeOptions = defaultFileVolumeOptions,
): Promise<Volume> {
  const draft = `${path}.new`;
  // One that was left by a crash; two processes are kept apart by the lock of the directory.
  await files.remove(draft);
  try {
    await writeDraft(files, draft, sizeBytes, progress);
    if (!(await files.link(draft, path))) {
      const message = `Cannot create the volume "${path}": there is one; choose another path`;
      throw new Fault("ERR_ARGUMENT", message, { path });
    }
  } finally {
    await files.remove(draft);
  }
  await files.syncDirectory(parentPath(path));
  return await openFileVolume(files, path, options);
}

async function freely(): Promise<void> {}

async function writeDraft(
  files: Files,
  draft: string,
  sizeBytes: number,
  progress: Progress,
): Promise<void> {
  const file = await files.open(draft, "create");
  try {
    await writeZeroes(file, 0, sizeBytes, freely, progress);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeZeroes(
  file: File,
  from: number,
  to: number,
  mayGoOn: MayGoOn,
  progress: Progress,
): Promise<void> {
  const zeroes = new Uint8Array(Math.min(SLICE_BYTES, to - from));
  for (let at = from; at < to;) {
    const length = Math.min(zeroes.length, to - at);
    await mayGoOn();
    await file.write(at, zeroes.subarray(0, length));
    at += length;
    progress(at - from, to - from);
  }
}

class FileVolume implements Volume {
  readonly name: string;
  readonly writeUnitBytes: number;
  readonly #file: File;
  readonly #state: VolumeState;
  #sizeBytes: number;
  readonly canShrink = true;
  /** The change of size under way; a second at once would undo what the first did. */
  #resizing: Promise<void> = Promise.resolve();

  constructor(name: string, file: File, sizeBytes: number, writeUnitBytes: number) {
    this.name = name;
    this.writeUnitBytes = writeUnitBytes;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#state = new VolumeState(name);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get failure(): Error | undefined {
    return this.#state.failure;
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    this.#state.checkOpen();
    checkReadable(this.name, this.#sizeBytes, at, target.length);
    const count = await this.#file.read(at, target);
    // The file was cut by somebody else.
    checkReadable(this.name, at + count, at, target.length);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    this.#state.checkWritable();
    assertWithin(this.#sizeBytes, at, source.length);
    await this.#keep(this.#file.write(at, source));
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    this.#state.checkWritable();
    assertWithin(this.#sizeBytes, at, source.length);
    await this.#keep(this.#file.writeDurable(at, source));
  }

  writeDurableNow(at: number, source: Uint8Array): boolean {
    this.#state.checkWritable();
    assertWithin(this.#sizeBytes, at, source.length);
    try {
      this.#file.writeDurableNow(at, source);
    } catch (error) {
      throw this.#state.failed(error);
    }
    return true;
  }

  async sync(): Promise<void> {
    this.#state.checkWritable();
    await this.#sync();
  }

  async grow(sizeBytes: number, mayGoOn: MayGoOn = freely): Promise<void> {
    await this.#resize(async () => await this.#growNow(sizeBytes, mayGoOn));
  }

  async shrink(sizeBytes: number): Promise<void> {
    await this.#resize(async () => await this.#shrinkNow(sizeBytes));
  }

  async close(): Promise<void> {
    if (this.#state.closed) return;
    this.#state.close();
    await this.#file.close();
  }

  async #resize(change: () => Promise<void>): Promise<void> {
    const resized = this.#resizing.then(change);
    this.#resizing = resized.catch(() => undefined);
    await resized;
  }

  async #growNow(sizeBytes: number, mayGoOn: MayGoOn): Promise<void> {
    this.#state.checkWritable();
    const before = this.#sizeBytes;
    if (sizeBytes <= before) return;
    try {
      await writeZeroes(this.#file, before, sizeBytes, mayGoOn, () => undefined);
    } catch (error) {
      const fault = this.#state.failed(error);
      if (fault.code === "ERR_FULL") {
        await mayGoOn();
        // What was taken in vain is given back, since others may need the room.
        await this.#keep(this.#file.truncate(before));
      }
      throw fault;
    }
    await this.#sync();
    this.#sizeBytes = sizeBytes;
  }

  async #shrinkNow(sizeBytes: number): Promise<void> {
    this.#state.checkWritable();
    if (this.#sizeBytes <= sizeBytes) return;
    this.#sizeBytes = sizeBytes;
    await this.#keep(this.#file.truncate(sizeBytes));
    await this.#sync();
  }

  async #sync(): Promise<void> {
    await this.#keep(this.#file.sync(), (error) => this.#state.syncFailed(error));
  }

  /** Awaits a write or sync. One that ends well after another failed is not believed either. */
  async #keep(
    done: Promise<void>,
    failed: (error: unknown) => Fault = (error) => this.#state.failed(error),
  ): Promise<void> {
    try {
      await done;
    } catch (error) {
      throw failed(error);
    }
    if (this.#state.failure !== undefined) throw this.#state.failure;
  }
}
