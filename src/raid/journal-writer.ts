/**
 * Writes what is staged into the journal, batch after batch.
 *
 * It guarantees that
 *
 *  1. at most one batch is in flight, and a batch is durable only when it is so on one member more
 *     than the level may lose, or on all that are left, and the loss of any is recorded;
 *  2. blocks that were written in place before they are recorded are durable in place by then;
 *  3. `waitFor` resolves only when every change up to the ticket is durable.
 *
 * What comes while a batch is in flight goes into the next, so that many writers share one.
 */

import type { DurableEnd } from "./checkpointer.ts";
import type { Member } from "./member.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_RECORD_BYTES,
  type BatchContent,
  batchBytesFor,
  batchBytesOf,
  encodeBatch,
  recordCountOf,
} from "./journal-batch.ts";
import { batchBytesMaxOf, type JournalRing } from "./journal-ring.ts";
import {
  BLOCK_IN_PLACE,
  type PendingBlock,
  type PendingRow,
  type PlacedBlock,
  type PlacedStripe,
} from "./pending-rows.ts";
import type { RaidCore } from "./raid-core.ts";
import { allDone } from "./all-done.ts";
import type { Geometry } from "./geometry.ts";
import { inIndexOrder, isWholeRow } from "./whole-rows.ts";

interface Waiter {
  readonly ticket: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface JournalHooks {
  /** Resolves when a checkpoint has been made that began after the call. */
  readonly checkpoint: () => Promise<void>;
  /** Begins a checkpoint, if none is under way. */
  readonly beginCheckpoint: () => void;
}

export class JournalWriter {
  readonly #core: RaidCore;
  readonly #ring: JournalRing;
  readonly #hooks: JournalHooks;
  readonly #batchBytesMax: number;
  #waiters: Waiter[] = [];
  /** Those that wait until less is staged. */
  #queue: (() => void)[] = [];
  #wantedTicket = 0;
  #inFlightTicket: number = Number.POSITIVE_INFINITY;
  #durableBatch: number;
  /** How many stripes a reshape has moved with what is in batches, and with what is durable. */
  #movedStripes: number;
  #durableMoved: number;
  #running: Promise<void> | undefined;
  /** Where batches are laid out; there is at most one in flight. */
  #room = new Uint8Array(0);
  #roomEvent = 0;

  constructor(core: RaidCore, ring: JournalRing, hooks: JournalHooks) {
    this.#core = core;
    this.#ring = ring;
    this.#hooks = hooks;
    this.#batchBytesMax = batchBytesMaxOf(core.layout);
    this.#durableBatch = ring.next.batch - 1;
    this.#movedStripes = core.shape.stripes;
    this.#durableMoved = core.shape.stripes;
  }

  get durable(): DurableEnd {
    return { batch: this.#durableBatch, movedStripes: this.#durableMoved };
  }

  /** All batches up to this one were found in the journal. */
  resumeAfter(batch: number): void {
    this.#durableBatch = batch;
  }

  /** A reshape has moved that many stripes. */
  moveFrom(stripes: number): void {
    this.#movedStripes = stripes;
    this.#durableMoved = stripes;
  }

  /** Resolves when there is room for another change to be staged. */
  async room(): Promise<void> {
    this.#core.members.check();
    while (this.#batchBytesMax <= this.#core.pending.stagedBytes) {
      this.#kick();
      await new Promise<void>((resolve) => this.#queue.push(resolve));
      this.#core.members.check();
    }
  }

  /** Resolves when all changes up to the ticket are durable. */
  async waitFor(ticket: number): Promise<void> {
    this.#core.members.check();
    if (ticket < this.#firstUnsafeTicket()) return;
    this.#wantedTicket = Math.max(this.#wantedTicket, ticket);
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ ticket, resolve, reject });
      this.#kick();
    });
  }

