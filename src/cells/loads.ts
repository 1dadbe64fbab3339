/**
 * What is on its way from the volume into memory, by its first page: each at most once, for all
 * who wait for it.
 *
 * A page may be let go, used again and written anew while a read of it is under way. What such a
 * read brings says nothing of what is there now, and it is no longer `isWanted`.
 */

export interface Load {
  isWanted: boolean;
  ended: Promise<void>;
}

export class Loads {
  /** Those that are wanted. */
  readonly #loads = new Map<number, Load>();

  /** Resolves when the load of the page has ended, which is begun unless it is under way. */
  join(page: number, begin: (load: Load) => Promise<void>): Promise<void> {
    const running = this.#loads.get(page);
    if (running !== undefined) return running.ended;
    const load: Load = { isWanted: true, ended: Promise.resolve() };
    this.#loads.set(page, load);
    load.ended = begin(load).finally(() => {
      if (load.isWanted) this.#loads.delete(page);
    });
    return load.ended;
  }

  /** What began on these pages may be something else from now on. */
  drop(first: number, count: number): void {
    if (this.#loads.size === 0) return;
    for (let page = first; page < first + count; page++) {
      const load = this.#loads.get(page);
      if (load === undefined) continue;
      load.isWanted = false;
      this.#loads.delete(page);
    }
  }
}
