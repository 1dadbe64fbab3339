/** Commands on strings: reading and writing them, whole or in part. */

import { copyBytes } from "../../base/bytes.ts";
import { parseInteger } from "../../resp/integer.ts";
import type { Step } from "../../transactions/step.ts";
import type { Call, CommandSpec } from "../command.ts";
import {
  deadlineOf,
  expiryOf,
  KEEP_DEADLINE,
  NO_DEADLINE,
  parseSetOptions,
} from "../set-options.ts";
import { NOT_AN_INTEGER, STRING_TOO_LONG, WRONG_TYPE, wrongArity } from "../replies.ts";
import { TYPE_STRING } from "../row-format.ts";

/** Answers the string that was found last. */
function replyFound(step: Step, { reply, keys }: Call): void {
  reply.bulk(step.valueBytes, keys.payloadAt, keys.payloadLength);
}

/** Looks up argument 1, which must be a string if it is there. Undefined: refused. */
function claimString({ keys, request, reply }: Call): boolean | undefined {
  const found = keys.claim(request, 1);
  if (!found || keys.type === TYPE_STRING) return found;
  reply.error(WRONG_TYPE);
  return undefined;
}

/** As `claimString`, for a string that is answered before it is written. */
function claimToRead(call: Call): boolean | undefined {
  const found = claimString(call);
  call.keys.tally(found !== false);
  return found;
}

function findString({ keys, request, reply }: Call): boolean | undefined {
  const found = keys.find(request, 1);
  if (!found || keys.type === TYPE_STRING) return found;
  reply.error(WRONG_TYPE);
  return undefined;
}

/** Makes the key that is pointed at the string that is this argument. */
function setArgument({ keys, request }: Call, index: number, deadlineMs: number): void {
  const at = request.at[index] as number;
  keys.setString(request.bytes, at, request.length[index] as number, deadlineMs);
}

function pointAt({ keys, request }: Call, index: number): void {
  keys.point(request.bytes, request.at[index] as number, request.length[index] as number);
}

function get(step: Step, call: Call): void {
  const found = findString(call);
  if (found === undefined) return;
  if (found) replyFound(step, call);
  else call.reply.nil();
}

function set(step: Step, call: Call): void {
  if (call.request.count === 3) {
    pointAt(call, 1);
    setArgument(call, 2, NO_DEADLINE);
    call.reply.ok();
    return;
  }
  setWithOptions(step, call);
}

function setWithOptions(step: Step, call: Call): void {
  const { reply, keys, request } = call;
  const options = parseSetOptions(call, 3, "set");
  if (options === undefined) return;
  const wantedMs = deadlineOf(call, options, "set");
  if (wantedMs === undefined) return;

  const found = keys.claim(request, 1);
  if (options.get) keys.tally(found);
  if (options.get && !replyOld(step, call, found)) return;
  if ((options.ifAbsent && found) || (options.ifPresent && !found)) {
    if (!options.get) reply.nil();
    return;
  }
  const deadlineMs = wantedMs === KEEP_DEADLINE ? keys.deadlineMs : wantedMs;
  if (deadlineMs !== NO_DEADLINE && deadlineMs <= step.nowMs) {
    if (found) keys.remove();
    else keys.touch();
  } else {
    setArgument(call, 2, deadlineMs);
  }
  if (!options.get) reply.ok();
}

/** Answers what was there before; false if that is of another type. */
function replyOld(step: Step, call: Call, found: boolean): boolean {
  if (!found) {
    call.reply.nil();
    return true;
  }
  if (call.keys.type !== TYPE_STRING) {
    call.reply.error(WRONG_TYPE);
    return false;
  }
  replyFound(step, call);
  return true;
}

function setnx(_: Step, call: Call): void {
  if (call.keys.claim(call.request, 1)) {
    call.reply.integer(0);
    return;
  }
  setArgument(call, 2, NO_DEADLINE);
  call.reply.integer(1);
}

function setex(step: Step, call: Call): void {
  setFor(step, call, 1000);
}

function psetex(step: Step, call: Call): void {
  setFor(step, call, 1);
}

function setFor(step: Step, call: Call, unitMs: number): void {
  const name = unitMs === 1 ? "psetex" : "setex";
  const deadlineMs = expiryOf(call, 2, { unitMs, fromMs: step.nowMs, command: name });
  if (deadlineMs === undefined) return;
  pointAt(call, 1);
  setArgument(call, 3, deadlineMs);
  call.reply.ok();
}

