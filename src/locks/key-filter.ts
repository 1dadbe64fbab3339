/**
 * How many keys of each hash are locked or waited for: says *no* of most keys that are not,
 * without looking at their text. 65,536 counts, 256 KiB; with 10,000 keys locked, one question in
 * seven about another key goes on to the table.
 */

const SLOT_COUNT = 1 << 16;
const SLOT_MASK = SLOT_COUNT - 1;

export class KeyFilter {
  readonly #counts = new Int32Array(SLOT_COUNT);

  add(hash: number): void {
    const slot = hash & SLOT_MASK;
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
  }

  remove(hash: number): void {
    const slot = hash & SLOT_MASK;
    this.#counts[slot] = (this.#counts[slot] as number) - 1;
  }

  /** False if no key of this hash is in; true if one may be. */
  mayHave(hash: number): boolean {
    return this.#counts[hash & SLOT_MASK] !== 0;
  }
}

/** What `hashBytes` of base/bytes.ts gives for the bytes that the text stands for. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
