/**
 * Rows that nobody needs, between those that others work with: they make the data larger than the
 * cache, so that others miss pages; and writing them fills the log, so that it wraps around.
 */

import { digits, read, write } from "../rows.ts";
import type { SerialClient, Workload } from "../workload.ts";

const ROW_BYTES = 1500;
const LARGE_BYTES_MAX = 24_000;
const BATCH_ROWS = 30;
const THINK_MS = 3;
const DONE = "ballast/done";

export function ballast(spread: readonly string[], rowCount: number): Workload {
  const keys = Array.from({ length: rowCount }, (_, index) => {
    const near = spread[Math.floor((index * spread.length) / rowCount)] ?? "ballast/";
    return `${near}~${digits(index, 5)}`;
  });
  const anyKey = (client: SerialClient): string => keys[client.random.below(keys.length)] ?? DONE;

  const writeLarge = async (client: SerialClient): Promise<void> => {
    const written = Array.from({ length: 1 + client.random.below(4) }, () => anyKey(client));
    const value = text(client, client.random.below(LARGE_BYTES_MAX));
    await client.run((step) => {
      for (const key of written) write(step, key, value);
    });
  };

  const readMany = async (client: SerialClient): Promise<void> => {
    await client.transact(async (transaction) => {
      for (let count = client.random.below(6); 0 <= count; count--) {
        const key = anyKey(client);
        await transaction.run((step) => read(step, key));
        if (client.random.chance(20)) await client.think(THINK_MS);
      }
      const key = anyKey(client);
      const value = text(client, ROW_BYTES);
      await transaction.run((step) => write(step, key, value));
    });
  };

  return {
    name: "ballast",
    setup: async (client) => {
      const isDone = await client.run((step) => read(step, DONE) !== undefined);
      if (isDone) return;
      for (let first = 0; first < keys.length; first += BATCH_ROWS) {
        const batch = keys.slice(first, first + BATCH_ROWS);
        const value = text(client, ROW_BYTES);
        await client.run((step) => {
          for (const key of batch) write(step, key, value);
        });
      }
      await client.run((step) => write(step, DONE, "yes"));
    },
    act: async (client) => {
      if (client.random.chance(50)) await writeLarge(client);
      else await readMany(client);
    },
    check: async () => undefined,
  };
}

function text(client: SerialClient, bytes: number): string {
  return client.unique().padEnd(bytes, ".");
}
