/** Commands that make several commands one transaction. */

import type { CommandSpec } from "../command.ts";

const TRANSACTIONS = { kind: "control", group: "transactions" } as const;
const FLAGS = "noscript loading stale fast allow_busy";
const BEYOND = "not in Redis: an interactive transaction on the connection";

export const transactionCommands: readonly CommandSpec[] = [
  {
    ...TRANSACTIONS,
    control: "multi",
    name: "multi",
    arity: 1,
    flags: FLAGS,
    since: "1.2.0",
    summary: "From here on commands are queued.",
  },
  {
    ...TRANSACTIONS,
    control: "exec",
    name: "exec",
    arity: 1,
    flags: "noscript loading stale skip_slowlog",
    since: "1.2.0",
    summary: "Runs what was queued, as one transaction.",
  },
  {
    ...TRANSACTIONS,
    control: "discard",
    name: "discard",
    arity: 1,
    flags: FLAGS,
    since: "2.0.0",
    summary: "Forgets what was queued.",
  },
  {
    ...TRANSACTIONS,
    control: "watch",
    name: "watch",
    arity: -2,
    flags: FLAGS,
    keys: { first: 1, last: -1, step: 1 },
    since: "2.2.0",
    summary: "EXEC will run nothing if one of these keys changes before.",
  },
  {
    ...TRANSACTIONS,
    control: "unwatch",
    name: "unwatch",
    arity: 1,
    flags: FLAGS,
    since: "2.2.0",
    summary: "Forgets the keys that were watched.",
  },
  {
    ...TRANSACTIONS,
    control: "begin",
    name: "begin",
    arity: 1,
    flags: "noscript fast",
    since: "0.1.0",
    summary: "Begins a transaction that sees what it writes, and locks what it reads.",
    differs: BEYOND,
  },
  {
    ...TRANSACTIONS,
    control: "commit",
    name: "commit",
    arity: 1,
    flags: "noscript",
    since: "0.1.0",
    summary: "Makes what was done since BEGIN lasting, all at once.",
    differs: BEYOND,
  },
  {
    ...TRANSACTIONS,
    control: "rollback",
    name: "rollback",
    arity: 1,
    flags: "noscript fast",
    since: "0.1.0",
    summary: "Undoes what was done since BEGIN.",
    differs: BEYOND,
  },
];
