/**
 * Makes sure that the writes of a transaction cannot fail: that every page they will touch is in
 * memory and stays there, and that the frames and pages they may need are free.
 *
 *     preparation.begin();
 *     preparation.addPut(...); preparation.addRemove(...);   // READY, or MISS
 *     preparation.finish(0);                                 // READY: now tree.put and tree.remove
 *
 * All of it, and the writes, happen in one turn. After a `MISS` the rest may still be added, so
 * that what that misses is asked for, too; then all of it is loaded, and it begins again.
 *
 * Many writes go to as many leaves, each of which is a wait for memory, longer than all the rest
 * of the work. The processor waits for several at once where nothing lies between: so leaves are
 * only found in `add...`, and looked at in a row in `finish`, and what `put` will read of them is
 * read in a row by `expect`.
 */

import { IntList } from "../base/int-list.ts";
import { childSlot } from "./page-search.ts";
import { extentPages } from "./extents.ts";
import {
  childOf,
  countOf,
  gapBytes,
  garbageOf,
  generationOf,
  HEADER_BYTES,
  heapOf,
  isInline,
  PAGE_BYTES,
  SLOT_BYTES,
  usedBytes,
} from "./page.ts";
import { SMALL_PAGE_BYTES } from "./tree-join.ts";
import { MISS, rowBytes, type Tree } from "./tree.ts";

export const READY = 3;
/** Too many pages are dirty: wait until a checkpoint has written some. */
export const NO_FRAMES = 4;
/** The zone has too few free pages: it must grow. */
export const NO_PAGES = 5;
/** The writes touch more pages than the cache could ever hold. */
export const TOO_LARGE = 6;

/** At most this share of what writes may touch is asked for at a time. */
const AHEAD_SHARE = 4;

/** A row longer than this may need splits for itself. */
export const LARGE_ROW_BYTES = 1024;
/**
 * Rows of so many bytes come between two splits of a page, where no row is in the leaf that is
 * longer than `LARGE_ROW_BYTES` ...
 */
const SPLIT_BYTES: number = PAGE_BYTES / 2 - 2 * LARGE_ROW_BYTES;
/** ... and at least, where the longest key that may be stands in the middle of the page. */
const SPLIT_BYTES_MIN: number = PAGE_BYTES / 4 - 64;

/** So many leaves are read ahead: with them a processor has all the waits under way that it can. */
const AHEAD_COUNT = 32;
/** What it brings from memory at once, in words. */
const LINE_WORDS = 16;

export interface PreparationLimits {
  /** Dirty frames beyond this make writers wait for the checkpoint. */
  readonly dirtyFramesMax: number;
  /** What may be written at once touches and makes fewer pages than this. */
  readonly framesMax: number;
}

export class Preparation {
  readonly #tree: Tree;
  readonly #limits: PreparationLimits;
  /** How many free pages the last `finish` asked for, without those that it left alone. */
  askedPages = 0;
  /** How many frames must be free, or clean, that are not, for the last `finish` to say more. */
  missingFrames = 0;
  #pins = 0;
  #copies = 0;
  #leaves = 0;
  /** Leaves in which a single row that is not large may find no room. */
  #tightLeaves = 0;
  #smallBytes = 0;
  #largeRows = 0;
  #longKeys = false;
  #removes = 0;
  #extentPages = 0;
  /** Where the leaf of each write is. */
  readonly #leafOfWrite = new IntList();
  /** Leaves that were pinned and are not looked at yet. */
  readonly #unseen = new IntList();
  /** Of what was read ahead, so that it is read. */
  readonly #sum = new Int32Array(1);
  /** Whether a page is missing. */
  #misses = false;

  constructor(tree: Tree, limits: PreparationLimits) {
    this.#tree = tree;
    this.#limits = limits;
  }

  /** Pages that the extents of these writes need in a row. */
  get extentPageCount(): number {
    return this.#extentPages;
  }

  get writeCount(): number {
    return this.#leafOfWrite.count;
  }

  begin(): void {
    this.askedPages = 0;
    this.missingFrames = 0;
    this.#tree.forgetPath();
    this.#tree.cache.unpinAll();
    this.#pins = 0;
    this.#copies = 0;
    this.#leaves = 0;
    this.#tightLeaves = 0;
    this.#smallBytes = 0;
    this.#largeRows = 0;
    this.#longKeys = false;
    this.#removes = 0;
    this.#extentPages = 0;
    this.#leafOfWrite.clear();
    this.#unseen.clear();
    this.#misses = false;
  }

