/**
 * classic-level with `sync: true`, so that a write is on the disk. It has batches and no
 * transactions: what reads before it writes is kept apart by locks on its keys, by hand.
 */

import { join } from "node:path";
import { type Entry, loadPeer, type OpenPeer, type Peer, withAdded } from "./peer.ts";

interface Operation {
  readonly type: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface Entries {
  nextv(count: number): Promise<readonly (readonly Uint8Array[])[]>;
  close(): Promise<void>;
}

interface Database {
  open(): Promise<void>;
  put(key: Uint8Array, value: Uint8Array, options: { readonly sync: true }): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  getSync(key: Uint8Array): Uint8Array | undefined;
  batch(operations: readonly Operation[], options: { readonly sync: true }): Promise<void>;
  iterator(options: { readonly limit: number }): Entries;
  close(): Promise<void>;
}

interface Module {
  readonly ClassicLevel: new (path: string, options: unknown) => Database;
}

const SCAN_CHUNK = 1_000;
const DURABLE = { sync: true } as const;

export const levelPeer: Peer = {
  name: "classic-level",
  open: async (directory) => {
    const { ClassicLevel } = await loadPeer<Module>("classic-level");
    const encodings = { keyEncoding: "buffer", valueEncoding: "buffer" };
    const options = { ...encodings, cacheSize: 256 * 1024 * 1024 };
    const database = new ClassicLevel(join(directory, "level"), options);
    await database.open();
    return new OpenLevel(database);
  },
};

class OpenLevel implements OpenPeer {
  readonly #database: Database;
  /** The end of the line of those who want a key. */
  readonly #locks = new Map<string, Promise<void>>();

  constructor(database: Database) {
    this.#database = database;
  }

  async putAlone(entry: Entry): Promise<void> {
    await this.put(entry);
  }

  async put({ key, value }: Entry): Promise<void> {
    await this.#database.put(key, value, DURABLE);
  }

  async transfer(from: Uint8Array, to: Uint8Array): Promise<void> {
    const names = [from, to].map((key) => Buffer.from(key).toString("latin1")).toSorted();
    const releases: (() => void)[] = [];
    for (const name of new Set(names)) releases.push(await this.#lock(name));

    const source = this.#database.getSync(from) ?? from;
    const target = this.#database.getSync(to) ?? to;
    const operations: readonly Operation[] = [
      { type: "put", key: from, value: withAdded(source, -1) },
      { type: "put", key: to, value: withAdded(target, 1) },
    ];
    await this.#database.batch(operations, DURABLE);
    for (const release of releases) release();
  }

  get(key: Uint8Array): boolean {
    return this.#database.getSync(key) !== undefined;
  }

  async getAwaited(key: Uint8Array): Promise<boolean> {
    return (await this.#database.get(key)) !== undefined;
  }

  async scan(count: number): Promise<number> {
    const entries = this.#database.iterator({ limit: count });
    let seen = 0;
    for (;;) {
      const chunk = await entries.nextv(SCAN_CHUNK);
      for (const entry of chunk) if (entry.length === 2) seen++;
      if (chunk.length > 0) continue;
      await entries.close();
      return seen;
    }
  }

  async load(entries: readonly Entry[]): Promise<void> {
    const operations = entries.map(({ key, value }) => ({ type: "put" as const, key, value }));
    await this.#database.batch(operations, DURABLE);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  async #lock(name: string): Promise<() => void> {
    const before = this.#locks.get(name);
    const { promise: held, resolve } = resolvable();
    this.#locks.set(name, held);
    await before;
    return () => {
      if (this.#locks.get(name) === held) this.#locks.delete(name);
      resolve();
    };
  }
}

function resolvable(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: (() => void) | undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: () => resolve?.() };
}
