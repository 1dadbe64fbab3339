/** A volume in memory, for tests, simulations and data that may go with its process. */

import type { Volume } from "./volume.ts";
import { PagedImage } from "./paged-image.ts";
import { assertWithin, assertWriteUnit, checkReadable, VolumeState } from "./volume-state.ts";

export interface MemoryVolumeOptions {
  readonly name: string;
  readonly writeUnitBytes: number;
}

export const defaultMemoryVolumeOptions: MemoryVolumeOptions = {
  name: "memory",
  writeUnitBytes: 4096,
};

export class MemoryVolume implements Volume {
  readonly name: string;
  readonly writeUnitBytes: number;
  /** What is on it. Stays when the volume is closed, so that another can be opened over it. */
  readonly image: PagedImage;
  readonly canShrink: boolean = true;
  readonly #state: VolumeState;

  /** Over an image, which it writes to, or over that many zeroes. */
  constructor(
    content: PagedImage | number,
    options: MemoryVolumeOptions = defaultMemoryVolumeOptions,
  ) {
    assertWriteUnit(options.writeUnitBytes);
    this.name = options.name;
    this.writeUnitBytes = options.writeUnitBytes;
    this.image = typeof content === "number" ? new PagedImage(content) : content;
    this.#state = new VolumeState(options.name);
  }

  get sizeBytes(): number {
    return this.image.sizeBytes;
  }

  get failure(): Error | undefined {
    return this.#state.failure;
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    this.#state.checkOpen();
    checkReadable(this.name, this.sizeBytes, at, target.length);
    this.image.read(at, target);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    this.writeDurableNow(at, source);
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    this.writeDurableNow(at, source);
  }

  writeDurableNow(at: number, source: Uint8Array): boolean {
    this.#state.checkWritable();
    assertWithin(this.sizeBytes, at, source.length);
    this.image.write(at, source);
    return true;
  }

  async sync(): Promise<void> {
    this.#state.checkWritable();
  }

  async grow(sizeBytes: number): Promise<void> {
    this.#state.checkWritable();
    if (this.sizeBytes < sizeBytes) this.image.resize(sizeBytes);
  }

  async shrink(sizeBytes: number): Promise<void> {
    this.#state.checkWritable();
    if (sizeBytes < this.sizeBytes) this.image.resize(sizeBytes);
  }

  async close(): Promise<void> {
    this.#state.close();
  }
}
