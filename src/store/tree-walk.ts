/**
 * Walks the tree of a checkpoint on its volume, page by page, and tells all that is wrong with it.
 * Beside each level of the tree it needs one page of memory.
 */

import { messageOf } from "../base/fault.ts";
import { Slab } from "../base/slab.ts";
import type { CheckpointRoot } from "../cells/cells.ts";
import { extentPages, readReference } from "../cells/extents.ts";
import { checkPage, extentReferenceAt, type Fences, keyOf } from "../cells/page-check.ts";
import { cellAt, childOf, countOf, PAGE_BYTES } from "../cells/page.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import { Census } from "./census.ts";

/** Something that is not as it should be, and the place where it is. */
export interface Finding {
  readonly where: string;
  readonly problem: string;
}

export interface WalkOptions {
  readonly volume: Volume;
  readonly checksums: Checksums;
  readonly checksumSeed: number;
  readonly pagesAt: number;
  readonly pageCount: number;
  /** Hears of pages as they are read. */
  readonly onPages: (count: number) => void;
}

const LEVELS_MAX = 40;

export class TreeWalk {
  readonly findings: Finding[] = [];
  readonly census: Census = new Census();
  /** One bit a page that the tree reaches. */
  readonly reached: Uint32Array;
  rowCount = 0;
  leafCount = 0;
  innerCount = 0;
  extentCount = 0;
  extentBytes = 0;
  readonly #options: WalkOptions;
  readonly #slab: Slab = new Slab((LEVELS_MAX + 1) * PAGE_BYTES);

  constructor(options: WalkOptions) {
    this.#options = options;
    this.reached = new Uint32Array((options.pageCount + 31) >>> 5);
  }

  async walk({ rootPage, rootLevel, rootSumLow, rootSumHigh }: CheckpointRoot): Promise<void> {
    if (rootLevel >= LEVELS_MAX) {
      this.findings.push({ where: "the superblock", problem: `the tree has ${rootLevel} levels` });
      return;
    }
    const fences = { low: undefined, high: undefined };
    await this.#visit(rootPage, rootLevel, rootSumLow, rootSumHigh, fences);
  }

  async #visit(
    page: number,
    level: number,
    sumLow: number,
    sumHigh: number,
    fences: Fences,
  ): Promise<void> {
    if (!this.#reach(page, 1, `page ${page}`)) return;
    const base = level * PAGE_BYTES;
    const where = this.#placeOf(page);
    const bytes = this.#slab.bytes.subarray(base, base + PAGE_BYTES);
    if (!(await this.#read(page, bytes, sumLow, sumHigh, where))) return;

    const problems = checkPage(this.#slab, base, page, level, fences);
    this.findings.push(...problems.map((problem) => ({ where, problem })));
    if (problems.length > 0) return;
    if (level === 0) await this.#visitRows(base, where);
    else await this.#visitChildren(base, level, fences);
  }

  async #visitChildren(base: number, level: number, fences: Fences): Promise<void> {
    this.innerCount++;
    const slab = this.#slab;
    const count = countOf(slab, base);
    for (let slot = 0; slot < count; slot++) {
      const low = slot === 0 ? fences.low : keyOf(slab, base, slot);
      const high = slot + 1 === count ? fences.high : keyOf(slab, base, slot + 1);
      const cell = cellAt(slab, base, slot);
      const sumLow = slab.u32[(cell + 8) >> 2] as number;
      const sumHigh = slab.u32[(cell + 12) >> 2] as number;
      await this.#visit(childOf(slab, base, slot), level - 1, sumLow, sumHigh, { low, high });
    }
  }

  async #visitRows(base: number, where: string): Promise<void> {
    this.leafCount++;
    const count = countOf(this.#slab, base);
    for (let slot = 0; slot < count; slot++) {
      const key = keyOf(this.#slab, base, slot);
      this.rowCount++;
      this.census.add(key, 0, key.length, 1);
      const referenceAt = extentReferenceAt(this.#slab, base, slot);
      if (referenceAt !== undefined) await this.#visitExtent(referenceAt, where, slot);
    }
  }

  async #visitExtent(referenceAt: number, leaf: string, slot: number): Promise<void> {
    const { first, lengthBytes, sumLow, sumHigh } = readReference(this.#slab, referenceAt);
    const where = `the value of ${lengthBytes} bytes in slot ${slot} of ${leaf}`;
    if (!this.#reach(first, extentPages(lengthBytes), where)) return;
    this.extentCount++;
    this.extentBytes += lengthBytes;
    await this.#read(first, new Uint8Array(lengthBytes), sumLow, sumHigh, where);
  }

  async #read(
    page: number,
    target: Uint8Array,
    sumLow: number,
    sumHigh: number,
    where: string,
  ): Promise<boolean> {
    const { volume, checksums, checksumSeed, pagesAt, onPages } = this.#options;
    try {
      await volume.read(pagesAt + page * PAGE_BYTES, target);
    } catch (error) {
      this.findings.push({ where, problem: messageOf(error) });
      return false;
    }
    onPages(extentPages(target.length));
    checksums.xxh64(target, page, checksumSeed);
    if (checksums.xxh64Low === sumLow && checksums.xxh64High === sumHigh) return true;
    this.findings.push({ where, problem: "its checksum is not the one its parent holds" });
    return false;
  }

  /** Marks pages as reached; false, and a finding, if they cannot be or were before. */
  #reach(first: number, count: number, where: string): boolean {
    const { pageCount } = this.#options;
    if (first < 1 || count < 1 || first + count > pageCount) {
      this.findings.push({ where, problem: `pages ${first} to ${first + count - 1} do not exist` });
      return false;
    }
    for (let page = first; page < first + count; page++) {
      const word = this.reached[page >>> 5] as number;
      if (((word >>> (page & 31)) & 1) === 1) {
        this.findings.push({ where, problem: `page ${page} has two places in the tree` });
        return false;
      }
      this.reached[page >>> 5] = word | (1 << (page & 31));
    }
    return true;
  }

  #placeOf(page: number): string {
    const { volume, pagesAt } = this.#options;
    return `page ${page} (byte ${pagesAt + page * PAGE_BYTES} of "${volume.name}")`;
  }
}
