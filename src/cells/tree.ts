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
import type { Cache } from "./cache.ts";
import { extentPages, type ExtentReference, type Extents, readReference } from "./extents.ts";
import { addGarbage, closeSlot, copyInto, hasRoom, openSlot, setVersion } from "./page-edit.ts";
import { SHARE_COUNT, shareMore, shareWith, writeHead } from "./page-heads.ts";
import { childSlot, holdsKey, lowerBound } from "./page-search.ts";
import type { PageSpace } from "./page-space.ts";
import {
  align4,
  cellAt,
  childOf,
  countOf,
  EXTENT_FLAG,
  EXTENT_REFERENCE_BYTES,
  gapBytes,
  isInline,
  LEAF_CELL_BYTES,
  prefixBytesOf,
  SLOT_BYTES,
  suffixBytesOf,
  usedBytes,
  versionOf,
} from "./page.ts";
import { Joiner, SMALL_PAGE_BYTES } from "./tree-join.ts";
import { TreePages } from "./tree-pages.ts";
import { Splitter } from "./tree-split.ts";

export const FOUND = 1;
export const ABSENT = 0;
export const MISS: number = -1;
export type Found = number;
/** What look-ups will miss is asked for ahead, up to this share of the frames. */
const AHEAD_SHARE = 8;

/** A tree as a snapshot sees it. */
export interface TreeRoot {
  readonly page: number;
  readonly level: number;
  /** Of the newest page in it. */
  readonly generation: number;
}

export class Tree extends TreePages {
  readonly extents: Extents;
  /** The page that the last `MISS` asks for; 0 if it asks for `missingExtent`. */
  missing = 0;
  missingExtent: ExtentReference | undefined = undefined;
  /** Pages that will be asked for soon after the missing one. */
  readonly missingAhead: Set<number> = new Set();
  /** As above: long values behind `missingExtent`, by their first pages. */
  readonly extentsAhead: Map<number, ExtentReference> = new Map();
  #aheadBytes = 0;
  /** Where `find` found the row: its cell and the place and length of its stored value. */
  cell = 0;
  /** The value found: `valueBytes[valueAt, valueAt + valueLength)`. */
  valueBytes: Uint8Array;
  valueAt = 0;
  valueLength = 0;
  version = 0;

  #isPathReady = false;
  #knownLeaf = 0;
  readonly splitter: Splitter = new Splitter(this);
  readonly #joiner: Joiner = new Joiner(this);
  #extentRun = 0;

  constructor(cache: Cache, space: PageSpace, extents: Extents, generation: number) {
    super(cache, space, generation);
    this.extents = extents;
    this.valueBytes = cache.slab.bytes;
  }

  /** Makes the tree of a fresh store: one empty leaf. */
  create(): void {
    this.rootPage = this.makePage(0, this.separator, 0);
    this.rootLevel = 0;
  }

  /** Looks up a key, whose hash is given (`hashBytes`), in the tree as it is now. */
  find(hash: number, key: Uint8Array, at: number, length: number): Found {
    const { cache } = this;
    const { rows } = cache;
    const cell = rows.find(hash, key, at, length);
    if (cell !== 0) {
      cache.touch(rows.pageOf(cell));
      return this.#found(cell, rows.suffixBytes);
    }
    const found = this.findFrom(this.rootPage, this.rootLevel, key, at, length);
    if (found === FOUND) this.#index(hash, this.cell, length);
    return found;
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
    return this.#found(cellAt(slab, base, slot), suffixBytesOf(slab, base, slot));
  }

