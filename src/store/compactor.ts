/**
 * Decides when the zone of pages, and with it the volume, gets shorter.
 *
 *  1. After a checkpoint the end of the zone is cut off if it is free, and much longer than what
 *     writers needed between the last checkpoints: what they will need again is not given back.
 *  2. At a close pages are moved down from the end, if much of the zone is free, and then what is
 *     free at the end is cut off.
 *
 * Nothing of it has to be. It stops where there is no room for it, where a page cannot be read, and
 * where it has moved so much that a close would take long; the store is as good as it was. Some
 * free pages stay in any case: deletes on a full disk need them.
 */

import { isFault } from "../base/fault.ts";
import type { Cells } from "../cells/cells.ts";
import { Compaction, type CompactionEnd } from "../cells/compaction.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import type { Volume } from "../volume/volume.ts";
import type { Trace } from "../world/world.ts";
import type { StoreOptions } from "./options.ts";
import type { PageGrowth } from "./page-growth.ts";

export interface CompactorParts {
  readonly volume: Volume;
  readonly trace: Trace;
  readonly cells: Cells;
  readonly growth: PageGrowth;
  readonly options: StoreOptions;
  readonly checkpoint: () => Promise<void>;
}

/** Makes a superblock durable that says that the zone has so many pages. */
type PublishPages = (pageCount: number) => Promise<void>;

/** So much of the zone must be free before anything is done. */
const FREE_SHARE_MIN = 0.25;
/** Where something was done, so much may be left of it. */
const FREE_SHARE_LEFT = 0.05;
/** Free pages that stay: of what must be free, this share; and so many. */
const SPARE_SHARE = 0.25;
const SPARE_PAGES_MIN = 64;
const ROUNDS_MAX = 4;
/** A checkpoint's writers are judged by so many checkpoints. */
const PEAKS_KEPT = 4;
/** Of the cache, while pages are moved. */
const DIRTY_SHARE_MAX = 0.5;

export class Compactor {
  readonly #parts: CompactorParts;
  #peaks: readonly number[] = [];

  constructor(parts: CompactorParts) {
    this.#parts = parts;
  }

  /** After a checkpoint. */
  async cutOften(publish: PublishPages): Promise<void> {
    const { volume, cells, growth } = this.#parts;
    const { space } = cells;
    this.#peaks = [...this.#peaks, space.takePeak()].slice(-PEAKS_KEPT);
    if (!volume.canShrink || this.#peaks.length < PEAKS_KEPT) return;
    const kept = Math.max(...this.#peaks, space.usedEnd) + growth.stepPages;
    if (this.#isMuch(space.pageCount, kept)) await growth.cut(kept, publish);
  }

  /** Before `volume` is closed; publishes in any case. */
  async cutAtClose(publish: PublishPages): Promise<void> {
    const { volume, cells, growth } = this.#parts;
    const { space } = cells;
    const kept = Math.max(this.#goal, space.usedEnd);
    const cuts = volume.canShrink && this.#isMuch(space.pageCount, kept);
    await growth.cut(cuts ? kept : space.pageCount, publish);
  }

  /** Moves pages down, if it is worth it. Nobody writes meanwhile; a checkpoint was just taken. */
  async compact(): Promise<void> {
    const { volume, cells, options, trace } = this.#parts;
    if (!volume.canShrink) return;
    let pagesLeft = Math.floor(options.closeMovesBytesMax / PAGE_BYTES);
    const usedEndBefore = cells.space.usedEnd;
    for (let round = 0; round < ROUNDS_MAX && pagesLeft > 0; round++) {
      if (!this.#isMuch(cells.space.usedEnd, this.#goal) && !this.#isRest(round)) break;
      const moved = await this.#round(pagesLeft);
      if (moved === 0) break;
      pagesLeft -= moved;
    }
    const { usedEnd } = cells.space;
    if (usedEnd < usedEndBefore) {
      trace.event("compacted", { volume: volume.name, usedEndBefore, usedEnd });
    }
  }

  /** How many pages the zone needs. */
  get #goal(): number {
    const { cells, options } = this.#parts;
    const { pageCount, freeCount } = cells.space;
    const sparePages = (options.shrinkBytesMin * SPARE_SHARE) / PAGE_BYTES;
    const spare = Math.max(SPARE_PAGES_MIN, Math.floor(sparePages));
    return Math.max(pageCount - freeCount + spare, Math.floor(options.pagesBytes / PAGE_BYTES));
  }

  /** Whether what lies between is so much that it is worth to be given back. */
  #isMuch(pageCount: number, kept: number): boolean {
    const bytes = (pageCount - kept) * PAGE_BYTES;
    return (
      bytes >= this.#parts.options.shrinkBytesMin &&
      bytes >= pageCount * PAGE_BYTES * FREE_SHARE_MIN
    );
  }

  /** Whether a round has left so much that another one is worth it. */
  #isRest(round: number): boolean {
    const goal = this.#goal;
    return round > 0 && this.#parts.cells.space.usedEnd > goal * (1 + FREE_SHARE_LEFT);
  }

  /** Moves what lies beyond the goal, at most `pagesMax` pages; how many it moved. */
  async #round(pagesMax: number): Promise<number> {
    const { space } = this.#parts.cells;
    const goal = this.#goal;
    const limitPage = this.#limit(goal, pagesMax);
    const base = { limitPage, pagesMax, dirtyShareMax: DIRTY_SHARE_MAX };
    const pages = new Compaction(this.#parts.cells, {
      ...base,
      values: false,
      packs: space.pageCount - space.freeCount <= pagesMax,
    });
    const isWhole = await this.#finish(pages);
    if (!isWhole || space.usedEnd <= limitPage || pages.movedPages >= pagesMax) {
      return pages.movedPages;
    }
    const left = pagesMax - pages.movedPages;
    const values = new Compaction(this.#parts.cells, {
      ...base,
      pagesMax: left,
      values: true,
      packs: false,
    });
    await this.#finish(values);
    return pages.movedPages + values.movedPages;
  }

  /** The lowest page, from the goal on, from which on so few are in use that all can be moved. */
  #limit(goal: number, pagesMax: number): number {
    const { space } = this.#parts.cells;
    const used = space.pageCount - space.freeCount;
    const usedFrom = (page: number): number => used - (page - space.freeBefore(page));
    let low = goal;
    let high = space.usedEnd;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      // With each page that is moved, some above it are written anew as well.
      if (usedFrom(middle) * 1.25 <= pagesMax) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Runs it, with checkpoints in between and at the end; false if something stopped it. */
  async #finish(compaction: Compaction): Promise<boolean> {
    for (;;) {
      const before = compaction.movedPages;
      const end = await this.#run(compaction);
      const hasMoved = compaction.movedPages > before;
      if (hasMoved && !(await this.#checkpoint())) return false;
      if (end !== "write" || !hasMoved) return end === "done";
    }
  }

  /** What cannot be read stops it: whoever asks for that page will hear of it. */
  async #run(compaction: Compaction): Promise<CompactionEnd | undefined> {
    try {
      return await compaction.run();
    } catch (error) {
      const isUnreadable = isFault(error, "ERR_CORRUPT") || isFault(error, "ERR_IO");
      if (!isUnreadable || this.#parts.volume.failure !== undefined) throw error;
      return undefined;
    }
  }

  /** False if there was no room for it. */
  async #checkpoint(): Promise<boolean> {
    try {
      await this.#parts.checkpoint();
      return true;
    } catch (error) {
      if (isFault(error, "ERR_FULL")) return false;
      throw error;
    }
  }
}
