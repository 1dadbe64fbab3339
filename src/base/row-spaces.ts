/**
 * What the layers above keep in a store. Each has the keys of a space of its own, and says of them
 * what the store cannot know: which rows it keeps for itself, and how users call the others.
 */

import { printable } from "./bytes.ts";

export interface RowSpace {
  /** Whether the key `bytes[at, at + length)` is that of a row that the layer keeps for itself. */
  isOwn(bytes: Uint8Array, at: number, length: number): boolean;
  /** The key as its users write it; undefined if it is none of theirs. */
  nameOf(key: Uint8Array): string | undefined;
}

export class RowSpaces {
  readonly #spaces: readonly RowSpace[];

  constructor(spaces: readonly RowSpace[]) {
    this.#spaces = spaces;
  }

  isOwn(bytes: Uint8Array, at: number, length: number): boolean {
    return this.#spaces.some((space) => space.isOwn(bytes, at, length));
  }

  /** For messages. */
  nameOf(key: Uint8Array): string {
    for (const space of this.#spaces) {
      const name = space.nameOf(key);
      if (name !== undefined) return name;
    }
    return `"${printable(key)}"`;
  }
}