  addPut(key: Uint8Array, at: number, length: number, valueLength: number): number {
    const bytes = rowBytes(length, valueLength);
    if (bytes > LARGE_ROW_BYTES) this.#largeRows++;
    else this.#smallBytes += bytes;
    if (length > LARGE_ROW_BYTES) this.#longKeys = true;
    if (!isInline(length, valueLength)) this.#extentPages += extentPages(valueLength);
    return this.#pinPath(key, at, length);
  }

  addRemove(key: Uint8Array, at: number, length: number): number {
    this.#removes++;
    const pinned = this.#pinPath(key, at, length);
    if (pinned !== READY) return pinned;
    return this.#pinNeighbours();
  }

  /** Pins the way to the leaf of this key, for rows to be merged into it (`finishMerge`). */
  addLeaf(key: Uint8Array, at: number, length: number): number {
    return this.#pinPath(key, at, length);
  }

  /** Prepares for the write `index`, in the order in which they were added, after `finish`. */
  expect(index: number): void {
    const { numbers, count } = this.#leafOfWrite;
    // A single write goes the way that was just gone.
    if (count === 1) this.#tree.trustPath();
    else {
      if (index % AHEAD_COUNT === 0) this.#readAhead(index);
      this.#tree.trustLeaf(numbers[index] as number);
    }
  }

