/** Holdfast with its defaults. Whatever it resolves is on the disk; there is no other mode. */

import type { Database } from "../../src/database/database.ts";
import { openDatabase } from "../holdfast.ts";
import { OURS } from "../report.ts";
import { type Entry, type OpenPeer, type Peer, withAdded } from "./peer.ts";

export const holdfastPeer: Peer = {
  name: OURS,
  open: async (directory) => new OpenHoldfast(await openDatabase(directory)),
};

class OpenHoldfast implements OpenPeer {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async putAlone({ key, value }: Entry): Promise<void> {
    await this.#database.set(key, value);
  }

  async put({ key, value }: Entry): Promise<void> {
    await this.#database.set(key, value);
  }

  async transfer(from: Uint8Array, to: Uint8Array): Promise<void> {
    await this.#database.transact(async (tx) => {
      const source = (await tx.getForUpdate<Uint8Array>(from)) ?? from;
      const target = (await tx.getForUpdate<Uint8Array>(to)) ?? to;
      tx.set(from, withAdded(source, -1));
      tx.set(to, withAdded(target, 1));
    });
  }

  get(key: Uint8Array): boolean | Promise<boolean> {
    const value = this.#database.getCached(key);
    if (typeof value === "symbol") return this.getAwaited(key);
    return value !== undefined;
  }

  async getAwaited(key: Uint8Array): Promise<boolean> {
    return (await this.#database.get(key)) !== undefined;
  }

  async scan(count: number): Promise<number> {
    const rows = this.#database.scan({ limit: count });
    let seen = 0;
    for (;;) {
      const chunk = await rows.nextRows();
      if (chunk.length === 0) return seen;
      for (const { key } of chunk) if (key.length > 0) seen++;
    }
  }

  async load(entries: readonly Entry[]): Promise<void> {
    const batch = this.#database.atomic();
    for (const { key, value } of entries) batch.set(key, value);
    await batch.commit();
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
