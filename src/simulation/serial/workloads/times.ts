/**
 * Clients note what time it is: a later one finds no later time noted, but for the second that a
 * crash may take from the time of a store.
 */

import { read, write } from "../rows.ts";
import type { Workload } from "../workload.ts";

const KEY = "time";
const CRASH_MS = 1000;

export function times(): Workload {
  return {
    name: "times",
    setup: async () => undefined,
    act: async (client) => {
      const text = client.unique();
      await client.run((step) => {
        const notedMs = Number.parseInt(read(step, KEY) ?? "0", 10);
        const { nowMs } = step;
        if (nowMs < notedMs - CRASH_MS) {
          client.violated(`it is ${nowMs}, and ${notedMs} was noted before`);
        }
        write(step, KEY, `${Math.max(nowMs, notedMs)} ${text}`);
      });
    },
    check: async () => undefined,
  };
}
