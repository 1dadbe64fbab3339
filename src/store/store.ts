/**
 * A store: log and cells as one atomic, durable row of states.
 *
 * It guarantees that
 *
 *  1. `commit` appends a set of writes and applies it in one step within a turn, or does nothing;
 *     what it appended is in the log before any page that holds it is believed;
 *  2. after a crash at any moment the store opens with every set of writes up to some position,
 *     whole, and every position that was settled is among them;
 *  3. when it fails nothing more settles, and everyone who waits is told.
 *
 * It knows nothing of transactions: who may commit what, and when, is decided above.
 */

import { assert } from "../base/assert.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type { Cells, CheckpointRoot } from "../cells/cells.ts";
import { NO_FRAMES, NO_PAGES, READY, TOO_LARGE } from "../cells/prepare.ts";
import { MISS } from "../cells/tree.ts";
import { forgetGenerations } from "../log/generations.ts";
import { Listeners } from "../log/listeners.ts";
import type { Log } from "../log/log.ts";
import type { Volume } from "../volume/volume.ts";
import type { World } from "../world/world.ts";
import type { Applier } from "./applier.ts";
import type { Census } from "./census.ts";
import { Checkpointer } from "./checkpointer.ts";
import { Compactor } from "./compactor.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Fence } from "./fence.ts";
import type { LoggedTime } from "./logged-time.ts";
import type { StoreOptions } from "./options.ts";
import type { PageGrowth } from "./page-growth.ts";
import { RingGrowth } from "./ring-growth.ts";
import type { SuperblockZone } from "./superblock.ts";
import type { PageZone } from "./superblock-format.ts";
import { SettledWaiters } from "./settled-waiters.ts";
import { full, noRoomForCheckpoint, stopped, tooLongForDisk } from "./store-faults.ts";
import { checkpointFields } from "./superblock-root.ts";
import { ENTRY_WRITES } from "./write-set.ts";

/** Why `commit` did nothing; `progress` waits until it may be tried again. */
export const WAIT_PAGE: number = -1;
export const WAIT_FRAMES: number = -2;
export const WAIT_ROOM: number = -3;
export const WAIT_PAGES: number = -4;
export const WAIT_FENCE: number = -5;
/** The writes can never be applied with this cache. */
export const REFUSED_LARGE: number = -6;

/** To apply so many writes takes longer than a batch's way to another thread and back. */
const MANY_WRITES = 128;

export interface StoreParts {
  readonly world: World;
  readonly volume: Volume;
  readonly options: StoreOptions;
  readonly superblocks: SuperblockZone;
  readonly cells: Cells;
  readonly census: Census;
  readonly dependencies: Dependencies;
  readonly applier: Applier;
  readonly growth: PageGrowth;
  readonly log: Log;
  readonly fence: Fence;
  readonly time: LoggedTime;
}

