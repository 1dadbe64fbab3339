/**
 * Which keys are watched, and by whom.
 *
 * EXEC sees by itself whether a watched key is there in another version than it was. It cannot see
 * that a key which was absent was there in between, which counts in Redis: so bodies note which of
 * the keys that they put are watched, and when one has committed the watchers of those keys are
 * told. While nobody watches, nothing is noted.
 */

import { latin1 } from "../base/bytes.ts";
import type { Lsn } from "../base/ids.ts";

export interface Watcher {
  /** A key that it watches was written, at the position `at`. */
  touched(at: Lsn): void;
}

export interface WatchedKey {
  /** The logical database: what is there after FLUSHDB or SWAPDB is watched on. */
  readonly index: number;
  readonly key: Uint8Array;
}

interface Entry extends WatchedKey {
  readonly watchers: Set<Watcher>;
}

/** How the key `bytes[at, at + length)` of a logical database is called in the table. */
export function watchName(index: number, bytes: Uint8Array, at: number, length: number): string {
  return `${index} ${latin1(bytes, at, length)}`;
}

export class WatchTable {
  readonly #entries = new Map<string, Entry>();

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** All keys that are watched, with their names. */
  all(): Iterable<readonly [string, WatchedKey]> {
    return this.#entries;
  }

  add(name: string, { index, key }: WatchedKey, watcher: Watcher): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) this.#entries.set(name, { index, key, watchers: new Set([watcher]) });
    else entry.watchers.add(watcher);
  }

  remove(name: string, watcher: Watcher): void {
    const watchers = this.#entries.get(name)?.watchers;
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#entries.delete(name);
  }

  /** The keys of these names were written, at the position `at`. */
  touch(names: readonly string[], at: Lsn): void {
    for (const name of names) {
      for (const watcher of this.#entries.get(name)?.watchers ?? []) watcher.touched(at);
    }
  }
}
