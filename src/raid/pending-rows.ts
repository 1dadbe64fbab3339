/**
 * What was changed and isn't in place yet: for each row the newest versions of its blocks, in the
 * order in which the rows were changed first since they were last put into a batch.
 *
 * A version is *staged* until it is part of a batch, and stays until it is in place. Under it lie
 * the older ones that are in batches and not in place, because a checkpoint must put in place what
 * is durable, and the newest may not be. The records of one row are always in one batch, so that
 * what is replayed is a row whose parity agrees with its data.
 *
 * Stripes that were written in place as a whole are kept apart, as long as nobody changes anything
 * of them: there may be very many, and of each there is no more to know than its checksums.
 */

import { assert, must } from "../base/assert.ts";
import type { Lease } from "./lease.ts";

/** A kind's value is its number in a record of the journal. */
export const BLOCK_DATA = 0;
/** Was written in place before it was recorded, where nothing was before. */
export const BLOCK_IN_PLACE = 1;
export const BLOCK_TRIMMED = 2;
/** Cannot be had back; reading it fails until it is written again. */
export const BLOCK_LOST = 3;

export type BlockKind =
  | typeof BLOCK_DATA
  | typeof BLOCK_IN_PLACE
  | typeof BLOCK_TRIMMED
  | typeof BLOCK_LOST;

export interface PendingBlock {
  readonly kind: BlockKind;
  /** Of the bytes; 0 where there are none. */
  readonly crc: number;
  /** Only of data. Never changed while it is here. */
  readonly bytes: Uint8Array | undefined;
  /** On the memory of the bytes, if others want it back. */
  readonly lease: Lease | undefined;
  /** The batch that it is in; infinite while it is staged. */
  batch: number;
  older: PendingBlock | undefined;
}

export interface PendingRow {
  readonly row: number;
  /** By slot. */
  readonly blocks: (PendingBlock | undefined)[];
  /** When it was first changed since it was last put into a batch. */
  ticket: number;
  /** Whether blocks of it were written in place and not synced since. */
  isUnsynced: boolean;
  /** The rows that must be put into one batch together, if there are any besides this. */
  group: RowGroup | undefined;
}

export interface RowGroup {
  readonly rows: readonly PendingRow[];
  /** How many stripes a reshape has moved with these. */
  readonly movedStripes: number;
}

/** A version with where it belongs. */
export interface PlacedBlock {
  readonly row: number;
  readonly slot: number;
  readonly block: PendingBlock;
}

/** A stripe of which all blocks were written in place, where nothing was before. */
export interface PlacedStripe {
  readonly firstRow: number;
  readonly rowCount: number;
  /** Slot after slot, of all rows. */
  readonly crcs: Uint32Array;
  readonly ticket: number;
  batch: number;
  /** Whether it was not synced since it was written. */
  isUnsynced: boolean;
  /** Its blocks, if something of it was changed since. */
  blocks: readonly PlacedBlock[] | undefined;
}

export class PendingRows {
  readonly #slotCount: () => number;
  readonly #chunkBlocks: number;
  readonly #rows = new Map<number, PendingRow>();
  #staged = new Map<number, PendingRow>();
  readonly #placed = new Map<number, PlacedStripe>();
  readonly #stagedPlaced = new Map<number, PlacedStripe>();
  #stagedBytes = 0;
  #ticket = 0;

  /** The number of slots may grow. */
  constructor(slotCount: () => number, chunkBlocks: number) {
    this.#slotCount = slotCount;
    this.#chunkBlocks = chunkBlocks;
  }

  get rowCount(): number {
    return this.#rows.size + this.#placed.size * this.#chunkBlocks;
  }

  /** How many bytes a batch of all that is staged would take, about. */
  get stagedBytes(): number {
    return this.#stagedBytes;
  }

  /** The number of the last change. */
  get ticket(): number {
    return this.#ticket;
  }

