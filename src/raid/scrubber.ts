/**
 * Reads everything that was ever written, of every member, and puts right what is wrong: blocks that
 * differ from their checksums, parity that differs from its data, tables that were lost.
 */

import { equalBytes } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import { allDone } from "./all-done.ts";
import type { ArrayParts } from "./array-parts.ts";
import { tableHolders } from "./checkpointer.ts";
import type { TablePlace } from "./checksum-table.ts";
import type { Member } from "./member.ts";
import { BLOCK_DATA, BLOCK_IN_PLACE } from "./pending-rows.ts";
import { rolesOfSlot } from "./raid-core.ts";

export interface ScrubReport {
  /** Blocks that were read, on each member that holds them. */
  readonly blocks: number;
  /** Those that were wrong and have been put right. */
  readonly repaired: number;
  /** Those that are wrong for good: bytes of the array. */
  readonly lostAt: readonly (number | undefined)[];
  /** Rows whose parity did not agree with their data. */
  readonly parityRepaired: number;
  /** Table blocks that were written again. */
  readonly tablesRepaired: number;
}

export class Scrubber {
  readonly #parts: ArrayParts;
  #blocks = 0;
  #parityRepaired = 0;
  #tablesRepaired = 0;
  readonly #repairedBefore: number;
  readonly #lostAt: (number | undefined)[] = [];

  constructor(parts: ArrayParts) {
    this.#parts = parts;
    this.#repairedBefore = parts.members.record.counters.blocksRepaired;
  }

  get report(): ScrubReport {
    return {
      blocks: this.#blocks,
      repaired: this.#parts.members.record.counters.blocksRepaired - this.#repairedBefore,
      lostAt: this.#lostAt,
      parityRepaired: this.#parityRepaired,
      tablesRepaired: this.#tablesRepaired,
    };
  }

  /** Looks at the rows from `row` up to `end`; the locks of their stripes are held. */
  async scrub(row: number, end: number): Promise<void> {
    for (let one = row; one < end; one++) await this.#scrubRow(one);
    const { layout } = this.#parts.core;
    for (let table = layout.tableOfRow(row); table <= layout.tableOfRow(end - 1); table++) {
      // Each is looked at once, with its first row.
      if (table * layout.tableRows < row) continue;
      for (let slot = 0; slot < this.#parts.core.table.slotCount; slot++) {
        await this.#scrubTable({ slot, table });
      }
    }
  }

  async #scrubRow(row: number): Promise<void> {
    const { core } = this.#parts;
    const { geometry } = core.shape.atRow(row);
    let isWhole = true;
    for (let slot = 0; slot < geometry.slotCount; slot++) {
      if (!this.#isInPlace(row, slot)) continue;
      const members = rolesOfSlot(geometry, slot).flatMap(
        (role) => core.members.readable(role, row) ?? [],
      );
      if (members.length === 0) isWhole = false;
      for (const member of members) {
        if (await this.#isRight(member, row, slot)) continue;
        if (!(await this.#repair(row, slot))) isWhole = false;
      }
    }
    if (isWhole && geometry.parityCount > 0) await this.#scrubParity(row);
  }

  #isInPlace(row: number, slot: number): boolean {
    const { pending, table } = this.#parts.core;
    const newest = pending.get(row, slot);
    if (newest !== undefined) return newest.kind === BLOCK_IN_PLACE;
    return table.isWritten(row, slot);
  }

  async #isRight(member: Member, row: number, slot: number): Promise<boolean> {
    const { blocks, core } = this.#parts;
    const bytes = new Uint8Array(core.layout.blockBytes);
    this.#blocks++;
    if (!(await core.members.read(member, core.layout.rowAt(row), bytes))) return false;
    // What was put in place meanwhile is right without being looked at.
    return blocks.isCurrent(row, slot, bytes) || !this.#isInPlace(row, slot);
  }

  async #repair(row: number, slot: number): Promise<boolean> {
    const { blocks, core } = this.#parts;
    try {
      await blocks.recoverLocked(row, slot, new Uint8Array(core.layout.blockBytes));
      return true;
    } catch (error) {
      if (!isFault(error, "ERR_CORRUPT")) throw error;
      this.#lostAt.push(...(error.details["at"] as readonly number[]));
      return false;
    }
  }

  /** Where all blocks are right by themselves, the parity can be wrong only by our own mistake. */
  async #scrubParity(row: number): Promise<void> {
    const { blocks, core } = this.#parts;
    const { geometry, math } = core.shape.atRow(row);
    if (math === undefined) return;
    const stripe = geometry.stripeOfRow(row);
    const found = await Promise.all(
      Array.from({ length: geometry.slotCount }, async (_, index) => {
        const bytes = new Uint8Array(geometry.blockBytes);
        const slot = geometry.slotOfIndex(stripe, index);
        return (await blocks.readLocked(row, slot, bytes)) ? bytes : undefined;
      }),
    );
    const parity = Array.from(
      { length: geometry.parityCount },
      () => new Uint8Array(geometry.blockBytes),
    );
    math.compute(found.slice(0, geometry.dataCount), parity);
    for (const [index, bytes] of parity.entries()) {
      const stored = found[geometry.dataCount + index];
      const isZero = stored === undefined && bytes.every((byte) => byte === 0);
      if (isZero || (stored !== undefined && equalBytes(stored, bytes))) continue;
      this.#parityRepaired++;
      core.world.trace.event("raid.parity-repaired", { row });
      const crc = core.world.checksums.crc32(bytes, 0);
      const slot = geometry.slotOfIndex(stripe, geometry.dataCount + index);
      core.pending.stage(row, slot, BLOCK_DATA, crc, bytes);
    }
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
