/**
 * Gives the segments of the log's ring places on the volume before they are needed, and takes the
 * places of most of them away when the store is closed.
 *
 * It guarantees that
 *
 *  1. what was not the ring's holds zeroes, durably, before a superblock names it as a place of the
 *     ring: nothing that users stored there can be taken for a batch;
 *  2. the log writes at a place only when two copies of the superblock durably name it;
 *  3. what is live of the log does not move. What two superblocks durably give up may lie anywhere:
 *     batches are told by their numbers, and none comes twice;
 *  4. pages that were the ring's are free only when two copies of the superblock name them no more.
 *
 * So the pages that the ring has are as many as the longest stretch of log that was live at once,
 * and some ahead of it.
 */

import { Fault, isFault } from "../base/fault.ts";
import type { Cells } from "../cells/cells.ts";
import { PAGE_BYTES } from "../cells/page.ts";
import type { PageRun } from "../cells/page-space.ts";
import type { Log } from "../log/log.ts";
import type { Volume } from "../volume/volume.ts";
import type { Trace } from "../world/world.ts";
import type { PageGrowth } from "./page-growth.ts";
import { keepLowest, RingPlaces } from "./ring-places.ts";
import { keptSegments } from "./ring-shape.ts";
import type { SuperblockZone } from "./superblock.ts";

export interface RingGrowthOptions {
  readonly trace: Trace;
  readonly volume: Volume;
  readonly superblocks: SuperblockZone;
  readonly cells: Cells;
  readonly pagesAt: number;
  readonly growth: PageGrowth;
  readonly log: Log;
  /** How many free pages are not to be taken for the ring. */
  readonly reservedPages: () => number;
  readonly failed: (error: Error) => void;
}

/** Beside what is kept at least, so much of what is live has places ahead. */
const AHEAD_SHARE = 4;
/** More are placed when this share of those ahead is left. */
const EARLY_SHARE = 0.75;
const ZERO_BYTES = 1 << 20;
/** So many free pages are the tree's, which needs some to change what it has. */
const TREE_PAGES: number = (2 << 20) / PAGE_BYTES;

export class RingGrowth {
  readonly #options: RingGrowthOptions;
  readonly #segmentPages: number;
  readonly #keptCount: number;
  #running: Promise<void> | undefined;
  /** The last attempt found no room; only who needs some, or a truncation, leads to another. */
  #isFull = false;
  #isClosed = false;

  constructor(options: RingGrowthOptions) {
    this.#options = options;
    const { ringBytes, segmentBytes } = options.log;
    this.#segmentPages = segmentBytes / PAGE_BYTES;
    this.#keptCount = keptSegments({ ringBytes, segmentBytes });
  }

