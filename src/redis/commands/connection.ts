/** Commands about the connection itself: who is there, which database, which protocol. */

import { parseInteger } from "../../resp/integer.ts";
import { isPassword } from "../auth.ts";
import type { Call, CommandSpec } from "../command.ts";
import {
  DATABASE_OUT_OF_RANGE,
  refuseInt32,
  SYNTAX_ERROR,
  wrongArity,
  quoted,
} from "../replies.ts";
import { REDIS_VERSION } from "../redis-version.ts";

const CONNECTION = { group: "connection" } as const;
const OPEN_FLAGS = "noscript loading stale fast no_auth allow_busy";

function ping({ request, reply }: Call): void {
  if (request.count > 2) reply.error(wrongArity("ping"));
  else if (request.count === 2) reply.bulkBytes(request.argument(1));
  else reply.status("PONG");
}

function echo({ request, reply }: Call): void {
  reply.bulkBytes(request.argument(1));
}

function select({ request, reply, client, door }: Call): void {
  const index = parseInteger(request.bytes, request.at[1] as number, request.length[1] as number);
  const refusal = refuseInt32(index);
  if (refusal !== undefined) return reply.error(refusal);
  if (index < 0 || door.settings.databaseCount <= index) return reply.error(DATABASE_OUT_OF_RANGE);
  client.database = index;
  reply.ok();
}

function auth(call: Call): void {
  const { request, reply, door } = call;
  if (request.count > 3) return reply.error(SYNTAX_ERROR);
  if (request.count === 2 && door.settings.password === undefined) {
    return reply.error(
      "ERR AUTH <password> called without any password configured for the default user. " +
        "Are you sure your configuration is correct?",
    );
  }
  const passwordAt = request.count - 1;
  if (authenticate(call, request.count === 3 ? 1 : undefined, passwordAt)) reply.ok();
}

/** Lets the client in if the arguments say who it is; answers an error if they do not. */
function authenticate(call: Call, userAt: number | undefined, passwordAt: number): boolean {
  const { request, reply, client, door } = call;
  const { password } = door.settings;
  const nowMs = door.clock.monotonicMs();
  const waitMs = door.authLimiter.refusedForMs(client.host, nowMs);
  if (waitMs > 0) {
    reply.error(`ERR too many wrong passwords: try again in ${Math.ceil(waitMs / 1000)} s`);
    return false;
  }
  const isUser = userAt === undefined || request.text(userAt) === "default";
  const known = password === undefined || isPassword(request.argument(passwordAt), password);
  if (isUser && known) {
    door.authLimiter.succeeded(client.host);
    client.authenticated = true;
    return true;
  }
  door.stats.authFailures++;
  door.authLimiter.failed(client.host, nowMs);
  door.world.trace.event("redis-auth-failed", { peer: client.peer });
  reply.error("WRONGPASS invalid username-password pair or user is disabled.");
  return false;
}

interface Greeting {
  readonly protocol: 2 | 3 | undefined;
  readonly name: string | undefined;
  /** Where the name of the user is; the password follows. */
  readonly userAt: number | undefined;
}

function hello(call: Call): void {
  const { reply, client, door, request } = call;
  const greeting = parseHello(call);
  if (greeting === undefined) return;

  if (greeting.userAt !== undefined) {
    if (!authenticate(call, greeting.userAt, greeting.userAt + 1)) return;
  }
  if (!client.authenticated) {
    return reply.error(
      "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " +
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select " +
        "the RESP protocol version at the same time",
    );
  }
  if (greeting.name !== undefined) client.name = greeting.name;
  if (request.count > 1) reply.protocol = greeting.protocol ?? reply.protocol;
  reply.map(8);
  reply.bulkText("server");
  reply.bulkText("redis");
  reply.bulkText("version");
  reply.bulkText(REDIS_VERSION);
  reply.bulkText("proto");
  reply.integer(reply.protocol);
  reply.bulkText("id");
  reply.integer(client.id);
  reply.bulkText("mode");
  reply.bulkText("standalone");
  reply.bulkText("role");
  reply.bulkText("master");
  reply.bulkText("modules");
  reply.array(0);
  reply.bulkText("holdfast_version");
  reply.bulkText(door.settings.version);
}

/** What HELLO asks for; undefined if it is refused, which was then answered. */
function parseHello({ request, reply }: Call): Greeting | undefined {
  let protocol: 2 | 3 | undefined;
  if (request.count > 1) {
    const { bytes, at, length } = request;
    const version = parseInteger(bytes, at[1] as number, length[1] as number);
    if (Number.isNaN(version)) {
      reply.error("ERR Protocol version is not an integer or out of range");
      return undefined;
    }
    if (version !== 2 && version !== 3) {
      reply.error("NOPROTO unsupported protocol version");
      return undefined;
    }
    protocol = version;
  }
  let name: string | undefined;
  let userAt: number | undefined;
  for (let index = 2; index < request.count; index++) {
    const more = request.count - 1 - index;
    if (request.is(index, "AUTH") && more >= 2) {
      userAt = index + 1;
      index += 2;
    } else if (request.is(index, "SETNAME") && more >= 1) {
      name = request.text(++index);
      if (!isPlainName(name)) {
        reply.error(badName("Client names"));
        return undefined;
      }
    } else {
      reply.error(`ERR Syntax error in HELLO option '${quoted(request, index)}'`);
      return undefined;
    }
  }
  return { protocol, name, userAt };
}

/** Whether a name can be shown in a list of clients without being taken for something else. */
export function isPlainName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

export function badName(what: string): string {
  return `ERR ${what} cannot contain spaces, newlines or special characters.`;
}

export const connectionCommands: readonly CommandSpec[] = [
  {
    ...CONNECTION,
    kind: "local",
    name: "ping",
    arity: -1,
    flags: "fast",
    since: "1.0.0",
    summary: "Answers PONG, or what it is given.",
    run: ping,
  },
  {
    ...CONNECTION,
    kind: "local",
    name: "echo",
    arity: 2,
    flags: "loading stale fast",
    since: "1.0.0",
    summary: "Answers what it is given.",
    run: echo,
  },
  {
    ...CONNECTION,
    kind: "local",
    name: "select",
    arity: 2,
    flags: "loading stale fast",
    since: "1.0.0",
    summary: "Goes to another logical database.",
    run: select,
  },
  {
    ...CONNECTION,
    kind: "local",
    name: "auth",
    arity: -2,
    flags: OPEN_FLAGS,
    since: "1.0.0",
    summary: "Says who is there, by the password.",
    differs: "the one user is `default`",
    run: auth,
  },
  {
    ...CONNECTION,
    kind: "local",
    name: "hello",
    arity: -1,
    flags: OPEN_FLAGS,
    since: "6.0.0",
    summary: "Chooses the protocol, and tells what the server is.",
    differs: "also tells `holdfast_version`",
    run: hello,
  },
  {
    ...CONNECTION,
    kind: "control",
    control: "quit",
    name: "quit",
    arity: -1,
    flags: OPEN_FLAGS,
    since: "1.0.0",
    summary: "Closes the connection when everything is answered.",
  },
  {
    ...CONNECTION,
    kind: "control",
    control: "reset",
    name: "reset",
    arity: 1,
    flags: OPEN_FLAGS,
    since: "6.2.0",
    summary: "Makes the connection as if it were new.",
  },
];
