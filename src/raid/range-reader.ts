/**
 * Reads ranges of the array, with one read of a member for every run of blocks that lie together on
 * it, all at once. What a member cannot give is computed from the others, run by run. Whatever
 * doesn't agree with its checksum is left to the reader of single blocks.
 *
 * It takes no locks unless a block has to be recovered.
 */

import { allDone } from "./all-done.ts";
import type { BlockReader } from "./block-reader.ts";
import type { Geometry } from "./geometry.ts";
import { BLOCK_DATA, BLOCK_IN_PLACE, BLOCK_LOST } from "./pending-rows.ts";
import { type RaidCore, stretchEnd } from "./raid-core.ts";
import { SpareBuffers } from "./spare-buffers.ts";

/** Blocks of one slot in consecutive rows that lie together on its member. */
export interface Run {
  readonly row: number;
  readonly slot: number;
  readonly count: number;
}

/** How a block of a run is had. */
type Source = "member" | "memory" | "recovery";

export class RangeReader {
  readonly #core: RaidCore;
  readonly #blocks: BlockReader;
  readonly #spare = new SpareBuffers();

  constructor(core: RaidCore, blocks: BlockReader) {
    this.#core = core;
    this.#blocks = blocks;
  }

  /** Fills `target` with the bytes at `at`, which lie within the array. */
  async read(at: number, target: Uint8Array): Promise<void> {
    const { layout, shape } = this.#core;
    for (;;) {
      const movedBefore = shape.movedBlocks;
      await this.#readOnce(at, target);
      const [from, to] = [movedBefore * layout.blockBytes, shape.movedBlocks * layout.blockBytes];
      // What lay in a stripe that was laid out anew meanwhile may be another block by now.
      if (to <= from || to <= at || at + target.length <= from) return;
    }
  }

  async #readOnce(at: number, target: Uint8Array): Promise<void> {
    const { blockBytes } = this.#core.layout;
    const reads: Promise<void>[] = [];
    for (let done = 0; done < target.length;) {
      const block = Math.floor((at + done) / blockBytes);
      const offset = (at + done) % blockBytes;
      const left = target.length - done;
      const isPart = offset !== 0 || left < blockBytes;
      const run = this.#runAt(block, isPart ? 1 : Math.floor(left / blockBytes));
      const bytes = isPart ? Math.min(blockBytes - offset, left) : run.count * blockBytes;
      const part = target.subarray(done, done + bytes);
      reads.push(isPart ? this.#readPart(run, offset, part) : this.readRun(run, part));
      done += bytes;
    }
    await allDone(reads);
  }

