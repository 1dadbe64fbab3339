/**
 * Where the columns of gathered runs lie. Those that go in place at once lie in the memory of the
 * parity kernel, if there is room, so that nothing has to be brought there; others are kept until
 * a checkpoint, and so have memory of their own.
 */

import type { ParityArena } from "./parity/kernel.ts";
import { SpareBuffers } from "./spare-buffers.ts";

export class RunBuffers {
  readonly #spare = new SpareBuffers();
  /** By where they begin; whatever is remembered of a view is good for the next one, too. */
  readonly #views = new Map<number, Uint8Array>();

  /** A buffer with anything in it, in the arena if one is given. */
  take(length: number, arena: ParityArena | undefined): Uint8Array {
    const at = arena?.allocate(length);
    if (arena === undefined || at === undefined) return this.#spare.take(length);
    const known = this.#views.get(at);
    if (known?.length === length) return known;
    const view = arena.view(at, length);
    this.#views.set(at, view);
    return view;
  }

  /** Takes one back that nobody reads or writes any more. */
  give(buffer: Uint8Array, arena: ParityArena | undefined): void {
    if (arena === undefined || buffer.buffer !== arena.bytes.buffer) this.#spare.give(buffer);
    else arena.release(buffer.byteOffset);
  }
}
