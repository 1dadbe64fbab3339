/**
 * Locks of ranges of one export: of those that overlap one is held at a time, in the order in which
 * they were asked for. A range that overlaps nothing is had at once.
 *
 * It needs no tree: there are never more ranges than requests under way, and a search that finds
 * something in its way stops there.
 */

import { assert, must } from "../base/assert.ts";

export interface LockedRange {
  readonly start: number;
  readonly end: number;
}

interface Waiting {
  readonly range: LockedRange;
  /** Undefined once the range is held. */
  begin: (() => void) | undefined;
}

export class RangeLock {
  /** Held or waited for, in the order of asking. */
  readonly #ranges: Waiting[] = [];

  /** Undefined if the range is held at once, else a promise of it. */
  acquire(range: LockedRange): Promise<void> | undefined {
    assert(range.start < range.end, "a locked range holds something");
    const waiting: Waiting = { range, begin: undefined };
    this.#ranges.push(waiting);
    if (!this.#isInTheWay(range, this.#ranges.length - 1)) return undefined;
    return new Promise((resolve) => {
      waiting.begin = resolve;
    });
  }

  /** Gives up a range that is held: the very object that it was acquired with. */
  release(range: LockedRange): void {
    const index = this.#ranges.findIndex((one) => one.range === range);
    const released = must(this.#ranges[index], "what is released was acquired");
    assert(released.begin === undefined, "what is released is held");
    this.#ranges.splice(index, 1);
    // What stood before was not in this one's reach.
    for (let later = index; later < this.#ranges.length; later++) this.#tryToBegin(later);
  }

  #tryToBegin(index: number): void {
    const waiting = must(this.#ranges[index], "an index within the list");
    if (waiting.begin === undefined || this.#isInTheWay(waiting.range, index)) return;
    const { begin } = waiting;
    waiting.begin = undefined;
    begin();
  }

  /** Whether one that came before, of the first `count`, overlaps. */
  #isInTheWay(range: LockedRange, count: number): boolean {
    for (let index = 0; index < count; index++) {
      const other = (this.#ranges[index] as Waiting).range;
      if (range.start < other.end && other.start < range.end) return true;
    }
    return false;
  }
}
