/**
 * A copy-on-write B+tree over the pages of the cache.
 *
 * It guarantees that
 *
 *  1. nothing here awaits: what needs a page that is not in memory returns `MISS`, with the page
 *     in `missing`, and has changed nothing;
 *  2. a page of an earlier generation is never changed: its content moves to a page of the current
 *     one first, and so do all pages above it, so a snapshot is its root and costs nothing;
 *  3. `put` and `remove` do not fail and do not miss if `prepare` said `READY` for them in the same
 *     turn (see `prepare.ts`);
 *  4. every key of a page lies between the separators around it, its *fences*, so it begins with
 *     what the two have in common, which is the page's prefix.
 *
 * A page that has become small is joined with its neighbour where that is in memory. Costs: a look
 * up compares about log2(rows) heads of 4 bytes, and reads one page a level.
 */

import { assert } from "../base/assert.ts";
import type { Slab } from "../base/slab.ts";
import type { Cache } from "./cache.ts";
import { extentPages, type ExtentReference, type Extents, readReference } from "./extents.ts";
import {
  addGarbage,
  appendCells,
  bytesUnderPrefix,
  clearPage,
  closeSlot,
  copyKey,
  hasRoom,
  openSlot,
  setIdentity,
} from "./page-edit.ts";
import { shareMore, shareWith, writeHead } from "./page-heads.ts";
import { childSlot, holdsKey, lowerBound } from "./page-search.ts";
import type { PageSpace } from "./page-space.ts";
import {
  align4,
  cellAt,
  cellBytes,
  childOf,
  countOf,
  EXTENT_FLAG,
  EXTENT_REFERENCE_BYTES,
  generationOf,
  INNER_CELL_BYTES,
  isInline,
  KEY_BYTES_MAX,
  LEAF_CELL_BYTES,
  levelOf,
  numberOf,
  PAGE_BYTES,
  prefixBytesOf,
  read64,
  SLOT_BYTES,
  suffixBytesOf,
  usedBytes,
  versionOf,
  write64,
} from "./page.ts";

export const FOUND = 1;
export const ABSENT = 0;
export const MISS: number = -1;
export type Found = number;

/** A tree as a snapshot sees it. */
export interface TreeRoot {
  readonly page: number;
  readonly level: number;
  /** Of the newest page in it. */
  readonly generation: number;
}

/** Levels above the leaves; with three rows a page this is more than 2^32 pages. */
const LEVELS_MAX = 40;
/** A page with less than this in use is joined with a neighbour. */
export const SMALL_PAGE_BYTES: number = PAGE_BYTES / 4;
/** Joined pages keep some room, so that they are not split again at once. */
const JOINED_BYTES_MAX: number = (PAGE_BYTES * 3) / 4;
/** A page that began with nothing looks for what its keys share when it has so many. */
const SHARE_COUNT = 24;
const VERSION_MAX: number = 2 ** 48 - 1;
/** After this many rows in a row at the end of a leaf, more are expected there. */
const APPEND_RUN = 4;

export class Tree {
  readonly slab: Slab;
  readonly cache: Cache;
  readonly space: PageSpace;
  readonly extents: Extents;
  rootPage = 0;
  rootLevel = 0;
  /** Pages made now belong to this generation. */
  generation: number;
  /** The page that the last `MISS` asks for; 0 if it asks for `missingExtent`. */
  missing = 0;
  missingExtent: ExtentReference | undefined = undefined;
  /** Pages that will be asked for soon after the missing one. */
  readonly missingAhead: number[] = [];
  /** Where `find` found the row: its cell and the place and length of its stored value. */
  cell = 0;
  /** The value found: `valueBytes[valueAt, valueAt + valueLength)`. */
  valueBytes: Uint8Array;
  valueAt = 0;
  valueLength = 0;
  version = 0;

