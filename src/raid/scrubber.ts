/**
 * Reads everything that was ever written, of every member, and puts right what is wrong: blocks
 * that differ from their checksums, parity that differs from its data, tables that were lost.
 */

import { equalBytes } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import { allDone } from "./all-done.ts";
import type { ArrayParts } from "./array-parts.ts";
import { tableHolders } from "./checkpointer.ts";
import type { TablePlace } from "./checksum-table.ts";
import type { Geometry } from "./geometry.ts";
import type { Member } from "./member.ts";
import { BLOCK_DATA, BLOCK_IN_PLACE } from "./pending-rows.ts";
import { rolesOfSlot } from "./raid-core.ts";
import { SpareBuffers } from "./spare-buffers.ts";

/** So much is read of each member and compared at once. */
const RUN_BYTES_MAX = 262_144;

/** What a scrub found. */
export interface ScrubReport {
  /** Blocks that were read, on each member that holds them. */
  readonly blocks: number;
  /** Those that were wrong and have been put right. */
  readonly repaired: number;
  /** Those that are wrong for good: bytes of the array. */
  readonly lostAt: readonly number[];
  /** Rows whose parity did not agree with their data. */
  readonly parityRepaired: number;
  /** Table blocks that were written again. */
  readonly tablesRepaired: number;
}

/** Blocks of one slot, row after row. */
interface Column {
  readonly slot: number;
  bytes: Uint8Array;
}

export class Scrubber {
  readonly #parts: ArrayParts;
  #blocks = 0;
  #parityRepaired = 0;
  #tablesRepaired = 0;
  readonly #repairedBefore: number;
  readonly #lostAt = new Set<number>();
  readonly #spare = new SpareBuffers();

  constructor(parts: ArrayParts) {
    this.#parts = parts;
    this.#repairedBefore = parts.members.record.counters.blocksRepaired;
  }

