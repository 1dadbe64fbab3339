/** Commands that count: they take the string at a key for a number. */

import { fromLatin1, latin1 } from "../../base/bytes.ts";
import { INT64_MAX, INT64_MIN, parseInt64, parseInteger } from "../../resp/integer.ts";
import type { Step } from "../../transactions/step.ts";
import type { Call, CommandSpec } from "../command.ts";
import {
  addExtended,
  type ExtendedFloat,
  formatExtended,
  parseExtended,
} from "../extended-float.ts";
import { NOT_A_FLOAT, NOT_AN_INTEGER, WRONG_TYPE } from "../replies.ts";
import { TYPE_STRING } from "../row-format.ts";

/** Sums within it are exact in a double. */
const EXACT_MAX = 2 ** 52;
const TOO_MUCH = "ERR increment or decrement would overflow";
const ZERO: ExtendedFloat = { mantissa: 0n, exponent: 0 };

function incr(step: Step, call: Call): void {
  addInteger(step, call, 1);
}

function decr(step: Step, call: Call): void {
  addInteger(step, call, -1);
}

function incrby(step: Step, call: Call): void {
  addArgument(step, call, 1);
}

function decrby(step: Step, call: Call): void {
  addArgument(step, call, -1);
}

function addArgument(step: Step, call: Call, sign: 1 | -1): void {
  const { request, reply } = call;
  const at = request.at[2] as number;
  const length = request.length[2] as number;
  const amount = parseInteger(request.bytes, at, length);
  if (Math.abs(amount) <= EXACT_MAX) return addInteger(step, call, sign * amount);

  const exact = parseInt64(request.bytes, at, length);
  if (exact === undefined) return reply.error(NOT_AN_INTEGER);
  if (sign < 0 && exact === INT64_MIN) return reply.error("ERR decrement would overflow");
  addExact(step, call, BigInt(sign) * exact);
}

/** Adds a small amount; nearly all counters are small too. */
function addInteger(step: Step, call: Call, amount: number): void {
  const { keys, request, reply } = call;
  const found = keys.claim(request, 1);
  if (found && keys.type !== TYPE_STRING) return reply.error(WRONG_TYPE);
  const old = found ? parseInteger(step.valueBytes, keys.payloadAt, keys.payloadLength) : 0;
  if (Number.isNaN(old)) return reply.error(NOT_AN_INTEGER);
  if (EXACT_MAX < Math.abs(old)) return addExact(step, call, BigInt(amount));

  const sum = old + amount;
  setText(call, String(sum));
  reply.integer(sum);
}

function addExact(step: Step, call: Call, amount: bigint): void {
  const { keys, request, reply } = call;
  const found = keys.claim(request, 1);
  if (found && keys.type !== TYPE_STRING) return reply.error(WRONG_TYPE);
  const old = found ? parseInt64(step.valueBytes, keys.payloadAt, keys.payloadLength) : 0n;
  if (old === undefined) return reply.error(NOT_AN_INTEGER);

  const sum = old + amount;
  if (sum < INT64_MIN || INT64_MAX < sum) return reply.error(TOO_MUCH);
  setText(call, String(sum));
  reply.integer(sum);
}

function incrbyfloat(step: Step, call: Call): void {
  const { keys, request, reply } = call;
  const found = keys.claim(request, 1);
  if (found && keys.type !== TYPE_STRING) return reply.error(WRONG_TYPE);
  const old = found
    ? parseExtended(latin1(step.valueBytes, keys.payloadAt, keys.payloadLength))
    : ZERO;
  const amount = parseExtended(request.text(2));
  if (old === undefined || amount === undefined) return reply.error(NOT_A_FLOAT);

  const sum = old === "infinite" || amount === "infinite" ? undefined : addExtended(old, amount);
  if (sum === undefined) return reply.error("ERR increment would produce NaN or Infinity");
  const text = formatExtended(sum);
  setText(call, text);
  reply.bulkText(text);
}

/** Sets the key that was looked up to this text; its deadline stays. */
function setText({ keys }: Call, text: string): void {
  const bytes = fromLatin1(text);
  keys.setString(bytes, 0, bytes.length, keys.deadlineMs);
}

const COUNTER = {
  kind: "store",
  group: "string",
  flags: "write denyoom fast",
  keys: { first: 1, last: 1, step: 1 },
} as const;

export const counterCommands: readonly CommandSpec[] = [
  {
    ...COUNTER,
    name: "incr",
    arity: 2,
    since: "1.0.0",
    summary: "Adds one to the integer at a key.",
    run: incr,
  },
  {
    ...COUNTER,
    name: "decr",
    arity: 2,
    since: "1.0.0",
    summary: "Takes one from the integer at a key.",
    run: decr,
  },
  {
    ...COUNTER,
    name: "incrby",
    arity: 3,
    since: "1.0.0",
    summary: "Adds to the integer at a key.",
    run: incrby,
  },
  {
    ...COUNTER,
    name: "decrby",
    arity: 3,
    since: "1.0.0",
    summary: "Takes from the integer at a key.",
    run: decrby,
  },
  {
    ...COUNTER,
    name: "incrbyfloat",
    arity: 3,
    since: "2.6.0",
    summary: "Adds to the number at a key, with decimals.",
    run: incrbyfloat,
  },
];
