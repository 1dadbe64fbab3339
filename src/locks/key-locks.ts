/**
 * The locks of all keys that are held or waited for, found by key and, in order, by range.
 *
 * Finding, adding and dropping one by its key takes constant time. Order costs O(log n) a key, and
 * only those pay it that are still locked when somebody asks for a range: until then a new lock is
 * in a list without order, which the next such question sorts into the tree. So a store that no
 * transaction scans keeps no order at all.
 *
 * A lock that becomes free stays in the map for a while, and is swept out with others. A `Map`
 * keeps what was deleted in its chains until it is next rebuilt: were a hot key added and deleted
 * each time, finding it among thousands of held ones would take microseconds.
 *
 * Memory: about 200 bytes a lock besides its key; at most as many free ones as used ones, and 256
 * more; and 256 KiB for the filter.
 */

import { assert } from "../base/assert.ts";
import { IntervalTree } from "./interval-tree.ts";
import { KeyFilter, hashText } from "./key-filter.ts";
import { KeyLock } from "./key-lock.ts";

const FREE_COUNT_MAX = 256;

export class KeyLocks {
  readonly #locks = new Map<string, KeyLock>();
  readonly #filter = new KeyFilter();
  readonly #unordered: KeyLock[] = [];
  readonly #ordered = new IntervalTree<KeyLock>();
  #usedCount = 0;

  /** How many keys are held or waited for. */
  get size(): number {
    return this.#usedCount;
  }

  /** False if no key of this hash is held or waited for; true if one may be. */
  mayHave(hash: number): boolean {
    return this.#filter.mayHave(hash);
  }

  /** The lock of the key, maybe free, if there is one. */
  find(key: string): KeyLock | undefined {
    return this.#locks.get(key);
  }

  /** The lock of the key, to which the caller gives a holder or a wait at once. */
  use(key: string, known: KeyLock | undefined): KeyLock {
    const lock = known ?? this.#add(key);
    if (!lock.isFree) return lock;

    lock.unorderedAt = this.#unordered.push(lock) - 1;
    this.#filter.add(lock.hash);
    this.#usedCount++;
    return lock;
  }

  #add(key: string): KeyLock {
    const lock = new KeyLock(key, hashText(key));
    this.#locks.set(key, lock);
    return lock;
  }

  /** Called after each change that may have left the lock without holder and wait. */
  dropIfFree(lock: KeyLock): void {
    if (!lock.isFree) return;

    this.#usedCount--;
    this.#filter.remove(lock.hash);
    if (lock.unorderedAt === -1) this.#ordered.remove(lock);
    else this.#dropUnordered(lock);
    if (2 * this.#usedCount + FREE_COUNT_MAX < this.#locks.size) this.#sweep();
  }

  #dropUnordered(lock: KeyLock): void {
    const last = this.#unordered.pop();
    assert(last !== undefined, "a lock without order is in the list");
    if (last === lock) return;
    this.#unordered[lock.unorderedAt] = last;
    last.unorderedAt = lock.unorderedAt;
  }

  #sweep(): void {
    for (const lock of this.#locks.values()) {
      if (lock.isFree) this.#locks.delete(lock.key);
    }
  }

  /** Visits the used locks of keys in the range, in order, until `visit` returns false. */
  visitRange(start: string, end: string | undefined, visit: (lock: KeyLock) => boolean): boolean {
    for (const lock of this.#unordered) {
      lock.unorderedAt = -1;
      this.#ordered.insert(lock);
    }
    this.#unordered.length = 0;
    return this.#ordered.visitOverlaps(start, end, visit);
  }
}