  get report(): ScrubReport {
    return {
      blocks: this.#blocks,
      repaired: this.#parts.members.record.counters.blocksRepaired - this.#repairedBefore,
      lostAt: [...this.#lostAt].toSorted((left, right) => left - right),
      parityRepaired: this.#parityRepaired,
      tablesRepaired: this.#tablesRepaired,
    };
  }

  /** Looks at the rows from `row` up to `end`; the locks of their stripes are held. */
  async scrub(row: number, end: number): Promise<void> {
    const { layout, table } = this.#parts.core;
    const countMax = Math.max(1, Math.floor(RUN_BYTES_MAX / layout.blockBytes));
    const runs: Promise<void>[] = [];
    for (let first = row; first < end;) {
      const last = Math.min(end, first + countMax, layout.runEnd(first));
      runs.push(this.#scrubRows(first, last));
      first = last;
    }
    await allDone(runs);
    for (let index = layout.tableOfRow(row); index <= layout.tableOfRow(end - 1); index++) {
      // Each is looked at once, with its first row.
      if (index * layout.tableRows < row) continue;
      for (let slot = 0; slot < table.slotCount; slot++) {
        await this.#scrubTable({ slot, table: index });
      }
    }
  }

  /** Rows that lie together. */
  async #scrubRows(row: number, end: number): Promise<void> {
    const { geometry } = this.#parts.core.shape.atRow(row);
    const columns: Column[] = [];
    for (let slot = 0; slot < geometry.slotCount; slot++) {
      columns.push({ slot, bytes: this.#spare.take((end - row) * geometry.blockBytes) });
    }
    /** Rows whose blocks are all in place and right. */
    const isWhole = Array.from({ length: end - row }, () => true);
    const wrong = await allDone(
      columns.map(async (column) => await this.#scrubColumn(row, column, isWhole)),
    );
    for (const [slot, column] of columns.entries()) {
      for (const index of wrong[slot] ?? []) await this.#repair(row, index, column, isWhole);
    }
    if (geometry.parityCount > 0) this.#scrubParities(geometry, row, columns, isWhole);
    for (const { bytes } of columns) this.#spare.give(bytes);
  }

  /** Stripe after stripe, since each has its parity elsewhere. */
  #scrubParities(
    geometry: Geometry,
    row: number,
    columns: readonly Column[],
    isWhole: readonly boolean[],
  ): void {
    const { blockBytes, chunkBlocks } = geometry;
    const end = row + isWhole.length;
    for (let first = row; first < end;) {
      const last = Math.min(end, (geometry.stripeOfRow(first) + 1) * chunkBlocks);
      const [from, to] = [first - row, last - row];
      const parts = columns.map(({ slot, bytes }) => ({
        slot,
        bytes: bytes.subarray(from * blockBytes, to * blockBytes),
      }));
      this.#scrubParity(first, parts, isWhole.slice(from, to));
      first = last;
    }
  }

  /** The indexes of rows whose block is wrong on a member. */
  async #scrubColumn(
    row: number,
    column: Column,
    isWhole: boolean[],
  ): Promise<ReadonlySet<number>> {
    const { members, shape } = this.#parts.core;
    const { geometry } = shape.atRow(row);
    const wanted = isWhole.map((_, index) => this.#isInPlace(row + index, column.slot));
    for (const [index, isWanted] of wanted.entries()) {
      if (!isWanted && !this.#isHole(row + index, column.slot)) isWhole[index] = false;
    }
    const wrong = new Set<number>();
    let isRead = false;
    for (const role of wanted.includes(true) ? rolesOfSlot(geometry, column.slot) : []) {
      const member = members.readable(role, row + isWhole.length - 1);
      if (member === undefined) continue;
      isRead = true;
      for (const index of await this.#wrongOn(member, row, column, wanted)) wrong.add(index);
    }
    if (!isRead) column.bytes.fill(0);
    for (const index of wanted.keys()) {
      if (wanted[index] === true && !isRead) isWhole[index] = false;
    }
    return wrong;
  }

  /** Reads the rows from a member; the indexes of those that are wrong there. */
  async #wrongOn(
    member: Member,
    row: number,
    column: Column,
    wanted: readonly boolean[],
  ): Promise<readonly number[]> {
    const { blocks, checks, core } = this.#parts;
    const { blockBytes } = core.layout;
    const { bytes, slot } = column;
    const isRead = await core.members.readScratch(member, core.layout.rowAt(row), bytes);
    // The member may still be reading into what it was given.
    if (!isRead) column.bytes = new Uint8Array(bytes.length);
    if (isRead && checks.settle({ row, slot, count: wanted.length }, bytes)) {
      for (const isWanted of wanted) if (isWanted) this.#blocks++;
      return [];
    }
    const wrong: number[] = [];
    for (const [index, isWanted] of wanted.entries()) {
      const block = column.bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
      if (!isWanted) {
        block.fill(0);
        continue;
      }
      this.#blocks++;
      if (!isRead || !blocks.isCurrent(row + index, slot, block)) wrong.push(index);
    }
    return wrong;
  }

  #isInPlace(row: number, slot: number): boolean {
    const { pending, table } = this.#parts.core;
    const newest = pending.get(row, slot);
    if (newest !== undefined) return newest.kind === BLOCK_IN_PLACE;
    return table.isWritten(row, slot);
  }

  #isHole(row: number, slot: number): boolean {
    const { pending, table } = this.#parts.core;
    return pending.get(row, slot) === undefined && !table.isWritten(row, slot);
  }

  async #repair(row: number, index: number, column: Column, isWhole: boolean[]): Promise<void> {
    const { blocks, core } = this.#parts;
    const { blockBytes } = core.layout;
    const block = column.bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
    try {
      // All copies of a mirror; another block may have been put right with the one before it.
      if (core.shape.geometry.isMirror) await blocks.recoverLocked(row + index, 0, block);
      else await blocks.readLocked(row + index, column.slot, block);
    } catch (error) {
      if (!isFault(error, "ERR_CORRUPT")) throw error;
      isWhole[index] = false;
      for (const at of error.details["at"] as readonly number[]) this.#lostAt.add(at);
    }
  }

  /**
   * Of rows of one stripe. Where all blocks are right by themselves, the parity can be wrong only
   * by our own mistake.
   */
  #scrubParity(row: number, columns: readonly Column[], isWhole: readonly boolean[]): void {
    const { core } = this.#parts;
    const { geometry, math } = core.shape.atRow(row);
    const stripe = geometry.stripeOfRow(row);
    const byIndex = columns.map((_, index) => columns[geometry.slotOfIndex(stripe, index)]);
    const data = byIndex.slice(0, geometry.dataCount).map((column) => column?.bytes);
    const parity = byIndex.slice(geometry.dataCount);
    const computed = parity.map(() => this.#spare.take(isWhole.length * geometry.blockBytes));
    math?.compute(data, computed);
    for (const [index, bytes] of computed.entries()) {
      const stored = byIndex[geometry.dataCount + index];
      if (stored === undefined || equalBytes(stored.bytes, bytes)) continue;
      for (const [inRun, isRowWhole] of isWhole.entries()) {
        if (isRowWhole) this.#compareParity(row + inRun, inRun, stored, bytes);
      }
    }
    for (const bytes of computed) this.#spare.give(bytes);
  }

  #compareParity(row: number, inRun: number, stored: Column, computed: Uint8Array): void {
    const { layout, pending, world } = this.#parts.core;
    const from = inRun * layout.blockBytes;
    const right = computed.slice(from, from + layout.blockBytes);
    if (equalBytes(stored.bytes.subarray(from, from + layout.blockBytes), right)) return;
    // What was put in place since it was read is another matter.
    if (pending.hasRow(row)) return;
    this.#parityRepaired++;
    world.trace.event("raid.parity-repaired", { row });
    pending.stage(row, stored.slot, BLOCK_DATA, world.checksums.crc32(right, 0), right);
  }

  /** What the next checkpoint writes again need not be looked at. */
  async #scrubTable(place: TablePlace): Promise<void> {
    const { layout, members, table } = this.#parts.core;
    const sequence = table.sequence(place);
    if (sequence === 0) return;
    const side = table.side(place);
    const wrong: Member[] = [];
    const looks: Promise<void>[] = [];
    for (const { role, copy } of tableHolders(this.#parts.core, place.slot)) {
      const member = members.active(role);
      if (member === undefined) continue;
      const at = layout.tableAt(place.table, copy, side);
      looks.push(
        this.#isTableRight(member, place, at, sequence).then((isRight) => {
          if (!isRight) wrong.push(member);
        }),
      );
    }
    await allDone(looks);
    if (wrong.length === 0 || table.sequence(place) !== sequence) return;
    table.markDirty(place);
    this.#tablesRepaired++;
    for (const { name } of wrong) {
      this.#parts.core.world.trace.event("raid.table-repaired", { member: name, ...place });
    }
  }

  async #isTableRight(
    member: Member,
    place: TablePlace,
    at: number,
    sequence: number,
  ): Promise<boolean> {
    const { layout, members, table } = this.#parts.core;
    const bytes = new Uint8Array(layout.unitBytes);
    if (!(await members.read(member, at, bytes))) return false;
    const found = table.inspect(place, bytes);
    return found.kind === "valid" && found.sequence === sequence;
  }
}
