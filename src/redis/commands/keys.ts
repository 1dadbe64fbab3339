/** Commands on keys of any type: whether they are there, removing, renaming and copying them. */

import { parseInteger } from "../../resp/integer.ts";
import type { Step } from "../../transactions/step.ts";
import type { Call, CommandSpec } from "../command.ts";
import {
  DATABASE_OUT_OF_RANGE,
  NO_SUCH_KEY,
  refuseInt32,
  SAME_OBJECT,
  SYNTAX_ERROR,
} from "../replies.ts";
import { typeName } from "../row-format.ts";

function del(_: Step, { request, keys, reply }: Call): void {
  let count = 0;
  for (let index = 1; index < request.count; index++) {
    if (!keys.claim(request, index)) continue;
    keys.remove();
    count++;
  }
  reply.integer(count);
}

function exists(_: Step, { request, keys, reply }: Call): void {
  let count = 0;
  for (let index = 1; index < request.count; index++) {
    if (keys.find(request, index)) count++;
  }
  reply.integer(count);
}

function typeOf(_: Step, { request, keys, reply }: Call): void {
  reply.status(keys.find(request, 1) ? typeName(keys.type) : "none");
}

/** What lay at one key, to be put down at another. */
interface Lifted {
  readonly type: number;
  readonly payload: Uint8Array;
  readonly deadlineMs: number;
}

/** What lies at the key that was found. */
function lift({ keys }: Call): Lifted {
  return { type: keys.type, payload: keys.payload(), deadlineMs: keys.deadlineMs };
}

/** Puts it down at the key that is pointed at. */
function putDown({ keys }: Call, { type, payload, deadlineMs }: Lifted): void {
  keys.setRow(type, payload, deadlineMs);
}

function rename(_: Step, call: Call): void {
  const { request, keys, reply } = call;
  if (!keys.claim(request, 1)) return reply.error(NO_SUCH_KEY);
  if (!request.repeats(1, 2)) {
    const lifted = lift(call);
    keys.remove();
    keys.claim(request, 2);
    putDown(call, lifted);
  }
  reply.ok();
}

function renamenx(_: Step, call: Call): void {
  const { request, keys, reply } = call;
  if (!keys.claim(request, 1)) return reply.error(NO_SUCH_KEY);
  const lifted = lift(call);
  if (request.repeats(1, 2) || keys.claim(request, 2)) return reply.integer(0);
  putDown(call, lifted);
  keys.claim(request, 1);
  keys.remove();
  reply.integer(1);
}

function copy(_: Step, call: Call): void {
  const { request, keys, client, reply } = call;
  const options = parseCopyOptions(call);
  if (options === undefined) return;
  const { database, replaces } = options;
  if (database === client.database && request.repeats(1, 2)) {
    return reply.error(SAME_OBJECT);
  }
  if (!keys.find(request, 1)) return reply.integer(0);
  const lifted = lift(call);
  keys.use(database);
  if (keys.claim(request, 2) && !replaces) return reply.integer(0);
  putDown(call, lifted);
  reply.integer(1);
}

interface CopyOptions {
  readonly database: number;
  readonly replaces: boolean;
}

function parseCopyOptions(call: Call): CopyOptions | undefined {
  const { request, client, reply } = call;
  let { database } = client;
  let replaces = false;
  for (let index = 3; index < request.count; index++) {
    if (request.is(index, "REPLACE")) {
      replaces = true;
    } else if (request.is(index, "DB") && index + 1 < request.count) {
      const given = databaseArgument(call, ++index);
      if (given === undefined) return undefined;
      database = given;
    } else {
      reply.error(SYNTAX_ERROR);
      return undefined;
    }
  }
  return { database, replaces };
}

/** The logical database that this argument names; undefined if none, which was answered. */
function databaseArgument({ request, reply, door }: Call, index: number): number | undefined {
  const { bytes, at, length } = request;
  const database = parseInteger(bytes, at[index] as number, length[index] as number);
  const isThere = 0 <= database && database < door.settings.databaseCount;
  const refusal = refuseInt32(database) ?? (isThere ? undefined : DATABASE_OUT_OF_RANGE);
  if (refusal === undefined) return database;
  reply.error(refusal);
  return undefined;
}

function move(_: Step, call: Call): void {
  const { request, keys, client, reply } = call;
  const database = databaseArgument(call, 2);
  if (database === undefined) return;
  if (database === client.database) return reply.error(SAME_OBJECT);
  if (!keys.claim(request, 1)) return reply.integer(0);
  const lifted = lift(call);
  keys.use(database);
  if (keys.claim(request, 1)) return reply.integer(0);
  putDown(call, lifted);
  keys.use(client.database);
  keys.claim(request, 1);
  keys.remove();
  reply.integer(1);
}

const GENERIC = { kind: "store", group: "generic" } as const;
const FIRST = { first: 1, last: 1, step: 1 } as const;
const ALL = { first: 1, last: -1, step: 1 } as const;
const TWO = { first: 1, last: 2, step: 1 } as const;

export const keyCommands: readonly CommandSpec[] = [
  {
    ...GENERIC,
    name: "del",
    arity: -2,
    flags: "write",
    keys: ALL,
    since: "1.0.0",
    summary: "Removes keys.",
    run: del,
  },
  {
    ...GENERIC,
    name: "unlink",
    arity: -2,
    flags: "write fast",
    keys: ALL,
    since: "4.0.0",
    summary: "Removes keys.",
    run: del,
  },
  {
    ...GENERIC,
    name: "exists",
    arity: -2,
    flags: "readonly fast",
    keys: ALL,
    since: "1.0.0",
    summary: "How many of the keys are there.",
    run: exists,
  },
  {
    ...GENERIC,
    name: "touch",
    arity: -2,
    flags: "readonly fast",
    keys: ALL,
    since: "3.2.1",
    summary: "How many of the keys are there.",
    differs: "nothing is evicted, so that nothing else comes of it",
    run: exists,
  },
  {
    ...GENERIC,
    name: "type",
    arity: 2,
    flags: "readonly fast",
    keys: FIRST,
    since: "1.0.0",
    summary: "Of which type the value at a key is.",
    run: typeOf,
  },
  {
    ...GENERIC,
    name: "rename",
    arity: 3,
    flags: "write",
    keys: TWO,
    since: "1.0.0",
    summary: "Gives a key another name.",
    run: rename,
  },
  {
    ...GENERIC,
    name: "renamenx",
    arity: 3,
    flags: "write fast",
    keys: TWO,
    since: "1.0.0",
    summary: "Gives a key another name, which must be free.",
    run: renamenx,
  },
  {
    ...GENERIC,
    name: "copy",
    arity: -3,
    flags: "write denyoom",
    keys: TWO,
    since: "6.2.0",
    summary: "Copies what is at a key to another, in this database or another.",
    run: copy,
  },
  {
    ...GENERIC,
    name: "move",
    arity: 3,
    flags: "write fast",
    keys: FIRST,
    since: "1.0.0",
    summary: "Moves a key to another database.",
    run: move,
  },
];
