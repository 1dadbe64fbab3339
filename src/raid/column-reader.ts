/**
 * Reads runs of blocks that lie near each other with one read of each member, past what lies
 * between them, and computes what is on no member from what is. Everything is checked, and what
 * doesn't agree with its checksum is left out.
 *
 * It takes no locks. What is computed is checked, and not what it is computed of: if any of that is
 * wrong, or has changed meanwhile, the result doesn't agree.
 */

import { allDone } from "./all-done.ts";
import type { BlockReader } from "./block-reader.ts";
import { type Column, ColumnPlan, stripesOf } from "./column-plan.ts";
import type { Member } from "./member.ts";
import type { RaidCore } from "./raid-core.ts";
import type { Run, RunChecks } from "./run-checks.ts";
import { SpareBuffers } from "./spare-buffers.ts";

/** A run, and where it is wanted. */
export interface WantedRun {
  readonly run: Run;
  readonly target: Uint8Array;
}

/**
 * What lies between two runs is read with them if it is no more than this: to copy more takes
 * longer than another call.
 */
const GAP_BYTES_MAX = 65_536;

export class ColumnReader {
  readonly #core: RaidCore;
  readonly #blocks: BlockReader;
  readonly #checks: RunChecks;
  readonly #blockBytes: number;
  readonly #spare = new SpareBuffers();

  constructor(core: RaidCore, blocks: BlockReader, checks: RunChecks) {
    this.#core = core;
    this.#blocks = blocks;
    this.#checks = checks;
    this.#blockBytes = core.layout.blockBytes;
  }

  /**
   * Fills the targets of the runs, all of which lie in rows of one geometry; returns those that
   * can't be had like this.
   */
  async read(wanted: readonly WantedRun[]): Promise<readonly WantedRun[]> {
    const plan = this.#planOf(wanted);
    const reads: Promise<void>[] = [];
    for (const column of plan.columns) {
      if (column !== undefined) this.#begin(column, plan, reads);
    }
    if (reads.length === 1) await reads[0];
    else if (reads.length > 0) await allDone(reads);
    const unread = wanted.filter(({ run, target }) => !this.#finish(run, target, plan));
    for (const column of plan.columns) {
      // A member may still be reading into one of which not all was read.
      if (column?.bytes !== undefined && column.isRead) this.#spare.give(column.bytes);
    }
    return unread;
  }

  #planOf(wanted: readonly WantedRun[]): ColumnPlan {
    const runs = wanted.map(({ run }) => run);
    const { geometry } = this.#core.shape.atRow(runs[0]?.row ?? 0);
    const plan = new ColumnPlan(geometry, runs, (slot, row) => this.#blocks.memberFor(row, slot));
    for (const run of runs) {
      if (plan.column(run.slot).member !== undefined) this.#want(run, plan);
      else for (const part of stripesOf(geometry, run)) this.#wantRecovered(part, plan);
    }
    return plan;
  }

  #want({ row, slot, count }: Run, plan: ColumnPlan): void {
    const gapRowsMax = Math.floor(GAP_BYTES_MAX / this.#blockBytes);
    for (let index = 0; index < count; index++) {
      if (this.#checks.isOnMembers(row + index, slot)) plan.want(slot, row + index, gapRowsMax);
    }
  }

  #wantRecovered(run: Run, plan: ColumnPlan): void {
    if (!this.#isAnyOnMembers(run)) return;
    for (const slot of plan.recoveryOf(run)?.needed ?? []) this.#want({ ...run, slot }, plan);
  }

  #isAnyOnMembers({ row, slot, count }: Run): boolean {
    for (let index = 0; index < count; index++) {
      if (this.#checks.isOnMembers(row + index, slot)) return true;
    }
    return false;
  }

  #begin(column: Column, plan: ColumnPlan, reads: Promise<void>[]): void {
    const { layout } = this.#core;
    const { member, spans } = column;
    if (member === undefined) return;
    for (const { first, end } of spans) {
      for (let row = first; row < end;) {
        const count = Math.min(end, layout.runEnd(row)) - row;
        const bytes = this.#bytesOf(row, count, column, plan);
        reads.push(this.#readInto(column, member, layout.rowAt(row), bytes));
        row += count;
      }
    }
  }

  async #readInto(column: Column, member: Member, at: number, bytes: Uint8Array): Promise<void> {
    if (!(await this.#core.members.readScratch(member, at, bytes))) column.isRead = false;
  }

  /** Whether the target has what it should. */
  #finish(run: Run, target: Uint8Array, plan: ColumnPlan): boolean {
    const column = plan.column(run.slot);
    if (column.member === undefined) return this.#recover(run, target, plan);
    if (column.bytes === undefined) {
      return !this.#isAnyOnMembers(run) && this.#checks.settle(run, target);
    }
    const bytes = this.#bytesOf(run.row, run.count, column, plan);
    if (!column.isRead || !this.#checks.settle(run, bytes)) return false;
    target.set(bytes);
    return true;
  }

  #recover(run: Run, target: Uint8Array, plan: ColumnPlan): boolean {
    for (const part of stripesOf(plan.geometry, run)) {
      const from = (part.row - run.row) * this.#blockBytes;
      const place = target.subarray(from, from + part.count * this.#blockBytes);
      if (this.#isAnyOnMembers(part) && !this.#compute(part, place, plan)) return false;
      if (!this.#checks.settle(part, place)) return false;
    }
    return true;
  }

  /** Computes the run, which is of one stripe, from those of the other slots. */
  #compute(run: Run, target: Uint8Array, plan: ColumnPlan): boolean {
    const { geometry } = plan;
    const { math } = this.#core.shape.atRow(run.row);
    const recovery = plan.recoveryOf(run);
    if (math === undefined || recovery === undefined) return false;
    const stripe = geometry.stripeOfRow(run.row);
    const blocks: (Uint8Array | undefined)[] = [];
    for (const slot of recovery.needed) {
      const column = plan.column(slot);
      const bytes = this.#bytesOf(run.row, run.count, column, plan);
      if (!column.isRead || !this.#checks.fillIn({ ...run, slot }, bytes)) return false;
      blocks[geometry.indexOfSlot(stripe, slot)] = bytes;
    }
    const indexes = recovery.lost.map((slot) => geometry.indexOfSlot(stripe, slot));
    const targets = recovery.lost.map((slot) =>
      slot === run.slot ? target : new Uint8Array(target.length),
    );
    math.reconstruct(blocks, indexes, targets);
    return true;
  }

  #bytesOf(row: number, count: number, column: Column, plan: ColumnPlan): Uint8Array {
    // In sizes of which there are few, so that they are used again.
    const length = 2 ** Math.ceil(Math.log2(plan.rowCount * this.#blockBytes));
    const bytes = (column.bytes ??= this.#spare.take(length));
    const from = (row - plan.firstRow) * this.#blockBytes;
    return bytes.subarray(from, from + count * this.#blockBytes);
  }
}