  /** Places segments in the background if few are left ahead. */
  growEarly(): void {
    if (this.#running !== undefined || this.#isFull || this.#isClosed) return;
    const { log } = this.#options;
    if (log.lastSegment + this.#aheadCount * EARLY_SHARE < log.firstUnplaced) return;
    // Nobody waits for this yet: who needs room will try again and hear of the fault.
    this.grow(0).catch(() => undefined);
  }

  /** The log was truncated: what it gave up may lie elsewhere. */
  truncated(): void {
    this.#isFull = false;
    this.growEarly();
  }

  /**
   * Places segments up to `wanted`, and some more, as far as there is room; some at least, or it
   * rejects with `ERR_FULL`.
   */
  grow(wanted: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#running ??= this.#grow(wanted).finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Nothing is placed any more; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running?.catch(() => undefined);
  }

  /** Takes away the places that a store does not need while it is closed. Comes after `close`. */
  async giveBack(): Promise<void> {
    const { log, cells } = this.#options;
    const before = log.places.filter((place) => place !== 0);
    const isEmpty = log.headPosition === log.durablePosition;
    if (!isEmpty || before.length <= this.#keptCount) return;
    const kept = keepLowest(log.places, log.headSegment, this.#keptCount);
    await this.#publish(kept, "ring-given-back");
    for (const place of before) {
      if (!kept.includes(place)) cells.space.giveBack(this.#runAt(place));
    }
  }

  get #aheadCount(): number {
    const { log } = this.#options;
    const liveCount = log.lastSegment - log.headSegment;
    return Math.max(this.#keptCount, Math.ceil(liveCount / AHEAD_SHARE));
  }

  async #grow(wanted: number): Promise<void> {
    try {
      const places = await this.#plan(wanted);
      if (places !== undefined) await this.#publish(places, "ring-placed");
    } catch (error) {
      if (!isFault(error, "ERR_FULL")) {
        this.#options.failed(error instanceof Error ? error : new Error(String(error)));
      }
      throw error;
    }
  }

  /** Where the segments shall lie; undefined if those wanted have places. */
  async #plan(wanted: number): Promise<readonly number[] | undefined> {
    const { log } = this.#options;
    const { firstUnplaced } = log;
    const plan = new RingPlaces(log.places, log.headSegment, log.segmentBytes);
    const enough = Math.max(wanted, log.lastSegment + 1 + this.#aheadCount);
    const end = Math.min(enough, plan.end);
    if (end <= firstUnplaced) return undefined;
    let isFull = false;
    for (let segment = firstUnplaced; segment < end; segment++) {
      if (plan.placeOf(segment) !== 0 || plan.moveSpare(segment, end)) continue;
      const place: number | undefined = isFull ? undefined : await this.#newPlace();
      isFull = place === undefined;
      if (place !== undefined) plan.put(segment, place);
      // Fewer in a row from here on are better than more behind a gap.
      else if (!plan.moveSpare(segment, segment + 1)) break;
    }
    this.#isFull = isFull;
    if (plan.placeOf(firstUnplaced) === 0) throw this.#noRoom();
    return plan.places;
  }

  /** A place that holds zeroes, durably; undefined if there is no room for one. */
  async #newPlace(): Promise<number | undefined> {
    const { cells, volume, growth } = this.#options;
    const { space } = cells;
    const spareCount = space.freeCount - this.#options.reservedPages() - TREE_PAGES;
    const found = this.#segmentPages <= spareCount ? space.findRun(this.#segmentPages) : undefined;
    let lent: PageRun | undefined;
    try {
      if (found === undefined) lent = await growth.lendNew(this.#segmentPages);
      else {
        space.lend(found);
        lent = found;
        await this.#zero(this.#placeOf(found));
      }
      await volume.sync();
      return this.#placeOf(lent);
    } catch (error) {
      if (!isFault(error, "ERR_FULL")) throw error;
      if (lent !== undefined) space.giveBack(lent);
      return undefined;
    }
  }

  async #zero(place: number): Promise<void> {
    const { volume, log } = this.#options;
    const zeroes = new Uint8Array(Math.min(ZERO_BYTES, log.segmentBytes));
    for (let done = 0; done < log.segmentBytes; done += zeroes.length) {
      const length = Math.min(zeroes.length, log.segmentBytes - done);
      await volume.write(place + done, zeroes.subarray(0, length));
    }
  }

  async #publish(places: readonly number[], event: string): Promise<void> {
    const { superblocks, log, trace, volume } = this.#options;
    await superblocks.change((current) => ({ ...current, zone: { ...current.zone, places } }));
    const before = log.placedBytes;
    log.place(places);
    trace.event(event, { volume: volume.name, before, now: log.placedBytes });
  }

  #placeOf({ first }: PageRun): number {
    return this.#options.pagesAt + first * PAGE_BYTES;
  }

  #runAt(place: number): PageRun {
    const { pagesAt } = this.#options;
    return { first: (place - pagesAt) / PAGE_BYTES, count: this.#segmentPages };
  }

  #noRoom(): Fault {
    const { name } = this.#options.volume;
    return new Fault("ERR_FULL", `There is no room on "${name}" for more of the log`, {
      volume: name,
    });
  }
}
