/** A volume that asks before each operation: to count them, to hold them up, or to fail them. */

import type { Volume } from "../volume/volume.ts";

export type Operation = "read" | "write" | "sync";
/** A fault that it throws, or rejects with, is the operation's. */
export type Hook = (operation: Operation, at: number, bytes: Uint8Array) => Promise<void> | void;

export class HookedVolume implements Volume {
  protected readonly inner: Volume;
  readonly #hook: Hook;

  constructor(inner: Volume, hook: Hook) {
    this.inner = inner;
    this.#hook = hook;
  }

  get name(): string {
    return this.inner.name;
  }

  get writeUnitBytes(): number {
    return this.inner.writeUnitBytes;
  }

  get sizeBytes(): number {
    return this.inner.sizeBytes;
  }

  get canShrink(): boolean {
    return this.inner.canShrink;
  }

  get failure(): Error | undefined {
    return this.inner.failure;
  }

  /** Asked when the bytes are there, so that what happens meanwhile comes too late for them. */
  async read(at: number, target: Uint8Array): Promise<void> {
    await this.inner.read(at, target);
    await this.#hook("read", at, target);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    await this.#hook("write", at, source);
    await this.inner.write(at, source);
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    await this.#hook("write", at, source);
    await this.inner.writeDurable(at, source);
  }

  writeDurableNow(at: number, source: Uint8Array): boolean {
    void this.#hook("write", at, source);
    return this.inner.writeDurableNow(at, source);
  }

  async sync(): Promise<void> {
    await this.#hook("sync", 0, new Uint8Array(0));
    await this.inner.sync();
  }

  async grow(sizeBytes: number): Promise<void> {
    await this.inner.grow(sizeBytes);
  }

  async shrink(sizeBytes: number): Promise<void> {
    await this.inner.shrink(sizeBytes);
  }

  async close(): Promise<void> {
    await this.inner.close();
  }
}
