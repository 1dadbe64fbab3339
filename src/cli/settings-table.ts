/**
 * Every setting of a node, in one table: its name, what it means, what it may be, and what it is
 * when nobody says anything. A setting called `http-port` is the flag `--http-port`, the variable
 * `HOLDFAST_HTTP_PORT` and the line `http-port = 7381` of the configuration file.
 */

import * as v from "valibot";
import type { RaidLevel } from "../raid/geometry.ts";
import { defaultRaidOptions as raidDefaults } from "../raid/options.ts";
import { defaultRedisServerOptions as door } from "../redis/settings.ts";
import { amount } from "./progress.ts";
import { defaultStoreOptions as defaults } from "../store/options.ts";

const MS_PER_SECOND = 1_000;
const MEBIBYTE = 1024 * 1024;
const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 1024,
  M: MEBIBYTE,
  G: 1024 * MEBIBYTE,
  T: 1024 * 1024 * MEBIBYTE,
};

/** From text (a flag, a variable) or from a value of the file. */
export type Parser<T> = v.GenericSchema<unknown, T>;

export interface SettingDefinition<T> {
  readonly parser: Parser<T>;
  readonly default: T;
  /** The placeholder in the help: `--port <number>`. */
  readonly placeholder: string;
  readonly help: string;
  /** Whether the flag may be given several times, for one more each time. */
  readonly isRepeated?: boolean;
}

const textOrNumber = v.union([v.string(), v.number()], "give text or a number");

const wholeNumber = v.pipe(
  textOrNumber,
  v.transform((given) => (String(given).trim() === "" ? Number.NaN : Number(given))),
  v.integer("give a whole number"),
);

export const port: Parser<number> = v.pipe(
  wholeNumber,
  v.minValue(0, "a port is at least 0"),
  v.maxValue(65_535, "a port is at most 65535"),
);

export const text: Parser<string> = v.pipe(
  v.string("give text"),
  v.minLength(1, "it must not be empty"),
);

const names: Parser<readonly string[]> = v.pipe(
  v.union([v.string(), v.array(v.string())], "give names, separated by commas"),
  v.transform((given) => (typeof given === "string" ? given.split(",") : given)),
  v.transform((given) => given.map((name) => name.trim()).filter((name) => name !== "")),
);

const raidLevel: Parser<RaidLevel> = v.pipe(
  wholeNumber,
  v.picklist([0, 1, 4, 5, 6], "give 0, 1, 4, 5 or 6"),
);

export function atLeast(least: number, what: string): Parser<number> {
  return v.pipe(wholeNumber, v.minValue(least, `${what} is at least ${least}`));
}

export function size(least: number): Parser<number> {
  return v.pipe(
    textOrNumber,
    v.transform((given) => parseSize(String(given))),
    v.integer("give a size such as 256M, 1G or a number of bytes"),
    v.minValue(least, `it is at least ${amount(least, "bytes")}`),
  );
}

/** A size, or 0 for one that is chosen for the user. */
function sizeOrZero(least: number): Parser<number> {
  return v.pipe(
    size(0),
    v.check(
      (bytes) => bytes === 0 || least <= bytes,
      `it is 0 or at least ${amount(least, "bytes")}`,
    ),
  );
}

/** `256M`, `256MiB` and `268435456` are the same; NaN where it is no size. */
export function parseSize(given: string): number {
  const match = /^(\d+)\s*([KMGT]?)(?:i?B)?$/iu.exec(given.trim());
  if (match === null) return Number.NaN;
  return Number(match[1]) * (SIZE_UNITS[(match[2] ?? "").toUpperCase()] ?? Number.NaN);
}

/** The settings of one command, by name. */
export type SettingsTable<S> = { readonly [Name in keyof S]: SettingDefinition<S[Name]> };

export interface Settings {
  readonly data: string;
  readonly raid: RaidLevel | undefined;
  readonly disk: readonly string[];
  readonly spare: readonly string[];
  readonly "raid-rate-min": number;
  readonly "raid-rate-max": number;
  readonly "raid-stall-timeout": number;
  readonly "raid-read-errors": number;
  readonly host: string;
  readonly port: number;
  readonly "http-host": string;
  readonly "http-port": number;
  readonly "allowed-hosts": readonly string[];
  readonly cache: number;
  readonly log: number;
  readonly "requirepass-file": string | undefined;
  readonly "max-clients": number;
  readonly "idle-timeout": number;
  readonly "request-timeout": number;
  readonly "auth-timeout": number;
  readonly "lock-timeout-ms": number;
  readonly "request-bytes-max": number;
  readonly "output-bytes-max": number;
  readonly "drain-timeout": number;
  readonly "value-bytes-max": number;
  readonly "transaction-bytes-max": number;
  readonly "locks-per-transaction-max": number;
  readonly "transaction-timeout-ms": number;
  readonly record: string | undefined;
  readonly "record-one-in": number;
  readonly "log-level": "debug" | "info" | "warn" | "error";
}

export type SettingName = keyof Settings;

