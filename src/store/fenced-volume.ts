/**
 * A volume that is written to only by who still holds it: before every write the fence is asked.
 * So a process that was stopped and replaced writes neither what it had in hand for the log nor
 * the rest of a checkpoint over what its successor wrote.
 */

import { must } from "../base/assert.ts";
import type { Volume } from "../volume/volume.ts";
import type { Fence } from "./fence.ts";

export class FencedVolume implements Volume {
  readonly #inner: Volume;
  #fence: Fence | undefined;

  constructor(inner: Volume) {
    this.#inner = inner;
  }

  /** From here on it is asked. Until then the store is being opened, and nobody else has it. */
  raise(fence: Fence): void {
    this.#fence = fence;
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

  get canShrink(): boolean {
    return this.#inner.canShrink;
  }

  get failure(): Error | undefined {
    return this.#inner.failure;
  }

  read(at: number, target: Uint8Array): Promise<void> {
    return this.#inner.read(at, target);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    if (!this.#isClear) await this.#cleared();
    await this.#inner.write(at, source);
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    if (!this.#isClear) await this.#cleared();
    await this.#inner.writeDurable(at, source);
  }

  writeDurableNow(at: number, source: Uint8Array): boolean {
    return this.#isClear && this.#inner.writeDurableNow(at, source);
  }

  sync(): Promise<void> {
    return this.#inner.sync();
  }

  /** It takes so many writes that the process may be stopped, and replaced, among them. */
  async grow(sizeBytes: number): Promise<void> {
    const mayGoOn = async (): Promise<void> => {
      if (!this.#isClear) await this.#cleared();
    };
    await mayGoOn();
    await this.#inner.grow(sizeBytes, mayGoOn);
  }

  async shrink(sizeBytes: number): Promise<void> {
    if (!this.#isClear) await this.#cleared();
    await this.#inner.shrink(sizeBytes);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  get #isClear(): boolean {
    return this.#fence === undefined || this.#fence.isClear;
  }

  async #cleared(): Promise<void> {
    const fence = must(this.#fence, "what is not clear has a fence");
    while (!fence.isClear) await fence.look();
  }
}
