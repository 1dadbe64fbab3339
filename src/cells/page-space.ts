/**
 * Which pages of the zone are in use, and when a page that the tree let go may be used again.
 *
 * A page is *born* in a generation of the tree and *dies* in a later one. A snapshot of generation
 * s sees the pages with birth <= s < death, and a page may be used again only when no snapshot
 * that is held sees it. The newest durable checkpoint holds its snapshot like any reader, so what
 * a crash would go back to is never overwritten.
 *
 * Free pages are given out from the lowest on, as far as that is cheap: a walk over the map goes up
 * and begins anew when a snapshot has let pages go, so that the end of the zone empties by itself,
 * and all walks between two snapshots are no longer than the map.
 *
 * Pages may be *lent* to others than the tree. They are in use by no tree and part of no map: who
 * borrowed them keeps account of them, and names them when the map is loaded again.
 *
 * Page 0 is never given out: 0 means no page.
 */

import { assert } from "../base/assert.ts";

/** Pages in a row. */
export interface PageRun {
  readonly first: number;
  readonly count: number;
}

/** Pages that died while a snapshot could see them. A run of pages is one entry. */
interface Dead {
  readonly first: number;
  readonly count: number;
  readonly birth: number;
  readonly death: number;
}

export class PageSpace {
  /** One bit a page, set where it is in use. */
  #map: Uint32Array;
  #pageCount: number;
  #freeCount: number;
  /** Where the next page is looked for. */
  #next = 1;
  #usedPeak = 1;
  #dead: Dead[] = [];
  #lent: PageRun[] = [];
  readonly #held = new Map<number, number>();
  readonly #onFree: (first: number, count: number) => void;

  /** `onFree` hears of pages whose content nobody can ask for any more. */
  constructor(onFree: (first: number, count: number) => void) {
    this.#map = new Uint32Array(1);
    this.#map[0] = 1;
    this.#pageCount = 1;
    this.#freeCount = 0;
    this.#onFree = onFree;
  }

