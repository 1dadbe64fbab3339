/** Turns what users store into rows and back, and keeps it within the limits. */

import { Fault } from "../base/fault.ts";
import type { Clock } from "../world/world.ts";
import { decodeLibraryKey, KeyEncoder } from "./key-space.ts";
import { requireOptions } from "./option-names.ts";
import type { EntryReader, RowReader } from "./session.ts";
import { checkLimit, type DatabaseSettings } from "./settings.ts";
import type { Key, KeyPart } from "./tuple.ts";
import { ROW_HEAD_BYTES_MAX, type ValueFormat, writeBytesRow } from "./value-codec.ts";
import { type Version, versionOf } from "./version.ts";
import { WriteSet } from "./write-set.ts";

/** Rows of bytes up to this length are made in one buffer, again and again. */
const SHORT_BYTES_MAX = 4096;
const SPARES_MAX = 256;

/** A value with the version of its last write. */
export interface Entry<T = unknown> {
  readonly value: T;
  /** For `check` of an atomic batch, and to watch from. */
  readonly version: Version;
}

/** A row that a scan came across. */
export interface ScannedRow<T = unknown> {
  /** All parts of the key; one that was a string or bytes is the tuple of that one part. */
  readonly key: readonly KeyPart[];
  readonly value: T;
}

/** How a value is written. */
export interface SetOptions {
  /** After how many milliseconds the key expires; it does not if this is left out. */
  readonly ttlMs?: number | undefined;
}

const SET_OPTIONS: readonly string[] = ["ttlMs"];

export class RowValues {
  readonly keys: KeyEncoder;
  readonly settings: DatabaseSettings;
  readonly #format: ValueFormat;
  readonly #clock: Clock;
  readonly #shortRow: Uint8Array = new Uint8Array(SHORT_BYTES_MAX + ROW_HEAD_BYTES_MAX);
  readonly #spareWrites: WriteSet[] = [];
  keyLength = 0;
  row: Uint8Array = this.#shortRow;
  rowLength = 0;

  constructor(settings: DatabaseSettings, format: ValueFormat, clock: Clock) {
    this.keys = new KeyEncoder(settings);
    this.settings = settings;
    this.#format = format;
    this.#clock = clock;
  }

  /** When what is written now with these options expires. */
  deadline(options: SetOptions | undefined): number | undefined {
    if (options === undefined) return undefined;
    requireOptions(options, SET_OPTIONS, "set");
    const { ttlMs } = options;
    if (ttlMs === undefined) return undefined;
    const deadlineMs = this.#clock.wallMs() + Math.ceil(ttlMs);
    const isPositive = typeof ttlMs === "number" && 0 < ttlMs;
    if (isPositive && Number.isSafeInteger(deadlineMs)) return deadlineMs;
    const message = `ttlMs is a positive number of milliseconds, not ${String(ttlMs)}`;
    throw new Fault("ERR_ARGUMENT", message, { ttlMs });
  }

  /**
   * Encodes both. Until the next call the key is `keys.bytes[0, keyLength)` and the row is
   * `row[0, rowLength)`.
   */
  encode(key: Key, value: unknown, deadlineMs: number | undefined): void {
    if (value instanceof Uint8Array && value.length <= SHORT_BYTES_MAX) {
      this.keyLength = this.keys.encode(key);
      this.row = this.#shortRow;
      this.rowLength = writeBytesRow(this.row, value, deadlineMs);
    } else {
      // First, since it may call what is not ours, and that may come here again.
      const row = this.#format.encode(value, deadlineMs);
      this.keyLength = this.keys.encode(key);
      this.row = row;
      this.rowLength = row.length;
    }
    checkLimit(this.settings, "valueBytesMax", this.rowLength);
  }

  /** An empty set of writes, to be given back when it is no longer needed. */
  takeWrites(): WriteSet {
    return this.#spareWrites.pop() ?? new WriteSet(this.settings);
  }

  giveBack(writes: WriteSet): void {
    // Who loads has one set at a time, and it is always this one.
    writes.clear(this.#spareWrites.length === 0);
    if (this.#spareWrites.length < SPARES_MAX) this.#spareWrites.push(writes);
  }

  decode(row: Uint8Array): unknown {
    return this.#format.decode(row, 0, row.length);
  }

  readonly readValue: RowReader<unknown> = (bytes, at, length) =>
    this.#format.decode(bytes, at, length);

  readonly readEntry: RowReader<Entry> = (bytes, at, length, version) => ({
    value: this.#format.decode(bytes, at, length),
    version: versionOf(version),
  });

  readonly readScanned: EntryReader<ScannedRow> = (entry) => ({
    key: decodeLibraryKey(entry.keyBytes, entry.keyLength),
    value: this.#format.decode(entry.valueBytes, entry.valueAt, entry.valueLength),
  });
}
