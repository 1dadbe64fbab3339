/** COMMAND: what the door tells of its own commands, from their table. */

import { fromLatin1 } from "../../base/bytes.ts";
import { Request } from "../../resp/request.ts";
import type { ReplyWriter } from "../../resp/reply-writer.ts";
import { categoriesOf } from "../categories.ts";
import type { Call, Command, CommandSpec } from "../command.ts";
import { Glob } from "../glob.ts";
import { replyHelp } from "../help-reply.ts";
import { keyNoteOf, keyUsesOf } from "../key-uses.ts";
import { SYNTAX_ERROR } from "../replies.ts";

function all({ reply, door }: Call): void {
  reply.array(door.commands.all.length);
  for (const command of door.commands.all) replyInfo({ reply, door }, command);
}

function count({ reply, door }: Call): void {
  reply.integer(door.commands.all.length);
}

function info({ request, reply, door }: Call): void {
  if (request.count === 2) {
    reply.array(door.commands.all.length);
    for (const command of door.commands.all) replyInfo({ reply, door }, command);
    return;
  }
  reply.array(request.count - 2);
  for (let index = 2; index < request.count; index++) {
    const command = door.commands.named(request.text(index));
    if (command === undefined) reply.nil();
    else replyInfo({ reply, door }, command);
  }
}

function replyInfo({ reply, door }: Pick<Call, "reply" | "door">, command: Command): void {
  const { keys } = command.facts;
  const subcommands = door.commands.subcommands(command)?.all ?? [];
  reply.array(10);
  reply.bulkText(command.name);
  reply.integer(command.facts.arity);
  replyStatuses({ reply }, [...command.flags]);
  reply.integer(keys?.first ?? 0);
  reply.integer(keys?.last ?? 0);
  reply.integer(keys?.step ?? 0);
  replyStatuses({ reply }, categoriesOf(command));
  reply.set(0);
  replyKeySpecs({ reply }, command);
  reply.set(subcommands.length);
  for (const subcommand of subcommands) replyInfo({ reply, door }, subcommand);
}

function replyStatuses({ reply }: Pick<Call, "reply">, texts: readonly string[]): void {
  reply.set(texts.length);
  for (const text of texts) reply.status(text);
}

/** Where the keys are; of commands that do different things with different keys, each apart. */
function replyKeySpecs({ reply }: Pick<Call, "reply">, { facts, name }: Command): void {
  const { keys } = facts;
  const uses = keys === undefined ? undefined : keyUsesOf(name);
  if (keys === undefined || uses === undefined) return reply.set(0);
  const note = keyNoteOf(name);
  const last = keys.last < 0 ? keys.last : keys.last - keys.first;
  reply.set(uses.length);
  for (const [index, use] of uses.entries()) {
    reply.map(note === undefined ? 3 : 4);
    if (note !== undefined) {
      reply.bulkText("notes");
      reply.bulkText(note);
    }
    reply.bulkText("flags");
    replyStatuses({ reply }, use);
    replySpec(reply, "begin_search", "index", { index: keys.first + index });
    const lastkey = uses.length === 1 ? last : 0;
    replySpec(reply, "find_keys", "range", { lastkey, keystep: keys.step, limit: 0 });
  }
}

function replySpec(
  reply: ReplyWriter,
  name: string,
  type: string,
  spec: Readonly<Record<string, number>>,
): void {
  const facts = Object.entries(spec);
  reply.bulkText(name);
  reply.map(2);
  reply.bulkText("type");
  reply.bulkText(type);
  reply.bulkText("spec");
  reply.map(facts.length);
  for (const [fact, value] of facts) {
    reply.bulkText(fact);
    reply.integer(value);
  }
}

function docs({ request, reply, door }: Call): void {
  const { commands } = door;
  const wanted = new Set<Command>(request.count === 2 ? commands.all : []);
  for (let index = 2; index < request.count; index++) {
    const command = commands.named(request.text(index));
    if (command !== undefined) wanted.add(command);
  }
  reply.map(wanted.size);
  for (const command of wanted) replyDocs({ reply, door }, command);
}

