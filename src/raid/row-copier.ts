/**
 * Brings a member that isn't whole to where it is: every block of its role that is in place on the
 * others is put in place on it, window by window, each under the locks of its stripes. What isn't
 * in place yet comes to it as to everybody else, with the next checkpoint.
 *
 * A block that can't be had, because another member fails to give its part, is lost by name, and
 * the work goes on.
 */

import { isFault } from "../base/fault.ts";
import { allDone } from "./all-done.ts";
import type { ArrayParts } from "./array-parts.ts";
import type { Member } from "./member.ts";
import { BLOCK_IN_PLACE, BLOCK_LOST } from "./pending-rows.ts";
import { arrayBytesAt } from "./raid-core.ts";
import type { Run } from "./run-checks.ts";
import { SpareBuffers } from "./spare-buffers.ts";

/** So much is read, computed and written at once. */
const RUN_BYTES_MAX = 524_288;

export interface CopyTarget {
  readonly member: Member;
  readonly role: number;
  /** Blocks that were put in place at this event or before are there already. */
  readonly sinceEvent: number;
}

export class RowCopier {
  readonly #parts: ArrayParts;
  readonly #target: CopyTarget;
  readonly #slot: number;
  readonly #spare = new SpareBuffers();

  constructor(parts: ArrayParts, target: CopyTarget) {
    this.#parts = parts;
    this.#target = target;
    this.#slot = parts.core.shape.geometry.isMirror ? 0 : target.role;
  }

  /** Copies the rows from `row` up to `end`; the locks of their stripes are held. */
  async copy(row: number, end: number): Promise<void> {
    const { layout } = this.#parts.core;
    const countMax = Math.max(1, Math.floor(RUN_BYTES_MAX / layout.blockBytes));
    // What was read first is computed and written while the others are being read.
    const copies: Promise<void>[] = [];
    for (let first = row; first < end;) {
      if (!this.#isWanted(first)) {
        first++;
        continue;
      }
      const limit = Math.min(end, layout.runEnd(first), first + countMax);
      let last = first + 1;
      while (last < limit && this.#isWanted(last)) last++;
      copies.push(this.#copyRun({ row: first, slot: this.#slot, count: last - first }));
      first = last;
    }
    await allDone(copies);
  }

  #isWanted(row: number): boolean {
    const { pending, shape, table } = this.#parts.core;
    if (shape.atRow(row).geometry.slotCount <= this.#slot) return false;
    const newest = pending.get(row, this.#slot);
    if (newest !== undefined) return newest.kind === BLOCK_IN_PLACE;
    if (!table.isWritten(row, this.#slot) || table.isLost(row, this.#slot)) return false;
    return this.#target.sinceEvent < table.event(row, this.#slot);
  }

  async #copyRun(run: Run): Promise<void> {
    const { core, reader } = this.#parts;
    const bytes = this.#spare.take(run.count * core.layout.blockBytes);
    try {
      await reader.readRunLocked(run, bytes);
    } catch (error) {
      if (!isFault(error, "ERR_CORRUPT")) throw error;
      if (run.count === 1) this.#lose(run.row);
      // The others of the run may be had one by one.
      for (let row = run.row; 1 < run.count && row < run.row + run.count; row++) {
        await this.#copyRun({ row, slot: run.slot, count: 1 });
      }
      return;
    }
    const at = core.layout.rowAt(run.row);
    // A member that is out may still be reading from it.
    if (await core.members.write(this.#target.member, at, bytes)) this.#spare.give(bytes);
  }

  #lose(row: number): void {
    const { members, pending, shape, world } = this.#parts.core;
    pending.stage(row, this.#slot, BLOCK_LOST, 0);
    members.count("blocksLost");
    world.trace.event("raid.block-lost", {
      row,
      slot: this.#slot,
      at: arrayBytesAt(shape.atRow(row).geometry, row, this.#slot),
    });
  }
}
