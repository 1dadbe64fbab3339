/** What an array tells the trace of its world, also for those who have to act on it or log it. */

import type { RaidWorld } from "../raid/raid-world.ts";
import type { World } from "../world/world.ts";

/** Hears what happens to an array: `raid.member-failed` and the like. */
export type ArrayListener = (name: string, fields: Readonly<Record<string, unknown>>) => void;

export class ArrayEvents {
  readonly #listeners = new Set<ArrayListener>();

  /** Returns what ends it. */
  subscribe(listener: ArrayListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The world for an array that is to be heard. */
  within({ clock, random, checksums, trace }: World): RaidWorld {
    const event: ArrayListener = (name, fields) => {
      trace.event(name, fields);
      for (const listener of this.#listeners) listener(name, fields);
    };
    return {
      clock,
      random,
      checksums,
      trace: {
        event: (name, fields = {}) => {
          event(name, fields);
        },
      },
    };
  }
}