function replyDocs({ reply, door }: Pick<Call, "reply" | "door">, command: Command): void {
  const subcommands = door.commands.subcommands(command)?.all;
  reply.bulkText(command.name);
  reply.map(subcommands === undefined ? 3 : 4);
  reply.bulkText("summary");
  reply.bulkText(command.facts.summary);
  reply.bulkText("since");
  reply.bulkText(command.facts.since);
  reply.bulkText("group");
  reply.bulkText(command.facts.group);
  if (subcommands === undefined) return;
  reply.bulkText("subcommands");
  reply.map(subcommands.length);
  for (const subcommand of subcommands) replyDocs({ reply, door }, subcommand);
}

function list({ request, reply, door }: Call): void {
  let chosen: readonly Command[] = [...door.commands.everything()];
  if (request.count === 5 && request.is(2, "FILTERBY")) {
    const value = request.text(4).toLowerCase();
    if (request.is(3, "MODULE")) chosen = [];
    else if (request.is(3, "ACLCAT")) chosen = chosen.filter((one) => isIn(one, `@${value}`));
    else if (request.is(3, "PATTERN")) chosen = matching(chosen, value);
    else return reply.error(SYNTAX_ERROR);
  } else if (request.count !== 2) {
    return reply.error(SYNTAX_ERROR);
  }
  reply.array(chosen.length);
  for (const command of chosen) reply.bulkText(command.name);
}

function isIn(command: Command, category: string): boolean {
  return categoriesOf(command).some((one) => one === category);
}

function matching(commands: readonly Command[], pattern: string): readonly Command[] {
  const glob = new Glob(fromLatin1(pattern));
  return commands.filter(({ name }) => glob.matches(fromLatin1(name), 0, name.length));
}

function getkeys({ request, reply, door }: Call): void {
  const inner = new Request();
  inner.bytes = request.bytes;
  for (let index = 2; index < request.count; index++) {
    inner.add(request.at[index] as number, request.length[index] as number);
  }
  const outer = door.commands.named(inner.text(0));
  const isContainer = outer !== undefined && door.commands.subcommands(outer) !== undefined;
  const name = isContainer && inner.count > 1 ? `${outer.name}|${inner.text(1)}` : inner.text(0);
  const command = door.commands.named(name);
  if (command === undefined) return reply.error("ERR Invalid command specified");
  if (command.facts.keys === undefined) {
    return reply.error("ERR The command has no key arguments");
  }
  if (inner.count < command.argumentsMin || command.argumentsMax < inner.count) {
    return reply.error("ERR Invalid number of arguments specified for command");
  }
  const indexes = command.keyIndexes(inner.count);
  reply.array(indexes.length);
  for (const index of indexes) reply.bulkBytes(inner.argument(index));
}

function help({ reply }: Call): void {
  replyHelp(reply, "COMMAND", subcommands);
}

const SERVER = { kind: "local", group: "server", flags: "loading stale" } as const;

const subcommands: readonly CommandSpec[] = [
  {
    ...SERVER,
    name: "command|count",
    arity: 2,
    since: "2.8.13",
    summary: "How many commands there are.",
    run: count,
  },
  {
    ...SERVER,
    name: "command|info",
    arity: -2,
    since: "2.8.13",
    summary: "Arity, flags and positions of keys of commands.",
    differs: "without tips",
    run: info,
  },
  {
    ...SERVER,
    name: "command|docs",
    arity: -2,
    since: "7.0.0",
    summary: "What commands are for.",
    differs: "without descriptions of arguments",
    run: docs,
  },
  {
    ...SERVER,
    name: "command|list",
    arity: -2,
    since: "7.0.0",
    summary: "The names of commands, of all or by FILTERBY.",
    run: list,
  },
  {
    ...SERVER,
    name: "command|getkeys",
    arity: -3,
    since: "2.8.13",
    summary: "The keys among the arguments of a command.",
    run: getkeys,
  },
  {
    ...SERVER,
    name: "command|help",
    arity: 2,
    since: "5.0.0",
    summary: "Prints this help.",
    differs: "in our words",
    run: help,
  },
];

export const commandCommand: CommandSpec = {
  kind: "container",
  group: "server",
  name: "command",
  arity: -1,
  flags: "loading stale",
  since: "2.8.13",
  summary: "What commands there are.",
  differs: "as COMMAND INFO",
  subcommands,
  alone: all,
};