  /** Begins to write when enough is staged, though nobody waits for it. */
  staged(): void {
    if (2 * this.#core.pending.stagedBytes >= this.#batchBytesMax) this.#kick();
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #firstUnsafeTicket(): number {
    return Math.min(this.#inFlightTicket, this.#core.pending.firstStagedTicket);
  }

  #kick(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      while (this.#hasWork()) await this.#writeNext();
    } catch (error) {
      this.#core.members.stop(error);
      for (const { reject } of this.#waiters.splice(0)) reject(error);
    }
    this.#running = undefined;
    for (const resume of this.#queue.splice(0)) resume();
    // One may have come between the last look and here.
    if (this.#core.members.failure === undefined && this.#hasWork()) this.#kick();
  }

  #hasWork(): boolean {
    const { pending } = this.#core;
    if (pending.firstStagedTicket <= this.#wantedTicket) return true;
    return this.#batchBytesMax <= 2 * pending.stagedBytes;
  }

  async #writeNext(): Promise<void> {
    await this.#syncInPlace();
    while (!this.#ring.hasRoom) await this.#hooks.checkpoint();
    await this.#writeBatch(this.#compose());
    this.#answer();
    if (this.#ring.isHalfFull) this.#hooks.beginCheckpoint();
  }

  /**
   * Makes durable what was written in place and isn't recorded yet. What is written into the same
   * rows meanwhile may not be: such rows are marked again, and wait for the next time.
   */
  async #syncInPlace(): Promise<void> {
    const { members, pending } = this.#core;
    let isSyncWanted = false;
    for (const staged of [pending.staged(), pending.stagedPlaced()]) {
      for (const one of staged) {
        isSyncWanted ||= one.isUnsynced;
        one.isUnsynced = false;
      }
    }
    if (!isSyncWanted) return;
    await members.syncAll();
    await members.settled();
  }

  /**
   * Puts into the next batch as much as it may hold: stripes that are in place, of which there is
   * little to say, then rows, the oldest first.
   */
  #compose(): BatchContent {
    const { layout, pending, shape } = this.#core;
    const batch = this.#ring.next.batch;
    const placed = this.#composePlaced(batch);
    const placedCount = recordCountOf({ placed, records: [], computed: [] });
    // While rows change from one layout to another, theirs is not looked for.
    const geometry = shape.isReshaping ? undefined : shape.geometry;
    const records: PlacedBlock[] = [];
    const computed: PlacedBlock[] = [];
    let dataBytes = 0;
    for (const row of pending.staged()) {
      // Those that were taken together with an earlier one aren't staged any more.
      if (!pending.isStaged(row)) continue;
      const rows = row.group?.rows ?? [row];
      if (rows.some(({ isUnsynced }) => isUnsynced)) {
        if (row.group === undefined) continue;
        break;
      }
      const [count, bytes] = stagedSize(rows, geometry);
      const total = placedCount + records.length + computed.length + count;
      const { batchBytes } = batchBytesFor(total, dataBytes + bytes, layout.unitBytes);
      if (total > count && this.#batchBytesMax < batchBytes) break;
      this.#movedStripes = row.group?.movedStripes ?? this.#movedStripes;
      for (const one of rows) {
        this.#inFlightTicket = Math.min(this.#inFlightTicket, one.ticket);
        const taken = pending.takeStaged(one, batch);
        const blocks = taken.map(({ block }) => block);
        if (isWholeRow(blocks, geometry)) {
          const ordered = inIndexOrder(taken, geometry);
          records.push(...ordered.slice(0, geometry.dataCount));
          computed.push(...ordered.slice(geometry.dataCount));
        } else records.push(...taken);
      }
      dataBytes += bytes;
    }
    return { placed, records, computed };
  }

  #composePlaced(batch: number): readonly PlacedStripe[] {
    const { pending } = this.#core;
    const countMax = (this.#batchBytesMax - BATCH_HEADER_BYTES) / BATCH_RECORD_BYTES;
    const placed: PlacedStripe[] = [];
    let count = 0;
    for (const one of pending.stagedPlaced()) {
      if (one.isUnsynced) continue;
      if (count > 0 && countMax < count + one.crcs.length) break;
      count += one.crcs.length;
      this.#inFlightTicket = Math.min(this.#inFlightTicket, one.ticket);
      pending.takePlaced(one, batch);
      placed.push(one);
    }
    return placed;
  }

  async #writeBatch(content: BatchContent): Promise<void> {
    if (recordCountOf(content) === 0) return;
    const { layout, members, shape, world } = this.#core;
    const { record } = members;
    const { batchBytes } = batchBytesOf(content, layout.unitBytes);
    const position = this.#ring.positionFor(batchBytes);
    const { batch, chain } = this.#ring.next;
    const header = {
      arrayId: record.arrayId,
      incarnation: record.incarnation,
      previous: chain,
      batch,
      position,
      event: record.event,
      movedStripes: shape.isReshaping ? this.#movedStripes : undefined,
    };
    const room = this.#roomFor(batchBytes);
    const { bytes, checksum } = encodeBatch(
      header,
      content,
      layout.unitBytes,
      world.checksums,
      room,
    );
    await writeCopies(this.#core, batch, this.#ring.byteAt(position), bytes, new Set());
    this.#ring.append(position, bytes.length, checksum);
    // At once: a checkpoint may begin any time, and must not find them too.
    this.#settleInPlace(content);
    this.#durableBatch = batch;
    this.#durableMoved = header.movedStripes ?? 0;
  }

  /** The same for every batch, unless a member left that may still be reading from it. */
  #roomFor(batchBytes: number): Uint8Array {
    const { event } = this.#core.members.record;
    if (this.#room.length < batchBytes || this.#roomEvent !== event) {
      this.#room = new Uint8Array(Math.max(batchBytes, this.#room.length));
      this.#roomEvent = event;
    }
    return this.#room;
  }

  #settleInPlace({ placed, records }: BatchContent): void {
    const { members, pending, table } = this.#core;
    const { event } = members.record;
    for (const one of placed) {
      if (one.blocks !== undefined) this.#settleBlocks(one.blocks);
      else {
        table.setStripe(one, event);
        pending.settlePlaced(one);
      }
    }
    this.#settleBlocks(records);
  }

  #settleBlocks(blocks: readonly PlacedBlock[]): void {
    const { members, pending, table } = this.#core;
    for (const placed of blocks) {
      if (placed.block.kind !== BLOCK_IN_PLACE) continue;
      table.set(placed.row, placed.slot, placed.block.crc, members.record.event);
      pending.settle(placed);
    }
  }

