/**
 * Decides when to take checkpoints and how fast to write them, and publishes them.
 *
 * It guarantees that
 *
 *  1. a checkpoint is published only when all that it contains is settled;
 *  2. the log is truncated, and pages are used again, only after the superblock with the new root
 *     is durable in two copies;
 *  3. there is one checkpoint at a time, and who asks while one runs gets the next.
 */

import { isFault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { Cells, CheckpointRoot } from "../cells/cells.ts";
import type { Log } from "../log/log.ts";
import type { Clock } from "../world/world.ts";
import type { Census } from "./census.ts";
import type { PageGrowth } from "./page-growth.ts";

export interface CheckpointerOptions {
  readonly clock: Clock;
  readonly cells: Cells;
  readonly census: Census;
  readonly log: Log;
  readonly growth: PageGrowth;
  readonly logShare: number;
  readonly dirtyShare: number;
  readonly whenSettled: (position: Lsn) => Promise<void>;
  /** Makes `root` the superblock's, with the log beginning after `position`. */
  readonly publish: (root: CheckpointRoot, position: Lsn) => Promise<void>;
  /** Told when the old places of pages are free. */
  readonly finished: () => Promise<void>;
  readonly failed: (error: Error) => void;
}

/** Somebody who cannot go on before the checkpoint has come further. */
interface Waiter {
  /** So many frames may be dirty then. */
  readonly dirtyFramesMax: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Beyond this share of the ring, or of the cache dirty, a checkpoint goes as fast as it can. */
const HURRY_LOG_SHARE = 0.75;
const HURRY_DIRTY_SHARE = 0.6;
/** Otherwise it rests for so many times as long as each slice took. */
const REST_FACTOR = 2;
const REST_MS_MAX = 20;

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #running: Promise<void> | undefined;
  #isHurried = false;
  #waiters: Waiter[] = [];
  #closed = false;
  count = 0;
  /** Whether the last one found no room. */
  isFull = false;
  lastDurationMs = 0;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Begins a checkpoint in the background if the log or the cache has filled up. */
  beginIfDue(): void {
    if (this.#running !== undefined || this.#closed) return;
    const { log, cells, logShare, dirtyShare } = this.#options;
    const isDue = log.usedBytes > log.ringBytes * logShare || this.#dirtyShare(cells) > dirtyShare;
    if (isDue) this.begin();
  }

  /** Begins a checkpoint in the background, unless one is running. */
  begin(): void {
    if (this.#running === undefined && !this.#closed) this.run().catch(() => undefined);
  }

  /** Resolves when a checkpoint has ended, which is begun now unless one is running. */
  async whenEnded(): Promise<void> {
    await (this.#running ?? (this.#closed ? undefined : this.run()));
  }

  /** As `whenEnded`, without rests: somebody waits for what the checkpoint gives up. */
  async whenHurried(): Promise<void> {
    this.#hurry();
    await this.whenEnded();
  }

  /**
   * Somebody waits: what runs goes on without rests, and something runs. Resolves when so many
   * frames that are dirty now are clean, or the checkpoint has ended; rejects with `ERR_FULL` if
   * nothing can be written before the disk has room.
   */
  hurry(frameCount: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#hurry();
    const dirtyFramesMax = this.#options.cells.cache.dirtyCount - frameCount;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ dirtyFramesMax, resolve, reject });
    });
  }

  #hurry(): void {
    this.#isHurried = true;
    this.begin();
  }

  /** Takes a checkpoint of all that is appended now. */
  async run(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
    this.#running = this.#run();
    try {
      await this.#running;
      this.isFull = false;
    } catch (error) {
      this.isFull = isFault(error, "ERR_FULL");
      // A full volume is not a broken one: what is in the log is safe, and room may be made.
      if (isFault(error, "ERR_FULL")) {
        for (const { reject } of this.#waiters.splice(0)) reject(error);
        throw error;
      }
      this.#closed = true;
      this.#options.failed(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      this.#running = undefined;
      this.#isHurried = false;
      this.#wake(Number.NEGATIVE_INFINITY);
    }
  }

  /** No checkpoint begins any more; resolves when the one under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running?.catch(() => undefined);
    this.#wake(Number.NEGATIVE_INFINITY);
  }

  async #run(): Promise<void> {
    const { cells, census, log, growth, clock } = this.#options;
    const beganMs = clock.monotonicMs();
    let checkpoint = cells.beginCheckpoint(census.encode());
    while (checkpoint === undefined) {
      await growth.grow();
      checkpoint = cells.beginCheckpoint(census.encode());
    }
    // Taken in the turn of the snapshot: the tree holds just what is appended.
    const position = log.appendedLsn;
    let root: CheckpointRoot;
    try {
      const manner = this.#closed ? "together" : "in slices";
      root = await cells.writeCheckpoint(checkpoint, this.#pace(beganMs), manner);
      await this.#options.whenSettled(position);
    } catch (error) {
      cells.abandonCheckpoint(checkpoint);
      throw error;
    }
    await this.#options.publish(root, position);
    cells.finishCheckpoint(checkpoint);
    await this.#options.finished();
    this.count++;
    this.lastDurationMs = clock.monotonicMs() - beganMs;
  }

  /** Called after each slice: tells those who wait, and says how long to rest. */
  #pace(beganMs: number): () => Promise<void> | undefined {
    let sliceBeganMs = beganMs;
    return () => {
      const nowMs = this.#options.clock.monotonicMs();
      const rest = this.#rest(nowMs - sliceBeganMs);
      sliceBeganMs = nowMs;
      this.#wake(this.#options.cells.cache.dirtyCount);
      return rest;
    };
  }

  #rest(sliceMs: number): Promise<void> | undefined {
    const { log, cells, clock } = this.#options;
    const inHurry =
      this.#isHurried ||
      this.#closed ||
      log.usedBytes > log.ringBytes * HURRY_LOG_SHARE ||
      this.#dirtyShare(cells) > HURRY_DIRTY_SHARE;
    if (inHurry) return undefined;
    const restMs = Math.min(sliceMs * REST_FACTOR, REST_MS_MAX);
    return new Promise((resolve) => clock.after(restMs, resolve));
  }

  #dirtyShare(cells: Cells): number {
    const { cache, extents } = cells;
    const pages = cache.dirtyCount / cache.frameCount;
    return Math.max(pages, extents.dirtyBytes / (cache.frameCount * 16384));
  }

  /** Tells those for whom it is enough if so many frames are dirty. */
  #wake(dirtyCount: number): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ dirtyFramesMax }) => dirtyFramesMax < dirtyCount);
    for (const { dirtyFramesMax, resolve } of waiters) if (dirtyCount <= dirtyFramesMax) resolve();
  }
}
