/**
 * The entries of a range, read page by page and handed out one by one. A first page is small, for
 * those who want but one entry, and each is larger than the last.
 */

import { assert } from "../base/assert.ts";
import { rangeBeyond, rangeFrom } from "./level-range.ts";
import type { LevelEntry, LevelRange, LevelSnapshot } from "./level-store.ts";

const PAGE_COUNT_FIRST = 16;
const PAGE_COUNT_MAX = 4096;
const PAGE_BYTES_MAX = 1 << 20;

export class LevelPages {
  readonly #snapshot: LevelSnapshot;
  readonly #whole: LevelRange;
  /** What of the range was not read. */
  #rest: LevelRange;
  #page: readonly LevelEntry[] = [];
  #next = 0;
  #pageCount = PAGE_COUNT_FIRST;
  #isAtEnd = false;

  constructor(snapshot: LevelSnapshot, range: LevelRange) {
    this.#snapshot = snapshot;
    this.#whole = range;
    this.#rest = range;
  }

  /** Goes on with the first entry at `target` or beyond it; none if that is out of the range. */
  seek(target: Uint8Array): void {
    this.#rest = rangeFrom(this.#whole, target);
    this.#page = [];
    this.#next = 0;
    this.#isAtEnd = false;
  }

  /** The next entries, at most so many; none at the end. */
  async take(countMax: number): Promise<readonly LevelEntry[]> {
    const taken: LevelEntry[] = [];
    while (taken.length < countMax && (await this.#fill())) {
      const wanted = countMax - taken.length;
      const some = this.#page.slice(this.#next, this.#next + wanted);
      this.#next += some.length;
      for (const entry of some) taken.push(entry);
    }
    return taken;
  }

  /** Whether there is an entry left, in memory by then. */
  async #fill(): Promise<boolean> {
    if (this.#next < this.#page.length) return true;
    if (this.#isAtEnd) return false;
    const limits = { countMax: this.#pageCount, bytesMax: PAGE_BYTES_MAX };
    this.#page = await this.#snapshot.read(this.#rest, limits);
    this.#next = 0;
    assert(this.#page.length <= this.#pageCount, "a read keeps to its limit");
    this.#pageCount = Math.min(PAGE_COUNT_MAX, 4 * this.#pageCount);
    const last = this.#page.at(-1);
    if (last === undefined) this.#isAtEnd = true;
    else this.#rest = rangeBeyond(this.#rest, last.key);
    return last !== undefined;
  }
}