export const settingsTable: SettingsTable<Settings> = {
  data: setting(text, "./holdfast-data", "directory", "where the data lives; made if missing"),
  raid: setting(
    v.union([v.undefined(), raidLevel], "give 0, 1, 4, 5 or 6"),
    undefined,
    "level",
    "keep the data on an array of disks instead of in a directory: 0, 1, 4, 5 or 6",
  ),
  disk: {
    ...setting(names, [], "file", "a disk of the array, made if missing; one flag for each"),
    isRepeated: true,
  },
  spare: {
    ...setting(names, [], "file", "a disk that stands in for one that fails"),
    isRepeated: true,
  },
  "raid-rate-min": setting(
    size(0),
    raidDefaults.background.bytesPerSecondMin,
    "size",
    "what is rebuilt of a disk in a second even under load",
  ),
  "raid-rate-max": setting(
    size(0),
    raidDefaults.background.bytesPerSecondMax,
    "size",
    "what is rebuilt of a disk in a second at most; 0: no limit",
  ),
  "raid-stall-timeout": setting(
    atLeast(0, "the time"),
    raidDefaults.stallMs / MS_PER_SECOND,
    "seconds",
    "a disk that does not answer for so long has failed; 0: never",
  ),
  "raid-read-errors": setting(
    atLeast(0, "the number"),
    raidDefaults.readErrorsMax,
    "number",
    "a disk that would not read more blocks than this, halved every hour, is out; 0: never",
  ),
  host: setting(text, "127.0.0.1", "address", "the address that clients connect to"),
  port: setting(port, 7379, "number", "the port for Redis clients; 0 picks a free one"),
  "http-host": setting(text, "127.0.0.1", "address", "the address of health and metrics"),
  "http-port": setting(port, 7381, "number", "the port of health and metrics; 0 picks one"),
  "allowed-hosts": setting(
    names,
    [],
    "names",
    "host names that HTTP requests may be addressed to, besides localhost and IP addresses",
  ),
  cache: setting(
    sizeOrZero(4 * MEBIBYTE),
    defaults.cacheBytes,
    "size",
    "memory for the pages of the store; 0: a quarter of all memory, 1 GiB at most",
  ),
  log: setting(
    size(4 * MEBIBYTE),
    defaults.logBytes,
    "size",
    "size of the log, chosen when the store is made",
  ),
  "requirepass-file": setting(
    v.union([v.undefined(), text]),
    undefined,
    "file",
    "file whose first line is the password that clients must give",
  ),
  "max-clients": setting(atLeast(1, "the number"), 10_000, "number", "how many may be connected"),
  "idle-timeout": setting(
    atLeast(0, "the time"),
    0,
    "seconds",
    "close a client after this long without a command; 0 never does",
  ),
  "request-timeout": setting(
    atLeast(1, "the time"),
    door.requestTimeoutMs / MS_PER_SECOND,
    "seconds",
    "close a client whose request takes longer to arrive, or that reads no reply for so long",
  ),
  "auth-timeout": setting(
    atLeast(1, "the time"),
    door.authTimeoutMs / MS_PER_SECOND,
    "seconds",
    "close a client that has not given the password by then",
  ),
  "lock-timeout-ms": setting(
    atLeast(1, "the time"),
    door.lockTimeoutMs,
    "milliseconds",
    "the longest that a Redis command waits for locks",
  ),
  "request-bytes-max": setting(
    size(MEBIBYTE),
    door.requestBytesMax,
    "size",
    "the longest Redis request, and the most that MULTI may queue",
  ),
  "output-bytes-max": setting(
    size(MEBIBYTE),
    door.outputBytesMax,
    "size",
    "close a client that leaves more replies unread",
  ),
  "drain-timeout": setting(
    atLeast(0, "the time"),
    10,
    "seconds",
    "how long a shutdown waits for what clients have begun",
  ),
  "value-bytes-max": setting(size(1024), defaults.valueBytesMax, "size", "the longest value"),
  "transaction-bytes-max": setting(
    size(0),
    defaults.transactionBytesMax,
    "size",
    "the most that one transaction may write; 0: an eighth of the log, which is also the most",
  ),
  "locks-per-transaction-max": setting(
    atLeast(1, "the number"),
    defaults.locksPerTransactionMax,
    "number",
    "how many keys and ranges one transaction may lock",
  ),
  "transaction-timeout-ms": setting(
    atLeast(1, "the time"),
    defaults.transactionTimeoutMs,
    "milliseconds",
    "the longest that a transaction may wait and run",
  ),
  record: setting(
    v.union([v.undefined(), text]),
    undefined,
    "file",
    "record what runs to this file, for `holdfast check FILE --workload recorded`",
  ),
  "record-one-in": setting(
    atLeast(1, "the number"),
    1,
    "number",
    "record one transaction in so many; check with --sampled if it is more than 1",
  ),
  "log-level": setting(
    v.picklist(["debug", "info", "warn", "error"], "give debug, info, warn or error"),
    "info",
    "level",
    "how much is logged: debug, info, warn or error",
  ),
};

/** Where the data is: a directory, or the disks of an array. */
export function whereOf({ data, raid, disk }: Settings): string {
  return raid === undefined ? data : `raid${raid}(${disk.join(", ")})`;
}

export const settingNames: readonly SettingName[] = Object.keys(settingsTable) as SettingName[];

export function setting<T>(
  parser: Parser<T>,
  defaultValue: NoInfer<T>,
  placeholder: string,
  help: string,
): SettingDefinition<T> {
  return { parser, default: defaultValue, placeholder, help };
}