  #answer(): void {
    this.#inFlightTicket = Number.POSITIVE_INFINITY;
    const first = this.#firstUnsafeTicket();
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.ticket < first) waiter.resolve();
      else this.#waiters.push(waiter);
    }
    for (const resume of this.#queue.splice(0)) resume();
  }
}

/**
 * Makes a batch durable on as many members as the level asks for; `holders` have it already. The
 * members take turns, so that each writes only its share of the journal.
 */
export async function writeCopies(
  core: RaidCore,
  batch: number,
  at: number,
  bytes: Uint8Array,
  holders: Set<Member>,
): Promise<void> {
  const { members, shape } = core;
  const wanted = shape.geometry.lossesMax + 1;
  for (;;) {
    const active = activeMembers(core, batch);
    const count = active.filter((member) => holders.has(member)).length;
    const missing = active.filter((member) => !holders.has(member));
    const coming = members.seated().filter((one) => one.takesJournal && !holders.has(one));
    const chosen = [...missing.slice(0, Math.max(0, wanted - count)), ...coming];
    if (chosen.length === 0) break;
    await allDone(
      chosen.map(async (member) => {
        if (await members.writeDurable(member, at, bytes)) holders.add(member);
      }),
    );
    members.check();
  }
  await members.settled();
}

function activeMembers(core: RaidCore, turn: number): readonly Member[] {
  const { members } = core;
  const active = members.seats.flatMap((_, role) => members.active(role) ?? []);
  const first = turn % active.length;
  return [...active.slice(first), ...active.slice(0, first)];
}

/** What the rows take in a batch. */
function stagedSize(
  rows: readonly PendingRow[],
  geometry: Geometry | undefined,
): readonly [count: number, bytes: number] {
  let count = 0;
  let bytes = 0;
  for (const { blocks } of rows) {
    const staged = blocks.filter(isStaged);
    for (const block of staged) bytes += block.bytes?.length ?? 0;
    if (isWholeRow(staged, geometry)) bytes -= geometry.parityCount * geometry.blockBytes;
    count += staged.length;
  }
  return [count, bytes];
}

function isStaged(block: PendingBlock | undefined): block is PendingBlock {
  return block?.batch === Number.POSITIVE_INFINITY;
}
