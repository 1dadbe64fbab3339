/**
 * Makes the zone of pages longer, in large steps and before it is needed, and gives its end back
 * when that is free. One of these happens at a time.
 */

import { isFault } from "../base/fault.ts";
import type { Cells } from "../cells/cells.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import type { PageRun } from "../cells/page-space.ts";
import type { Volume } from "../volume/volume.ts";

const STEP_PAGES_MIN: number = (4 << 20) / PAGE_BYTES;
const STEP_PAGES_MAX: number = (64 << 20) / PAGE_BYTES;
const STEP_SHARE = 8;

export class PageGrowth {
  readonly #volume: Volume;
  readonly #cells: Cells;
  readonly #pagesAt: number;
  #running: Promise<void> | undefined;
  #turn: Promise<void> = Promise.resolve();
  /** How many free pages the last who wrote asked for. */
  #askedPages = 0;
  /** The last attempt found no room; only who needs pages tries again. */
  #isFull = false;
  #isVolumeFull = false;

  constructor(volume: Volume, cells: Cells, pagesAt: number) {
    this.#volume = volume;
    this.#cells = cells;
    this.#pagesAt = pagesAt;
  }

  /** Whether the volume had no room when it was to be longer the last time. */
  get isVolumeFull(): boolean {
    return this.#isVolumeFull;
  }

  /** Grows the zone by a step, and by what is missing. `ERR_FULL` if the volume has no room. */
  grow(): Promise<void> {
    this.#running ??= this.#inTurn(() => this.#grow()).finally(() => (this.#running = undefined));
    return this.#running;
  }

  /**
   * Makes the zone longer by just so many pages, and lends them; they hold zeroes. `ERR_FULL` if
   * the volume has no room.
   */
  lendNew(count: number): Promise<PageRun> {
    return this.#inTurn(async () => {
      const { space } = this.#cells;
      const run = { first: space.pageCount, count };
      await this.#growTo(run.first + count);
      space.lend(run);
      return run;
    });
  }

  /** Somebody who writes asked for so many free pages; who is next may need as many. */
  asked(pageCount: number): void {
    this.#askedPages = pageCount;
  }

  /** Grows the zone in the background if that and half a step is all that is left. */
  growEarly(): void {
    if (this.#running !== undefined || this.#isFull) return;
    if (this.#cells.space.freeCount > this.#askedPages + this.stepPages / 2) return;
    // Nobody waits for this yet: who needs the pages will try again and hear of the fault.
    this.grow().catch(() => undefined);
  }

  /** By how many pages the zone grows. */
  get stepPages(): number {
    const share = Math.floor(this.#cells.space.pageCount / STEP_SHARE);
    return Math.min(Math.max(share, STEP_PAGES_MIN), STEP_PAGES_MAX);
  }

  /**
   * Cuts the zone, whose end is free, to `pageCount` pages. `publish` brings it about that a
   * superblock says so, before the volume is cut: there may be more than it says, never less.
   */
  async cut(pageCount: number, publish: (pageCount: number) => Promise<void>): Promise<void> {
    await this.#inTurn(async () => await this.#cut(pageCount, publish));
  }

  async #cut(pageCount: number, publish: (pageCount: number) => Promise<void>): Promise<void> {
    const { space } = this.#cells;
    const before = space.pageCount;
    const kept = Math.min(before, Math.max(pageCount, space.usedEnd));
    space.shrink(kept);
    await publish(kept);
    if (kept === before) return;
    try {
      await this.#volume.shrink(this.#pagesAt + kept * PAGE_BYTES);
      this.#isFull = false;
      this.#isVolumeFull = false;
    } catch (error) {
      if (!isFault(error, "ERR_FULL")) throw error;
    }
  }

  /** What is grown, or cut, begins where what was grown before ended. */
  #inTurn<T>(growth: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(growth);
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  async #grow(): Promise<void> {
    const { pageCount: before, freeCount } = this.#cells.space;
    const missing = Math.max(0, this.#askedPages - freeCount);
    const pageCount = before + missing + this.stepPages;
    this.#isFull = true;
    // Whoever needs less than what there was no room for asks for no more than a step.
    this.#askedPages = 0;
    await this.#growTo(pageCount);
    this.#isFull = false;
  }

  async #growTo(pageCount: number): Promise<void> {
    try {
      await this.#volume.grow(this.#pagesAt + pageCount * PAGE_BYTES);
    } catch (error) {
      this.#isVolumeFull = isFault(error, "ERR_FULL");
      throw error;
    }
    this.#isVolumeFull = false;
    this.#cells.growTo(pageCount);
  }
}
