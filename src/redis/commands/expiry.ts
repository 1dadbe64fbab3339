/** Commands on the deadlines of keys. A deadline that has passed removes its key at once. */

import { INT64_MAX, INT64_MIN, parseInt64 } from "../../resp/integer.ts";
import type { Step } from "../../transactions/step.ts";
import type { Call, CommandSpec } from "../command.ts";
import { invalidExpire, NOT_AN_INTEGER, quoted } from "../replies.ts";
import { NO_DEADLINE, roundDeadline } from "../set-options.ts";

const ABSENT = -2;
const NEVER = -1;

interface Condition {
  readonly ifNone: boolean;
  readonly ifAny: boolean;
  readonly ifLater: boolean;
  readonly ifSooner: boolean;
}

function expire(step: Step, call: Call): void {
  expireAfter(call, { name: "expire", unitMs: 1000, fromMs: step.nowMs });
}

function pexpire(step: Step, call: Call): void {
  expireAfter(call, { name: "pexpire", unitMs: 1, fromMs: step.nowMs });
}

function expireat(_: Step, call: Call): void {
  expireAfter(call, { name: "expireat", unitMs: 1000, fromMs: 0 });
}

function pexpireat(_: Step, call: Call): void {
  expireAfter(call, { name: "pexpireat", unitMs: 1, fromMs: 0 });
}

function expireAfter(
  call: Call,
  unit: { readonly name: string; readonly unitMs: number; readonly fromMs: number },
): void {
  const { keys, request, reply } = call;
  const condition = parseCondition(call);
  if (condition === undefined) return;
  const { bytes, at, length } = request;
  const given = parseInt64(bytes, at[2] as number, length[2] as number);
  if (given === undefined) return reply.error(NOT_AN_INTEGER);
  const scaled = given * BigInt(unit.unitMs);
  const deadline = scaled + BigInt(unit.fromMs);
  if (scaled < INT64_MIN || INT64_MAX < scaled || INT64_MAX < deadline) {
    return reply.error(invalidExpire(unit.name));
  }
  const deadlineMs = roundDeadline(deadline);
  if (!keys.claim(request, 1) || !holds(condition, keys.deadlineMs, deadlineMs)) {
    return reply.integer(0);
  }
  if (deadlineMs <= keys.nowMs) keys.remove();
  else keys.setDeadline(deadlineMs);
  reply.integer(1);
}

function holds(condition: Condition, oldMs: number, newMs: number): boolean {
  const none = oldMs === NO_DEADLINE;
  if (condition.ifNone && !none) return false;
  if (condition.ifAny && none) return false;
  // No deadline is later than any other.
  if (condition.ifLater && (none || newMs <= oldMs)) return false;
  return !(condition.ifSooner && !none && oldMs <= newMs);
}

/** The condition given after the time; undefined if it makes no sense, which was answered. */
function parseCondition({ request, reply }: Call): Condition | undefined {
  const given = { NX: false, XX: false, GT: false, LT: false };
  for (let index = 3; index < request.count; index++) {
    const name = (["NX", "XX", "GT", "LT"] as const).find((word) => request.is(index, word));
    if (name === undefined) {
      reply.error(`ERR Unsupported option ${quoted(request, index)}`);
      return undefined;
    }
    given[name] = true;
  }
  if (given.NX && (given.XX || given.GT || given.LT)) {
    reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return undefined;
  }
  if (given.GT && given.LT) {
    reply.error("ERR GT and LT options at the same time are not compatible");
    return undefined;
  }
  return { ifNone: given.NX, ifAny: given.XX, ifLater: given.GT, ifSooner: given.LT };
}

/** Answers about the deadline of argument 1; `tell` says it as the command does. */
function replyDeadline({ keys, request, reply }: Call, tell: (deadlineMs: number) => number): void {
  if (!keys.find(request, 1)) reply.integer(ABSENT);
  else if (keys.deadlineMs === NO_DEADLINE) reply.integer(NEVER);
  else reply.integer(tell(keys.deadlineMs));
}

function ttl(step: Step, call: Call): void {
  replyDeadline(call, (deadlineMs) => seconds(Math.max(0, deadlineMs - step.nowMs)));
}

function pttl(step: Step, call: Call): void {
  replyDeadline(call, (deadlineMs) => Math.max(0, deadlineMs - step.nowMs));
}

function expiretime(_: Step, call: Call): void {
  replyDeadline(call, seconds);
}

function pexpiretime(_: Step, call: Call): void {
  replyDeadline(call, (deadlineMs) => deadlineMs);
}

function seconds(durationMs: number): number {
  return Math.floor((durationMs + 500) / 1000);
}

function persist(_: Step, { keys, request, reply }: Call): void {
  if (!keys.claim(request, 1) || keys.deadlineMs === NO_DEADLINE) return reply.integer(0);
  keys.setDeadline(NO_DEADLINE);
  reply.integer(1);
}

const GENERIC = {
  kind: "store",
  group: "generic",
  keys: { first: 1, last: 1, step: 1 },
} as const;
const WRITES = { ...GENERIC, arity: -3, flags: "write fast" } as const;
const READS = { ...GENERIC, arity: 2, flags: "readonly fast" } as const;
const ROUNDED = "deadlines after the year 287396 are rounded to some milliseconds";

export const expiryCommands: readonly CommandSpec[] = [
  {
    ...WRITES,
    name: "expire",
    since: "1.0.0",
    summary: "Removes a key after some seconds.",
    run: expire,
  },
  {
    ...WRITES,
    name: "pexpire",
    since: "2.6.0",
    summary: "Removes a key after some milliseconds.",
    run: pexpire,
  },
  {
    ...WRITES,
    name: "expireat",
    since: "1.2.0",
    summary: "Removes a key at a second since 1970.",
    run: expireat,
  },
  {
    ...WRITES,
    name: "pexpireat",
    since: "2.6.0",
    summary: "Removes a key at a millisecond since 1970.",
    differs: ROUNDED,
    run: pexpireat,
  },
  {
    ...READS,
    name: "ttl",
    since: "1.0.0",
    summary: "In how many seconds a key expires.",
    run: ttl,
  },
  {
    ...READS,
    name: "pttl",
    since: "2.6.0",
    summary: "In how many milliseconds a key expires.",
    differs: ROUNDED,
    run: pttl,
  },
  {
    ...READS,
    name: "expiretime",
    since: "7.0.0",
    summary: "At which second since 1970 a key expires.",
    differs: ROUNDED,
    run: expiretime,
  },
  {
    ...READS,
    name: "pexpiretime",
    since: "7.0.0",
    summary: "At which millisecond since 1970 a key expires.",
    differs: ROUNDED,
    run: pexpiretime,
  },
  {
    ...GENERIC,
    name: "persist",
    arity: 2,
    flags: "write fast",
    since: "2.2.0",
    summary: "Takes the deadline of a key away.",
    run: persist,
  },
];