function getset(step: Step, call: Call): void {
  const found = claimToRead(call);
  if (found === undefined) return;
  replyOld(step, call, found);
  setArgument(call, 2, NO_DEADLINE);
}

function getdel(step: Step, call: Call): void {
  const found = claimToRead(call);
  if (found === undefined) return;
  replyOld(step, call, found);
  if (found) call.keys.remove();
}

function getex(step: Step, call: Call): void {
  const options = parseSetOptions(call, 2, "getex");
  if (options === undefined) return;
  const found = claimToRead(call);
  if (found === undefined) return;
  const deadlineMs = found ? deadlineOf(call, options, "getex") : KEEP_DEADLINE;
  if (deadlineMs === undefined) return;
  replyOld(step, call, found);
  if (deadlineMs === KEEP_DEADLINE) return;

  const { keys } = call;
  if (deadlineMs === NO_DEADLINE) {
    if (keys.deadlineMs !== NO_DEADLINE) keys.setDeadline(NO_DEADLINE);
  } else if (deadlineMs <= step.nowMs) {
    keys.remove();
  } else {
    keys.setDeadline(deadlineMs);
  }
}

function mget(step: Step, call: Call): void {
  const { reply, keys, request } = call;
  reply.array(request.count - 1);
  for (let index = 1; index < request.count; index++) {
    if (keys.find(request, index) && keys.type === TYPE_STRING) replyFound(step, call);
    else reply.nil();
  }
}

function mset(_: Step, call: Call): void {
  if (refusesPairs(call, "mset")) return;
  setPairs(call);
  call.reply.ok();
}

function msetnx(_: Step, call: Call): void {
  const { request, keys, reply } = call;
  if (refusesPairs(call, "msetnx")) return;
  for (let index = 1; index < request.count; index += 2) {
    if (keys.claim(request, index)) {
      reply.integer(0);
      return;
    }
  }
  setPairs(call);
  reply.integer(1);
}

function refusesPairs({ request, reply }: Call, name: string): boolean {
  if (request.count % 2 === 1) return false;
  reply.error(wrongArity(name));
  return true;
}

function setPairs(call: Call): void {
  for (let index = 1; index < call.request.count; index += 2) {
    pointAt(call, index);
    setArgument(call, index + 1, NO_DEADLINE);
  }
}

function strlen(_: Step, call: Call): void {
  const found = findString(call);
  if (found !== undefined) call.reply.integer(found ? call.keys.payloadLength : 0);
}

function append(step: Step, call: Call): void {
  const { keys, request, reply } = call;
  const found = claimString(call);
  if (found === undefined) return;
  const old = found ? keys.payload() : new Uint8Array(0);
  const at = request.at[2] as number;
  const addedLength = request.length[2] as number;
  const length = old.length + addedLength;
  if (call.door.settings.bulkBytesMax < length) {
    reply.error(STRING_TOO_LONG);
    return;
  }
  const target = keys.putRow(TYPE_STRING, length, keys.deadlineMs);
  step.buffer.set(old, target);
  copyBytes(step.buffer, target + old.length, request.bytes, at, addedLength);
  reply.integer(length);
}

function setrange(_: Step, call: Call): void {
  const { keys, request, reply } = call;
  const offset = parseInteger(request.bytes, request.at[2] as number, request.length[2] as number);
  if (Number.isNaN(offset)) return reply.error(NOT_AN_INTEGER);
  if (offset < 0) return reply.error("ERR offset is out of range");

  const found = claimString(call);
  if (found === undefined) return;
  const addedLength = request.length[3] as number;
  const oldLength = found ? keys.payloadLength : 0;
  if (addedLength === 0) return reply.integer(oldLength);
  if (call.door.settings.bulkBytesMax < offset + addedLength) return reply.error(STRING_TOO_LONG);

  const length = Math.max(oldLength, offset + addedLength);
  const changed = new Uint8Array(length);
  if (found) changed.set(keys.payload());
  copyBytes(changed, offset, request.bytes, request.at[3] as number, addedLength);
  keys.setString(changed, 0, length, keys.deadlineMs);
  reply.integer(length);
}

