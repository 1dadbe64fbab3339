/** Work on all rows of an array, window by window, that can be stopped and resumed. */

import type { ArrayParts } from "./array-parts.ts";
import { Pace } from "./pace.ts";
import type { ProgressMeter } from "./progress.ts";
import type { ScrubReport } from "./scrubber.ts";

/** Thrown to leave a job that can't go on now. */
export class JobStopped extends Error {
  override readonly name = "JobStopped";
}

export interface Job {
  readonly meter: ProgressMeter;
  /** Resolves at its end, with what a scrub found; throws `JobStopped` if it was stopped. */
  run(): Promise<ScrubReport | undefined>;
  stop(): void;
}

/** What a job does. */
export interface RowWork {
  readonly meter: ProgressMeter;
  readonly firstRow: number;
  /** Works on the rows; the locks of their stripes are held. */
  work(row: number, end: number): Promise<void>;
  /** Whether it is still wanted. */
  isWanted(): boolean;
  /** Takes note, durably, that all rows below are done. */
  save(row: number): Promise<void>;
  end(): Promise<ScrubReport | undefined>;
}

export class RowJob implements Job {
  readonly #parts: ArrayParts;
  readonly #work: RowWork;
  readonly #pace: Pace;
  #isStopped = false;

  constructor(parts: ArrayParts, work: RowWork) {
    this.#parts = parts;
    this.#work = work;
    const { activity, core, options } = parts;
    this.#pace = new Pace(core.world.clock, activity, options.background);
  }

  get meter(): ProgressMeter {
    return this.#work.meter;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<ScrubReport | undefined> {
    const { core, members, options } = this.#parts;
    const { blockBytes } = core.layout;
    let saved = this.#work.firstRow;
    let row = saved;
    // The array may grow meanwhile.
    while (row < members.record.rows) {
      this.#check();
      row = await this.#window(row);
      this.meter.advance(row * blockBytes, members.record.rows * blockBytes);
      if (options.background.saveEveryBytes <= (row - saved) * blockBytes) {
        await this.#save(row);
        saved = row;
      }
    }
    this.#check();
    return await this.#work.end();
  }

  async #window(row: number): Promise<number> {
    const { core, members, options } = this.#parts;
    const { geometry } = core.shape;
    const chunkBytes = geometry.chunkBlocks * geometry.blockBytes;
    const stripes = Math.max(1, Math.floor(options.background.windowBytes / chunkBytes));
    const first = geometry.stripeOfRow(row);
    const end = Math.min((first + stripes) * geometry.chunkBlocks, members.record.rows);
    const lock = await core.locks.acquire(first, first + stripes);
    try {
      await this.#work.work(row, end);
    } finally {
      core.locks.release(lock);
    }
    members.check();
    await this.#pace.rest((end - row) * core.layout.blockBytes);
    return end;
  }

  async #save(row: number): Promise<void> {
    this.#check();
    await this.#work.save(row);
  }

  #check(): void {
    this.#parts.members.check();
    if (this.#isStopped || !this.#work.isWanted()) throw new JobStopped();
  }
}