  /** The first ticket of what is staged; infinite if nothing is. */
  get firstStagedTicket(): number {
    return Math.min(firstTicket(this.#staged), firstTicket(this.#stagedPlaced));
  }

  get(row: number, slot: number): PendingBlock | undefined {
    const pending = this.#rows.get(row);
    if (pending !== undefined) return pending.blocks[slot];
    const placed = this.#placedAt(row);
    return placed && blockOf(placed, row, slot);
  }

  hasRow(row: number): boolean {
    return this.#rows.has(row) || this.#placedAt(row) !== undefined;
  }

  isStaged({ row }: PendingRow): boolean {
    return this.#staged.has(row);
  }

  staged(): Iterable<PendingRow> {
    return this.#staged.values();
  }

  /** Makes this the newest version; the lease, if there is one, is held as long as it is needed. */
  stage(
    row: number,
    slot: number,
    kind: BlockKind,
    crc: number,
    bytes?: Uint8Array,
    lease?: Lease,
  ): void {
    const pending = this.#stagedRow(row);
    const present = pending.blocks[slot];
    const isStaged = present !== undefined && present.batch === Number.POSITIVE_INFINITY;
    const older = isStaged ? present.older : present;
    if (isStaged) {
      this.#stagedBytes -= sizeOf(present);
      present.lease?.drop();
    }
    lease?.hold();
    const block = { kind, crc, bytes, lease, batch: Number.POSITIVE_INFINITY, older };
    pending.blocks[slot] = block;
    this.#stagedBytes += sizeOf(block);
    if (kind === BLOCK_IN_PLACE) pending.isUnsynced = true;
  }

  /** Stages a stripe that was written in place; nothing of it may be pending. */
  stagePlaced(stripe: number, crcs: Uint32Array): void {
    const placed: PlacedStripe = {
      firstRow: stripe * this.#chunkBlocks,
      rowCount: this.#chunkBlocks,
      crcs,
      ticket: ++this.#ticket,
      batch: Number.POSITIVE_INFINITY,
      isUnsynced: true,
      blocks: undefined,
    };
    assert(!this.#placed.has(stripe), "a stripe is fresh once");
    this.#placed.set(stripe, placed);
    this.#stagedPlaced.set(stripe, placed);
    this.#stagedBytes += crcs.length * RECORD_BYTES;
  }

  stagedPlaced(): Iterable<PlacedStripe> {
    return this.#stagedPlaced.values();
  }

  /** Has these rows, which are staged, put into one batch. */
  bind(rows: readonly number[], movedStripes: number): void {
    const staged = rows.map((row) => this.#stagedRow(row));
    const group: RowGroup = { rows: staged, movedStripes };
    for (const pending of staged) pending.group = group;
  }

  /** Puts all staged versions of the row into a batch. */
  takeStaged(pending: PendingRow, batch: number): readonly PlacedBlock[] {
    const wasStaged = this.#staged.delete(pending.row);
    assert(wasStaged && !pending.isUnsynced, "a row is taken once, and after it is durable");
    pending.group = undefined;
    const taken: PlacedBlock[] = [];
    for (const [slot, block] of pending.blocks.entries()) {
      if (block === undefined || block.batch !== Number.POSITIVE_INFINITY) continue;
      block.batch = batch;
      this.#stagedBytes -= sizeOf(block);
      taken.push({ row: pending.row, slot, block });
    }
    if (taken.length === 0) this.#dropEmpty(pending);
    return taken;
  }

  /** Puts the stripe into a batch. */
  takePlaced(placed: PlacedStripe, batch: number): void {
    const wasStaged = this.#stagedPlaced.delete(this.#stripeOf(placed.firstRow));
    assert(wasStaged && !placed.isUnsynced, "a stripe is taken once, and after it is durable");
    placed.batch = batch;
    this.#stagedBytes -= placed.crcs.length * RECORD_BYTES;
  }

  /**
   * Adds what was read from the journal; versions of a block come in the order of their batches.
   */
  replay(row: number, slot: number, kind: BlockKind, crc: number, bytes?: Uint8Array): void {
    this.#rowOf(row).blocks[slot] = {
      kind,
      crc,
      bytes,
      lease: undefined,
      batch: 0,
      older: undefined,
    };
  }

  /** The newest versions that are in batches up to `batch`. */
  upTo(batch: number): readonly PlacedBlock[] {
    const found: PlacedBlock[] = [];
    for (const { row, blocks } of this.#rows.values()) {
      for (let slot = 0; slot < blocks.length; slot++) {
        let block = blocks[slot];
        while (block !== undefined && batch < block.batch) block = block.older;
        if (block !== undefined) found.push({ row, slot, block });
      }
    }
    return found;
  }

  /** Forgets a version that is in place, and those under it. */
  settle({ row, slot, block }: PlacedBlock): void {
    const pending = must(this.#rows.get(row), "what settles is pending");
    let newest = pending.blocks[slot];
    if (newest === block) {
      pending.blocks[slot] = undefined;
      dropLeases(block);
      this.#dropEmpty(pending);
      return;
    }
    while (newest !== undefined && newest.older !== block) newest = newest.older;
    if (newest === undefined) return;
    newest.older = undefined;
    dropLeases(block);
  }

  /** Forgets a stripe of which nothing was changed since it was taken. */
  settlePlaced({ firstRow }: PlacedStripe): void {
    this.#placed.delete(this.#stripeOf(firstRow));
  }

  #stripeOf(row: number): number {
    return Math.floor(row / this.#chunkBlocks);
  }

  #placedAt(row: number): PlacedStripe | undefined {
    if (this.#placed.size === 0) return undefined;
    return this.#placed.get(this.#stripeOf(row));
  }

  /** Keeps the rows of the stripe one by one from now on, because one of them changes. */
  #spread(placed: PlacedStripe): void {
    const { firstRow, rowCount, ticket, isUnsynced } = placed;
    const stripe = this.#stripeOf(firstRow);
    const spread: PlacedBlock[] = [];
    const wasStaged = this.#stagedPlaced.delete(stripe);
    this.#placed.delete(stripe);
    for (let row = firstRow; row < firstRow + rowCount; row++) {
      const pending = this.#rowOf(row);
      for (let slot = 0; slot < pending.blocks.length; slot++) {
        const block = blockOf(placed, row, slot);
        pending.blocks[slot] = block;
        if (block !== undefined) spread.push({ row, slot, block });
      }
      if (!wasStaged) continue;
      pending.ticket = ticket;
      pending.isUnsynced = isUnsynced;
      this.#staged.set(row, pending);
    }
    placed.blocks = spread;
    // Those of the stripe belong before those that came after it.
    if (wasStaged) this.#staged = new Map([...this.#staged].toSorted(byTicket));
  }

  #dropEmpty(pending: PendingRow): void {
    const isEmpty = pending.blocks.every((one) => one === undefined);
    if (isEmpty && !this.#staged.has(pending.row)) this.#rows.delete(pending.row);
  }

  #stagedRow(row: number): PendingRow {
    const pending = this.#rowOf(row);
    this.#ticket++;
    if (this.#staged.has(row)) return pending;
    pending.ticket = this.#ticket;
    this.#staged.set(row, pending);
    return pending;
  }

  #rowOf(row: number): PendingRow {
    const placed = this.#placedAt(row);
    if (placed !== undefined) this.#spread(placed);
    const present = this.#rows.get(row);
    if (present !== undefined) return present;
    const blocks: (PendingBlock | undefined)[] = Array.from(
      { length: this.#slotCount() },
      () => undefined,
    );
    const pending: PendingRow = { row, blocks, ticket: 0, isUnsynced: false, group: undefined };
    this.#rows.set(row, pending);
    return pending;
  }
}

/** A record of the journal, and the data after it. */
const RECORD_BYTES = 16;

function sizeOf(block: PendingBlock): number {
  return RECORD_BYTES + (block.bytes?.length ?? 0);
}

/** Of the version and those under it. */
function dropLeases(newest: PendingBlock): void {
  for (let block: PendingBlock | undefined = newest; block !== undefined; block = block.older) {
    block.lease?.drop();
  }
}

/** Of the first of those that are in the order of their tickets. */
function firstTicket(staged: ReadonlyMap<number, { readonly ticket: number }>): number {
  for (const { ticket } of staged.values()) return ticket;
  return Number.POSITIVE_INFINITY;
}

function byTicket(
  left: readonly [number, PendingRow],
  right: readonly [number, PendingRow],
): number {
  return left[1].ticket - right[1].ticket;
}

function blockOf(placed: PlacedStripe, row: number, slot: number): PendingBlock | undefined {
  const { batch, crcs, firstRow, rowCount } = placed;
  const crc = crcs[slot * rowCount + row - firstRow];
  if (crc === undefined) return undefined;
  const kind = BLOCK_IN_PLACE;
  return { kind, crc, bytes: undefined, lease: undefined, batch, older: undefined };
}
