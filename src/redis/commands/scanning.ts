/** Commands that go through the keys of a database, and those that count them. */

import { ownBytes } from "../../base/bytes.ts";
import { parseInteger } from "../../resp/integer.ts";
import type { Request } from "../../resp/request.ts";
import type { Step } from "../../transactions/step.ts";
import type { Random } from "../../world/world.ts";
import type { Call, CommandSpec } from "../command.ts";
import type { Door } from "../door.ts";
import { Glob } from "../glob.ts";
import { KeyWalk } from "../key-walk.ts";
import { NOT_AN_INTEGER, SYNTAX_ERROR } from "../replies.ts";
import { KEY_ROWS, typeName } from "../row-format.ts";

/** SCAN looks at no more keys at a time, whatever COUNT says: others want their turn. */
const SCAN_COUNT_MAX = 10_000;
const SCAN_COUNT = 10;
const INVALID_CURSOR = "ERR invalid cursor";
const FIRST_KEY = new Uint8Array(0);
const CURSOR_END = 1n << 64n;

interface ScanOptions {
  readonly glob: Glob | undefined;
  readonly type: string | undefined;
  readonly count: number;
}

function scan(step: Step, call: Call): void {
  const { keys, reply, door } = call;
  const cursor = scanCursor(call);
  const options = cursor === undefined ? undefined : parseScanOptions(call);
  if (cursor === undefined || options === undefined) return;
  const from = cursor === 0 ? FIRST_KEY : door.cursors.recall(cursor);
  if (from === undefined) return reply.error(forgotten(door));

  const { glob, type } = options;
  const walk = new KeyWalk(step, keys, glob?.prefix, from);
  const found: Uint8Array[] = [];
  walk.visit(options.count, (bytes, at, length, rowType) => {
    if (glob !== undefined && !glob.matches(bytes, at, length)) return;
    if (type !== undefined && type !== typeName(rowType)) return;
    found.push(ownBytes(bytes, at, length));
  });
  reply.array(2);
  reply.bulkText(walk.next === undefined ? "0" : String(door.cursors.remember(walk.next, cursor)));
  replyKeys(call, found);
}

/** The cursor of SCAN; undefined if it is none, which was answered. */
function scanCursor({ request, reply }: Call): number | undefined {
  const cursor = parseCursor(request.text(1));
  if (cursor === undefined) reply.error(INVALID_CURSOR);
  return cursor;
}

function forgotten({ settings }: Door): string {
  return (
    `${INVALID_CURSOR}: it was forgotten, since only the ${settings.cursorCountMax} that were ` +
    "used last are remembered; begin again with SCAN 0"
  );
}

/** Redis reads a cursor as C does: with a sign, nothing for 0, and negative ones from the end. */
function parseCursor(text: string): number | undefined {
  const [word = ""] = text.split("\0", 1);
  const digits = word.replace(/^[+-]/, "").replace(/^0+(?=\d)/, "");
  if (word === "" || digits === "0") return 0;
  if (!/^\d{1,20}$/.test(digits)) return undefined;
  const value = BigInt(digits);
  if (CURSOR_END <= value) return undefined;
  // Ours are below 2^53, so none is mistaken for one that was rounded.
  return Number(word.startsWith("-") ? CURSOR_END - value : value);
}

function parseScanOptions({ request, reply }: Call): ScanOptions | undefined {
  let glob: Glob | undefined;
  let type: string | undefined;
  let count = SCAN_COUNT;
  for (let index = 2; index < request.count; index += 2) {
    const hasValue = index + 1 < request.count;
    if (hasValue && request.is(index, "COUNT")) {
      count = integerAt(request, index + 1);
      if (Number.isNaN(count) || count < 1) {
        reply.error(Number.isNaN(count) ? NOT_AN_INTEGER : SYNTAX_ERROR);
        return undefined;
      }
    } else if (hasValue && request.is(index, "MATCH")) {
      glob = new Glob(request.argument(index + 1));
    } else if (hasValue && request.is(index, "TYPE")) {
      type = request.text(index + 1).toLowerCase();
    } else {
      reply.error(SYNTAX_ERROR);
      return undefined;
    }
  }
  return { glob, type, count: Math.min(count, SCAN_COUNT_MAX) };
}

function integerAt(request: Request, index: number): number {
  return parseInteger(request.bytes, request.at[index] as number, request.length[index] as number);
}