  #found(cell: number, suffixBytes: number): Found {
    this.cell = cell;
    this.version = versionOf(this.slab, cell);
    return this.readValue(cell, suffixBytes);
  }

  #index(hash: number, cell: number, length: number): void {
    const { rows } = this.cache;
    const prefixBytes = prefixBytesOf(this.slab, rows.pageOf(cell));
    rows.add(hash, cell, prefixBytes, length - prefixBytes);
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
    if (bytes === undefined) return this.missExtent(reference);
    this.valueBytes = bytes;
    this.valueAt = 0;
    this.valueLength = bytes.length;
    return FOUND;
  }

  miss(page: number): Found {
    this.missing = page;
    this.#aheadBytes = 0;
    this.missingExtent = undefined;
    if (this.missingAhead.size > 0) this.missingAhead.clear();
    if (this.extentsAhead.size > 0) this.extentsAhead.clear();
    return MISS;
  }

  missExtent(reference: ExtentReference): Found {
    this.miss(0);
    this.missingExtent = reference;
    this.#aheadBytes = reference.lengthBytes;
    return MISS;
  }

  /**
   * Asks, with the page that was missed, for those that these keys miss under `page`, too; with a
   * long value, for those of these keys whose leaves are there.
   */
  missWith(page: number, level: number, keys: Iterable<Uint8Array>): void {
    const { cache, slab, missing, missingAhead } = this;
    for (const key of keys) {
      if (missingAhead.size >= cache.frameCount / AHEAD_SHARE) return;
      if (this.#aheadBytes >= this.extents.aheadBytesMax) return;
      let number = page;
      let base = cache.peek(number);
      for (let below = level; below > 0 && base >= 0; below--) {
        number = childOf(slab, base, childSlot(slab, base, key, 0, key.length));
        base = cache.peek(number);
      }
      if (missing === 0 && base >= 0) this.#missValue(base, key);
      else if (missing !== 0 && base < 0 && number !== missing) missingAhead.add(number);
    }
  }

  /** Asks for the value of this key of the leaf, if it is long and not in memory. */
  #missValue(leaf: number, key: Uint8Array): void {
    const { slab, extents, extentsAhead } = this;
    const slot = lowerBound(slab, leaf, key, 0, key.length);
    if (!holdsKey(slab, leaf, slot, key, 0, key.length)) return;
    const cell = cellAt(slab, leaf, slot);
    if (slab.u16[(cell + 6) >> 1] !== EXTENT_FLAG) return;
    const at = cell + LEAF_CELL_BYTES + suffixBytesOf(slab, leaf, slot);
    const reference = readReference(slab, at);
    const { first, lengthBytes } = reference;
    if (extents.has(first) || extentsAhead.has(first)) return;
    if (first === this.missingExtent?.first) return;
    extentsAhead.set(first, reference);
    this.#aheadBytes += lengthBytes;
  }

  /** The next `put` or `remove` is of the key whose way `path` and `slots` hold already. */
  trustPath(): void {
    this.#isPathReady = true;
  }

  /** The next `put` is of a key that belonged to the leaf at `leaf` when that was pinned. */
  trustLeaf(leaf: number): void {
    this.#knownLeaf = leaf;
  }

  forgetPath(): void {
    this.#isPathReady = false;
    this.#knownLeaf = 0;
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
    const { rows } = this.cache;
    const inline = isInline(length, valueLength);
    let leaf = this.#writableLeaf(key, at, length);
    let slot = lowerBound(slab, leaf, key, at, length);
    const existed = holdsKey(slab, leaf, slot, key, at, length);
    if (existed) {
      const cell = cellAt(slab, leaf, slot);
      if (inline && this.#hasPlace(cell, valueLength)) {
        const suffixBytes = suffixBytesOf(slab, leaf, slot);
        this.overwrite(leaf, cell, suffixBytes, value, valueAt, valueLength, version);
        return true;
      }
      this.#retireValue(leaf, slot);
      closeSlot(slab, leaf, slot);
      rows.moved(leaf);
    } else this.splitter.noteInsert(leaf, slot);

    const stored = inline ? valueLength : EXTENT_REFERENCE_BYTES;
    for (;;) {
      const suffixBytes = length - prefixBytesOf(slab, leaf);
      const cellLength = leafCellBytes(suffixBytes, stored);
      if (hasRoom(slab, leaf, cellLength)) {
        const suffixAt = at + length - suffixBytes;
        shareWith(slab, leaf, key, suffixAt, suffixBytes);
        // What lies in the way is moved together.
        if (gapBytes(slab, leaf) < cellLength + SLOT_BYTES) rows.moved(leaf);
        const cell = openSlot(slab, leaf, slot, suffixBytes, cellLength, this.scratch);
        this.#fillLeafCell(cell, key, suffixAt, suffixBytes, version);
        this.#fillValue(cell, suffixBytes, value, valueAt, valueLength, inline);
        writeHead(slab, leaf, slot);
        if (countOf(slab, leaf) === SHARE_COUNT) shareMore(slab, leaf);
        return existed;
      }
      this.descend(0, key, at, length);
      this.splitter.splitLeaf(slot, key, at, length);
      this.descend(0, key, at, length);
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
    this.makeWritable();
    const leaf = this.path[0] as number;
    this.#retireValue(leaf, slot);
    closeSlot(slab, leaf, slot);
    this.cache.rows.moved(leaf);
    if (usedBytes(slab, leaf) < SMALL_PAGE_BYTES) this.#joiner.join(0);
    return true;
  }

  /** The leaf of the key, in the current generation. It need not be the one on the path. */
  #writableLeaf(key: Uint8Array, at: number, length: number): number {
    const known = this.#knownLeaf;
    this.#knownLeaf = 0;
    if (known !== 0 && this.cache.isPinned(known) && this.isCurrent(known)) return known;
    this.#descendToLeaf(key, at, length);
    this.makeWritable();
    return this.path[0] as number;
  }

  #descendToLeaf(key: Uint8Array, at: number, length: number): void {
    if (this.#isPathReady) this.#isPathReady = false;
    else this.descend(0, key, at, length);
  }

  /** Whether the value in a leaf's cell can be overwritten by one of this length. */
  #hasPlace(cell: number, valueLength: number): boolean {
    const stored = this.slab.u16[(cell + 6) >> 1] as number;
    return stored !== EXTENT_FLAG && valueLength <= stored;
  }

  /** Writes a value over the one in a leaf's cell, which is no shorter. */
  overwrite(
    leaf: number,
    cell: number,
    suffixBytes: number,
    value: Uint8Array,
    valueAt: number,
    valueLength: number,
    version: number,
  ): void {
    const { slab } = this;
    const stored = slab.u16[(cell + 6) >> 1] as number;
    const header = LEAF_CELL_BYTES + suffixBytes;
    const shrunk = align4(header + stored) - align4(header + valueLength);
    if (shrunk > 0) addGarbage(slab, leaf, shrunk);
    setVersion(slab, cell, version);
    slab.u16[(cell + 6) >> 1] = valueLength;
    copyInto(slab.bytes, cell + header, value, valueAt, valueLength);
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
}

function leafCellBytes(suffixBytes: number, stored: number): number {
  return align4(LEAF_CELL_BYTES + suffixBytes + stored);
}

/** How many bytes of a page `usedBytes` would grow by for this row, at most. */
export function rowBytes(keyLength: number, valueLength: number): number {
  const stored = isInline(keyLength, valueLength) ? valueLength : EXTENT_REFERENCE_BYTES;
  return leafCellBytes(keyLength, stored) + SLOT_BYTES;
}