export class Store {
  readonly cells: Cells;
  readonly census: Census;
  readonly dependencies: Dependencies;
  readonly log: Log;
  readonly options: StoreOptions;
  readonly volume: Volume;
  readonly #world: World;
  readonly #superblocks: SuperblockZone;
  readonly #applier: Applier;
  readonly #growth: PageGrowth;
  readonly #fence: Fence;
  readonly #time: LoggedTime;
  readonly #checkpointer: Checkpointer;
  readonly #ringGrowth: RingGrowth;
  readonly #compactor: Compactor;
  readonly #onSettled = new Listeners<Lsn>();
  readonly #onFailure = new Listeners<Error>();
  readonly #waiters = new SettledWaiters();
  #settled: Lsn;
  #failure: Error | undefined;
  /** Once it is closed or abandoned, or on the way to it. */
  #closed: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    this.cells = parts.cells;
    this.census = parts.census;
    this.dependencies = parts.dependencies;
    this.log = parts.log;
    this.options = parts.options;
    this.volume = parts.volume;
    this.#world = parts.world;
    this.#superblocks = parts.superblocks;
    this.#applier = parts.applier;
    this.#growth = parts.growth;
    this.#fence = parts.fence;
    this.#time = parts.time;
    this.#settled = parts.log.durableLsn;
    this.#checkpointer = new Checkpointer({
      clock: parts.world.clock,
      cells: parts.cells,
      census: parts.census,
      log: parts.log,
      growth: parts.growth,
      logShare: parts.options.checkpointLogShare,
      dirtyShare: parts.options.checkpointDirtyShare,
      whenSettled: (position) => this.whenSettled(position),
      publish: (root, position) => this.#publish(root, position),
      finished: () => this.#compactor.cutOften((pageCount) => this.#publishPages(pageCount)),
      failed: (error) => this.#fail(error),
    });
    this.#ringGrowth = new RingGrowth({
      trace: parts.world.trace,
      volume: parts.volume,
      superblocks: parts.superblocks,
      cells: parts.cells,
      pagesAt: parts.superblocks.current.pages.at,
      growth: parts.growth,
      log: parts.log,
      reservedPages: () => parts.applier.reservedPages("ordinary"),
      failed: (error) => this.#fail(error),
    });
    this.#compactor = new Compactor({
      volume: parts.volume,
      trace: parts.world.trace,
      cells: parts.cells,
      growth: parts.growth,
      options: parts.options,
      checkpoint: () => this.#checkpointer.run(),
    });
    parts.log.onDurable(() => this.#durable());
    parts.log.onFailure((error) => this.#fail(error));
  }

  get appendedLsn(): Lsn {
    return this.log.appendedLsn;
  }

  /** Everything up to here survives whatever the store survives. */
  get settledLsn(): Lsn {
    return this.#settled;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  get checkpointCount(): number {
    return this.#checkpointer.count;
  }

  /** Whether there was no room on disk when some was asked for the last time. */
  get isDiskFull(): boolean {
    return this.#growth.isVolumeFull || this.#checkpointer.isFull;
  }

  /** Whether reads and writes may go on in this turn; if not, wait for `progress(WAIT_FENCE)`. */
  get isClear(): boolean {
    return this.#fence.isClear;
  }

  onSettled(listener: () => void): () => void {
    return this.#onSettled.add(listener);
  }

  onFailure(listener: (error: Error) => void): () => void {
    return this.#onFailure.add(listener);
  }

  /** Resolves when `position` is settled; rejects if the store fails before. */
  whenSettled(position: Lsn): Promise<void> {
    if (position <= this.#settled) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#waiters.wait(position);
  }

  /** Throws why the store accepts nothing, if it does not. */
  requireOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed !== undefined)
      throw new Fault("ERR_CLOSED", "The store is closed: open it again");
  }

  /**
   * Appends and applies the writes in `bytes[at, at + length)`. Returns their position, or one of
   * the codes above if nothing was done.
   */
  commit(bytes: Uint8Array, at: number, length: number): number {
    const prepared = this.#applier.prepare(bytes, at, length);
    this.#growth.asked(this.#applier.askedPages);
    if (prepared !== READY) return reasonOf(prepared);
    if (!this.log.room(length, false) && !this.#reservedRoom(bytes, at, length)) return WAIT_ROOM;
    const position = this.#append(bytes, at, length);
    if (MANY_WRITES <= this.#applier.writeCount) this.log.beginBatch();
    try {
      this.#applier.apply(bytes, at, length, position);
    } catch (error) {
      // A part of it is in the tree, which only recovery can mend.
      this.#fail(asError(error));
      throw error;
    }
    this.#time.appended();
    this.#checkpointer.beginIfDue();
    this.#growth.growEarly();
    return position;
  }

  /** Waits until what stood in the way of `commit` may be gone. */
  async progress(reason: number): Promise<void> {
    this.requireOpen();
    switch (reason) {
      case WAIT_FENCE:
        await this.#look();
        break;
      case WAIT_FRAMES:
        await this.#checkpointer.hurry(this.#applier.missingFrames).catch((error: unknown) => {
          throw isFault(error, "ERR_FULL") ? noRoomForCheckpoint(this.volume, error) : error;
        });
        break;
      case WAIT_ROOM:
        await this.#whenRoom();
        break;
      case WAIT_PAGES:
        await this.#makePages();
        break;
      default:
        assert(false, "a missing page is loaded by its lease, the rest is refused");
    }
    this.requireOpen();
  }

  /** Takes a checkpoint of all that is appended now. */
  async checkpoint(): Promise<void> {
    this.requireOpen();
    await this.#checkpointer.run();
  }

  /** Refuses further work, settles what was appended, and leaves a clean shutdown's mark. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Stops at once, as a crash would, but lets go of the volume. */
  abandon(): Promise<void> {
    this.#fail(new Fault("ERR_CLOSED", "The store was abandoned: open it again"));
    this.#closed ??= this.#letGo();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#checkpointer.close();
      await this.#ringGrowth.close();
      if (this.#failure !== undefined) return;
      await this.log.close();
      await this.#checkpointIfRoom();
      await this.#ringGrowth.giveBack();
      await this.#compactor.compact();
      await this.#compactor.cutAtClose((pageCount) => this.#publishClean(pageCount));
    } finally {
      this.#fail(new Fault("ERR_CLOSED", "The store is closed: open it again"));
      await this.volume.close();
    }
  }

  /** The mark of a clean shutdown. */
  async #publishClean(pageCount: number): Promise<void> {
    await this.#superblocks.change((current) => ({
      ...current,
      pages: noMore(current.pages, pageCount),
      cleanBatch: this.log.lastBatch,
      wallMs: this.#world.clock.wallMs(),
    }));
  }

  async #publishPages(pageCount: number): Promise<void> {
    await this.#superblocks.change((current) => ({
      ...current,
      pages: noMore(current.pages, pageCount),
    }));
  }

  async #letGo(): Promise<void> {
    await this.#checkpointer.close();
    await this.#ringGrowth.close();
    await this.volume.close();
  }

  /** The log holds everything without it: the next opening only has more to replay. */
  async #checkpointIfRoom(): Promise<void> {
    try {
      await this.#checkpointer.run();
    } catch (error) {
      if (!isFault(error, "ERR_FULL")) throw error;
    }
  }

  /** Whether the log's reserve has room for the writes, and they may use it. */
  #reservedRoom(bytes: Uint8Array, at: number, length: number): boolean {
    return this.log.room(length, true) && this.#applier.urgency(bytes, at, length) === "makes room";
  }

  #append(bytes: Uint8Array, at: number, length: number): Lsn {
    const { log } = this;
    if (length > log.stagedBodyBytesMax) {
      return log.appendLarge(ENTRY_WRITES, bytes.subarray(at, at + length));
    }
    const { bodyAt } = log;
    const staging = this.cells.cache.slab.bytes;
    if (bytes !== staging) staging.set(bytes.subarray(at, at + length), bodyAt);
    else staging.copyWithin(bodyAt, at, at + length);
    return log.append(ENTRY_WRITES, length);
  }

  #durable(): void {
    if (this.#failure !== undefined) return;
    // Of what gathered while a batch was under way, however long that took.
    if (this.log.durableLsn < this.log.appendedLsn) this.#time.appended();
    this.#ringGrowth.growEarly();
    if (this.#fence.isClear) {
      this.#settle();
      return;
    }
    this.#look().then(
      () => this.#durable(),
      (error: unknown) => this.#fail(asError(error)),
    );
  }

  /** Fails the store if it has lost the volume. Who closes it looks too, to answer what it owes. */
  async #look(): Promise<void> {
    try {
      await this.#fence.look();
    } catch (error) {
      if (!isFault(error, "ERR_IO")) this.#fail(asError(error));
      throw error;
    }
  }

  #settle(): void {
    if (this.#failure !== undefined) return;
    this.#settled = this.log.durableLsn;
    this.#onSettled.call(this.#settled);
    this.#waiters.settled(this.#settled);
  }

  /**
   * Room comes with places for the ring, when a batch has landed or, if it is the ring that is
   * full, with a checkpoint.
   */
  async #whenRoom(): Promise<void> {
    const { wantedSegment, lastSegment } = this.log;
    if (wantedSegment > 0) {
      await this.#makePlaces(wantedSegment, wantedSegment - lastSegment);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        stopRoom();
        stopFailure();
      };
      const fail = (error: Error): void => {
        stop();
        reject(error);
      };
      const stopRoom = this.log.onRoom(() => {
        stop();
        resolve();
      });
      const stopFailure = this.onFailure(fail);
      if (this.log.usedBytes <= this.log.ringBytes / 2) return;
      this.#checkpointer.whenEnded().catch((error: unknown) => {
        if (isFault(error, "ERR_FULL")) fail(noRoomForCheckpoint(this.volume, error));
      });
    });
  }

  /**
   * Where the disk has no more room, the ring must do with what a checkpoint gives up. Who needs
   * more segments than it has would wait for as long as others write.
   */
  async #makePlaces(wantedSegment: number, neededCount: number): Promise<void> {
    let isLastTry = false;
    for (;;) {
      const { headSegment } = this.log;
      try {
        await this.#ringGrowth.grow(wantedSegment);
        return;
      } catch (error) {
        if (!isFault(error, "ERR_FULL")) throw error;
        const { placedBytes, segmentBytes } = this.log;
        if (neededCount * segmentBytes > placedBytes) throw tooLongForDisk(this.volume, error);
        await this.#checkpointer.whenHurried().catch((cause: unknown) => {
          throw isFault(cause, "ERR_FULL") ? noRoomForCheckpoint(this.volume, cause) : cause;
        });
        // The one that ran may have begun too early to give up much; the next one did not.
        const isMoved = headSegment < this.log.headSegment;
        if (!isMoved && isLastTry) throw full(this.volume, error);
        isLastTry = !isMoved;
      }
    }
  }

  async #makePages(): Promise<void> {
    try {
      await this.#growth.grow();
    } catch (error) {
      if (!isFault(error, "ERR_FULL")) throw error;
      // Pages that were let go wait for the next checkpoint.
      if (this.cells.space.deadCount === 0) throw full(this.volume, error);
      const freeBefore = this.cells.space.freeCount;
      await this.#checkpointer.run();
      if (this.cells.space.freeCount <= freeBefore) throw full(this.volume, error);
    }
  }

  async #publish(root: CheckpointRoot, position: Lsn): Promise<void> {
    const anchor = this.log.anchorAfter(position);
    await this.#superblocks.change((current) => ({
      ...current,
      ...checkpointFields(root, current.pages),
      anchor,
      wallMs: this.#world.clock.wallMs(),
      generations: forgetGenerations(current.generations, anchor.batch),
    }));
    this.log.truncate(anchor);
    this.#ringGrowth.truncated();
    const { appendedLsn } = this;
    this.#world.trace.event("checkpoint", { volume: this.volume.name, position, appendedLsn });
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = isFault(error, "ERR_CLOSED") ? error : stopped(this.volume, error);
    this.cells.cache.stop(this.#failure);
    this.#onFailure.call(this.#failure);
    this.#waiters.failed(this.#failure);
  }
}

function reasonOf(prepared: number): number {
  switch (prepared) {
    case MISS:
      return WAIT_PAGE;
    case NO_FRAMES:
      return WAIT_FRAMES;
    case NO_PAGES:
      return WAIT_PAGES;
    case TOO_LARGE:
      return REFUSED_LARGE;
    default:
      assert(false, "the codes of a preparation are listed");
  }
}

/** The zone is said to have no more pages than it has, nor than the checkpoint's map knows. */
function noMore(pages: PageZone, pageCount: number): PageZone {
  return { ...pages, pageCount: Math.min(pages.pageCount, pageCount) };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
