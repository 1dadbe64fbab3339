/**
 * Moves the pages of a tree, and its values that have pages of their own, down from the end of the
 * zone, so that the end is free once a checkpoint has been made of it.
 *
 * A page is moved as it is when it is written to: it becomes one of the current generation, with
 * the lowest number that is free, and so do those above it; what snapshots see stays where it is.
 * No row changes, nor its version, and nothing goes through the log. The tree is whole after every
 * turn, and whoever wants may stop.
 *
 * The way goes over the leaves in the order of their keys, a few neighbours at a time. Where it
 * `packs`, neighbours that are not full are brought together besides (`tree-pack.ts`).
 */

import type { Cells } from "./cells.ts";
import { type ExtentReference, extentPages, readReference } from "./extents.ts";
import { extentReferenceAt } from "./page-check.ts";
import { copyKey } from "./page-edit.ts";
import { childSlot } from "./page-search.ts";
import { childOf, countOf, KEY_BYTES_MAX, numberOf, PAGE_BYTES } from "./page.ts";
import { Packer } from "./tree-pack.ts";
import { MISS } from "./tree.ts";

export interface CompactionOptions {
  /** Pages from here on are moved to places before. */
  readonly limitPage: number;
  /** Also the values that have pages of their own, for which every leaf is looked at. */
  readonly values: boolean;
  readonly packs: boolean;
  /** So many pages are moved at most, so many leaves looked at for values, so many times waited. */
  readonly pagesMax: number;
  /** No more of the cache than this share becomes dirty. */
  readonly dirtyShareMax: number;
}

/**
 * `done`: all was looked at. `write`: a checkpoint has to bring what was moved to the volume and to
 * free its old places, before more can be moved. `spent`: as many as may be were moved.
 */
export type CompactionEnd = "done" | "write" | "spent";

/** So many neighbours are moved within a turn, but no more than this share of the cache. */
const GROUP_LEAVES_MAX = 32;
const GROUP_SHARE = 8;
/** Who misses a page so often in one place is in want of frames. */
const MISSES_MAX = 16;

type SliceEnd = CompactionEnd | "missing" | "more";

export class Compaction {
  /** Pages that were written anew, with those above the ones that were to be moved. */
  movedPages = 0;
  readonly #cells: Cells;
  readonly #options: CompactionOptions;
  readonly #packer: Packer;
  readonly #groupLeaves: number;
  /** The next leaf that is looked at is the one for this key. */
  #cursor: Uint8Array = new Uint8Array(0);
  /** Rows of that leaf that were looked at. */
  #rowsDone = 0;
  #leavesDone = 0;
  #missCount = 0;
  readonly #key = new Uint8Array(KEY_BYTES_MAX);

  constructor(cells: Cells, options: CompactionOptions) {
    this.#cells = cells;
    this.#options = options;
    this.#packer = new Packer(cells.tree);
    const share = Math.floor(cells.cache.frameCount / GROUP_SHARE);
    this.#groupLeaves = Math.max(2, Math.min(GROUP_LEAVES_MAX, share));
  }

  /** Goes on until something else is to be done. What cannot be read is thrown. */
  async run(): Promise<CompactionEnd> {
    for (let misses = 0; misses <= MISSES_MAX && this.#missCount < this.#options.pagesMax;) {
      const end = this.#slice();
      this.#cells.cache.unpinAll();
      misses = end === "missing" ? misses + 1 : 0;
      if (end === "missing") {
        this.#missCount++;
        await this.#cells.loadMissing();
      } else if (end !== "more") return end;
    }
    return this.#missCount < this.#options.pagesMax ? "write" : "spent";
  }

