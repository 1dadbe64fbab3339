/**
 * The fence against a holder that was stopped and replaced: a process that did nothing for longer
 * than a bound looks at the superblock before it appends or answers again. If another has raised
 * the view meanwhile, this one has lost the volume.
 *
 * It narrows the window rather than closing it: a write that the operating system had accepted
 * before the process was stopped cannot be called back.
 */

import { Fault } from "../base/fault.ts";
import type { ViewNumber } from "../base/ids.ts";
import type { Clock } from "../world/world.ts";
import type { SuperblockZone } from "./superblock.ts";

export class Fence {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #readSuperblock: () => Promise<SuperblockZone>;
  readonly #view: ViewNumber;
  readonly #volumeName: string;
  #seenMs: number;
  #looking: Promise<void> | undefined;

  constructor(
    clock: Clock,
    stallMs: number,
    view: ViewNumber,
    volumeName: string,
    readSuperblock: () => Promise<SuperblockZone>,
  ) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#view = view;
    this.#volumeName = volumeName;
    this.#readSuperblock = readSuperblock;
    this.#seenMs = clock.monotonicMs();
  }

  /** Whether the holder may go on in this turn; if not, `look` first. */
  get isClear(): boolean {
    if (this.#looking !== undefined) return false;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#seenMs > this.#stallMs) return false;
    this.#seenMs = nowMs;
    return true;
  }

  /**
   * Resolves when the volume was found to be held still, after which `isClear` is to be asked
   * again; `ERR_UNAVAILABLE` if it is not.
   */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    // It may be stopped while it looks; then what it saw says nothing of the time since.
    const beganMs = this.#clock.monotonicMs();
    const { current } = await this.#readSuperblock();
    const found = current.view;
    if (found !== this.#view) {
      throw new Fault(
        "ERR_UNAVAILABLE",
        `This process did nothing for more than ${this.#stallMs} ms, and meanwhile another took ` +
          `over "${this.#volumeName}" (view ${found}, this one is ${this.#view}). ` +
          "Nothing more is written or answered here: connect to the other, or start again",
        { view: found },
      );
    }
    this.#seenMs = beganMs;
  }
}
