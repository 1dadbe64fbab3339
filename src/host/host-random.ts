/** Randomness of the host, fit for secrets, drawn from the system in large steps. */

import { randomFillSync } from "node:crypto";
import { assert } from "../base/assert.ts";
import type { Random } from "../world/world.ts";

const POOL_BYTES = 4096;
const NUMBERS = 2 ** 32;

export class HostRandom implements Random {
  readonly #pool = new Uint32Array(POOL_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  #used = this.#pool.length;

  below(limit: number): number {
    assert(Number.isInteger(limit) && 0 < limit && limit <= NUMBERS, "the limit is in range");
    // Numbers past the last whole multiple would make small results likelier.
    const fairEnd = NUMBERS - (NUMBERS % limit);
    let drawn = this.#next();
    while (fairEnd <= drawn) drawn = this.#next();
    return drawn % limit;
  }

  fill(target: Uint8Array): void {
    randomFillSync(target);
  }

  /** Draws of the system never depend on each other, so that one stream serves all. */
  stream(_name: string): Random {
    return this;
  }

  #next(): number {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const drawn = this.#pool[this.#used] as number;
    // What was given out must not be found in memory later.
    this.#pool[this.#used++] = 0;
    return drawn;
  }
}
