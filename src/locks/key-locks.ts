/**
 * The locks of all keys that are held or waited for, found by key and, in order, by range.
 *
 * Finding, adding and dropping one by its key takes constant time. Order costs O(log n) a key, and
 * only those pay it that are still locked when somebody asks for a range: until then a new lock is
 * in a list without order, which the next such question sorts into the tree. So a store that no
 * transaction scans keeps no order at all.
 *
 * Memory: about 200 bytes a lock besides its key, and 256 KiB for the filter.
 */

import { assert } from "../base/assert.ts";
import { IntervalTree } from "./interval-tree.ts";
import { KeyFilter, hashText } from "./key-filter.ts";
import { KeyLock } from "./key-lock.ts";

export class KeyLocks {
  readonly #locks = new Map<string, KeyLock>();
  readonly #filter = new KeyFilter();
  readonly #unordered: KeyLock[] = [];
  readonly #ordered = new IntervalTree<KeyLock>();

  get size(): number {
    return this.#locks.size;
  }

  /** False if no key of this hash has a lock; true if one may have. */
  mayHave(hash: number): boolean {
    return this.#filter.mayHave(hash);
  }

  find(key: string): KeyLock | undefined {
    return this.#locks.get(key);
  }

  /** A new lock, free. The caller gives it a holder or a wait at once. */
  add(key: string): KeyLock {
    const lock = new KeyLock(key, hashText(key));
    lock.unorderedAt = this.#unordered.push(lock) - 1;
    this.#locks.set(key, lock);
    this.#filter.add(lock.hash);
    return lock;
  }

  dropIfFree(lock: KeyLock): void {
    if (!lock.isFree) return;

    this.#locks.delete(lock.key);
    this.#filter.remove(lock.hash);
    if (lock.unorderedAt === -1) this.#ordered.remove(lock);
    else this.#dropUnordered(lock);
  }

  #dropUnordered(lock: KeyLock): void {
    const last = this.#unordered.pop();
    assert(last !== undefined, "a lock without order is in the list");
    if (last === lock) return;
    this.#unordered[lock.unorderedAt] = last;
    last.unorderedAt = lock.unorderedAt;
  }

  /** Visits the locks of keys in the range, in order, until `visit` returns false. */
  visitRange(start: string, end: string | undefined, visit: (lock: KeyLock) => boolean): boolean {
    for (const lock of this.#unordered) {
      lock.unorderedAt = -1;
      this.#ordered.insert(lock);
    }
    this.#unordered.length = 0;
    return this.#ordered.visitOverlaps(start, end, visit);
  }
}
