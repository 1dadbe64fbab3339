/**
 * Reads ranges of the array, all of it at once: of what lies near each other on the members one
 * read of each. Whatever can't be had like this, or doesn't agree with its checksum, is left to the
 * reader of single blocks.
 *
 * It takes no locks unless a block has to be recovered.
 */

import { allDone } from "./all-done.ts";
import type { BlockReader } from "./block-reader.ts";
import { ColumnReader, type WantedRun } from "./column-reader.ts";
import { type RaidCore, stretchEnd } from "./raid-core.ts";
import type { Run, RunChecks } from "./run-checks.ts";

/** So much of each member is read at once. */
const COLUMN_BYTES_MAX = 524_288;

export class RangeReader {
  readonly #core: RaidCore;
  readonly #blocks: BlockReader;
  readonly #columns: ColumnReader;

  constructor(core: RaidCore, blocks: BlockReader, checks: RunChecks) {
    this.#core = core;
    this.#blocks = blocks;
    this.#columns = new ColumnReader(core, blocks, checks);
  }

  /** Fills `target` with the bytes at `at`, which lie within the array. */
  async read(at: number, target: Uint8Array): Promise<void> {
    const { layout, shape } = this.#core;
    for (;;) {
      const { movedBlocks: movedBefore, now } = shape;
      await this.#readOnce(at, target);
      // Another growth began, which counts anew what it has moved.
      if (shape.now !== now) continue;
      const [from, to] = [movedBefore * layout.blockBytes, shape.movedBlocks * layout.blockBytes];
      // What lay in a stripe that was laid out anew meanwhile may be another block by now.
      if (to <= from || to <= at || at + target.length <= from) return;
    }
  }

  /** Fills `target` with the blocks of the run as they are now. */
  async readRun(run: Run, target: Uint8Array): Promise<void> {
    await this.#readRuns([{ run, target }]);
  }

  /** As `readRun`, for whoever holds the locks of the stripes. */
  async readRunLocked(run: Run, target: Uint8Array): Promise<void> {
    const unread = await this.#columns.read([{ run, target }]);
    if (unread.length === 0) return;
    for (let index = 0; index < run.count; index++) {
      const block = this.#blockOf(target, index);
      await this.#blocks.readLocked(run.row + index, run.slot, block);
    }
  }

  async #readOnce(at: number, target: Uint8Array): Promise<void> {
    const { blockBytes } = this.#core.layout;
    const reads: Promise<void>[] = [];
    const windows = new Windows(this.#core);
    for (let done = 0; done < target.length;) {
      const block = Math.floor((at + done) / blockBytes);
      const offset = (at + done) % blockBytes;
      const left = target.length - done;
      const isPart = offset !== 0 || left < blockBytes;
      const run = this.#runAt(block, isPart ? 1 : Math.floor(left / blockBytes));
      const bytes = isPart ? Math.min(blockBytes - offset, left) : run.count * blockBytes;
      const part = target.subarray(done, done + bytes);
      if (isPart) reads.push(this.#readPart(run, offset, part));
      else windows.add({ run, target: part });
      done += bytes;
    }
    for (const wanted of windows.all) reads.push(this.#readRuns(wanted));
    await (reads.length === 1 ? reads[0] : allDone(reads));
  }

  async #readRuns(wanted: readonly WantedRun[]): Promise<void> {
    for (const { run, target } of await this.#columns.read(wanted)) {
      for (let index = 0; index < run.count; index++) {
        await this.#blocks.read(run.row + index, run.slot, this.#blockOf(target, index));
      }
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

  #blockOf(bytes: Uint8Array, index: number): Uint8Array {
    const { blockBytes } = this.#core.layout;
    return bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
  }
}

/** Runs that follow each other in the array, by what is read at once. */
class Windows {
  readonly all: WantedRun[][] = [];
  readonly #core: RaidCore;
  #firstRow = 0;

  constructor(core: RaidCore) {
    this.#core = core;
  }

  add(wanted: WantedRun): void {
    const { row, count } = wanted.run;
    const last = this.all.at(-1);
    const { layout, shape } = this.#core;
    const isNear = row + count <= this.#firstRow + Math.floor(COLUMN_BYTES_MAX / layout.blockBytes);
    const isSame = shape.atRow(row) === shape.atRow(this.#firstRow);
    if (last !== undefined && isNear && isSame && !shape.geometry.isMirror) last.push(wanted);
    else {
      this.all.push([wanted]);
      this.#firstRow = row;
    }
  }
}
