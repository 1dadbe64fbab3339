/**
 * A Level database's data in a Database: each key of Level is one part, bytes, after the parts of
 * a prefix, and each value is stored as bytes. So what Level sorts by is what the Database sorts
 * by, and Level's data can lie beside others without meeting it.
 */

import type { Atomic } from "../database/atomic.ts";
import type { Database } from "../database/database.ts";
import type { ScannedRow } from "../database/row-values.ts";
import type { ScanOptions } from "../database/scan.ts";
import type { Snapshot } from "../database/snapshot.ts";
import type { KeyPart } from "../database/tuple.ts";
import { Fault, isFault } from "../base/fault.ts";
import type {
  LevelEntry,
  LevelLimits,
  LevelOperation,
  LevelRange,
  LevelSnapshot,
  LevelStore,
} from "./level-store.ts";

export interface DatabaseLevelOptions {
  /** What the keys in the Database begin with. */
  readonly prefix: readonly KeyPart[];
  /** Whether the Database is closed when the Level database is. */
  readonly closesDatabase: boolean;
}

/** A larger range is cleared by several transactions of so many keys, or of fewer large ones. */
const CLEARED_TOGETHER = 10_000;

export class DatabaseLevelStore implements LevelStore {
  readonly #database: Database;
  readonly #options: DatabaseLevelOptions;
  readonly #keys: LevelKeys;

  constructor(database: Database, options: DatabaseLevelOptions) {
    this.#database = database;
    this.#options = options;
    this.#keys = new LevelKeys(options.prefix);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return bytesOf(await this.#database.get(this.#keys.inDatabase(key)));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    const values = await this.#database.getMany(keys.map((key) => this.#keys.inDatabase(key)));
    return values.map(bytesOf);
  }

  async write(operations: readonly LevelOperation[]): Promise<void> {
    const [first] = operations;
    if (operations.length === 1 && first !== undefined) {
      const key = this.#keys.inDatabase(first.key);
      if (first.kind === "put") await this.#database.set(key, first.value);
      else await this.#database.delete(key);
    } else {
      await this.#batchOf(operations).commit();
    }
  }

  async clear(range: LevelRange): Promise<void> {
    for (let limit = CLEARED_TOGETHER; ;) {
      try {
        if ((await this.#clearSome(range, limit)) < limit) return;
      } catch (error) {
        if (!isFault(error, "ERR_LIMIT") || limit === 1) throw error;
        limit = Math.ceil(limit / 4);
      }
    }
  }

  /** How many were removed. */
  async #clearSome(range: LevelRange, limit: number): Promise<number> {
    return await this.#database.transact(async (transaction) => {
      let removedCount = 0;
      for await (const { key } of transaction.scan({ ...this.#keys.scanOf(range), limit })) {
        transaction.delete(key);
        removedCount++;
      }
      return removedCount;
    });
  }

  snapshot(): LevelSnapshot {
    return new DatabaseLevelSnapshot(this.#database.snapshot(), this.#keys);
  }

  async close(): Promise<void> {
    if (this.#options.closesDatabase) await this.#database.close();
  }

  #batchOf(operations: readonly LevelOperation[]): Atomic {
    const batch = this.#database.atomic();
    for (const operation of operations) {
      const key = this.#keys.inDatabase(operation.key);
      if (operation.kind === "put") batch.set(key, operation.value);
      else batch.delete(key);
    }
    return batch;
  }
}

class DatabaseLevelSnapshot implements LevelSnapshot {
  /** What it will show was fixed when it was asked for. */
  readonly #snapshot: Promise<Snapshot>;
  readonly #keys: LevelKeys;

  constructor(snapshot: Promise<Snapshot>, keys: LevelKeys) {
    this.#snapshot = snapshot;
    this.#keys = keys;
    // Who reads it hears of its failure; one that is never read has nobody to tell.
    snapshot.catch(() => undefined);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const snapshot = await this.#snapshot;
    return bytesOf(await snapshot.get(this.#keys.inDatabase(key)));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    const snapshot = await this.#snapshot;
    const values = await snapshot.getMany(keys.map((key) => this.#keys.inDatabase(key)));
    return values.map(bytesOf);
  }

  async read(range: LevelRange, limits: LevelLimits): Promise<readonly LevelEntry[]> {
    const snapshot = await this.#snapshot;
    const scan = snapshot.scan({ ...this.#keys.scanOf(range), limit: limits.countMax });
    const entries: LevelEntry[] = [];
    let bytes = 0;
    for await (const row of scan) {
      const entry = this.#keys.entryOf(row);
      entries.push(entry);
      bytes += entry.key.length + entry.value.length;
      if (limits.bytesMax <= bytes) break;
    }
    return entries;
  }

  async release(): Promise<void> {
    const snapshot = await this.#snapshot.catch(() => undefined);
    snapshot?.close();
  }
}

/** Keys of Level as keys of the Database, and back. */
class LevelKeys {
  readonly #prefix: readonly KeyPart[];

  constructor(prefix: readonly KeyPart[]) {
    this.#prefix = prefix;
  }

  inDatabase(key: Uint8Array): readonly KeyPart[] {
    return [...this.#prefix, key];
  }

  scanOf({ start, end, reverse }: LevelRange): ScanOptions {
    // Strings come right after bytes in the order of keys.
    const last = end === undefined ? [...this.#prefix, ""] : this.inDatabase(end);
    return { start: this.inDatabase(start), end: last, reverse };
  }

  entryOf({ key, value }: ScannedRow): LevelEntry {
    const last = key.at(-1);
    const bytes = bytesOf(value);
    if (key.length === this.#prefix.length + 1 && last instanceof Uint8Array) {
      if (bytes !== undefined) return { key: last, value: bytes };
    }
    throw foreign();
  }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value === undefined || value instanceof Uint8Array) return value;
  throw foreign();
}

function foreign(): Fault {
  const message = "among the data of Level is something that Level did not write";
  return new Fault("ERR_FORMAT", `${message}; give it a prefix of its own`);
}
