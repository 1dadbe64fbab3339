/** A volume whose operations take some virtual time each, so that they end in any order. */

import type { SeededRandom } from "../../src/base/random.ts";
import type { Volume } from "../../src/volume/volume.ts";
import type { Clock } from "../../src/world/world.ts";

export class SlowVolume implements Volume {
  readonly #inner: Volume;
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  readCount = 0;
  readBytes = 0;

  constructor(inner: Volume, clock: Clock, random: SeededRandom) {
    this.#inner = inner;
    this.#clock = clock;
    this.#random = random;
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

  /** What it reads is what was there when it began, or when it ended. */
  async read(at: number, target: Uint8Array): Promise<void> {
    this.readCount++;
    this.readBytes += target.length;
    const isEarly = this.#random.chance(50);
    if (isEarly) await this.#inner.read(at, target);
    await this.#pass();
    if (!isEarly) await this.#inner.read(at, target);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    await this.#pass();
    await this.#inner.write(at, source);
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    await this.#pass();
    await this.#inner.writeDurable(at, source);
  }

  writeDurableNow(at: number, source: Uint8Array): boolean {
    return this.#random.chance(50) && this.#inner.writeDurableNow(at, source);
  }

  async sync(): Promise<void> {
    await this.#pass();
    await this.#inner.sync();
  }

  async grow(sizeBytes: number): Promise<void> {
    await this.#pass();
    await this.#inner.grow(sizeBytes);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #pass(): Promise<void> {
    if (this.#random.chance(30)) return;
    const delayMs = this.#random.below(40) / 40;
    await new Promise<void>((resolve) => this.#clock.after(delayMs, resolve));
  }
}