  get pageCount(): number {
    return this.#pageCount;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** The end of the pages in use: none from there on is. */
  get usedEnd(): number {
    let word = ((this.#pageCount + 31) >>> 5) - 1;
    while (this.#map[word] === 0) word--;
    return word * 32 + 32 - Math.clz32(this.#map[word] as number);
  }

  /** The most pages that were in use at a time since this was asked last. */
  takePeak(): number {
    const peak = this.#usedPeak;
    this.#usedPeak = this.#pageCount - this.#freeCount;
    return peak;
  }

  /** Pages that wait for a snapshot to be released. */
  get deadCount(): number {
    return this.#dead.reduce((sum, { count }) => sum + count, 0);
  }

  /** The zone has become `pageCount` pages long. */
  grow(pageCount: number): void {
    assert(this.#pageCount <= pageCount, "a zone grows to more pages");
    const words = (pageCount + 31) >>> 5;
    if (words > this.#map.length) {
      const map = new Uint32Array(Math.max(words, this.#map.length * 2));
      map.set(this.#map);
      this.#map = map;
    }
    this.#freeCount += pageCount - this.#pageCount;
    this.#pageCount = pageCount;
  }

  /** The zone is only `pageCount` pages long now; none beyond was in use. */
  shrink(pageCount: number): void {
    assert(this.usedEnd <= pageCount, "only what is free is given back");
    this.#freeCount -= this.#pageCount - pageCount;
    this.#pageCount = pageCount;
  }

  /** How many of the pages before `page` are free. */
  freeBefore(page: number): number {
    let used = 0;
    for (let word = 0; word < page >>> 5; word++) used += bitCount(this.#map[word] as number);
    const part = (this.#map[page >>> 5] ?? 0) & ((1 << (page & 31)) - 1);
    return page - used - bitCount(part);
  }

  /** Begins with the map of a checkpoint instead of with nothing in use. */
  load(map: Uint32Array, pageCount: number): void {
    // Of a zone that has grown since, the map of a checkpoint is shorter, and longer of one cut.
    const words = (pageCount + 31) >>> 5;
    this.#map = new Uint32Array(words);
    this.#map.set(map.subarray(0, words));
    this.#pageCount = pageCount;
    this.#map[0] = (this.#map[0] as number) | 1;
    let used = 0;
    for (const word of this.#map) used += bitCount(word);
    this.#freeCount = pageCount - used;
    this.#usedPeak = used;
  }

  isUsed(page: number): boolean {
    return (((this.#map[page >>> 5] as number) >>> (page & 31)) & 1) === 1;
  }

  /** A free page. The caller made sure that there is one. */
  allocate(): number {
    assert(this.#freeCount > 0, "a page is taken only after it was reserved");
    let page = this.#next;
    for (;;) {
      if (page >= this.#pageCount) page = 1;
      const word = this.#map[page >>> 5] as number;
      if (word === 0xffffffff) page = (page | 31) + 1;
      else if (((word >>> (page & 31)) & 1) === 0) break;
      else page++;
    }
    this.#take(page, 1);
    this.#next = page + 1;
    return page;
  }

  /** `count` pages in a row, or 0 if the free pages nowhere form such a run. */
  allocateRun(count: number): number {
    const first = this.#findRun(count);
    if (first !== 0) this.#take(first, count);
    return first;
  }

  /** Gives pages that are free to somebody else, until he gives them back. */
  lend(run: PageRun): void {
    assert(this.isFree(run), "only free pages are lent");
    this.#take(run.first, run.count);
    this.#lent.push(run);
  }

  /** What is lent now. */
  get lent(): readonly PageRun[] {
    return this.#lent;
  }

  /** The pages of a run that was lent are free. */
  giveBack({ first, count }: PageRun): void {
    const kept = this.#lent.filter((run) => run.first !== first || run.count !== count);
    assert(kept.length === this.#lent.length - 1, "what is given back was lent");
    this.#lent = kept;
    this.#free(first, count);
    this.#next = Math.min(this.#next, first);
  }

  /** Whether all pages of the run are there and free. */
  isFree({ first, count }: PageRun): boolean {
    if (first < 1 || this.#pageCount < first + count) return false;
    for (let page = first; page < first + count; page++) if (this.isUsed(page)) return false;
    return true;
  }

  /** The lowest run of so many free pages. */
  findRun(count: number): PageRun | undefined {
    const first = this.#findRun(count);
    return first === 0 ? undefined : { first, count };
  }

  /** Whether `allocateRun(count)` would find room. */
  hasRun(count: number): boolean {
    return this.#findRun(count) !== 0;
  }

  /** The tree of `generation` no longer has these pages, which were made in `birth`. */
  retire(first: number, count: number, birth: number, generation: number): void {
    if (this.#isSeen(birth, generation)) {
      this.#dead.push({ first, count, birth, death: generation });
    } else this.#free(first, count);
  }

  /** Keeps all that the snapshot of this generation sees, until it is let go as often. */
  hold(generation: number): void {
    this.#held.set(generation, (this.#held.get(generation) ?? 0) + 1);
  }

  letGo(generation: number): void {
    const holders = this.#held.get(generation) ?? 0;
    assert(holders > 0, "a snapshot is let go as often as it was held");
    if (holders > 1) this.#held.set(generation, holders - 1);
    else {
      this.#held.delete(generation);
      this.#reclaim();
    }
  }

  /** Keeps all that any snapshot sees now; returns how to let go of it. */
  holdAll(): () => void {
    const generations = [...this.#held.keys()];
    for (const generation of generations) this.hold(generation);
    return () => {
      for (const generation of generations) this.letGo(generation);
    };
  }

  /**
   * The map as a checkpoint of the tree as it is now should keep it: without the dead, and without
   * what is lent.
   */
  checkpointMap(): Uint32Array {
    const map = this.#map.slice(0, (this.#pageCount + 31) >>> 5);
    for (const { first, count } of [...this.#dead, ...this.#lent]) {
      for (let page = first; page < first + count; page++) clearBit(map, page);
    }
    return map;
  }

  #findRun(count: number): number {
    if (count > this.#freeCount) return 0;
    let run = 0;
    for (let page = 1; page < this.#pageCount; page++) {
      if ((page & 31) === 0 && this.#map[page >>> 5] === 0xffffffff) {
        run = 0;
        page += 31;
      } else if (this.isUsed(page)) run = 0;
      else if (++run === count) return page - count + 1;
    }
    return 0;
  }

  #take(first: number, count: number): void {
    for (let page = first; page < first + count; page++) {
      this.#map[page >>> 5] = (this.#map[page >>> 5] as number) | (1 << (page & 31));
    }
    this.#freeCount -= count;
    this.#usedPeak = Math.max(this.#usedPeak, this.#pageCount - this.#freeCount);
  }

  #free(first: number, count: number): void {
    for (let page = first; page < first + count; page++) {
      assert(this.isUsed(page), "a page is freed once");
      clearBit(this.#map, page);
    }
    this.#freeCount += count;
    this.#onFree(first, count);
  }

  #isSeen(birth: number, death: number): boolean {
    for (const generation of this.#held.keys()) {
      if (birth <= generation && generation < death) return true;
    }
    return false;
  }

  #reclaim(): void {
    const dead = this.#dead;
    this.#dead = dead.filter(({ birth, death }) => this.#isSeen(birth, death));
    if (this.#dead.length === dead.length) return;
    for (const { first, count, birth, death } of dead) {
      if (this.#isSeen(birth, death)) continue;
      this.#free(first, count);
      this.#next = Math.min(this.#next, first);
    }
  }
}

function clearBit(map: Uint32Array, page: number): void {
  map[page >>> 5] = (map[page >>> 5] as number) & ~(1 << (page & 31));
}

function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