function keysCommand(step: Step, call: Call): void {
  const glob = new Glob(call.request.argument(1));
  const walk = new KeyWalk(step, call.keys, glob.prefix, new Uint8Array(0));
  const found: Uint8Array[] = [];
  walk.visit(Number.POSITIVE_INFINITY, (bytes, at, length) => {
    if (glob.matches(bytes, at, length)) found.push(ownBytes(bytes, at, length));
  });
  replyKeys(call, found);
}

function replyKeys({ reply }: Call, keys: readonly Uint8Array[]): void {
  reply.array(keys.length);
  for (const key of keys) reply.bulkBytes(key);
}

function dbsize(step: Step, { keys, reply }: Call): void {
  reply.integer(step.count(keys.prefix(KEY_ROWS)));
}

/** Among so few keys each is equally likely. */
const FAIR_COUNT = 64;
/** Among more, one of so many after a place that was thrown at random. */
const NEIGHBOUR_COUNT = 4;
/** So many bytes of the place are thrown, after those that all keys have in common. */
const THROWN_BYTES_MAX = 16;

function randomkey(step: Step, call: Call): void {
  const key = drawKey(step, call);
  if (key === undefined) call.reply.nil();
  else call.reply.bulkBytes(key);
}

function drawKey(step: Step, { keys, door }: Call): Uint8Array | undefined {
  const { random } = door;
  const everywhere = new Uint8Array(0);
  const first = take(new KeyWalk(step, keys, undefined, everywhere), FAIR_COUNT);
  if (first.length < FAIR_COUNT) return drawOne(first, random);

  const last = new KeyWalk(step, keys, undefined, everywhere).last();
  const place = throwPlace([...first, last ?? everywhere], random);
  const near = take(new KeyWalk(step, keys, undefined, place), NEIGHBOUR_COUNT);
  return drawOne(near, random) ?? drawOne(first, random);
}

function drawOne(keys: readonly Uint8Array[], random: Random): Uint8Array | undefined {
  return keys.length === 0 ? undefined : keys[random.below(keys.length)];
}

function take(walk: KeyWalk, count: number): readonly Uint8Array[] {
  const taken: Uint8Array[] = [];
  walk.visit(count, (bytes, at, length) => taken.push(ownBytes(bytes, at, length)));
  return taken;
}

/**
 * A place among the keys, of which these are the first and the last: what the two have in common,
 * then bytes of the kind that such keys are made of.
 */
function throwPlace(samples: readonly Uint8Array[], random: Random): Uint8Array {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return new Uint8Array(0);
  let shared = 0;
  while (shared < first.length && first[shared] === last[shared]) shared++;

  const tails = samples.map((key) => key.subarray(shared, shared + THROWN_BYTES_MAX));
  const bytes = tails.flatMap((tail) => [...tail]);
  const length = Math.max(...tails.map((tail) => tail.length));
  const place = new Uint8Array(shared + length);
  place.set(first.subarray(0, shared));
  for (let index = 0; index < length; index++) {
    const low = index === 0 ? (first[shared] ?? 0) : Math.min(...bytes);
    const high = index === 0 ? (last[shared] ?? 0) : Math.max(...bytes);
    place[shared + index] = low + random.below(high - low + 1);
  }
  return place;
}

export const scanningCommands: readonly CommandSpec[] = [
  {
    kind: "store",
    group: "generic",
    name: "scan",
    arity: -2,
    flags: "readonly",
    since: "2.8.0",
    summary: "Goes through the keys, some at a time.",
    differs:
      "in the order of the keys, each once; a cursor of before a restart begins again; one that " +
      "was left for so long that 4096 others were used since is an error; COUNT is at most " +
      String(SCAN_COUNT_MAX),
    run: scan,
  },
  {
    kind: "store",
    group: "generic",
    name: "keys",
    arity: 2,
    flags: "readonly",
    since: "1.0.0",
    summary: "All keys that match a pattern.",
    differs: "in the order of the keys; a pattern that begins plainly reads only those keys",
    run: keysCommand,
  },
  {
    kind: "store",
    group: "generic",
    name: "randomkey",
    arity: 1,
    flags: "readonly",
    since: "1.0.0",
    summary: "Some key.",
    differs: "among more than 64 keys, some are likelier than others",
    run: randomkey,
  },
  {
    kind: "store",
    group: "server",
    name: "dbsize",
    arity: 1,
    flags: "readonly fast",
    since: "1.0.0",
    summary: "How many keys there are.",
    run: dbsize,
  },
];