  /** The pages from the leaf (index 0) to the root, and the slot taken in each but the leaf. */
  readonly path: Int32Array = new Int32Array(LEVELS_MAX);
  readonly slots: Int32Array = new Int32Array(LEVELS_MAX);
  #isPathReady = false;
  readonly #scratch: number;
  readonly #scratch2: number;
  readonly #lowFence = new Uint8Array(KEY_BYTES_MAX);
  readonly #highFence = new Uint8Array(KEY_BYTES_MAX);
  readonly #separator = new Uint8Array(KEY_BYTES_MAX);
  #appendPage = 0;
  #appendRun = 0;
  #extentRun = 0;

  constructor(cache: Cache, space: PageSpace, extents: Extents, generation: number) {
    this.slab = cache.slab;
    this.cache = cache;
    this.space = space;
    this.extents = extents;
    this.generation = generation;
    this.valueBytes = cache.slab.bytes;
    this.#scratch = cache.slab.reserve(PAGE_BYTES);
    this.#scratch2 = cache.slab.reserve(PAGE_BYTES);
  }

  /** Makes the tree of a fresh store: one empty leaf. */
  create(): void {
    this.rootPage = this.#makePage(0, this.#separator, 0);
    this.rootLevel = 0;
  }

  /** Looks up a key in the tree as it is now. */
  find(key: Uint8Array, at: number, length: number): Found {
    return this.findFrom(this.rootPage, this.rootLevel, key, at, length);
  }

  /** Looks up a key in the tree under `page`, which is at `level`. */
  findFrom(page: number, level: number, key: Uint8Array, at: number, length: number): Found {
    const { cache, slab } = this;
    let number = page;
    let base = cache.find(number);
    for (let below = level; below > 0 && base >= 0; below--) {
      number = childOf(slab, base, childSlot(slab, base, key, at, length));
      base = cache.find(number);
    }
    if (base < 0) return this.miss(number);
    const slot = lowerBound(slab, base, key, at, length);
    if (!holdsKey(slab, base, slot, key, at, length)) return ABSENT;
    const cell = cellAt(slab, base, slot);
    this.cell = cell;
    this.version = versionOf(slab, cell);
    return this.readValue(cell, suffixBytesOf(slab, base, slot));
  }

  /** Points `valueBytes` and the rest at the value in a leaf's cell. */
  readValue(cell: number, suffixBytes: number): Found {
    const stored = this.slab.u16[(cell + 6) >> 1] as number;
    const at = cell + LEAF_CELL_BYTES + suffixBytes;
    if (stored !== EXTENT_FLAG) {
      this.valueBytes = this.slab.bytes;
      this.valueAt = at;
      this.valueLength = stored;
      return FOUND;
    }
    const reference = readReference(this.slab, at);
    const bytes = this.extents.find(reference.first);
    if (bytes === undefined) {
      this.missing = 0;
      this.missingExtent = reference;
      return MISS;
    }
    this.valueBytes = bytes;
    this.valueAt = 0;
    this.valueLength = bytes.length;
    return FOUND;
  }

  miss(page: number): Found {
    this.missing = page;
    this.missingExtent = undefined;
    if (this.missingAhead.length > 0) this.missingAhead.length = 0;
    return MISS;
  }

  /** The next `put` or `remove` is of the key whose way `path` and `slots` hold already. */
  trustPath(): void {
    this.#isPathReady = true;
  }

  forgetPath(): void {
    this.#isPathReady = false;
  }

