/** The iterator of a Level database: a snapshot, its own or the user's, read page by page. */

import { AbstractIterator, type AbstractIteratorOptions, type AbstractLevel } from "abstract-level";
import { LevelPages } from "./level-pages.ts";
import { type LevelBounds, rangeOf } from "./level-range.ts";
import type { LevelEntry, LevelSnapshot } from "./level-store.ts";

export type IteratorOptions = LevelBounds & { readonly keys: boolean; readonly values: boolean };

type Bytes = Uint8Array;
type BytesLevel = AbstractLevel<Bytes, Bytes, Bytes>;
/** A key or value that was not asked for is undefined. */
type Pair = [Bytes | undefined, Bytes | undefined];

export class HoldfastIterator extends AbstractIterator<BytesLevel, Bytes, Bytes> {
  readonly #pages: LevelPages;
  readonly #options: IteratorOptions;
  /** To be released with the iterator; undefined if the snapshot is the user's. */
  readonly #own: LevelSnapshot | undefined;

  constructor(
    level: BytesLevel,
    options: IteratorOptions,
    snapshot: LevelSnapshot,
    owner: "iterator" | "user",
  ) {
    super(level, options as AbstractIteratorOptions<Bytes, Bytes>);
    this.#pages = new LevelPages(snapshot, rangeOf(options));
    this.#options = options;
    this.#own = owner === "iterator" ? snapshot : undefined;
  }

  async _next(): Promise<Pair | undefined> {
    const [entry] = await this.#pages.take(1);
    return entry === undefined ? undefined : this.#pairOf(entry);
  }

  async _nextv(size: number): Promise<Pair[]> {
    const entries = await this.#pages.take(size);
    return entries.map((entry) => this.#pairOf(entry));
  }

  _seek(target: Bytes): void {
    this.#pages.seek(target);
  }

  async _close(): Promise<void> {
    await this.#own?.release();
  }

  #pairOf({ key, value }: LevelEntry): Pair {
    const { keys, values } = this.#options;
    return [keys ? key : undefined, values ? value : undefined];
  }
}
