/**
 * Scans: the rows of a range, one by one, taken from the store by chunks. It holds nothing of the
 * store between two chunks but what its source holds, and lets go of that at its end.
 */

import { Fault } from "../base/fault.ts";
import { compareBytes } from "../base/bytes.ts";
import { LIBRARY_RANGE, libraryRange } from "./key-space.ts";
import { requireOptions } from "./option-names.ts";
import type { RowValues, ScannedRow } from "./row-values.ts";
import type { Chunk, ChunkRequest, EntryReader, WaitOptions } from "./session.ts";
import type { Key, KeyRange } from "./tuple.ts";

/** What a scan gives; everything if nothing is said. */
export interface ScanOptions {
  /** Only keys that begin with these parts. Not together with `start` and `end`. */
  readonly prefix?: Key | undefined;
  /** Only keys from this one on, itself included. */
  readonly start?: Key | undefined;
  /** Only keys up to this one, itself not included. */
  readonly end?: Key | undefined;
  /** From the last to the first. */
  readonly reverse?: boolean | undefined;
  /** The most rows to give. */
  readonly limit?: number | undefined;
  /** Ends the scan with an error when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

const SCAN_OPTIONS: readonly string[] = ["prefix", "start", "end", "reverse", "limit", "signal"];

/** Where the chunks come from. */
export interface ScanSource {
  scan<T>(request: ChunkRequest, read: EntryReader<T>, options?: WaitOptions): Promise<Chunk<T>>;
  /** Nothing more is asked of it. */
  release?: () => void;
}

/** The rows of a scan; `for await` takes them one by one, `nextRows` many at once. */
export class Scan<T = unknown> implements AsyncIterableIterator<ScannedRow<T>> {
  readonly #open: () => ScanSource | Promise<ScanSource>;
  readonly #read: EntryReader<ScannedRow<T>>;
  readonly #reverse: boolean;
  readonly #signal: AbortSignal | undefined;
  #source: ScanSource | undefined;
  #rest: KeyRange | undefined;
  #limit: number;
  #rows: readonly ScannedRow<T>[] = [];
  #at = 0;

  /** @internal */
  constructor(
    values: RowValues,
    options: ScanOptions,
    open: () => ScanSource | Promise<ScanSource>,
  ) {
    requireOptions(options, SCAN_OPTIONS, "scan");
    this.#open = open;
    this.#read = values.readScanned as EntryReader<ScannedRow<T>>;
    this.#reverse = options.reverse === true;
    this.#signal = options.signal;
    this.#limit = checkedLimit(options.limit);
    this.#rest = this.#limit === 0 ? undefined : rangeOf(values, options);
  }

  /** The next row. Do not ask for another before it is there. */
  next(): Promise<IteratorResult<ScannedRow<T>, undefined>> {
    if (this.#at < this.#rows.length && this.#signal?.aborted !== true) {
      const value = this.#rows[this.#at++] as ScannedRow<T>;
      return Promise.resolve({ value, done: false });
    }
    return this.#nextOfChunk();
  }

  /** All rows that are at hand, at least one; none at the end. */
  async nextRows(): Promise<readonly ScannedRow<T>[]> {
    if (!(await this.#fill())) return [];
    const rows = this.#at === 0 ? this.#rows : this.#rows.slice(this.#at);
    this.#rows = [];
    this.#at = 0;
    return rows;
  }

  /** Ends the scan before its end. */
  async return(): Promise<IteratorResult<ScannedRow<T>, undefined>> {
    this.#end();
    return await Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As `return`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #nextOfChunk(): Promise<IteratorResult<ScannedRow<T>, undefined>> {
    if (!(await this.#fill())) return { value: undefined, done: true };
    return { value: this.#rows[this.#at++] as ScannedRow<T>, done: false };
  }

  /** Whether there is a row at hand. */
  async #fill(): Promise<boolean> {
    try {
      while (this.#at === this.#rows.length) {
        if (this.#rest === undefined) {
          this.#end();
          return false;
        }
        this.#checkSignal();
        await this.#nextChunk(this.#rest);
      }
      this.#checkSignal();
      return true;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async #nextChunk(range: KeyRange): Promise<void> {
    this.#source ??= await this.#open();
    const request = { range, reverse: this.#reverse, rowsMax: this.#limit };
    const waiting = { signal: this.#signal };
    const { entries, rest } = await this.#source.scan(request, this.#read, waiting);
    this.#rows = entries;
    this.#at = 0;
    this.#limit -= entries.length;
    this.#rest = this.#limit === 0 ? undefined : rest;
  }

  #checkSignal(): void {
    if (this.#signal?.aborted !== true) return;
    throw new Fault("ERR_ABORTED", "the caller's signal ended the scan", {}, this.#signal.reason);
  }

  #end(): void {
    this.#rest = undefined;
    this.#rows = [];
    this.#at = 0;
    this.#source?.release?.();
    this.#source = undefined;
  }
}

/** The keys that the options name; nothing is in the range of an end before its start. */
export function rangeOf(
  values: RowValues,
  { prefix, start, end }: Pick<ScanOptions, "prefix" | "start" | "end">,
): KeyRange {
  if (prefix !== undefined) {
    if (start === undefined && end === undefined) return libraryRange(prefix);
    throw new Fault(
      "ERR_ARGUMENT",
      "a range is named by `prefix` or by `start` and `end`, not both",
    );
  }
  const first = start === undefined ? LIBRARY_RANGE.start : values.keys.copy(start);
  const last = end === undefined ? LIBRARY_RANGE.end : values.keys.copy(end);
  return compareBytes(first, last) <= 0
    ? { start: first, end: last }
    : { start: first, end: first };
}

function checkedLimit(limit: number | undefined): number {
  if (limit === undefined || limit === Number.POSITIVE_INFINITY) return Number.MAX_SAFE_INTEGER;
  if (Number.isSafeInteger(limit) && 0 <= limit) return limit;
  throw new Fault("ERR_ARGUMENT", `limit is a whole number of rows, not ${limit}`, { limit });
}
