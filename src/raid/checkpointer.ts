/**
 * Puts in place what is durable in the journal, and moves the journal's start behind it.
 *
 * In this order, each step durable before the next begins: the blocks, the table blocks that name
 * them, the record that names those. So a crash at any point leaves a journal that begins no later
 * than what is in place, and replaying it again changes nothing that was done.
 */

import { allDone } from "./all-done.ts";
import type { TablePlace } from "./checksum-table.ts";
import { EVENT_LOST, EVENT_NONE } from "./checksum-table.ts";
import type { JournalRing } from "./journal-ring.ts";
import type { Member } from "./member.ts";
import { BLOCK_DATA, BLOCK_IN_PLACE, BLOCK_LOST, type PlacedBlock } from "./pending-rows.ts";
import { type RaidCore, rolesOfSlot, writersOfSlot } from "./raid-core.ts";
import type { ArrayRecord } from "./superblock.ts";

/** Blocks that lie together are written together, up to this size. */
const RUN_BYTES_MAX: number = 1 << 20;
/** Those that do not lie together in memory, too, are brought together for no more than this. */
const JOINED_BYTES_MAX = 65_536;

/** What a checkpoint changes in the record besides what is its own. */
export type RecordChange = (record: ArrayRecord) => ArrayRecord;

/** Up to where the journal is durable. */
export interface DurableEnd {
  readonly batch: number;
  /** How many stripes a reshape has moved by then. */
  readonly movedStripes: number;
}

export class Checkpointer {
  readonly #core: RaidCore;
  readonly #ring: JournalRing;
  readonly #durable: () => DurableEnd;
  #running: Promise<void> | undefined;
  /** The highest sequence that any table block may have. */
  #sequence: number;

  constructor(core: RaidCore, ring: JournalRing, durable: () => DurableEnd) {
    this.#core = core;
    this.#ring = ring;
    this.#durable = durable;
    this.#sequence = core.members.record.tableSequence;
  }

  /** Leaves out sequences that were begun before a crash. */
  skipTo(sequence: number): void {
    this.#sequence = sequence;
  }

  /** Begins one, if none is under way. A failure is told to whoever writes next. */
  begin(): void {
    if (this.#running !== undefined) return;
    this.run().catch((error: unknown) => this.#core.members.stop(error));
  }

  /** Resolves when one has been made that began after the call. */
  async run(change: RecordChange = (record) => record): Promise<void> {
    await this.alone(async () => await this.#checkpoint(change));
  }

  /** Runs while no checkpoint is under way. */
  async alone(run: () => Promise<void>): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
    const running = run();
    this.#running = running;
    try {
      await running;
    } finally {
      this.#running = undefined;
    }
  }

  async #checkpoint(change: RecordChange): Promise<void> {
    const { members, pending, table } = this.#core;
    members.check();
    const { batch, movedStripes } = this.#durable();
    const placed = pending.upTo(batch);
    await this.#putInPlace(placed);
    await members.syncAll();
    await members.settled();
    for (const one of placed) this.#enter(one);

    const sequence = ++this.#sequence;
    const places = table.takeDirty();
    await this.#writeTables(places, sequence);
    await members.syncAll();
    await members.settled();

    for (const place of places) table.commit(place, 1 - table.side(place), sequence);
    const start = this.#ring.startAfter(batch) ?? members.record.journal;
    members.change((record) =>
      change({
        ...record,
        journal: start,
        tableSequence: sequence,
        tableDigest: table.digest,
        reshape: record.reshape && { ...record.reshape, stripes: movedStripes },
      }),
    );
    await members.save();
    this.#ring.release(start);
  }

  /** The entry says from now on what is in place; the event is as new as any loss of a member. */
  #enter(placed: PlacedBlock): void {
    const { members, pending, table } = this.#core;
    const { row, slot, block } = placed;
    if (block.kind === BLOCK_DATA || block.kind === BLOCK_IN_PLACE) {
      table.set(row, slot, block.crc, members.record.event);
    } else table.set(row, slot, 0, block.kind === BLOCK_LOST ? EVENT_LOST : EVENT_NONE);
    pending.settle(placed);
  }

