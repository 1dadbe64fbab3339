/** CLIENT: about this connection and the others. */

import { parseInteger } from "../../resp/integer.ts";
import type { Client } from "../client.ts";
import type { Call, CommandSpec } from "../command.ts";
import { replyHelp } from "../help-reply.ts";
import { SYNTAX_ERROR, quoted } from "../replies.ts";
import { badName, isPlainName } from "./connection.ts";

/** The types of clients that CLIENT LIST and KILL know; ours are all of the first. */
const CLIENT_TYPES: ReadonlySet<string> = new Set([
  "normal",
  "master",
  "replica",
  "slave",
  "pubsub",
]);

function id({ reply, client }: Call): void {
  reply.integer(client.id);
}

function getname({ reply, client }: Call): void {
  if (client.name === "") reply.nil();
  else reply.bulkText(client.name);
}

function setname({ request, reply, client }: Call): void {
  const name = request.text(2);
  if (!isPlainName(name)) return reply.error(badName("Client names"));
  client.name = name;
  reply.ok();
}

function setinfo({ request, reply, client }: Call): void {
  const attribute = request.text(2).toLowerCase();
  const value = request.text(3);
  if (attribute !== "lib-name" && attribute !== "lib-ver") {
    return reply.error(`ERR Unrecognized option '${quoted(request, 2)}'`);
  }
  if (!isPlainName(value)) return reply.error(badName(attribute));
  if (attribute === "lib-name") client.libraryName = value;
  else client.libraryVersion = value;
  reply.ok();
}

function info({ reply, client, door }: Call): void {
  reply.verbatim(`${client.describe(door.clock.monotonicMs())}\n`);
}

function list(call: Call): void {
  const { request, reply, door } = call;
  let chosen: readonly Client[] = [...door.clients.values()];
  if (request.count === 4 && request.is(2, "TYPE")) {
    const type = clientType(call, 3);
    if (type === undefined) return;
    if (type !== "normal") chosen = [];
  } else if (request.count > 3 && request.is(2, "ID")) {
    const ids = new Set<number>();
    for (let index = 3; index < request.count; index++) {
      const wanted = integerAt(call, index);
      if (Number.isNaN(wanted)) return reply.error("ERR Invalid client ID");
      ids.add(wanted);
    }
    chosen = chosen.filter((client) => ids.has(client.id));
  } else if (request.count !== 2) {
    return reply.error(SYNTAX_ERROR);
  }
  const nowMs = door.clock.monotonicMs();
  reply.verbatim(chosen.map((client) => `${client.describe(nowMs)}\n`).join(""));
}

function clientType({ request, reply }: Call, index: number): string | undefined {
  const type = request.text(index).toLowerCase();
  if (CLIENT_TYPES.has(type)) return type;
  reply.error(`ERR Unknown client type '${quoted(request, index)}'`);
  return undefined;
}

function integerAt({ request }: Call, index: number): number {
  return parseInteger(request.bytes, request.at[index] as number, request.length[index] as number);
}

function kill(call: Call): void {
  const { request, reply, door } = call;
  const clients = [...door.clients.values()];
  if (request.count === 3) {
    const found = clients.find((client) => client.peer === request.text(2));
    if (found === undefined) return reply.error("ERR No such client");
    reply.ok();
    found.session.kill();
    return;
  }
  const filter = parseKill(call);
  if (filter === undefined) return;
  const killed = clients.filter(filter);
  reply.integer(killed.length);
  for (const client of killed) client.session.kill();
}

type ClientFilter = (client: Client) => boolean;

/** Which clients KILL means; undefined if it makes no sense, which was answered. */
function parseKill(call: Call): ClientFilter | undefined {
  const { request, reply, client: self } = call;
  const filters: ClientFilter[] = [];
  let skipsSelf = true;
  for (let index = 2; index < request.count; index += 2) {
    const value = index + 1 < request.count ? request.text(index + 1) : undefined;
    if (value !== undefined && request.is(index, "SKIPME") && /^(?:yes|no)$/i.test(value)) {
      skipsSelf = value.toLowerCase() === "yes";
      continue;
    }
    const filter = value === undefined ? SYNTAX_ERROR : killFilter(call, index, value);
    if (typeof filter === "string") {
      reply.error(filter);
      return undefined;
    }
    filters.push(filter);
  }
  return (client) => !(skipsSelf && client === self) && filters.every((filter) => filter(client));
}

/** The filter of KILL that begins at argument `index`, or the error that it is. */
function killFilter(call: Call, index: number, value: string): ClientFilter | string {
  const { request } = call;
  if (request.is(index, "ID")) {
    const wanted = integerAt(call, index + 1);
    if (!(wanted > 0)) return "ERR client-id should be greater than 0";
    return (client) => client.id === wanted;
  }
  if (request.is(index, "TYPE")) {
    const type = value.toLowerCase();
    return CLIENT_TYPES.has(type)
      ? () => type === "normal"
      : `ERR Unknown client type '${quoted(request, index + 1)}'`;
  }
  if (request.is(index, "ADDR")) return (client) => client.peer === value;
  if (request.is(index, "LADDR")) return (client) => client.local === value;
  if (request.is(index, "USER")) {
    return value === "default"
      ? (client) => client.authenticated
      : `ERR No such user '${quoted(request, index + 1)}'`;
  }
  return SYNTAX_ERROR;
}

function noEvict(call: Call): void {
  const on = onOrOff(call);
  if (on !== undefined) call.client.noEvict = on;
}

