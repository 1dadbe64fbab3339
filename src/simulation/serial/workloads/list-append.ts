/** Lists grow at their ends, several at once; nothing that was appended is lost or there twice. */

import { digits, read, readForUpdate, write } from "../rows.ts";
import type { SerialClient, Workload } from "../workload.ts";

const THINK_MS = 3;
const KEYS_MAX = 4;
/** A longer list is begun anew, so that values stay small. */
const LENGTH_MAX = 60;

export function listAppend(listCount: number): Workload {
  const lists = Array.from({ length: listCount }, (_, index) => `list/${digits(index)}`);
  const some = (client: SerialClient): readonly string[] => {
    const count = 1 + client.random.below(KEYS_MAX);
    const chosen = Array.from({ length: count }, () => lists[client.random.below(listCount)] ?? "");
    return [...new Set(chosen)];
  };

  /** Acknowledged, by list: where it must be unless the list was begun anew since. */
  const acknowledged = new Map<string, { readonly list: string; readonly generation: string }>();

  const append = async (client: SerialClient): Promise<void> => {
    const chosen = some(client);
    const element = client.unique();
    const generations = await client.run((step) =>
      chosen.map((list) => {
        const before = readForUpdate(step, list) ?? "";
        const count = before === "" ? 0 : before.split(",").length;
        const begun = read(step, generation(list)) ?? "0";
        if (count < LENGTH_MAX) {
          write(step, list, before === "" ? element : `${before},${element}`);
          return begun;
        }
        write(step, generation(list), `${Number(begun) + 1}`);
        write(step, list, element);
        return `${Number(begun) + 1}`;
      }),
    );
    for (const [index, list] of chosen.entries()) {
      acknowledged.set(`${list} ${element}`, { list, generation: generations[index] ?? "" });
    }
  };

  const readThenAppend = async (client: SerialClient): Promise<void> => {
    const [first = "", ...rest] = some(client);
    const element = client.unique();
    await client.transact(async (transaction) => {
      for (const list of rest) {
        await transaction.run((step) => read(step, list));
        await client.think(THINK_MS);
      }
      await transaction.run((step) => {
        const before = read(step, first);
        write(step, first, before === undefined ? element : `${before},${element}`);
      });
    });
  };

  return {
    name: "list-append",
    spread: lists,
    setup: async () => undefined,
    act: async (client) => {
      const choice = client.random.below(10);
      if (choice < 5) await append(client);
      else if (choice < 8) await readThenAppend(client);
      else {
        const chosen = some(client);
        await client.run((step) => chosen.map((list) => read(step, list)));
      }
    },
    check: async (client) => {
      for (const list of lists) {
        const [value, begun] = await client.run((step) => [
          read(step, list),
          read(step, generation(list)) ?? "0",
        ]);
        const elements = (value ?? "").split(",");
        const distinct = new Set(elements);
        if (distinct.size !== elements.length) client.violated(`${list} holds one twice: ${value}`);
        for (const [text, one] of acknowledged) {
          if (one.list !== list || one.generation !== begun) continue;
          const element = text.slice(list.length + 1);
          if (!distinct.has(element)) client.violated(`${list} has lost ${element}: ${value}`);
        }
      }
    },
  };
}

function generation(list: string): string {
  return `generation of ${list}`;
}