  #slice(): SliceEnd {
    const { tree, cache } = this.#cells;
    cache.unpinAll();
    const lowest = Math.min(1, tree.rootLevel);
    if (!this.#descend(lowest)) return "missing";
    if (lowest === 0) return this.#options.values ? this.#sliceOfRows() : this.#slicePath(0);
    const from = tree.slots[1] as number;
    const count = countOf(tree.slab, tree.path[1] as number);
    if (!this.#options.values)
      return this.#sliceOfLeaves(from, Math.min(count, from + this.#groupLeaves));
    const leaf = this.#pinned(childOf(tree.slab, tree.path[1] as number, from));
    if (leaf < 0) return "missing";
    tree.path[0] = leaf;
    return this.#sliceOfRows();
  }

  /** Finds the way to the page at `lowest` above the cursor; false if a page is missing. */
  #descend(lowest: number): boolean {
    const { tree } = this.#cells;
    let number = tree.rootPage;
    for (let level = tree.rootLevel; ; level--) {
      const base = this.#pinned(number);
      if (base < 0) return false;
      tree.path[level] = base;
      if (level === 0) return true;
      const slot = childSlot(tree.slab, base, this.#cursor, 0, this.#cursor.length);
      tree.slots[level] = slot;
      if (level === lowest) return true;
      number = childOf(tree.slab, base, slot);
    }
  }

  /** Where the page lies in memory, in which it stays for this turn; or it is missing. */
  #pinned(number: number): number {
    const { tree, cache } = this.#cells;
    const base = cache.peek(number);
    if (base < 0) return tree.miss(number);
    cache.pin(base);
    return base;
  }

  /** Moves those of the leaves in these slots that lie too high, and the pages above them. */
  #sliceOfLeaves(from: number, to: number): SliceEnd {
    const { tree, cache } = this.#cells;
    const parent = tree.path[1] as number;
    const slots = Array.from({ length: to - from }, (_, index) => from + index);
    const { packs, limitPage } = this.#options;
    const isWanted = (slot: number): boolean => childOf(tree.slab, parent, slot) >= limitPage;
    const wanted = packs ? slots : slots.filter(isWanted);
    const missing = wanted
      .map((slot) => childOf(tree.slab, parent, slot))
      .filter((number) => this.#pinned(number) === MISS);
    if (missing.length > 0) {
      tree.miss(missing[0] as number);
      for (const number of missing.slice(1)) tree.missingAhead.add(number);
      return "missing";
    }
    const isPacked = packs && this.#packer.isWorthIt(from, to);
    const old = slots
      .filter((slot) => isPacked || isWanted(slot))
      .filter((slot) => {
        return !tree.isCurrent(cache.peek(childOf(tree.slab, parent, slot)));
      });
    if (old.length === 0) return this.#slicePath(1);
    const ready = this.#ready(this.#oldPages(1) + old.length, 0);
    if (ready !== "more") return ready;
    const next = this.#nextCursor(to);
    tree.makePathWritable(1);
    const end = isPacked ? from + this.#packer.pack(from, to) : to;
    for (let slot = from; slot < end; slot++) this.#moveLeaf(slot);
    return this.#goTo(next);
  }

  #moveLeaf(slot: number): void {
    const { tree, cache } = this.#cells;
    const number = childOf(tree.slab, tree.path[1] as number, slot);
    if (number < this.#options.limitPage) return;
    const leaf = cache.peek(number);
    if (tree.isCurrent(leaf)) return;
    tree.setChild(1, slot, numberOf(tree.slab, tree.renew(leaf)));
  }

