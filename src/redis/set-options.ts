/** The options of SET and GETEX, and times to live as all commands take them. */

import { INT64_MAX, parseInt64 } from "../resp/integer.ts";
import type { Request } from "../resp/request.ts";
import type { Call } from "./command.ts";
import { invalidExpire, NOT_AN_INTEGER, SYNTAX_ERROR } from "./replies.ts";

export const NO_DEADLINE = 0;
/** The largest double that is an integer of 64 bits. */
const DEADLINE_MS_MAX = 2 ** 63 - 1024;
/** The deadline stays as it is. */
export const KEEP_DEADLINE = -1;

export interface SetOptions {
  readonly ifAbsent: boolean;
  readonly ifPresent: boolean;
  readonly get: boolean;
  /** Whether the deadline stays, where none is given. */
  readonly keepsDeadline: boolean;
  readonly expiry: { readonly name: ExpiryName; readonly at: number } | undefined;
}

/** How a number becomes a deadline. */
export interface ExpiryUnit {
  readonly unitMs: number;
  /** What it counts from: now, or 0 for 1970. */
  readonly fromMs: number;
  readonly command: string;
}

type OptionName = "NX" | "XX" | "GET" | "KEEPTTL" | "PERSIST" | ExpiryName;
type ExpiryName = "EX" | "PX" | "EXAT" | "PXAT";

const SET_NAMES = ["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT"] as const;
const GETEX_NAMES = ["PERSIST", "EX", "PX", "EXAT", "PXAT"] as const;
/** Of each of these at most one may be given, though perhaps twice. */
const RIVALS: readonly (readonly OptionName[])[] = [
  ["NX", "XX"],
  ["KEEPTTL", "PERSIST", "EX", "PX", "EXAT", "PXAT"],
];

/** The options from argument `first` on; undefined if they are refused, which was then answered. */
export function parseSetOptions(
  call: Call,
  first: number,
  command: "set" | "getex",
): SetOptions | undefined {
  const { request } = call;
  const names: readonly OptionName[] = command === "set" ? SET_NAMES : GETEX_NAMES;
  const given = new Set<OptionName>();
  let expiry: SetOptions["expiry"];
  for (let index = first; index < request.count; index++) {
    const name = names.find((candidate) => request.is(index, candidate));
    if (name === undefined || hasRival(given, name)) return refuse(call);
    given.add(name);
    if (!isExpiry(name)) continue;
    if (++index === request.count) return refuse(call);
    expiry = { name, at: index };
  }
  return {
    ifAbsent: given.has("NX"),
    ifPresent: given.has("XX"),
    get: given.has("GET"),
    keepsDeadline: command === "getex" ? !given.has("PERSIST") : given.has("KEEPTTL"),
    expiry,
  };
}

/**
 * The deadline that the options ask for: milliseconds since 1970, `NO_DEADLINE` or
 * `KEEP_DEADLINE`; undefined if it is refused, which was then answered.
 */
export function deadlineOf(
  call: Call,
  { expiry, keepsDeadline }: SetOptions,
  command: "set" | "getex",
): number | undefined {
  if (expiry === undefined) return keepsDeadline ? KEEP_DEADLINE : NO_DEADLINE;
  const unitMs = expiry.name.startsWith("P") ? 1 : 1000;
  const fromMs = expiry.name.endsWith("AT") ? 0 : call.keys.nowMs;
  return expiryOf(call, expiry.at, { unitMs, fromMs, command });
}

/** The deadline given as argument `index`, or undefined if it is refused, which was answered. */
export function expiryOf(
  { request, reply }: Call,
  index: number,
  { unitMs, fromMs, command }: ExpiryUnit,
): number | undefined {
  const given = parseArgument(request, index);
  if (given === undefined) {
    reply.error(NOT_AN_INTEGER);
    return undefined;
  }
  const deadline = given * BigInt(unitMs) + BigInt(fromMs);
  if (given <= 0n || INT64_MAX < deadline) {
    reply.error(invalidExpire(command));
    return undefined;
  }
  return roundDeadline(deadline);
}

/** The deadline as it is kept: rounded where it is far, but never out of 64 bits. */
export function roundDeadline(deadline: bigint): number {
  return Math.min(Number(deadline), DEADLINE_MS_MAX);
}

function parseArgument(request: Request, index: number): bigint | undefined {
  return parseInt64(request.bytes, request.at[index] as number, request.length[index] as number);
}

function refuse({ reply }: Call): undefined {
  reply.error(SYNTAX_ERROR);
  return undefined;
}

function hasRival(given: ReadonlySet<OptionName>, name: OptionName): boolean {
  return RIVALS.some(
    (rivals) => rivals.includes(name) && rivals.some((rival) => rival !== name && given.has(rival)),
  );
}

function isExpiry(name: OptionName): name is ExpiryName {
  return name === "EX" || name === "PX" || name === "EXAT" || name === "PXAT";
}
