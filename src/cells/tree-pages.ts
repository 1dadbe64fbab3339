/**
 * The pages of a tree as they are changed: where its root is, the way from there to a leaf, and
 * pages that are made, let go, or moved to the current generation.
 *
 * A page of an earlier generation is never changed: its content moves to a page of the current one
 * first, and so do all pages above it. Nothing here awaits or misses; who calls made sure that
 * every page on the way is in memory, and that pages and frames are free (`prepare.ts`).
 */

import { assert } from "../base/assert.ts";
import type { Slab } from "../base/slab.ts";
import type { Cache } from "./cache.ts";
import { clearPage, copyKey, setIdentity } from "./page-edit.ts";
import { childSlot } from "./page-search.ts";
import type { PageSpace } from "./page-space.ts";
import {
  cellAt,
  childOf,
  countOf,
  generationOf,
  KEY_BYTES_MAX,
  numberOf,
  PAGE_BYTES,
  write64,
} from "./page.ts";

/** Levels above the leaves; with three rows a page this is more than 2^32 pages. */
export const LEVELS_MAX = 40;

export class TreePages {
  readonly slab: Slab;
  readonly cache: Cache;
  readonly space: PageSpace;
  rootPage = 0;
  rootLevel = 0;
  /** Pages made now belong to this generation. */
  generation: number;
  /** The pages from the leaf (index 0) to the root, and the slot taken in each but the leaf. */
  readonly path: Int32Array = new Int32Array(LEVELS_MAX);
  readonly slots: Int32Array = new Int32Array(LEVELS_MAX);
  /** Pages' worth of slab that every change may overwrite: for `openSlot`, and for a whole page. */
  readonly scratch: number;
  readonly spare: number;
  /** The separators around a page, as they were read last, and one that is made. */
  readonly lowFence: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
  readonly highFence: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
  readonly separator: Uint8Array = new Uint8Array(KEY_BYTES_MAX);

  constructor(cache: Cache, space: PageSpace, generation: number) {
    this.slab = cache.slab;
    this.cache = cache;
    this.space = space;
    this.generation = generation;
    this.scratch = cache.slab.reserve(PAGE_BYTES);
    this.spare = cache.slab.reserve(PAGE_BYTES);
  }

  /** Records the way to the page at `level` under which the key belongs. All of it is resident. */
  descend(level: number, key: Uint8Array, at: number, length: number): void {
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
  makeWritable(): void {
    this.makePathWritable(0);
  }

  /** As `makeWritable`, down to the page at `lowest`. */
  makePathWritable(lowest: number): void {
    if (this.isCurrent(this.path[lowest] as number)) return;
    for (let level = this.rootLevel; level >= lowest; level--) {
      const base = this.path[level] as number;
      if (this.isCurrent(base)) continue;
      const copy = this.renew(base);
      this.path[level] = copy;
      const number = numberOf(this.slab, copy);
      if (level === this.rootLevel) this.rootPage = number;
      else this.setChild(level + 1, this.slots[level + 1] as number, number);
    }
  }

  isCurrent(base: number): boolean {
    return generationOf(this.slab, base) === this.generation;
  }

  setChild(level: number, slot: number, number: number): void {
    write64(this.slab, cellAt(this.slab, this.path[level] as number, slot), number);
  }

  /**
   * A page of the current generation with the content of the one at `base`. Where the old one is
   * on the volume already its frame is taken over, and a snapshot would read it from there.
   */
  renew(base: number): number {
    const { cache, slab, space } = this;
    const old = numberOf(slab, base);
    const birth = generationOf(slab, base);
    const number = space.allocate();
    let renewed = base;
    if (cache.isDirty(base)) {
      renewed = cache.add(number);
      slab.bytes.copyWithin(renewed, base, base + PAGE_BYTES);
      cache.rows.copied(base, renewed);
      cache.retire(base);
    } else cache.relabel(base, number);
    setIdentity(slab, renewed, number, this.generation);
    space.retire(old, 1, birth, this.generation);
    return renewed;
  }

  makePage(level: number, prefix: Uint8Array, prefixBytes: number): number {
    const number = this.space.allocate();
    const base = this.cache.add(number);
    clearPage(this.slab, base, level, prefix, 0, prefixBytes);
    setIdentity(this.slab, base, number, this.generation);
    return number;
  }

  /** The tree no longer has the page at `base`. */
  discard(base: number): void {
    const number = numberOf(this.slab, base);
    const birth = generationOf(this.slab, base);
    this.cache.retire(base);
    this.space.retire(number, 1, birth, this.generation);
  }

  /** The separator below the page of the path at `level`, in `lowFence`; -1: there is none. */
  readLowFence(level: number): number {
    for (let above = level + 1; above <= this.rootLevel; above++) {
      const slot = this.slots[above] as number;
      if (slot === 0) continue;
      return copyKey(this.slab, this.path[above] as number, slot, this.lowFence, 0);
    }
    return -1;
  }

  /** The separator above the page of the path at `level`, in `highFence`; -1: there is none. */
  readHighFence(level: number): number {
    for (let above = level + 1; above <= this.rootLevel; above++) {
      const page = this.path[above] as number;
      const slot = (this.slots[above] as number) + 1;
      if (slot === countOf(this.slab, page)) continue;
      return copyKey(this.slab, page, slot, this.highFence, 0);
    }
    return -1;
  }
}