  async #putInPlace(placed: readonly PlacedBlock[]): Promise<void> {
    const data = placed.filter(({ block }) => block.kind === BLOCK_DATA);
    const sorted = data.toSorted((left, right) => left.slot - right.slot || left.row - right.row);
    const writes: Promise<void>[] = [];
    for (let index = 0; index < sorted.length;) {
      const end = this.#endOfRun(sorted, index);
      writes.push(this.#writeRun(sorted.slice(index, end)));
      index = end;
    }
    await allDone(writes);
  }

  #endOfRun(sorted: readonly PlacedBlock[], first: number): number {
    const { layout } = this.#core;
    const start = sorted[first] as PlacedBlock;
    const countMax = Math.max(1, Math.floor(RUN_BYTES_MAX / layout.blockBytes));
    const limit = Math.min(layout.runEnd(start.row) - start.row, countMax);
    const joinedMax = Math.floor(JOINED_BYTES_MAX / layout.blockBytes);
    let count = 1;
    for (; count < limit; count++) {
      const next = sorted[first + count];
      if (next?.slot !== start.slot || next.row !== start.row + count) break;
      if (joinedMax <= count && !follows(start.block.bytes, next.block.bytes, count)) break;
    }
    return first + count;
  }

  async #writeRun(run: readonly PlacedBlock[]): Promise<void> {
    const { layout, members, shape } = this.#core;
    const [first] = run;
    if (first?.block.bytes === undefined) return;
    const { geometry } = shape.atRow(first.row);
    const bytes = run.length === 1 ? first.block.bytes : joined(run, layout.blockBytes);
    const at = layout.rowAt(first.row);
    await allDone(
      writersOfSlot(this.#core, geometry, first.slot).map(
        async (member) => await members.write(member, at, bytes),
      ),
    );
  }

  async #writeTables(places: readonly TablePlace[], sequence: number): Promise<void> {
    const { table } = this.#core;
    const writes = places.map(async (place) => {
      await writeTable(this.#core, place, 1 - table.side(place), sequence, () => true);
    });
    await allDone(writes);
  }
}

/** Writes one side of a table block on those of its holders that are wanted. */
export async function writeTable(
  core: RaidCore,
  place: TablePlace,
  side: number,
  sequence: number,
  isWanted: (member: Member) => boolean,
): Promise<void> {
  const { layout, members, table } = core;
  const bytes = new Uint8Array(layout.unitBytes);
  table.encode(place, sequence, bytes);
  const writes: Promise<boolean>[] = [];
  for (const { role, copy } of tableHolders(core, place.slot)) {
    const { member, replacement } = members.seat(role);
    for (const holder of [member, replacement]) {
      if (holder === undefined || !isWanted(holder)) continue;
      const at = layout.tableAt(place.table, copy, side);
      writes.push(members.write(holder, at, bytes));
    }
  }
  await allDone(writes);
}

/** A role that holds the table of a slot, and in which of its places. */
export interface TableHolder {
  readonly role: number;
  readonly copy: number;
}

/** Each table is on its own member and on as many after it as may be lost. */
export function tableHolders(core: RaidCore, slot: number): readonly TableHolder[] {
  const { geometry } = core.shape;
  if (geometry.isMirror) {
    return rolesOfSlot(geometry, slot).map((role) => ({ role, copy: 0 }));
  }
  return Array.from({ length: core.layout.tableCopies }, (_, copy) => ({
    role: (slot + copy) % geometry.memberCount,
    copy,
  }));
}

/** The blocks of the run one after the other: where they are if they lie so already. */
function joined(run: readonly PlacedBlock[], blockBytes: number): Uint8Array {
  const length = run.length * blockBytes;
  const first = run[0]?.block.bytes;
  const isTogether = run.every(({ block }, index) => follows(first, block.bytes, index));
  if (first !== undefined && isTogether) {
    return new Uint8Array(first.buffer, first.byteOffset, length);
  }
  const bytes = new Uint8Array(length);
  for (const [index, { block }] of run.entries()) {
    if (block.bytes !== undefined) bytes.set(block.bytes, index * blockBytes);
  }
  return bytes;
}

/** Whether a block lies in memory where the one of this index from `first` on would. */
function follows(
  first: Uint8Array | undefined,
  block: Uint8Array | undefined,
  index: number,
): boolean {
  return (
    first !== undefined &&
    block !== undefined &&
    block.buffer === first.buffer &&
    block.byteOffset === first.byteOffset + index * first.length
  );
}
