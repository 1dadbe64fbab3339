/** A volume whose operations take some virtual time each, so that they end in any order. */

import { HookedVolume } from "../../src/log/hooked-volume.suite.ts";
import type { SeededRandom } from "../../src/base/random.ts";
import type { Volume } from "../../src/volume/volume.ts";
import type { Clock } from "../../src/world/world.ts";

export class SlowVolume extends HookedVolume {
  readonly #pass: () => Promise<void>;
  readonly #random: SeededRandom;
  readCount = 0;
  readBytes = 0;

  constructor(inner: Volume, clock: Clock, random: SeededRandom) {
    const pass = async (): Promise<void> => {
      if (random.chance(30)) return;
      const delayMs = random.below(40) / 40;
      await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    };
    super(inner, pass);
    this.#pass = pass;
    this.#random = random;
  }

  /** What it reads is what was there when it began, or when it ended. */
  override async read(at: number, target: Uint8Array): Promise<void> {
    this.readCount++;
    this.readBytes += target.length;
    if (this.#random.chance(50)) {
      await super.read(at, target);
      return;
    }
    await this.#pass();
    await this.inner.read(at, target);
  }

  override writeDurableNow(at: number, source: Uint8Array): boolean {
    return this.#random.chance(50) && this.inner.writeDurableNow(at, source);
  }

  override async grow(sizeBytes: number): Promise<void> {
    await this.#pass();
    await super.grow(sizeBytes);
  }

  override async shrink(sizeBytes: number): Promise<void> {
    await this.#pass();
    await super.shrink(sizeBytes);
  }
}
