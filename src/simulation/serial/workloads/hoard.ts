/**
 * Long rows that come and go, and fill whatever room there is. As long as a full disk takes what
 * it held before, who removes rows is never refused for want of room, nor who puts a short row
 * while it removes long ones.
 */

import { isFault } from "../../../base/fault.ts";
import { digits, read, remove, write } from "../rows.ts";
import type { SerialClient, Workload } from "../workload.ts";

const KEY_COUNT = 240;
const VALUE_BYTES_MAX = 120_000;
const WRITTEN_MAX = 4;
const REMOVED_MAX = 6;
const NOTE_BYTES = 40;

export function hoard(removesHaveRoom: boolean): Workload {
  const drop = async (client: SerialClient): Promise<void> => {
    const keys = anyKeys(client, REMOVED_MAX);
    await withRoom(client, "a remove", async () => {
      await client.run((step) => {
        for (const key of keys) remove(step, key);
      });
    });
  };

  const withRoom = async (
    client: SerialClient,
    what: string,
    work: () => Promise<void>,
  ): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const isRefused = removesHaveRoom && isFault(error, "ERR_FULL");
      if (isRefused) client.violated(`${what} was refused: ${error.message}`);
      throw error;
    }
  };

  /** Leaves a note for the long rows that it removes. */
  const exchange = async (client: SerialClient): Promise<void> => {
    const keys = anyKeys(client, REMOVED_MAX);
    const note = `hoard/note/${client.name}`;
    const value = client.unique().slice(0, NOTE_BYTES);
    await withRoom(client, "an exchange", async () => {
      await client.run((step) => {
        const lengths = [...new Set(keys)].map((key) => read(step, key)?.length ?? 0);
        if (lengths.reduce((sum, length) => sum + length, 0) < 4 * NOTE_BYTES) return;
        for (const key of keys) remove(step, key);
        write(step, note, value);
      });
    });
  };

  return {
    name: "hoard",
    setup: async () => undefined,
    act: async (client) => {
      const choice = client.random.below(10);
      if (choice < 7) await put(client);
      else if (choice < 9) await drop(client);
      else await exchange(client);
    },
    check: async () => undefined,
  };
}

function keyOf(index: number): string {
  return `hoard/${digits(index, 3)}`;
}

function anyKeys(client: SerialClient, max: number): readonly string[] {
  const count = 1 + client.random.below(max);
  return Array.from({ length: count }, () => keyOf(client.random.below(KEY_COUNT)));
}

async function put(client: SerialClient): Promise<void> {
  const keys = anyKeys(client, WRITTEN_MAX);
  const value = client.unique().padEnd(client.random.below(VALUE_BYTES_MAX), ".");
  await client.run((step) => {
    for (const key of keys) write(step, key, value);
  });
}
