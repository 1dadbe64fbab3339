/**
 * lmdb, which gathers asynchronous writes into transactions by itself. It answers before its fsync
 * is done, so a write here also awaits `flushed`, which is when it would survive a loss of power.
 */

import { join } from "node:path";
import { type Entry, loadPeer, type OpenPeer, type Peer, withAdded } from "./peer.ts";

interface Database {
  readonly flushed: Promise<unknown>;
  put(key: Uint8Array, value: Uint8Array): Promise<unknown>;
  getBinary(key: Uint8Array): Uint8Array | undefined;
  getAsync(key: Uint8Array): Promise<Uint8Array | undefined>;
  getRange(range: { readonly limit: number }): Iterable<{ readonly value: Uint8Array }>;
  transaction(work: () => void): Promise<unknown>;
  close(): Promise<void>;
}

interface Module {
  readonly open: (options: Readonly<Record<string, unknown>>) => Database;
}

const MAP_BYTES = 8 * 1024 ** 3;

export const lmdbPeer: Peer = {
  name: "lmdb",
  open: async (directory) => {
    const { open } = await loadPeer<Module>("lmdb");
    const path = join(directory, "data.mdb");
    const encodings = { keyEncoding: "binary", encoding: "binary" };
    return new OpenLmdb(open({ path, ...encodings, mapSize: MAP_BYTES }));
  },
};

class OpenLmdb implements OpenPeer {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async putAlone(entry: Entry): Promise<void> {
    await this.put(entry);
  }

  async put({ key, value }: Entry): Promise<void> {
    await this.#database.put(key, value);
    await this.#database.flushed;
  }

  async transfer(from: Uint8Array, to: Uint8Array): Promise<void> {
    const database = this.#database;
    await database.transaction(() => {
      const source = database.getBinary(from) ?? from;
      const target = database.getBinary(to) ?? to;
      void database.put(from, withAdded(source, -1));
      void database.put(to, withAdded(target, 1));
    });
    await database.flushed;
  }

  get(key: Uint8Array): boolean {
    return this.#database.getBinary(key) !== undefined;
  }

  async getAwaited(key: Uint8Array): Promise<boolean> {
    return (await this.#database.getAsync(key)) !== undefined;
  }

  async scan(count: number): Promise<number> {
    let seen = 0;
    for (const { value } of this.#database.getRange({ limit: count })) {
      if (value.length > 0) seen++;
    }
    return seen;
  }

  async load(entries: readonly Entry[]): Promise<void> {
    const database = this.#database;
    await database.transaction(() => {
      for (const { key, value } of entries) void database.put(key, value);
    });
    await database.flushed;
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
