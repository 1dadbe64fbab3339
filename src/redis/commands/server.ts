/** Commands about the server, and those that look into how a value is kept. */

import { parseInt64, parseInteger } from "../../resp/integer.ts";
import type { Request } from "../../resp/request.ts";
import type { Step } from "../../transactions/step.ts";
import type { Call, CommandSpec } from "../command.ts";
import { replyHelp } from "../help-reply.ts";
import { infoText } from "../info-text.ts";
import { NOT_AN_INTEGER, SYNTAX_ERROR } from "../replies.ts";
import { TYPE_STRING } from "../row-format.ts";

/** A short string lies beside what points at it in Redis: then it says `embstr`. */
const EMBEDDED_BYTES_MAX = 44;
/** What a row takes besides its key and value: its slot in a page. */
const ROW_OVERHEAD_BYTES = 16;

function info(step: Step, { request, reply, door }: Call): void {
  const wanted: string[] = [];
  for (let index = 1; index < request.count; index++)
    wanted.push(request.text(index).toLowerCase());
  reply.verbatim(infoText(door, step, wanted));
}

function time({ reply, door }: Call): void {
  const nowMs = door.clock.wallMs();
  reply.array(2);
  reply.bulkText(String(Math.floor(nowMs / 1000)));
  reply.bulkText(String((nowMs % 1000) * 1000));
}

/**
 * The answer leaves, as every answer, when what this connection wrote before is settled: durable
 * on all backups. More will not come by waiting longer.
 */
function wait({ request, reply, door }: Call): void {
  const { bytes, at, length } = request;
  const count = parseInteger(bytes, at[1] as number, length[1] as number);
  if (Number.isNaN(count)) return reply.error(NOT_AN_INTEGER);
  const timeoutMs = parseInteger(bytes, at[2] as number, length[2] as number);
  if (Number.isNaN(timeoutMs)) return reply.error("ERR timeout is not an integer or out of range");
  if (timeoutMs < 0) return reply.error("ERR timeout is negative");
  reply.integer(door.settings.backupCount?.() ?? 0);
}

function encoding(step: Step, { request, reply, keys }: Call): void {
  if (!keys.find(request, 2)) return reply.nil();
  const { payloadAt, payloadLength } = keys;
  if (keys.type !== TYPE_STRING) reply.bulkText("raw");
  else if (parseInt64(step.valueBytes, payloadAt, payloadLength) !== undefined) {
    reply.bulkText("int");
  } else reply.bulkText(payloadLength <= EMBEDDED_BYTES_MAX ? "embstr" : "raw");
}

function refcount(_: Step, { request, reply, keys }: Call): void {
  if (keys.find(request, 2)) reply.integer(1);
  else reply.nil();
}

function freq(_: Step, { request, reply, keys }: Call): void {
  if (!keys.find(request, 2)) return reply.nil();
  reply.error(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note " +
      "that when switching between policies at runtime LRU and LFU data will take some time to " +
      "adjust.",
  );
}

function usage(step: Step, { request, reply, keys }: Call): void {
  const refusal = refuseSamples(request);
  if (refusal !== undefined) return reply.error(refusal);
  keys.point(request.bytes, request.at[2] as number, request.length[2] as number);
  if (!keys.findPointed()) return reply.nil();
  reply.integer((request.length[2] as number) + step.valueLength + ROW_OVERHEAD_BYTES);
}

/** What is wrong with the options of MEMORY USAGE; what it would sample, it tells exactly. */
function refuseSamples(request: Request): string | undefined {
  const { bytes, at, length, count } = request;
  for (let index = 3; index < count; index += 2) {
    if (!request.is(index, "SAMPLES") || index + 1 === count) return SYNTAX_ERROR;
    const samples = parseInteger(bytes, at[index + 1] as number, length[index + 1] as number);
    if (Number.isNaN(samples)) return NOT_AN_INTEGER;
    if (samples < 0) return SYNTAX_ERROR;
  }
  return undefined;
}

function objectHelp({ reply }: Call): void {
  replyHelp(reply, "OBJECT", objectSubcommands);
}

function memoryHelp({ reply }: Call): void {
  replyHelp(reply, "MEMORY", memorySubcommands);
}

const KEY = { first: 2, last: 2, step: 1 } as const;
const OBJECT = { kind: "store", group: "generic", arity: 3, flags: "readonly", keys: KEY } as const;
const HELP = { kind: "local", arity: 2, flags: "loading stale", differs: "in our words" } as const;

const objectSubcommands: readonly CommandSpec[] = [
  {
    ...OBJECT,
    name: "object|encoding",
    since: "2.2.3",
    summary: "How a value would be kept by Redis.",
    differs: "told from the value alone: what APPEND made may be `int` or `embstr`",
    run: encoding,
  },
  {
    ...OBJECT,
    name: "object|refcount",
    since: "2.2.3",
    summary: "How many refer to a value: always one.",
    differs: "always 1",
    run: refcount,
  },
  {
    ...OBJECT,
    name: "object|freq",
    since: "4.0.0",
    summary: "Is refused, since nothing is evicted.",
    run: freq,
  },
  {
    ...HELP,
    group: "generic",
    name: "object|help",
    since: "6.2.0",
    summary: "Prints this help.",
    run: objectHelp,
  },
];

const memorySubcommands: readonly CommandSpec[] = [
  {
    kind: "store",
    group: "server",
    name: "memory|usage",
    arity: -3,
    flags: "readonly",
    keys: KEY,
    since: "4.0.0",
    summary: "How many bytes a key and its value take.",
    differs: "in the cache and on disk, which are the same",
    run: usage,
  },
  {
    ...HELP,
    group: "server",
    name: "memory|help",
    since: "4.0.0",
    summary: "Prints this help.",
    run: memoryHelp,
  },
];

export const serverCommands: readonly CommandSpec[] = [
  {
    kind: "store",
    group: "server",
    name: "info",
    arity: -1,
    flags: "loading stale",
    since: "1.0.0",
    summary: "What the server knows of itself, all or by section.",
    differs: "only what there is",
    run: info,
  },
  {
    kind: "local",
    group: "server",
    name: "time",
    arity: 1,
    flags: "loading stale fast",
    since: "2.6.0",
    summary: "Seconds and microseconds since 1970.",
    differs: "to the millisecond; never goes back, nor does it after a restart",
    run: time,
  },
  {
    kind: "local",
    group: "generic",
    name: "wait",
    arity: 3,
    flags: "blocking",
    since: "3.0.0",
    summary: "How many backups hold durably what this connection wrote.",
    differs: "answered as soon as it is so; Redis counts who received it, not who synced it",
    run: wait,
  },
  {
    kind: "container",
    group: "generic",
    name: "object",
    arity: -2,
    flags: "",
    since: "2.2.3",
    summary: "Commands about how values are kept.",
    subcommands: objectSubcommands,
  },
  {
    kind: "container",
    group: "server",
    name: "memory",
    arity: -2,
    flags: "",
    since: "4.0.0",
    summary: "Commands about memory.",
    subcommands: memorySubcommands,
  },
];