  /** Nothing below is to be moved: moves the page at `lowest` and those above, if one has to. */
  #slicePath(lowest: number): SliceEnd {
    const { tree } = this.#cells;
    const { limitPage } = this.#options;
    const levels = Array.from(
      { length: tree.rootLevel + 1 - lowest },
      (_, index) => index + lowest,
    );
    const isHigh = levels.some((level) => {
      const base = tree.path[level] as number;
      return numberOf(tree.slab, base) >= limitPage && !tree.isCurrent(base);
    });
    if (isHigh) {
      const ready = this.#ready(this.#oldPages(lowest), 0);
      if (ready !== "more") return ready;
      tree.makePathWritable(lowest);
    }
    return this.#goTo(this.#nextCursor(this.#slotBehind(lowest)));
  }

  /** Of the page at level 1, behind the leaves that this slice was about. */
  #slotBehind(lowest: number): number {
    const { tree } = this.#cells;
    const { values } = this.#options;
    const from = tree.slots[1] as number;
    if (lowest === 0 && tree.rootLevel === 0) return 0;
    const count = countOf(tree.slab, tree.path[1] as number);
    return Math.min(count, from + (values ? 1 : this.#groupLeaves));
  }

  /** Moves the next value of the leaf on the path that lies too high. */
  #sliceOfRows(): SliceEnd {
    const { tree, extents } = this.#cells;
    const leaf = tree.path[0] as number;
    const count = countOf(tree.slab, leaf);
    for (; this.#rowsDone < count; this.#rowsDone++) {
      const at = extentReferenceAt(tree.slab, leaf, this.#rowsDone);
      if (at === undefined) continue;
      const reference = readReference(tree.slab, at);
      if (reference.first + extentPages(reference.lengthBytes) <= this.#options.limitPage) continue;
      const bytes = extents.find(reference.first);
      if (bytes !== undefined) return this.#moveValue(reference, bytes);
      tree.missExtent(reference);
      return "missing";
    }
    if (++this.#leavesDone > this.#options.pagesMax) return "spent";
    return this.#goTo(this.#nextCursor(this.#slotBehind(0)));
  }

  #moveValue(reference: ExtentReference, bytes: Uint8Array): SliceEnd {
    const { tree, space, extents } = this.#cells;
    const count = extentPages(reference.lengthBytes);
    const ready = this.#ready(this.#oldPages(0), count);
    if (ready !== "more") return ready;
    const first = space.allocateRun(count);
    if (first === 0 || first >= reference.first) {
      // There is no better place for it.
      if (first !== 0) space.retire(first, count, tree.generation, tree.generation);
      this.#rowsDone++;
      return "more";
    }
    tree.makeWritable();
    const at = extentReferenceAt(tree.slab, tree.path[0] as number, this.#rowsDone) as number;
    extents.add(first, tree.generation, bytes, 0, bytes.length, tree.slab, at);
    space.retire(reference.first, count, reference.generation, tree.generation);
    this.#rowsDone++;
    return "more";
  }

  /** How many pages of the path from `lowest` up have to be copied. */
  #oldPages(lowest: number): number {
    const { tree } = this.#cells;
    let count = 0;
    for (let level = lowest; level <= tree.rootLevel; level++) {
      if (!tree.isCurrent(tree.path[level] as number)) count++;
    }
    return count;
  }

  /** `more` if so many pages, and pages of a value, can be written anew now, and counts them. */
  #ready(pageCount: number, valuePages: number): SliceEnd {
    const { cache, space, extents } = this.#cells;
    const { pagesMax, dirtyShareMax, limitPage } = this.#options;
    if (this.movedPages + pageCount + valuePages > pagesMax) return "spent";
    const dirtyMax = cache.frameCount * dirtyShareMax;
    if (cache.dirtyCount + pageCount > dirtyMax || !cache.ensureFree(pageCount)) return "write";
    // A single value may be longer than the whole cache.
    const dirtyPages = Math.ceil(extents.dirtyBytes / PAGE_BYTES);
    if (valuePages > 0 && dirtyPages > 0 && dirtyPages + valuePages > dirtyMax) return "write";
    if (space.freeBefore(limitPage) < pageCount + valuePages) return "write";
    this.movedPages += pageCount + valuePages;
    return "more";
  }

  /** The key of the leaf in `slot` of the page at level 1, or behind that; undefined: no more. */
  #nextCursor(slot: number): Uint8Array | undefined {
    const { tree } = this.#cells;
    if (tree.rootLevel === 0) return undefined;
    const parent = tree.path[1] as number;
    if (slot < countOf(tree.slab, parent)) {
      return this.#key.slice(0, copyKey(tree.slab, parent, slot, this.#key, 0));
    }
    const bytes = tree.readHighFence(1);
    return bytes < 0 ? undefined : tree.highFence.slice(0, bytes);
  }

  #goTo(cursor: Uint8Array | undefined): SliceEnd {
    if (cursor === undefined) return "done";
    this.#cursor = cursor;
    this.#rowsDone = 0;
    return "more";
  }
}