  /** Sets `count` adjoining pages aside for the extents of the puts that follow. */
  takeExtentRun(count: number): void {
    this.#extentRun = count === 0 ? 0 : this.space.allocateRun(count);
    assert(count === 0 || this.#extentRun !== 0, "the run for extents was reserved");
  }

  /** Writes the row; whether one with its key was there before. */
  put(
    key: Uint8Array,
    at: number,
    length: number,
    value: Uint8Array,
    valueAt: number,
    valueLength: number,
    version: number,
  ): boolean {
    const { slab } = this;
    const inline = isInline(length, valueLength);
    this.#descendToLeaf(key, at, length);
    this.#makeWritable();
    let leaf = this.path[0] as number;
    let slot = lowerBound(slab, leaf, key, at, length);
    const existed = holdsKey(slab, leaf, slot, key, at, length);
    if (existed) {
      if (inline && this.#overwrite(leaf, slot, value, valueAt, valueLength, version)) return true;
      this.#retireValue(leaf, slot);
      closeSlot(slab, leaf, slot);
    } else this.#noteInsert(leaf, slot);

    const stored = inline ? valueLength : EXTENT_REFERENCE_BYTES;
    for (;;) {
      const suffixBytes = length - prefixBytesOf(slab, leaf);
      const cellLength = leafCellBytes(suffixBytes, stored);
      if (hasRoom(slab, leaf, cellLength)) {
        const suffixAt = at + length - suffixBytes;
        shareWith(slab, leaf, key, suffixAt, suffixBytes);
        const cell = openSlot(slab, leaf, slot, suffixBytes, cellLength, this.#scratch);
        this.#fillLeafCell(cell, key, suffixAt, suffixBytes, version);
        this.#fillValue(cell, suffixBytes, value, valueAt, valueLength, inline);
        writeHead(slab, leaf, slot);
        if (countOf(slab, leaf) === SHARE_COUNT) shareMore(slab, leaf);
        return existed;
      }
      this.#split(0, slot, key, at, length);
      this.#descend(0, key, at, length);
      leaf = this.path[0] as number;
      slot = lowerBound(slab, leaf, key, at, length);
    }
  }

  /** Removes the row; whether there was one. */
  remove(key: Uint8Array, at: number, length: number): boolean {
    const { slab } = this;
    this.#descendToLeaf(key, at, length);
    const slot = lowerBound(slab, this.path[0] as number, key, at, length);
    if (!holdsKey(slab, this.path[0] as number, slot, key, at, length)) return false;
    this.#makeWritable();
    const leaf = this.path[0] as number;
    this.#retireValue(leaf, slot);
    closeSlot(slab, leaf, slot);
    if (usedBytes(slab, leaf) < SMALL_PAGE_BYTES) this.#join(0);
    return true;
  }

  #descendToLeaf(key: Uint8Array, at: number, length: number): void {
    if (this.#isPathReady) this.#isPathReady = false;
    else this.#descend(0, key, at, length);
  }

  /** Records the way to the page at `level` under which the key belongs. All of it is resident. */
  #descend(level: number, key: Uint8Array, at: number, length: number): void {
    const { cache, slab } = this;
    let base = cache.find(this.rootPage);
    for (let below = this.rootLevel; ; below--) {
      assert(base >= 0, "every page that a write touches was made resident");
      this.path[below] = base;
      if (below === level) return;
      const slot = childSlot(slab, base, key, at, length);
      this.slots[below] = slot;
      base = cache.find(childOf(slab, base, slot));
    }
  }

  /** Moves the pages of the path to the current generation, from the root down. */
  #makeWritable(): void {
    const leaf = this.path[0] as number;
    if (this.#isCurrent(leaf)) return;
    for (let level = this.rootLevel; level >= 0; level--) {
      const base = this.path[level] as number;
      if (this.#isCurrent(base)) continue;
      const copy = this.#renew(base);
      this.path[level] = copy;
      const number = numberOf(this.slab, copy);
      if (level === this.rootLevel) this.rootPage = number;
      else this.#setChild(level + 1, this.slots[level + 1] as number, number);
    }
  }

  #isCurrent(base: number): boolean {
    return generationOf(this.slab, base) === this.generation;
  }

  #setChild(level: number, slot: number, number: number): void {
    write64(this.slab, cellAt(this.slab, this.path[level] as number, slot), number);
  }

  /**
   * A page of the current generation with the content of the one at `base`. Where the old one is
   * on the volume already its frame is taken over, and a snapshot would read it from there.
   */
  #renew(base: number): number {
    const { cache, slab, space } = this;
    const old = numberOf(slab, base);
    const birth = generationOf(slab, base);
    const number = space.allocate();
    let renewed = base;
    if (cache.isDirty(base)) {
      renewed = cache.add(number);
      slab.bytes.copyWithin(renewed, base, base + PAGE_BYTES);
      cache.retire(base);
    } else cache.relabel(base, number);
    setIdentity(slab, renewed, number, this.generation);
    space.retire(old, 1, birth, this.generation);
    return renewed;
  }

