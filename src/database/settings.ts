/** What can be set of a database, and what is in force when nobody says anything. */

import { Fault } from "../base/fault.ts";

/** The limits of a database. An error that names one of them means that it may be raised. */
export interface DatabaseSettings {
  /** The longest key, encoded. */
  readonly keyBytesMax: number;
  /** The longest value, encoded. */
  readonly valueBytesMax: number;
  /** The most that one transaction may write, keys and values together. */
  readonly transactionBytesMax: number;
  /** How often `transact` runs its body before it gives up. */
  readonly attemptsMax: number;
  /** How long `transact` may take, and anything else may wait for locks and pages. */
  readonly timeoutMs: number;
  /** For how long a repeated idempotency key gets the first answer. */
  readonly idempotencyKeptMs: number;
  /** The longest answer that is kept for an idempotency key. */
  readonly idempotencyAnswerBytesMax: number;
  /** Of how many transactions of a process, at least, the outcome can be asked for. */
  readonly outcomesKeptCount: number;
  /** Of how many processes, at least, the outcomes are kept. */
  readonly sessionsKeptCount: number;
  /** How many rows a scan takes from the store at a time. */
  readonly scanRowsMax: number;
  /** How many bytes a scan takes from the store at a time, but for the last row. */
  readonly scanBytesMax: number;
  /** How long the sweep of expired rows rests between two steps. */
  readonly sweepIntervalMs: number;
  /** How many rows the sweep looks at in a step. */
  readonly sweepRowsMax: number;
}

/** What is in force when nobody says anything. */
export const defaultDatabaseSettings: DatabaseSettings = {
  keyBytesMax: 8 << 10,
  valueBytesMax: 16 << 20,
  transactionBytesMax: 32 << 20,
  attemptsMax: 100,
  timeoutMs: 30_000,
  idempotencyKeptMs: 24 * 60 * 60 * 1000,
  idempotencyAnswerBytesMax: 64 << 10,
  outcomesKeptCount: 4096,
  sessionsKeptCount: 256,
  scanRowsMax: 256,
  scanBytesMax: 256 << 10,
  sweepIntervalMs: 100,
  sweepRowsMax: 256,
};

/** The defaults with what was given in their place. */
export function completeSettings(given: Partial<DatabaseSettings> = {}): DatabaseSettings {
  const settings: Record<keyof DatabaseSettings, number> = { ...defaultDatabaseSettings };
  for (const name of Object.keys(defaultDatabaseSettings) as (keyof DatabaseSettings)[]) {
    const value = given[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1) {
      const message = `the setting ${name} is a whole number of at least 1, not ${value}`;
      throw new Fault("ERR_ARGUMENT", message, { setting: name, value });
    }
    settings[name] = value;
  }
  return settings;
}

/** Refuses what is larger than the setting allows. */
export function checkLimit(
  settings: DatabaseSettings,
  setting: "keyBytesMax" | "valueBytesMax" | "transactionBytesMax" | "idempotencyAnswerBytesMax",
  bytes: number,
): void {
  const max = settings[setting];
  if (bytes <= max) return;
  const message = `${NAMES[setting]} of ${bytes} bytes is longer than the ${max} of ${setting}`;
  throw new Fault("ERR_LIMIT", `${message}; make it shorter or raise that setting`, {
    setting,
    bytes,
    max,
  });
}

const NAMES = {
  keyBytesMax: "a key",
  valueBytesMax: "a value",
  transactionBytesMax: "a transaction",
  idempotencyAnswerBytesMax: "an answer to be kept for its idempotency key",
} as const;