function noTouch(call: Call): void {
  const on = onOrOff(call);
  if (on !== undefined) call.client.noTouch = on;
}

/** Argument 2 as a switch; answers in either case. */
function onOrOff({ request, reply }: Call): boolean | undefined {
  const on = request.is(2, "ON");
  if (!on && !request.is(2, "OFF")) {
    reply.error(SYNTAX_ERROR);
    return undefined;
  }
  reply.ok();
  return on;
}

function replyMode({ request, reply, client }: Call): void {
  if (request.is(2, "ON")) {
    client.replyMode = "on";
    reply.ok();
  } else if (request.is(2, "OFF")) {
    client.replyMode = "off";
  } else if (request.is(2, "SKIP")) {
    if (client.replyMode !== "off") client.replyMode = "skip next";
  } else {
    reply.error(SYNTAX_ERROR);
  }
}

function pause(call: Call): void {
  const { request, reply, door } = call;
  if (request.count > 4) return reply.error(wrongCountOrSubcommand(call));
  const durationMs = integerAt(call, 2);
  if (Number.isNaN(durationMs)) {
    return reply.error("ERR timeout is not an integer or out of range");
  }
  if (durationMs < 0) return reply.error("ERR timeout is negative");
  const hasMode = request.count === 4;
  if (hasMode && !request.is(3, "WRITE") && !request.is(3, "ALL")) {
    return reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  door.pause(durationMs, hasMode && request.is(3, "WRITE"));
  reply.ok();
}

/** As Redis refuses too many arguments of a subcommand that takes a number of them. */
function wrongCountOrSubcommand({ request }: Call): string {
  const asked = request.text(1);
  return `ERR unknown subcommand or wrong number of arguments for '${asked}'. Try CLIENT HELP.`;
}

function unpause({ reply, door }: Call): void {
  // The others go on in turns of their own, after this one.
  door.clock.soon(() => door.unpause());
  reply.ok();
}

function help({ reply }: Call): void {
  replyHelp(reply, "CLIENT", subcommands);
}

const CONNECTION = { kind: "local", group: "connection" } as const;
const FLAGS = "noscript loading stale";
const ADMIN = "admin noscript loading stale";

const subcommands: readonly CommandSpec[] = [
  {
    ...CONNECTION,
    name: "client|id",
    arity: 2,
    flags: FLAGS,
    since: "5.0.0",
    summary: "The number of this connection.",
    run: id,
  },
  {
    ...CONNECTION,
    name: "client|getname",
    arity: 2,
    flags: FLAGS,
    since: "2.6.9",
    summary: "The name of this connection.",
    run: getname,
  },
  {
    ...CONNECTION,
    name: "client|setname",
    arity: 3,
    flags: FLAGS,
    since: "2.6.9",
    summary: "Names this connection.",
    run: setname,
  },
  {
    ...CONNECTION,
    name: "client|setinfo",
    arity: 4,
    flags: FLAGS,
    since: "7.2.0",
    summary: "Says which library this connection is of: LIB-NAME or LIB-VER.",
    run: setinfo,
  },
  {
    ...CONNECTION,
    name: "client|info",
    arity: 2,
    flags: FLAGS,
    since: "6.2.0",
    summary: "What is known of this connection.",
    differs: "sizes of buffers that do not exist are 0; `begin=1` within BEGIN",
    run: info,
  },
  {
    ...CONNECTION,
    name: "client|list",
    arity: -2,
    flags: ADMIN,
    since: "2.4.0",
    summary: "What is known of the connections: all, of a TYPE, or by ID.",
    differs: "as CLIENT INFO",
    run: list,
  },
  {
    ...CONNECTION,
    name: "client|kill",
    arity: -3,
    flags: ADMIN,
    since: "2.4.0",
    summary: "Closes connections: one by its address, or by ID, TYPE, USER, ADDR, LADDR, SKIPME.",
    run: kill,
  },
  {
    ...CONNECTION,
    name: "client|no-evict",
    arity: 3,
    flags: ADMIN,
    since: "7.0.0",
    summary: "Takes ON or OFF.",
    differs: "no client is ever evicted for memory",
    run: noEvict,
  },
  {
    ...CONNECTION,
    name: "client|no-touch",
    arity: 3,
    flags: FLAGS,
    since: "7.2.0",
    summary: "Takes ON or OFF.",
    differs: "reading a key never changes anything",
    run: noTouch,
  },
  {
    ...CONNECTION,
    name: "client|reply",
    arity: 3,
    flags: FLAGS,
    since: "3.2.0",
    summary: "Whether commands are answered: ON, OFF, or SKIP for the next.",
    run: replyMode,
  },
  {
    ...CONNECTION,
    name: "client|pause",
    arity: -3,
    flags: ADMIN,
    since: "2.9.50",
    summary: "Holds commands back for some milliseconds: those that WRITE, or ALL.",
    differs: "CLIENT UNPAUSE is never held back",
    run: pause,
  },
  {
    ...CONNECTION,
    name: "client|unpause",
    arity: 2,
    flags: ADMIN,
    since: "6.2.0",
    summary: "Holds commands back no longer.",
    run: unpause,
  },
  {
    ...CONNECTION,
    name: "client|help",
    arity: 2,
    flags: "loading stale",
    since: "5.0.0",
    summary: "Prints this help.",
    differs: "in our words",
    run: help,
  },
];

export const clientCommand: CommandSpec = {
  kind: "container",
  group: "connection",
  name: "client",
  arity: -2,
  flags: "",
  since: "2.4.0",
  summary: "Commands about connections.",
  subcommands,
};
