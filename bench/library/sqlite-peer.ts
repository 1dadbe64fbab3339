/**
 * better-sqlite3 in WAL mode with synchronous = FULL, so that a commit is on the disk. It has one
 * writer and is synchronous; many writers are grouped by hand, one transaction a turn of the event
 * loop, which is the best that can be done with it.
 */

import { join } from "node:path";
import { type Entry, loadPeer, type OpenPeer, type Peer, withAdded } from "./peer.ts";

interface Statement {
  run(...values: readonly unknown[]): void;
  get(...values: readonly unknown[]): unknown;
  iterate(...values: readonly unknown[]): Iterable<readonly Uint8Array[]>;
  pluck(): Statement;
  raw(): Statement;
}

interface Database {
  pragma(text: string): void;
  exec(text: string): void;
  prepare(text: string): Statement;
  close(): void;
}

interface Module {
  readonly default: new (path: string) => Database;
}

interface Waiting {
  readonly work: () => void;
  readonly done: () => void;
}

export const sqlitePeer: Peer = {
  name: "better-sqlite3",
  open: async (directory) => {
    const { default: Sqlite } = await loadPeer<Module>("better-sqlite3");
    return new OpenSqlite(new Sqlite(join(directory, "data.sqlite")));
  },
};

class OpenSqlite implements OpenPeer {
  readonly #database: Database;
  readonly #put: Statement;
  readonly #get: Statement;
  readonly #scan: Statement;
  readonly #begin: Statement;
  readonly #commit: Statement;
  #waiting: Waiting[] = [];

  constructor(database: Database) {
    this.#database = database;
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("cache_size = -262144");
    database.exec("CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
    this.#put = database.prepare("INSERT OR REPLACE INTO entries VALUES (?, ?)");
    this.#get = database.prepare("SELECT value FROM entries WHERE key = ?").pluck();
    this.#scan = database.prepare("SELECT key, value FROM entries ORDER BY key LIMIT ?").raw();
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
  }

  async putAlone({ key, value }: Entry): Promise<void> {
    this.#put.run(key, value);
  }

  async put({ key, value }: Entry): Promise<void> {
    await this.#grouped(() => this.#put.run(key, value));
  }

  async transfer(from: Uint8Array, to: Uint8Array): Promise<void> {
    await this.#grouped(() => {
      const source = this.#get.get(from) as Uint8Array;
      const target = this.#get.get(to) as Uint8Array;
      this.#put.run(from, withAdded(source, -1));
      this.#put.run(to, withAdded(target, 1));
    });
  }

  get(key: Uint8Array): boolean {
    return this.#get.get(key) !== undefined;
  }

  async getAwaited(key: Uint8Array): Promise<boolean> {
    return this.get(key);
  }

  async scan(count: number): Promise<number> {
    let seen = 0;
    for (const row of this.#scan.iterate(count)) if (row.length === 2) seen++;
    return seen;
  }

  async load(entries: readonly Entry[]): Promise<void> {
    this.#begin.run();
    for (const { key, value } of entries) this.#put.run(key, value);
    this.#commit.run();
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  async #grouped(work: () => void): Promise<void> {
    if (this.#waiting.length === 0) setImmediate(() => this.#runGroup());
    await new Promise<void>((done) => this.#waiting.push({ work, done }));
  }

  #runGroup(): void {
    const group = this.#waiting;
    this.#waiting = [];
    this.#begin.run();
    for (const { work } of group) work();
    this.#commit.run();
    for (const { done } of group) done();
  }
}
