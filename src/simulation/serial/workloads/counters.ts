/**
 * Counters that all add to: each add that was acknowledged counts once, each other at most once.
 */

import { digits, read, write } from "../rows.ts";
import type { SerialClient, Workload } from "../workload.ts";

const THINK_MS = 2;

export function counters(counterCount: number): Workload {
  const keys = Array.from({ length: counterCount }, (_, index) => `counter/${digits(index)}`);
  const tried = keys.map(() => 0);
  const acknowledged = keys.map(() => 0);

  const count = async (client: SerialClient, index: number, by: number): Promise<void> => {
    const key = keys[index] ?? "";
    const text = client.unique();
    if (client.random.chance(70)) {
      await client.run((step) => write(step, key, `${valueIn(read(step, key)) + by} ${text}`));
      return;
    }
    await client.transact(async (transaction) => {
      const before = await transaction.run((step) => valueIn(read(step, key)));
      await client.think(THINK_MS);
      await transaction.run((step) => write(step, key, `${before + by} ${text}`));
    });
  };

  return {
    name: "counters",
    spread: keys,
    setup: async () => undefined,
    act: async (client) => {
      const index = client.random.below(counterCount);
      const by = 1 + client.random.below(9);
      add(tried, index, by);
      await count(client, index, by);
      add(acknowledged, index, by);
    },
    check: async (client) => {
      for (const [index, key] of keys.entries()) {
        const value = await client.run((step) => valueIn(read(step, key)));
        const [least, most] = [acknowledged[index] ?? 0, tried[index] ?? 0];
        if (least <= value && value <= most) continue;
        client.violated(`${key} is ${value}, and must be from ${least} to ${most}`);
      }
    },
  };
}

function add(list: number[], index: number, by: number): void {
  list[index] = (list[index] ?? 0) + by;
}

function valueIn(value: string | undefined): number {
  return Number.parseInt(value ?? "0", 10);
}