function getrange(step: Step, call: Call): void {
  const { keys, request, reply } = call;
  const { bytes, at, length } = request;
  const first = parseInteger(bytes, at[2] as number, length[2] as number);
  const last = parseInteger(bytes, at[3] as number, length[3] as number);
  if (Number.isNaN(first) || Number.isNaN(last)) return reply.error(NOT_AN_INTEGER);

  const found = findString(call);
  if (found === undefined) return;
  const size = found ? keys.payloadLength : 0;
  if (first < 0 && last < 0 && first > last) return reply.bulkText("");
  const from = Math.max(0, first < 0 ? size + first : first);
  const to = Math.min(size - 1, Math.max(0, last < 0 ? size + last : last));
  if (from > to || size === 0) return reply.bulkText("");
  reply.bulk(step.valueBytes, keys.payloadAt + from, to - from + 1);
}

const FIRST = { first: 1, last: 1, step: 1 } as const;
const ALL = { first: 1, last: -1, step: 1 } as const;
const PAIRS = { first: 1, last: -1, step: 2 } as const;
const STRING = { kind: "store", group: "string" } as const;

export const stringCommands: readonly CommandSpec[] = [
  {
    ...STRING,
    name: "get",
    arity: 2,
    flags: "readonly fast",
    keys: FIRST,
    since: "1.0.0",
    summary: "The string at a key.",
    run: get,
  },
  {
    ...STRING,
    name: "set",
    arity: -3,
    flags: "write denyoom",
    keys: FIRST,
    since: "1.0.0",
    summary: "Sets the string at a key, on conditions and for a time if wanted.",
    run: set,
  },
  {
    ...STRING,
    name: "setnx",
    arity: 3,
    flags: "write denyoom fast",
    keys: FIRST,
    since: "1.0.0",
    summary: "Sets the string at a key that is absent.",
    run: setnx,
  },
  {
    ...STRING,
    name: "setex",
    arity: 4,
    flags: "write denyoom",
    keys: FIRST,
    since: "2.0.0",
    summary: "Sets the string at a key for a number of seconds.",
    run: setex,
  },
  {
    ...STRING,
    name: "psetex",
    arity: 4,
    flags: "write denyoom",
    keys: FIRST,
    since: "2.6.0",
    summary: "Sets the string at a key for a number of milliseconds.",
    run: psetex,
  },
  {
    ...STRING,
    name: "getset",
    arity: 3,
    flags: "write denyoom fast",
    keys: FIRST,
    since: "1.0.0",
    summary: "Sets the string at a key and answers the one before.",
    run: getset,
  },
  {
    ...STRING,
    name: "getdel",
    arity: 2,
    flags: "write fast",
    keys: FIRST,
    since: "6.2.0",
    summary: "The string at a key, which is removed.",
    run: getdel,
  },
  {
    ...STRING,
    name: "getex",
    arity: -2,
    flags: "write fast",
    keys: FIRST,
    since: "6.2.0",
    summary: "The string at a key, whose deadline is set or taken away.",
    run: getex,
  },
  {
    ...STRING,
    name: "mget",
    arity: -2,
    flags: "readonly fast",
    keys: ALL,
    since: "1.0.0",
    summary: "The strings at some keys.",
    run: mget,
  },
  {
    ...STRING,
    name: "mset",
    arity: -3,
    flags: "write denyoom",
    keys: PAIRS,
    since: "1.0.1",
    summary: "Sets the strings at some keys, all at once.",
    run: mset,
  },
  {
    ...STRING,
    name: "msetnx",
    arity: -3,
    flags: "write denyoom",
    keys: PAIRS,
    since: "1.0.1",
    summary: "Sets the strings at some keys if all are absent.",
    run: msetnx,
  },
  {
    ...STRING,
    name: "strlen",
    arity: 2,
    flags: "readonly fast",
    keys: FIRST,
    since: "2.2.0",
    summary: "How long the string at a key is.",
    run: strlen,
  },
  {
    ...STRING,
    name: "append",
    arity: 3,
    flags: "write denyoom fast",
    keys: FIRST,
    since: "2.0.0",
    summary: "Adds to the end of the string at a key.",
    run: append,
  },
  {
    ...STRING,
    name: "setrange",
    arity: 4,
    flags: "write denyoom",
    keys: FIRST,
    since: "2.2.0",
    summary: "Overwrites a part of the string at a key.",
    run: setrange,
  },
  {
    ...STRING,
    name: "getrange",
    arity: 4,
    flags: "readonly",
    keys: FIRST,
    since: "2.4.0",
    summary: "A part of the string at a key.",
    run: getrange,
  },
  {
    ...STRING,
    name: "substr",
    arity: 4,
    flags: "readonly",
    keys: FIRST,
    since: "1.0.0",
    summary: "A part of the string at a key; the old name of GETRANGE.",
    run: getrange,
  },
];
