/** Commands on whole databases. None takes longer for a full one than for an empty one. */

import { parseInteger } from "../../resp/integer.ts";
import type { Step } from "../../transactions/step.ts";
import type { Call, CommandSpec } from "../command.ts";
import { DATABASE_OUT_OF_RANGE, refuseInt32, SYNTAX_ERROR } from "../replies.ts";

function flushdb(step: Step, call: Call): void {
  if (!isFlushMode(call)) return call.reply.error(SYNTAX_ERROR);
  call.keys.databases.flush(step, call.client.database);
  call.reply.ok();
}

function flushall(step: Step, call: Call): void {
  if (!isFlushMode(call)) return call.reply.error(SYNTAX_ERROR);
  const { keys, door } = call;
  for (let index = 0; index < door.settings.databaseCount; index++) {
    keys.use(index);
    if (!keys.isEmpty()) keys.databases.flush(step, index);
  }
  call.reply.ok();
}

/** ASYNC and SYNC are the same here: the rows are removed later, and gone at once. */
function isFlushMode({ request }: Call): boolean {
  if (request.count === 1) return true;
  return request.count === 2 && (request.is(1, "ASYNC") || request.is(1, "SYNC"));
}

function swapdb(step: Step, { request, reply, keys, door }: Call): void {
  const { bytes, at, length } = request;
  const left = parseInteger(bytes, at[1] as number, length[1] as number);
  if (refuseInt32(left) !== undefined) return reply.error("ERR invalid first DB index");
  const right = parseInteger(bytes, at[2] as number, length[2] as number);
  if (refuseInt32(right) !== undefined) return reply.error("ERR invalid second DB index");
  const { databaseCount } = door.settings;
  if (left < 0 || databaseCount <= left || right < 0 || databaseCount <= right) {
    return reply.error(DATABASE_OUT_OF_RANGE);
  }
  if (left !== right) {
    keys.touchExchanged(left, right);
    keys.databases.swap(step, left, right);
  }
  reply.ok();
}

const SERVER = { kind: "store", group: "server", remaps: true } as const;

export const databaseCommands: readonly CommandSpec[] = [
  {
    ...SERVER,
    name: "flushdb",
    arity: -1,
    flags: "write",
    since: "1.0.0",
    summary: "Empties the database.",
    differs: "ASYNC and SYNC are the same: at once, whatever the size",
    run: flushdb,
  },
  {
    ...SERVER,
    name: "flushall",
    arity: -1,
    flags: "write",
    since: "1.0.0",
    summary: "Empties every database.",
    differs: "ASYNC and SYNC are the same: at once, whatever the size",
    run: flushall,
  },
  {
    ...SERVER,
    name: "swapdb",
    arity: 3,
    flags: "write fast",
    since: "4.0.0",
    summary: "Exchanges two databases.",
    run: swapdb,
  },
];
