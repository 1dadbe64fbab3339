/**
 * A sparse volume whose operations end in any order, for tests: each waits until the test lets it
 * go on, at its beginning, and a write once more in its middle, so that what reads what another
 * writes half finds it half written.
 */

import type { SeededRandom } from "../base/random.ts";
import type { SparseVolume, WrittenRange } from "../volume/sparse-volume.ts";

export class SlowSparseVolume implements SparseVolume {
  readonly #inner: SparseVolume;
  readonly #random: SeededRandom;
  readonly #waiting: (() => void)[] = [];
  syncCount = 0;

  constructor(inner: SparseVolume, random: SeededRandom) {
    this.#inner = inner;
    this.#random = random;
  }

  /** Lets one of those that wait go on; false if none does. */
  letOneGo(): boolean {
    if (this.#waiting.length === 0) return false;
    const [goOn] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
    goOn?.();
    return true;
  }

  get name(): string {
    return this.#inner.name;
  }

  get writeUnitBytes(): number {
    return this.#inner.writeUnitBytes;
  }

  get blockBytes(): number {
    return this.#inner.blockBytes;
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

  async read(at: number, target: Uint8Array): Promise<void> {
    await this.#turn();
    await this.#inner.read(at, target);
    await this.#turn();
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    await this.#turn();
    const middle = this.#random.below(source.length + 1);
    await this.#inner.write(at, source.subarray(0, middle));
    await this.#turn();
    await this.#inner.write(at + middle, source.subarray(middle));
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    await this.write(at, source);
    await this.#turn();
  }

  writeDurableNow(): boolean {
    return false;
  }

  async trim(at: number, byteCount: number): Promise<void> {
    await this.#turn();
    await this.#inner.trim(at, byteCount);
    await this.#turn();
  }

  isWritten(at: number, byteCount: number): WrittenRange {
    return this.#inner.isWritten(at, byteCount);
  }

  async sync(): Promise<void> {
    this.syncCount++;
    await this.#turn();
    await this.#inner.sync();
  }

  async grow(sizeBytes: number): Promise<void> {
    await this.#inner.grow(sizeBytes);
  }

  async shrink(sizeBytes: number): Promise<void> {
    await this.#inner.shrink(sizeBytes);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}
