/**
 * What CONFIG GET tells and CONFIG SET changes: only what there is. Settings that Redis has and
 * that are a matter of fact here (every commit is synced, nothing is evicted) are told, and may be
 * set to what they are, since many programs do so when they start.
 */

import { fromLatin1 } from "../base/bytes.ts";
import { parseInteger } from "../resp/integer.ts";
import type { Door } from "./door.ts";

export interface ConfigEntry {
  readonly name: string;
  readonly get: (door: Door) => string;
  /** Undefined if it cannot be changed while the door is open. */
  readonly set: ((door: Door, value: string) => string | undefined) | undefined;
}

const REDACTED = "(set)";
const INT32_MAX = 2 ** 31 - 1;
const UINT32_MAX = 2 ** 32 - 1;

export const configTable: readonly ConfigEntry[] = [
  fact("appendfsync", "always"),
  fact("appendonly", "yes"),
  { name: "bind", get: ({ host }) => host, set: undefined },
  {
    name: "client-output-buffer-limit",
    get: ({ settings }) => `normal ${settings.outputBytesMax} 0 0`,
    set: undefined,
  },
  fact("cluster-enabled", "no"),
  { name: "databases", get: ({ settings }) => String(settings.databaseCount), set: undefined },
  natural("lock-timeout-ms", "lockTimeoutMs", INT32_MAX),
  fact("maxmemory", "0"),
  fact("maxmemory-policy", "noeviction"),
  natural("maxclients", "connectionCountMax", UINT32_MAX),
  fact("notify-keyspace-events", ""),
  { name: "port", get: ({ port }) => String(port), set: undefined },
  {
    name: "proto-max-bulk-len",
    get: ({ settings }) => String(settings.bulkBytesMax),
    set: undefined,
  },
  {
    name: "requirepass",
    get: ({ settings }) => (settings.password === undefined ? "" : REDACTED),
    set: setPassword,
  },
  fact("save", ""),
  {
    name: "timeout",
    get: ({ settings }) => String(Math.ceil(settings.idleTimeoutMs / 1000)),
    set: ({ settings }, value) => {
      const seconds = parseWithin(value, 0, INT32_MAX);
      if (typeof seconds === "string") return seconds;
      settings.idleTimeoutMs = seconds * 1000;
      return undefined;
    },
  },
  natural("transaction-timeout-ms", "transactionTimeoutMs", INT32_MAX),
];

/** What cannot be otherwise. */
function fact(name: string, value: string): ConfigEntry {
  return {
    name,
    get: () => value,
    set: (_, wanted) =>
      wanted.toLowerCase() === value ? undefined : `it is always "${value}" here`,
  };
}

/** A number of at least one. */
function natural(
  name: string,
  setting: "connectionCountMax" | "lockTimeoutMs" | "transactionTimeoutMs",
  max: number,
): ConfigEntry {
  return {
    name,
    get: ({ settings }) => String(settings[setting]),
    set: ({ settings }, value) => {
      const wanted = parseWithin(value, 1, max);
      if (typeof wanted === "string") return wanted;
      settings[setting] = wanted;
      return undefined;
    },
  };
}

/** The number, or why it will not do. */
function parseWithin(text: string, min: number, max: number): number | string {
  const value = parseInteger(fromLatin1(text), 0, text.length);
  if (Number.isNaN(value)) return "argument couldn't be parsed into an integer";
  if (min <= value && value <= max) return value;
  return `argument must be between ${min} and ${max} inclusive`;
}

/** A password can be changed, but not taken away: the door may be open to more than loopback. */
function setPassword({ settings }: Door, value: string): string | undefined {
  if (value === "" && settings.password !== undefined) {
    return "a password can only be taken away where the server is started";
  }
  if (value !== "") settings.password = value;
  return undefined;
}