  /** Leaves alone so many of the free pages. May be asked again, with another number. */
  finish(reservedPages: number): number {
    this.#lookAtLeaves();
    const { space, rootLevel } = this.#tree;
    const made = this.#madePages(this.#leafSplits(SPLIT_BYTES));
    const pages = this.#copies + made;
    // A frame more can be had, by eviction, and a page more cannot: here every split is as bad as
    // can be. Removes split nothing, and of two pages that they join one is free before the next is
    // copied.
    const pagesMax =
      this.#removes === this.writeCount
        ? this.#copies + rootLevel + 2
        : this.#copies + this.#worstPages(this.#splitsMax());

    // As if all that is touched had to be copied, because recovery may have to: what is accepted
    // now must be applied then, with the same cache.
    if (this.#pins + made + rootLevel > this.#limits.framesMax) return this.#tooLarge();
    if (!this.#hasFrames(pages)) return NO_FRAMES;
    this.askedPages = pagesMax + this.#extentPages;
    if (space.freeCount < this.askedPages + reservedPages) return NO_PAGES;
    if (this.#extentPages > 0 && !space.hasRun(this.#extentPages)) return NO_PAGES;
    return READY;
  }

  /**
   * As `finish`, for one page on the path that becomes `newLeaves` more, with no row in it that is
   * longer than `LARGE_ROW_BYTES`.
   */
  finishMerge(newLeaves: number): number {
    this.#lookAtLeaves();
    const { space, rootLevel } = this.#tree;
    // What separates a new leaf may split one page of every level, and make a new root. That those
    // behind it then have a level more is made up for: of any three, two split nothing.
    const pages = this.#copies + newLeaves * (rootLevel + 2);
    if (this.#pins + pages > this.#limits.framesMax) return this.#tooLarge();
    if (!this.#hasFrames(pages)) return NO_FRAMES;
    return space.freeCount < pages ? NO_PAGES : READY;
  }

  #hasFrames(pages: number): boolean {
    const { cache } = this.#tree;
    this.missingFrames = Math.max(0, cache.dirtyCount + pages - this.#limits.dirtyFramesMax);
    if (this.missingFrames === 0 && !cache.ensureFree(pages)) {
      this.missingFrames = pages - cache.freeCount;
    }
    return this.missingFrames === 0;
  }

  /** How often leaves are split, if all may be full and so many bytes come between two splits. */
  #leafSplits(splitBytes: number): number {
    return this.#leaves + 2 * this.#largeRows + Math.ceil(this.#smallBytes / splitBytes);
  }

  /**
   * How often leaves are split at most, as they are now. One that is not tight is split only after
   * it was filled: by small rows of so many bytes, or by a large one, which may leave it full too.
   */
  #splitsMax(): number {
    const splits = this.#leafSplits(SPLIT_BYTES_MIN);
    // What is joined may become full.
    if (this.#removes > 0) return splits;
    const filled = Math.ceil(this.#smallBytes / LARGE_ROW_BYTES);
    return Math.min(splits, this.#tightLeaves + 3 * this.#largeRows + filled);
  }

  /** As below, where each leaf that is split may be split again, and each inner page as well. */
  #worstPages(leafSplits: number): number {
    const innerPages = this.#pins - this.#leaves;
    return this.#madePages(leafSplits) + innerPages + Math.min(this.#leaves, leafSplits);
  }

  /** How many pages splits and joins make, if leaves are split so often. */
  #madePages(leafSplits: number): number {
    const { rootLevel } = this.#tree;
    const splits = this.#longKeys
      ? leafSplits * (rootLevel + 2)
      : leafSplits + Math.ceil(leafSplits / 4) + rootLevel + 2;
    return splits + (this.#removes > 0 ? rootLevel + 2 : 0);
  }

  #pinPath(key: Uint8Array, at: number, length: number): number {
    const { cache, slab, rootLevel, path, slots } = this.#tree;
    let number = this.#tree.rootPage;
    for (let level = rootLevel; ; level--) {
      const base = cache.find(number);
      if (base < 0) return this.#miss(number);
      this.#pin(base, level);
      // With everything pinned, the page that is missing would wait for a frame for ever.
      if (this.#pins > this.#limits.framesMax) return this.#tooLarge();
      path[level] = base;
      if (level === 0) {
        this.#leafOfWrite.add(base);
        return READY;
      }
      const slot = childSlot(slab, base, key, at, length);
      slots[level] = slot;
      number = childOf(slab, base, slot);
    }
  }

  /** What was pinned in vain would be in the way of others. */
  #tooLarge(): number {
    this.#tree.cache.unpinAll();
    return TOO_LARGE;
  }

  /** A page that may become small is joined with a neighbour, which must then be there. */
  #pinNeighbours(): number {
    const { cache, slab, rootLevel, path, slots } = this.#tree;
    for (let level = 0; level < rootLevel; level++) {
      if (usedBytes(slab, path[level] as number) > 2 * SMALL_PAGE_BYTES) return READY;
      const parent = path[level + 1] as number;
      const count = countOf(slab, parent);
      const slot = slots[level + 1] as number;
      if (count < 2) continue;
      const number = childOf(slab, parent, slot + 1 < count ? slot + 1 : slot - 1);
      const base = cache.find(number);
      if (base < 0) return this.#miss(number);
      this.#pin(base, level);
    }
    return READY;
  }

  /** Asks for the page: beside those that were missed before, which come first. */
  #miss(number: number): number {
    const { missing, missingAhead } = this.#tree;
    if (!this.#misses) {
      this.#misses = true;
      return this.#tree.miss(number);
    }
    const isFull = missingAhead.size >= this.#limits.framesMax / AHEAD_SHARE;
    if (number !== missing && !isFull) missingAhead.add(number);
    return MISS;
  }

  #pin(base: number, level: number): void {
    if (!this.#tree.cache.pin(base)) return;
    this.#pins++;
    const { slab, generation } = this.#tree;
    if (level === 0) {
      this.#leaves++;
      this.#unseen.add(base);
    } else if (generationOf(slab, base) !== generation) this.#copies++;
  }

  #lookAtLeaves(): void {
    const { slab, generation } = this.#tree;
    const { numbers, count } = this.#unseen;
    for (let index = 0; index < count; index++) {
      const base = numbers[index] as number;
      if (gapBytes(slab, base) + garbageOf(slab, base) < LARGE_ROW_BYTES) this.#tightLeaves++;
      if (generationOf(slab, base) !== generation) this.#copies++;
    }
    this.#unseen.clear();
  }

  /** Brings the next leaves' slots, and where a cell is put, into the processor's cache. */
  #readAhead(from: number): void {
    const { slab } = this.#tree;
    const { i32 } = slab;
    const { numbers, count } = this.#leafOfWrite;
    const end = Math.min(from + AHEAD_COUNT, count);
    let sum = 0;
    for (let index = from; index < end; index++) {
      const leaf = numbers[index] as number;
      const first = (leaf + HEADER_BYTES) >> 2;
      const last = first + ((countOf(slab, leaf) * SLOT_BYTES) >> 2);
      for (let word = first; word < last; word += LINE_WORDS) sum ^= i32[word] as number;
      sum ^= i32[((leaf + heapOf(slab, leaf)) >> 2) - LINE_WORDS] as number;
    }
    this.#sum[0] = sum;
  }
}
