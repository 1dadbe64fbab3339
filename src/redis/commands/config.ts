/** CONFIG: the settings of the door. What SET changes lasts until the door is closed. */

import { fromLatin1 } from "../../base/bytes.ts";
import type { Call, CommandSpec } from "../command.ts";
import { type ConfigEntry, configTable } from "../config-table.ts";
import { Glob } from "../glob.ts";
import { replyHelp } from "../help-reply.ts";
import { SYNTAX_ERROR, quoted } from "../replies.ts";

function get({ request, reply, door }: Call): void {
  const wanted = new Map<ConfigEntry, string>();
  for (let index = 2; index < request.count; index++) {
    const pattern = request.text(index);
    for (const entry of matching(pattern.toLowerCase())) {
      // A plain name is answered as it was asked for.
      if (!wanted.has(entry)) wanted.set(entry, IS_PATTERN.test(pattern) ? entry.name : pattern);
    }
  }
  reply.map(wanted.size);
  for (const [entry, name] of wanted) {
    reply.bulkText(name);
    reply.bulkText(entry.get(door));
  }
}

function matching(pattern: string): readonly ConfigEntry[] {
  const glob = new Glob(fromLatin1(pattern));
  return configTable.filter(({ name }) => glob.matches(fromLatin1(name), 0, name.length));
}

const IS_PATTERN = /[*?[]/;

interface Change {
  readonly entry: ConfigEntry;
  readonly set: NonNullable<ConfigEntry["set"]>;
  readonly value: string;
}

/** Sets all or nothing. */
function set({ request, reply, door }: Call): void {
  if (request.count % 2 === 1) return reply.error(SYNTAX_ERROR);
  const changes: Change[] = [];
  for (let index = 2; index < request.count; index += 2) {
    const name = request.text(index).toLowerCase();
    const entry = configTable.find((candidate) => candidate.name === name);
    if (entry === undefined) {
      return reply.error(
        `ERR Unknown option or number of arguments for CONFIG SET - '${quoted(request, index)}'`,
      );
    }
    if (entry.set === undefined) {
      return reply.error(failed(quoted(request, index), "can't set immutable config"));
    }
    if (changes.some((change) => change.entry === entry)) {
      return reply.error(failed(quoted(request, index), "duplicate parameter"));
    }
    changes.push({ entry, set: entry.set, value: request.text(index + 1) });
  }
  const before = { ...door.settings };
  for (const { entry, set: change, value } of changes) {
    const reason = change(door, value);
    if (reason === undefined) continue;
    Object.assign(door.settings, before);
    return reply.error(failed(entry.name, reason));
  }
  reply.ok();
}

function failed(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

function resetstat({ reply, door }: Call): void {
  door.stats.reset();
  for (const command of door.commands.everything()) command.callCount = 0;
  reply.ok();
}

function rewrite({ reply }: Call): void {
  reply.error("ERR The server is running without a config file");
}

function help({ reply }: Call): void {
  replyHelp(reply, "CONFIG", subcommands);
}

const SERVER = { kind: "local", group: "server" } as const;
const ADMIN = "admin noscript loading stale";

const subcommands: readonly CommandSpec[] = [
  {
    ...SERVER,
    name: "config|get",
    arity: -3,
    flags: ADMIN,
    since: "2.0.0",
    summary: "The settings whose names match a pattern.",
    differs: "only what there is; the password is never told",
    run: get,
  },
  {
    ...SERVER,
    name: "config|set",
    arity: -4,
    flags: ADMIN,
    since: "2.0.0",
    summary: "Changes settings, all or none.",
    differs: "only what there is; what is a fact here can be set to what it is",
    run: set,
  },
  {
    ...SERVER,
    name: "config|resetstat",
    arity: 2,
    flags: ADMIN,
    since: "2.0.0",
    summary: "Counts from zero again.",
    run: resetstat,
  },
  {
    ...SERVER,
    name: "config|rewrite",
    arity: 2,
    flags: ADMIN,
    since: "2.8.0",
    summary: "Is always refused: what CONFIG SET changes is not kept.",
    differs: "always refused",
    run: rewrite,
  },
  {
    ...SERVER,
    name: "config|help",
    arity: 2,
    flags: "loading stale",
    since: "5.0.0",
    summary: "Prints this help.",
    differs: "in our words",
    run: help,
  },
];

export const configCommand: CommandSpec = {
  kind: "container",
  group: "server",
  name: "config",
  arity: -2,
  flags: "",
  since: "2.0.0",
  summary: "Commands about the settings.",
  subcommands,
};
