/**
 * What CONFIG GET tells and CONFIG SET changes: only what there is. Settings that Redis has and
 * that are a matter of fact here (every commit is synced, nothing is evicted) are told, and may be
 * set to what they are, since many programs do so when they start.
 */

import type { Door } from "./door.ts";

export interface ConfigEntry {
  readonly name: string;
  readonly get: (door: Door) => string;
  /** Undefined if it cannot be changed while the door is open. */
  readonly set: ((door: Door, value: string) => string | undefined) | undefined;
}

const REDACTED = "(set)";

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
  natural("lock-timeout-ms", "lockTimeoutMs", 1),
  fact("maxmemory", "0"),
  fact("maxmemory-policy", "noeviction"),
  natural("maxclients", "connectionCountMax", 1),
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
      const seconds = naturalOf(value);
      if (seconds === undefined) return NOT_A_NUMBER;
      settings.idleTimeoutMs = seconds * 1000;
      return undefined;
    },
  },
  natural("transaction-timeout-ms", "transactionTimeoutMs", 1),
];

const NOT_A_NUMBER = "argument couldn't be parsed into an integer";

/** What cannot be otherwise. */
function fact(name: string, value: string): ConfigEntry {
  return {
    name,
    get: () => value,
    set: (_, wanted) =>
      wanted.toLowerCase() === value ? undefined : `it is always "${value}" here`,
  };
}

function natural(
  name: string,
  setting: "connectionCountMax" | "lockTimeoutMs" | "transactionTimeoutMs",
  min: number,
): ConfigEntry {
  return {
    name,
    get: ({ settings }) => String(settings[setting]),
    set: ({ settings }, value) => {
      const wanted = naturalOf(value);
      if (wanted === undefined) return NOT_A_NUMBER;
      if (wanted < min) return `argument must be ${min} or more`;
      settings[setting] = wanted;
      return undefined;
    },
  };
}

function naturalOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** A password can be changed, but not taken away: the door may be open to more than loopback. */
function setPassword({ settings }: Door, value: string): string | undefined {
  if (value === "" && settings.password !== undefined) {
    return "a password can only be taken away where the server is started";
  }
  if (value !== "") settings.password = value;
  return undefined;
}
