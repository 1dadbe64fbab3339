/** Counts for how long members are there and what is read from them, until it is recorded. */

import type { Clock } from "../world/world.ts";
import type { RaidCounters } from "./superblock.ts";

const MS_PER_SECOND = 1000;

export class Usage {
  readonly #clock: Clock;
  #countedMs: number;
  /** Of all members together; what is less than a second stays for the next time. */
  #memberMs = 0;
  #readBytes = 0;
  #readErrors = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedMs = clock.monotonicMs();
  }

  hasRead(byteCount: number): void {
    this.#readBytes += byteCount;
  }

  hasFailedToRead(): void {
    this.#readErrors++;
  }

  /** Adds what came since the last call, while there were so many members. */
  addTo(counters: RaidCounters, memberCount: number): RaidCounters {
    const nowMs = this.#clock.monotonicMs();
    this.#memberMs += (nowMs - this.#countedMs) * memberCount;
    this.#countedMs = nowMs;
    const seconds = Math.floor(this.#memberMs / MS_PER_SECOND);
    this.#memberMs -= seconds * MS_PER_SECOND;
    const added = {
      ...counters,
      memberSeconds: counters.memberSeconds + seconds,
      readBytes: counters.readBytes + this.#readBytes,
      readErrors: counters.readErrors + this.#readErrors,
    };
    this.#readBytes = 0;
    this.#readErrors = 0;
    return added;
  }
}
