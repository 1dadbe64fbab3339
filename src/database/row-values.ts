/** Turns what users store into rows and back, and keeps it within the limits. */

import { Fault } from "../base/fault.ts";
import type { Clock } from "../world/world.ts";
import { decodeLibraryKey, KeyEncoder } from "./key-space.ts";
import type { EntryReader, RowReader } from "./session.ts";
import { checkLimit, type DatabaseSettings } from "./settings.ts";
import type { KeyPart } from "./tuple.ts";
import type { ValueFormat } from "./value-codec.ts";
import { type Version, versionOf } from "./version.ts";

/** A value with the version of its last write. */
export interface Entry<T = unknown> {
  readonly value: T;
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

export class RowValues {
  readonly keys: KeyEncoder;
  readonly settings: DatabaseSettings;
  readonly #format: ValueFormat;
  readonly #clock: Clock;

  constructor(settings: DatabaseSettings, format: ValueFormat, clock: Clock) {
    this.keys = new KeyEncoder(settings);
    this.settings = settings;
    this.#format = format;
    this.#clock = clock;
  }

  /** When what is written now with these options expires. */
  deadline(options: SetOptions | undefined): number | undefined {
    const ttlMs = options?.ttlMs;
    if (ttlMs === undefined) return undefined;
    const deadlineMs = this.#clock.wallMs() + Math.ceil(ttlMs);
    if (0 < ttlMs && Number.isSafeInteger(deadlineMs)) return deadlineMs;
    const message = `ttlMs is a positive number of milliseconds, not ${ttlMs}`;
    throw new Fault("ERR_ARGUMENT", message, { ttlMs });
  }

  encode(value: unknown, deadlineMs: number | undefined): Uint8Array {
    const row = this.#format.encode(value, deadlineMs);
    checkLimit(this.settings, "valueBytesMax", row.length);
    return row;
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
