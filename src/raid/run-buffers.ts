/**
 * Where the columns of gathered runs lie: in the memory of the parity kernel, if there is room, so
 * that nothing has to be brought there.
 */

import type { ParityArena } from "./parity/kernel.ts";
import { SpareBuffers } from "./spare-buffers.ts";

export class RunBuffers {
  readonly #spare = new SpareBuffers();
  /** By where they begin; whatever is remembered of a view is good for the next one, too. */
  readonly #views = new Map<number, Uint8Array>();
  /** What is taken of the arenas. */
  readonly #taken = new Map<Uint8Array, ParityArena>();

  /** A buffer with anything in it, in the arena if one is given. */
  take(length: number, arena: ParityArena | undefined): Uint8Array {
    const at = arena?.allocate(length);
    if (arena === undefined || at === undefined) return this.#spare.take(length);
    const view = this.#viewOf(arena, at, length);
    this.#taken.set(view, arena);
    return view;
  }

  /** Takes one back that nobody reads or writes any more. */
  give(buffer: Uint8Array): void {
    const arena = this.#taken.get(buffer);
    if (arena === undefined) {
      this.#spare.give(buffer);
      return;
    }
    this.#taken.delete(buffer);
    arena.release(buffer.byteOffset);
  }

  /** Takes back all that others need; nobody uses any of them any more. */
  giveAll(): void {
    for (const buffer of this.#taken.keys()) this.give(buffer);
  }

  #viewOf(arena: ParityArena, at: number, length: number): Uint8Array {
    const known = this.#views.get(at);
    if (known?.length === length) return known;
    const view = arena.view(at, length);
    this.#views.set(at, view);
    return view;
  }
}
