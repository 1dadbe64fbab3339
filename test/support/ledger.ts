/**
 * Clients that write through a server that may be killed at any time, and remember what they were
 * told. Each client counts 1, 2, 3 ... and writes its count into two keys in one transaction.
 *
 * Afterwards every client's two keys must be equal, since no transaction is half there, and at
 * least the last count that was acknowledged, since none of those is lost. They may be one more:
 * the one that was under way.
 */

import { expect } from "vitest";
import { connectTo } from "./redis-client.ts";

export interface Entry {
  acknowledged: number;
  attempted: number;
}

export class Ledger {
  readonly #entries: readonly Entry[];

  constructor(clientCount: number) {
    this.#entries = Array.from({ length: clientCount }, () => ({ acknowledged: 0, attempted: 0 }));
  }

  get acknowledgedCount(): number {
    return this.#entries.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** Writes with all clients until the server is gone; resolves then. */
  async writeUntilGone(port: number): Promise<void> {
    await Promise.all(this.#entries.map((entry, index) => writeUntilGone(port, index, entry)));
  }

  /** Reads everything back from a server that has come up again. */
  async check(port: number): Promise<void> {
    const client = connectTo(port);
    for (const [index, entry] of this.#entries.entries()) {
      const [left, right] = await client.mget(...keysOf(index));
      expect(left, `the transactions of client ${index} are whole`).toBe(right);
      const found = Number(left ?? 0);
      expect(found, `client ${index} was told of it`).toBeGreaterThanOrEqual(entry.acknowledged);
      expect(found, `client ${index} has sent no more`).toBeLessThanOrEqual(entry.attempted);
      // What was not acknowledged and is there all the same counts from now on.
      entry.acknowledged = found;
    }
    client.disconnect();
  }
}

async function writeUntilGone(port: number, index: number, entry: Entry): Promise<void> {
  const client = connectTo(port);
  const [left, right] = keysOf(index);
  try {
    for (;;) {
      const count = entry.acknowledged + 1;
      entry.attempted = Math.max(entry.attempted, count);
      const replies = await client.multi().set(left, count).set(right, count).exec();
      if (replies?.every(([error]) => error === null) !== true) return;
      entry.acknowledged = count;
    }
  } catch {
    // The connection is gone, or the server refuses: nothing more will be acknowledged.
  } finally {
    client.disconnect();
  }
}

function keysOf(index: number): [string, string] {
  return [`ledger:${index}:left`, `ledger:${index}:right`];
}
