/** The simplest store that a Level database can lie on: a sorted list that is never changed. */

import { compareBytes } from "../base/bytes.ts";
import type {
  LevelEntry,
  LevelLimits,
  LevelOperation,
  LevelRange,
  LevelReader,
  LevelSnapshot,
  LevelStore,
} from "./level-store.ts";

class MemoryReader implements LevelReader {
  entries: readonly LevelEntry[];

  constructor(entries: readonly LevelEntry[]) {
    this.entries = entries;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return await Promise.resolve(this.#find(key));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return await Promise.resolve(keys.map((key) => this.#find(key)));
  }

  #find(key: Uint8Array): Uint8Array | undefined {
    return this.entries.find((entry) => compareBytes(entry.key, key) === 0)?.value;
  }
}

class MemorySnapshot extends MemoryReader implements LevelSnapshot {
  async read(range: LevelRange, limits: LevelLimits): Promise<readonly LevelEntry[]> {
    const within = this.entries.filter(({ key }) => isWithin(range, key));
    const ordered = range.reverse ? within.toReversed() : within;
    return await Promise.resolve(ordered.slice(0, limits.countMax));
  }

  async release(): Promise<void> {
    this.entries = [];
    await Promise.resolve();
  }
}

export class MemoryLevelStore extends MemoryReader implements LevelStore {
  constructor() {
    super([]);
  }

  async write(operations: readonly LevelOperation[]): Promise<void> {
    let { entries } = this;
    for (const operation of operations) {
      const { key } = operation;
      const others = entries.filter((entry) => compareBytes(entry.key, key) !== 0);
      entries = operation.kind === "remove" ? others : [...others, copyOf(operation)];
    }
    this.entries = entries.toSorted((left, right) => compareBytes(left.key, right.key));
    await Promise.resolve();
  }

  async clear(range: LevelRange): Promise<void> {
    this.entries = this.entries.filter(({ key }) => !isWithin(range, key));
    await Promise.resolve();
  }

  snapshot(): LevelSnapshot {
    return new MemorySnapshot(this.entries);
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

function isWithin({ start, end }: LevelRange, key: Uint8Array): boolean {
  return compareBytes(start, key) <= 0 && (end === undefined || compareBytes(key, end) < 0);
}

/** Level may reuse the bytes that it passed. */
function copyOf({ key, value }: LevelEntry): LevelEntry {
  return { key: new Uint8Array(key), value: new Uint8Array(value) };
}