  #makePage(level: number, prefix: Uint8Array, prefixBytes: number): number {
    const number = this.space.allocate();
    const base = this.cache.add(number);
    clearPage(this.slab, base, level, prefix, 0, prefixBytes);
    setIdentity(this.slab, base, number, this.generation);
    return number;
  }

  /** The tree no longer has the page at `base`. */
  #discard(base: number): void {
    const number = numberOf(this.slab, base);
    const birth = generationOf(this.slab, base);
    this.cache.retire(base);
    this.space.retire(number, 1, birth, this.generation);
  }

  #overwrite(
    leaf: number,
    slot: number,
    value: Uint8Array,
    valueAt: number,
    valueLength: number,
    version: number,
  ): boolean {
    const { slab } = this;
    const cell = cellAt(slab, leaf, slot);
    const stored = slab.u16[(cell + 6) >> 1] as number;
    if (stored === EXTENT_FLAG || stored < valueLength) return false;
    const suffixBytes = suffixBytesOf(slab, leaf, slot);
    const header = LEAF_CELL_BYTES + suffixBytes;
    const shrunk = align4(header + stored) - align4(header + valueLength);
    if (shrunk > 0) addGarbage(slab, leaf, shrunk);
    setVersion(slab, cell, version);
    slab.u16[(cell + 6) >> 1] = valueLength;
    copyInto(slab.bytes, cell + header, value, valueAt, valueLength);
    return true;
  }

  #fillLeafCell(
    cell: number,
    key: Uint8Array,
    suffixAt: number,
    suffixBytes: number,
    version: number,
  ): void {
    setVersion(this.slab, cell, version);
    copyInto(this.slab.bytes, cell + LEAF_CELL_BYTES, key, suffixAt, suffixBytes);
  }

  #fillValue(
    cell: number,
    suffixBytes: number,
    value: Uint8Array,
    valueAt: number,
    valueLength: number,
    inline: boolean,
  ): void {
    const { slab } = this;
    const to = cell + LEAF_CELL_BYTES + suffixBytes;
    slab.u16[(cell + 6) >> 1] = inline ? valueLength : EXTENT_FLAG;
    if (inline) copyInto(slab.bytes, to, value, valueAt, valueLength);
    else {
      const first = this.#extentRun;
      this.#extentRun += extentPages(valueLength);
      const { extents, generation } = this;
      extents.add(first, generation, value, valueAt, valueLength, slab, to);
    }
  }

  #retireValue(leaf: number, slot: number): void {
    const { slab } = this;
    const cell = cellAt(slab, leaf, slot);
    if (slab.u16[(cell + 6) >> 1] !== EXTENT_FLAG) return;
    const at = cell + LEAF_CELL_BYTES + suffixBytesOf(slab, leaf, slot);
    const { first, lengthBytes, generation } = readReference(slab, at);
    this.space.retire(first, extentPages(lengthBytes), generation, this.generation);
  }

  /** Watches for rows that come in ascending order, whose leaves are best left full. */
  #noteInsert(leaf: number, slot: number): void {
    if (slot !== countOf(this.slab, leaf)) return;
    const number = numberOf(this.slab, leaf);
    this.#appendRun = number === this.#appendPage ? this.#appendRun + 1 : 1;
    this.#appendPage = number;
  }

  /**
   * Splits the page of the path at `level`, into which a cell is to come at `slot`: a leaf for the
   * row of `key`, an inner page for the separator `key`.
   */
  #split(level: number, slot: number, key: Uint8Array, at: number, length: number): void {
    const { slab } = this;
    const page = this.path[level] as number;
    const middle = this.#splitSlot(page, slot);
    const separatorBytes = this.#makeSeparator(page, middle, key, at, length);
    const lowBytes = this.#readLowFence(level);
    const highBytes = this.#readHighFence(level);
    const separator = this.#separator.slice(0, separatorBytes);
    const leftPrefix = lowBytes < 0 ? 0 : shared(this.#lowFence, lowBytes, separator);
    const rightPrefix = highBytes < 0 ? 0 : shared(this.#highFence, highBytes, separator);

    const rightNumber = this.#makePage(level, separator, rightPrefix);
    const right = this.cache.find(rightNumber);
    const count = countOf(slab, page);
    slab.bytes.copyWithin(this.#scratch2, page, page + PAGE_BYTES);
    clearPage(slab, page, level, separator, 0, leftPrefix);
    appendCells(slab, this.#scratch2, 0, middle, page);
    appendCells(slab, this.#scratch2, middle, count, right);
    shareMore(slab, page);
    shareMore(slab, right);
    if (this.#appendPage === numberOf(slab, page) && middle === count) {
      this.#appendPage = rightNumber;
    }
    this.#addSeparator(level + 1, separator, rightNumber);
  }

  /** Cells before the result stay, the others go to the new page on the right. */
  #splitSlot(page: number, slot: number): number {
    const { slab } = this;
    const count = countOf(slab, page);
    const isLeaf = levelOf(slab, page) === 0;
    if (isLeaf && slot === count && this.#appendRun >= APPEND_RUN) return count;
    const used = usedBytes(slab, page);
    let sum = 0;
    let last = 0;
    let middle = 0;
    while (middle < count && sum * 2 < used) {
      last = cellBytes(slab, page, middle) + SLOT_BYTES;
      sum += last;
      middle++;
    }
    // The cell across the middle goes where less is, so that neither page is soon full again.
    if (used - sum + last < sum) middle--;
    if (!isLeaf) return Math.min(Math.max(middle, 1), count - 1);
    // One row more than fits beside a large one: it gets a page to itself.
    if (count < 2) return slot;
    return Math.min(Math.max(middle, 1), count - 1);
  }

  /** The shortest key that is above all that stays left and not above what goes right. */
  #makeSeparator(
    page: number,
    middle: number,
    key: Uint8Array,
    at: number,
    length: number,
  ): number {
    const { slab } = this;
    const count = countOf(slab, page);
    const wanted = key.subarray(at, at + length);
    let rightBytes = length;
    if (middle < count) rightBytes = copyKey(slab, page, middle, this.#separator, 0);
    else this.#separator.set(wanted);
    if (levelOf(slab, page) > 0) return rightBytes;
    let leftBytes = length;
    if (middle > 0) leftBytes = copyKey(slab, page, middle - 1, this.#lowFence, 0);
    else this.#lowFence.set(wanted);
    const same = shared(this.#lowFence, leftBytes, this.#separator.subarray(0, rightBytes));
    assert(same < rightBytes, "keys of a leaf are different and in order");
    return same + 1;
  }

  /** Enters a page below the page at `level` that belongs to the separator; may split that too. */
  #addSeparator(level: number, separator: Uint8Array, child: number): void {
    const { slab } = this;
    if (level > this.rootLevel) this.#growRoot();
    for (;;) {
      this.#descend(level, separator, 0, separator.length);
      const page = this.path[level] as number;
      const prefixBytes = prefixBytesOf(slab, page);
      const suffixBytes = separator.length - prefixBytes;
      const length = align4(INNER_CELL_BYTES + suffixBytes);
      const slot = childSlot(slab, page, separator, 0, separator.length) + 1;
      if (hasRoom(slab, page, length)) {
        shareWith(slab, page, separator, prefixBytes, suffixBytes);
        const cell = openSlot(slab, page, slot, suffixBytes, length, this.#scratch);
        fillInnerCell(slab, cell, child, separator, prefixBytes, suffixBytes);
        writeHead(slab, page, slot);
        if (countOf(slab, page) === SHARE_COUNT) shareMore(slab, page);
        return;
      }
      this.#split(level, slot, separator, 0, separator.length);
    }
  }

  #growRoot(): void {
    const { slab } = this;
    const oldRoot = this.rootPage;
    this.rootPage = this.#makePage(this.rootLevel + 1, this.#separator, 0);
    this.rootLevel++;
    assert(this.rootLevel < LEVELS_MAX, "a tree of this height cannot be");
    const root = this.cache.find(this.rootPage);
    const cell = openSlot(slab, root, 0, 0, INNER_CELL_BYTES, this.#scratch);
    fillInnerCell(slab, cell, oldRoot, this.#separator, 0, 0);
    writeHead(slab, root, 0);
  }

  /** The separator below the page of the path at `level`, in `#lowFence`; -1: there is none. */
  #readLowFence(level: number): number {
    for (let above = level + 1; above <= this.rootLevel; above++) {
      const slot = this.slots[above] as number;
      if (slot === 0) continue;
      return copyKey(this.slab, this.path[above] as number, slot, this.#lowFence, 0);
    }
    return -1;
  }

  /** The separator above the page of the path at `level`, in `#highFence`; -1: there is none. */
  #readHighFence(level: number): number {
    for (let above = level + 1; above <= this.rootLevel; above++) {
      const page = this.path[above] as number;
      const slot = (this.slots[above] as number) + 1;
      if (slot === countOf(this.slab, page)) continue;
      return copyKey(this.slab, page, slot, this.#highFence, 0);
    }
    return -1;
  }

  /** Joins the page of the path at `level`, which has become small, with a neighbour. */
  #join(level: number): void {
    if (level === this.rootLevel) {
      this.#shrinkRoot();
      return;
    }
    const { slab, cache } = this;
    const parent = this.path[level + 1] as number;
    const count = countOf(slab, parent);
    if (count < 2) {
      this.#join(level + 1);
      return;
    }
    const slot = this.slots[level + 1] as number;
    const leftSlot = slot + 1 < count ? slot : slot - 1;
    const neighbour = leftSlot === slot ? slot + 1 : leftSlot;
    if (cache.find(childOf(slab, parent, neighbour)) < 0) return;
    if (!this.#joinPair(level, leftSlot)) return;
    if (usedBytes(slab, parent) < SMALL_PAGE_BYTES) this.#join(level + 1);
  }

  /** Moves the content of the child in `leftSlot + 1` into the one in `leftSlot`, if it fits. */
  #joinPair(level: number, leftSlot: number): boolean {
    const { slab, cache } = this;
    const parent = this.path[level + 1] as number;
    this.slots[level + 1] = leftSlot;
    const lowBytes = this.#readLowFence(level);
    this.slots[level + 1] = leftSlot + 1;
    const highBytes = this.#readHighFence(level);
    const low = this.#lowFence.subarray(0, Math.max(0, lowBytes));
    const prefix = lowBytes < 0 || highBytes < 0 ? 0 : shared(this.#highFence, highBytes, low);

    const right = cache.find(childOf(slab, parent, leftSlot + 1));
    let left = cache.find(childOf(slab, parent, leftSlot));
    const separatorBytes = copyKey(slab, parent, leftSlot + 1, this.#separator, 0);
    const needed =
      bytesUnderPrefix(slab, left, 0, countOf(slab, left), prefix) +
      bytesUnderPrefix(slab, right, 0, countOf(slab, right), prefix) +
      (level === 0 ? 0 : separatorBytes) +
      align4(prefix);
    if (needed > JOINED_BYTES_MAX) return false;

    if (!this.#isCurrent(left)) {
      left = this.#renew(left);
      this.#setChild(level + 1, leftSlot, numberOf(slab, left));
    }
    const scratch = this.#scratch2;
    clearPage(slab, scratch, level, this.#lowFence, 0, prefix);
    setIdentity(slab, scratch, numberOf(slab, left), this.generation);
    appendCells(slab, left, 0, countOf(slab, left), scratch);
    if (level > 0) this.#appendFirstChild(right, scratch, separatorBytes);
    appendCells(slab, right, level === 0 ? 0 : 1, countOf(slab, right), scratch);
    shareMore(slab, scratch);
    slab.bytes.copyWithin(left, scratch, scratch + PAGE_BYTES);
    closeSlot(slab, parent, leftSlot + 1);
    this.#discard(right);
    return true;
  }

  /** Appends the first child of an inner page with the separator that stood for it above. */
  #appendFirstChild(source: number, target: number, separatorBytes: number): void {
    const { slab } = this;
    const prefixBytes = prefixBytesOf(slab, target);
    const suffixBytes = separatorBytes - prefixBytes;
    const length = align4(INNER_CELL_BYTES + suffixBytes);
    const slot = countOf(slab, target);
    const cell = openSlot(slab, target, slot, suffixBytes, length, this.#scratch);
    const from = cellAt(slab, source, 0);
    fillInnerCell(slab, cell, read64(slab, from), this.#separator, prefixBytes, suffixBytes);
    slab.bytes.copyWithin(cell + 8, from + 8, from + INNER_CELL_BYTES);
    writeHead(slab, target, slot);
  }

  /** A root with a single child gives way to it. */
  #shrinkRoot(): void {
    const { slab, cache } = this;
    while (this.rootLevel > 0) {
      const root = cache.find(this.rootPage);
      if (countOf(slab, root) > 1) return;
      const child = childOf(slab, root, 0);
      if (cache.find(child) < 0) return;
      this.rootPage = child;
      this.rootLevel--;
      this.#discard(root);
    }
  }
}

function leafCellBytes(suffixBytes: number, stored: number): number {
  return align4(LEAF_CELL_BYTES + suffixBytes + stored);
}

/** How many bytes of a page `usedBytes` would grow by for this row, at most. */
export function rowBytes(keyLength: number, valueLength: number): number {
  const stored = isInline(keyLength, valueLength) ? valueLength : EXTENT_REFERENCE_BYTES;
  return leafCellBytes(keyLength, stored) + SLOT_BYTES;
}

function fillInnerCell(
  slab: Slab,
  cell: number,
  child: number,
  separator: Uint8Array,
  suffixAt: number,
  suffixBytes: number,
): void {
  write64(slab, cell, child);
  write64(slab, cell + 8, 0);
  copyInto(slab.bytes, cell + INNER_CELL_BYTES, separator, suffixAt, suffixBytes);
}

function setVersion(slab: Slab, cell: number, version: number): void {
  assert(version <= VERSION_MAX, "a version fits its six bytes");
  slab.u32[cell >> 2] = version;
  slab.u16[(cell + 4) >> 1] = Math.floor(version / 0x1_0000_0000);
}

function copyInto(
  target: Uint8Array,
  to: number,
  source: Uint8Array,
  at: number,
  length: number,
): void {
  if (length <= 16) {
    for (let index = 0; index < length; index++) {
      target[to + index] = source[at + index] as number;
    }
  } else if (source.buffer === target.buffer) {
    const from = source.byteOffset - target.byteOffset + at;
    target.copyWithin(to, from, from + length);
  } else target.set(source.subarray(at, at + length), to);
}

/** How many bytes `left[0, leftBytes)` and `right` have in common at their beginnings. */
function shared(left: Uint8Array, leftBytes: number, right: Uint8Array): number {
  const limit = Math.min(leftBytes, right.length);
  let length = 0;
  while (length < limit && left[length] === right[length]) length++;
  return length;
}
