/**
 * A ring of nodes, each naming the next. Transactions swap two neighbours; whoever follows the
 * ring comes through all of it, whatever happens meanwhile.
 */

import type { Step } from "../../../transactions/step.ts";
import { digits, read, write } from "../rows.ts";
import type { ClientTransaction, SerialClient, Workload } from "../workload.ts";

const THINK_MS = 2;

export function ring(nodeCount: number): Workload {
  const keys = Array.from({ length: nodeCount }, (_, index) => `ring/${digits(index)}`);
  const keyOf = (node: number): string => keys[node] ?? "";
  const next = (step: Step, node: number): number =>
    Number.parseInt(read(step, keyOf(node)) ?? "NaN", 10);

  const requireWhole = (client: SerialClient, how: string, visited: number): void => {
    if (visited !== nodeCount) client.violated(`${how} the ring has ${visited} of ${nodeCount}`);
  };

  /** How many nodes lie on the way from the first back to it; -1 if it does not lead back. */
  const follow = (step: Step): number => {
    let node = 0;
    for (let count = 1; count <= nodeCount; count++) {
      node = next(step, node);
      if (node === 0) return count;
    }
    return -1;
  };

  const swap = async (client: SerialClient): Promise<void> => {
    const first = client.random.below(nodeCount);
    const text = client.unique();
    await client.run((step) => {
      const second = next(step, first);
      const third = next(step, second);
      const fourth = next(step, third);
      write(step, keyOf(first), `${third} ${text}`);
      write(step, keyOf(second), `${fourth} ${text}`);
      write(step, keyOf(third), `${second} ${text}`);
    });
  };

  const slowSwap = async (client: SerialClient): Promise<void> => {
    const first = client.random.below(nodeCount);
    const text = client.unique();
    await client.transact(async (transaction: ClientTransaction) => {
      const nodes = [first];
      for (let count = 0; count < 3; count++) {
        nodes.push(await transaction.run((step) => next(step, nodes.at(-1) ?? 0)));
        if (client.random.chance(50)) await client.think(THINK_MS);
      }
      const [, second = 0, third = 0, fourth = 0] = nodes;
      await transaction.run((step) => write(step, keyOf(first), `${third} ${text}`));
      if (client.random.chance(50)) await client.think(THINK_MS);
      await transaction.run((step) => {
        write(step, keyOf(second), `${fourth} ${text}`);
        write(step, keyOf(third), `${second} ${text}`);
      });
    });
  };

  return {
    name: "ring",
    spread: keys,
    setup: async (client) => {
      await client.run((step) => {
        if (read(step, keyOf(0)) !== undefined) return;
        for (const [node, key] of keys.entries()) write(step, key, `${(node + 1) % nodeCount}`);
      });
    },
    act: async (client) => {
      const choice = client.random.below(10);
      if (choice < 5) await swap(client);
      else if (choice < 8) await slowSwap(client);
      else if (choice === 8) requireWhole(client, "at once", await client.run(follow));
      else requireWhole(client, "seen", await client.snapshot((view) => view.run(follow)));
    },
    check: async (client) => requireWhole(client, "at the end", await client.run(follow)),
  };
}
