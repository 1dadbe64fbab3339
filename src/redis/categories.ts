/** The categories of commands, as COMMAND INFO tells them and COMMAND LIST chooses by them. */

import { type Command, CONTAINER, STORE } from "./command.ts";

/** In the order in which they are told. */
const CATEGORIES = [
  "@keyspace",
  "@read",
  "@write",
  "@string",
  "@admin",
  "@fast",
  "@slow",
  "@blocking",
  "@dangerous",
  "@connection",
  "@transaction",
] as const;

type Category = (typeof CATEGORIES)[number];

const OF_GROUP: Readonly<Record<string, Category>> = {
  connection: "@connection",
  generic: "@keyspace",
  string: "@string",
  transactions: "@transaction",
};
/** Commands that are of other categories than the rest of their groups. */
const OTHERWISE: Readonly<Record<string, readonly Category[]>> = {
  command: ["@connection"],
  info: [],
  "memory|usage": [],
  wait: ["@blocking", "@connection"],
};
const DANGEROUS: ReadonlySet<string> = new Set(["flushall", "flushdb", "info", "keys", "swapdb"]);

export function categoriesOf(command: Command): readonly Category[] {
  const { flags, facts } = command;
  const isAdmin = flags.has("admin");
  const its = new Set<Category>(byContent(command));
  if (flags.has("write")) its.add("@write");
  if (flags.has("readonly")) its.add("@read");
  if (isAdmin) its.add("@admin");
  its.add(flags.has("fast") ? "@fast" : "@slow");
  if (isAdmin || DANGEROUS.has(facts.name)) its.add("@dangerous");
  return CATEGORIES.filter((category) => its.has(category));
}

function byContent({ facts, kind, action }: Command): readonly Category[] {
  const [container = ""] = facts.name.split("|");
  const otherwise = OTHERWISE[facts.name] ?? OTHERWISE[container];
  if (otherwise !== undefined) return otherwise;
  if (kind === CONTAINER && action.kind === "container" && action.alone === undefined) return [];
  // Commands of the server that touch keys belong to the keys.
  if (facts.group === "server") return kind === STORE ? ["@keyspace"] : [];
  const category = OF_GROUP[facts.group];
  return category === undefined ? [] : [category];
}
