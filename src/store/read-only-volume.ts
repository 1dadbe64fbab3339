/** A volume that is looked at and never changed: writes, syncs and the like do nothing. */

import type { Volume } from "../volume/volume.ts";

export class ReadOnlyVolume implements Volume {
  readonly canShrink = false;
  readonly #inner: Volume;

  constructor(inner: Volume) {
    this.#inner = inner;
  }

  get name(): string {
    return this.#inner.name;
  }

  get writeUnitBytes(): number {
    return this.#inner.writeUnitBytes;
  }

  get sizeBytes(): number {
    return this.#inner.sizeBytes;
  }

  get failure(): Error | undefined {
    return this.#inner.failure;
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    await this.#inner.read(at, target);
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  writeDurable(): Promise<void> {
    return Promise.resolve();
  }

  writeDurableNow(): boolean {
    return true;
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  grow(): Promise<void> {
    return Promise.resolve();
  }

  shrink(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}