  /** Fills `target` with the blocks of the run as they are now. */
  async readRun(run: Run, target: Uint8Array): Promise<void> {
    if (await this.#tryRun(run, target, true)) return;
    for (let index = 0; index < run.count; index++) {
      await this.#blocks.read(run.row + index, run.slot, this.#bytesOf(target, index, 1));
    }
  }

  /** As `readRun`, for whoever holds the locks of the stripes. */
  async readRunLocked(run: Run, target: Uint8Array): Promise<void> {
    if (await this.#tryRun(run, target, true)) return;
    for (let index = 0; index < run.count; index++) {
      await this.#blocks.readLocked(run.row + index, run.slot, this.#bytesOf(target, index, 1));
    }
  }

  #runAt(block: number, countMax: number): Run {
    const { layout, shape } = this.#core;
    const { geometry } = shape.atBlock(block);
    const row = geometry.rowOfBlock(block);
    const inChunk = geometry.chunkBlocks - (block % geometry.chunkBlocks);
    const together = geometry.isMirror ? stretchEnd(geometry, row) - row : inChunk;
    const count = Math.min(countMax, together, layout.runEnd(row) - row);
    return { row, slot: geometry.slotOfBlock(block), count };
  }

  async #readPart(run: Run, offset: number, part: Uint8Array): Promise<void> {
    const block = new Uint8Array(this.#core.layout.blockBytes);
    await this.readRun(run, block);
    part.set(block.subarray(offset, offset + part.length));
  }

  /**
   * False if any block of it isn't what it should be, or its member isn't there and `recovers`
   * doesn't allow to compute it from the others. Then nobody may use `target` again either.
   */
  async #tryRun(run: Run, target: Uint8Array, recovers: boolean): Promise<boolean> {
    const reads: Promise<boolean>[] = [];
    for (let index = 0; index < run.count;) {
      const source = this.#source(run.row + index, run.slot);
      let end = index + 1;
      while (end < run.count && this.#source(run.row + end, run.slot) === source) end++;
      const part = { row: run.row + index, slot: run.slot, count: end - index };
      const bytes = this.#bytesOf(target, index, part.count);
      if (source === "memory") this.#copy(part, bytes);
      else if (source === "member") reads.push(this.#readMember(part, bytes, recovers));
      else if (recovers) reads.push(this.#recover(part, bytes));
      else return false;
      index = end;
    }
    const outcomes = await allDone(reads);
    return outcomes.every(Boolean);
  }

  #source(row: number, slot: number): Source {
    const { pending, table } = this.#core;
    const newest = pending.get(row, slot);
    if (newest !== undefined && newest.kind !== BLOCK_IN_PLACE) {
      return newest.kind === BLOCK_LOST ? "recovery" : "memory";
    }
    if (newest === undefined) {
      if (!table.isWritten(row, slot)) return "memory";
      if (table.isLost(row, slot)) return "recovery";
    }
    return this.#blocks.memberFor(row, slot) === undefined ? "recovery" : "member";
  }

  #copy({ row, slot, count }: Run, target: Uint8Array): void {
    for (let index = 0; index < count; index++) {
      const newest = this.#core.pending.get(row + index, slot);
      const bytes = newest?.kind === BLOCK_DATA ? newest.bytes : undefined;
      const place = this.#bytesOf(target, index, 1);
      if (bytes === undefined) place.fill(0);
      else place.set(bytes);
    }
  }

  /** If it `keeps` the target, that is used again also if false is returned. */
  async #readMember(run: Run, target: Uint8Array, keeps: boolean): Promise<boolean> {
    const { layout, members } = this.#core;
    const member = this.#blocks.memberFor(run.row, run.slot);
    if (member === undefined) return false;
    const at = layout.rowAt(run.row);
    const isRead = keeps
      ? await members.read(member, at, target)
      : await members.readScratch(member, at, target);
    return isRead && this.#isCurrent(run, target);
  }

  #isCurrent({ row, slot, count }: Run, bytes: Uint8Array): boolean {
    for (let index = 0; index < count; index++) {
      if (!this.#blocks.isCurrent(row + index, slot, this.#bytesOf(bytes, index, 1))) return false;
    }
    return true;
  }

