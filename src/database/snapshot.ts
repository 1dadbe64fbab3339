/** Snapshots: everything as it was at one moment, without locks and in nobody's way. */

import { Fault } from "../base/fault.ts";
import type { RowValues } from "./row-values.ts";
import { Scan, type ScanOptions, type ScanSource } from "./scan.ts";
import type { RowReader, SessionSnapshot } from "./session.ts";
import type { Key } from "./tuple.ts";
import { type Version, versionOf } from "./version.ts";

/**
 * A consistent view. Let go of it with `close`: as long as it is held, the store keeps what was
 * replaced since. Rows that had expired and were not removed yet are still in it.
 */
export class Snapshot {
  readonly #inner: SessionSnapshot;
  readonly #values: RowValues;
  /** The last commit that it sees. A watch from here misses nothing. */
  readonly version: Version;
  #isClosed = false;

  /** @internal */
  constructor(inner: SessionSnapshot, values: RowValues) {
    this.#inner = inner;
    this.#values = values;
    this.version = versionOf(inner.position);
  }

  /** The value that the key had, or undefined if it was absent. */
  async get<T = unknown>(key: Key): Promise<T | undefined> {
    this.#check();
    const { keys } = this.#values;
    const read = this.#values.readValue as RowReader<T>;
    return await this.#inner.get(keys.bytes, keys.encode(key), read);
  }

  /** The values of the keys, in their order. */
  async getMany<T = unknown>(keys: readonly Key[]): Promise<(T | undefined)[]> {
    this.#check();
    const copies = this.#values.keys.copies(keys);
    return [...(await this.#inner.getMany(copies, this.#values.readValue as RowReader<T>))];
  }

  /** The rows of a range, in order. */
  scan<T = unknown>(options: ScanOptions = {}): Scan<T> {
    this.#check();
    const source: ScanSource = {
      scan: async (request, read, waiting) => {
        this.#check();
        return await this.#inner.scan(request, read, waiting);
      },
    };
    return new Scan<T>(this.#values, options, () => source);
  }

  /** Lets go of it. What is asked of it from here on is `ERR_CLOSED`. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inner.release();
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve(this.close());
  }

  #check(): void {
    if (this.#isClosed) throw new Fault("ERR_CLOSED", "this snapshot was closed; take another");
  }
}