  /** Computes the run from those of the other slots. */
  async #recover(run: Run, target: Uint8Array): Promise<boolean> {
    const shaped = this.#core.shape.atRow(run.row);
    const { geometry, math } = shaped;
    const gone = this.#goneSlots(geometry, run);
    const parts = stripesOf(geometry, run).map((part) => recoveryOf(geometry, part, gone));
    if (math === undefined || parts.some(({ lost }) => geometry.parityCount < lost.length)) {
      return false;
    }
    const columns = await this.#readColumns(geometry, run, parts);
    if (columns === undefined) return false;
    for (const { row, count, lost } of parts) {
      const stripe = geometry.stripeOfRow(row);
      const place = this.#bytesOf(target, row - run.row, count);
      const blocks: (Uint8Array | undefined)[] = [];
      for (const [slot, column] of columns.entries()) {
        if (column === undefined) continue;
        blocks[geometry.indexOfSlot(stripe, slot)] = this.#bytesOf(column, row - run.row, count);
      }
      const indexes = lost.map((slot) => geometry.indexOfSlot(stripe, slot));
      const targets = lost.map((slot) =>
        slot === run.slot ? place : new Uint8Array(place.length),
      );
      math.reconstruct(blocks, indexes, targets);
    }
    for (const column of columns) if (column !== undefined) this.#spare.give(column);
    return this.#isCurrent(run, target);
  }

  /** The run's slot, and those that have nobody to be read from. */
  #goneSlots({ slotCount }: Geometry, run: Run): readonly number[] {
    const gone = [run.slot];
    for (let slot = 0; slot < slotCount; slot++) {
      if (slot !== run.slot && this.#blocks.memberFor(run.row, slot) === undefined) gone.push(slot);
    }
    return gone;
  }

  /** Reads, by slot, what the parts need; undefined if any of it can't be had. */
  async #readColumns(
    { slotCount }: Geometry,
    run: Run,
    parts: readonly Recovery[],
  ): Promise<readonly (Uint8Array | undefined)[] | undefined> {
    const columns: (Uint8Array | undefined)[] = [];
    const reads: Promise<boolean>[] = [];
    for (let slot = 0; slot < slotCount; slot++) {
      for (const { row, count } of joinedRows(
        parts.filter(({ needed }) => needed.includes(slot)),
      )) {
        const column = (columns[slot] ??= this.#spare.take(run.count * this.#blockBytes));
        const bytes = this.#bytesOf(column, row - run.row, count);
        reads.push(this.#tryRun({ row, slot, count }, bytes, false));
      }
    }
    const outcomes = await allDone(reads);
    // A member may still be reading into what is not given back.
    return outcomes.every(Boolean) ? columns : undefined;
  }

  get #blockBytes(): number {
    return this.#core.layout.blockBytes;
  }

  #bytesOf(bytes: Uint8Array, index: number, count: number): Uint8Array {
    const { blockBytes } = this.#core.layout;
    return bytes.subarray(index * blockBytes, (index + count) * blockBytes);
  }
}

/** Rows of one stripe. */
interface RowSpan {
  readonly row: number;
  readonly count: number;
}

/** What is computed in rows of one stripe, and of what. */
interface Recovery extends RowSpan {
  readonly lost: readonly number[];
  readonly needed: readonly number[];
}

function stripesOf({ chunkBlocks }: Geometry, { row, count }: RowSpan): readonly RowSpan[] {
  const spans: RowSpan[] = [];
  for (let first = row; first < row + count;) {
    const end = Math.min(row + count, (Math.floor(first / chunkBlocks) + 1) * chunkBlocks);
    spans.push({ row: first, count: end - first });
    first = end;
  }
  return spans;
}

/**
 * `gone` begins with the slot that is wanted. One lost block of data is had from P alone, and
 * parity from the data alone.
 */
function recoveryOf(geometry: Geometry, span: RowSpan, gone: readonly number[]): Recovery {
  const { dataCount, slotCount } = geometry;
  const stripe = geometry.stripeOfRow(span.row);
  const indexOf = (slot: number): number => geometry.indexOfSlot(stripe, slot);
  const lost = gone.filter((slot) => slot === gone[0] || indexOf(slot) <= dataCount);
  const isDataLost = lost.some((slot) => indexOf(slot) < dataCount);
  const lastNeeded = dataCount - 1 + (isDataLost ? lost.length : 0);
  const slots = Array.from({ length: slotCount }, (_, slot) => slot);
  const needed = slots.filter((slot) => !gone.includes(slot) && indexOf(slot) <= lastNeeded);
  return { ...span, lost, needed };
}

/** Spans that follow each other become one. */
function joinedRows(spans: readonly RowSpan[]): readonly RowSpan[] {
  const joined: RowSpan[] = [];
  for (const { row, count } of spans) {
    const last = joined.at(-1);
    if (last !== undefined && last.row + last.count === row) {
      joined[joined.length - 1] = { row: last.row, count: last.count + count };
    } else joined.push({ row, count });
  }
  return joined;
}
