/** Opens the port that Redis clients connect to, and says what of it can be measured. */

import { Fault, isFault } from "../base/fault.ts";
import { RedisServer } from "../redis/server.ts";
import { defaultRedisServerOptions, type ProcessFacts } from "../redis/settings.ts";
import type { DoorStats } from "../redis/stats.ts";
import type { TransactionStore } from "../transactions/step.ts";
import type { World } from "../world/world.ts";
import type { OpenedDoor } from "./node.ts";
import type { Figure } from "./node-health.ts";
import type { Settings } from "./settings-table.ts";
import { version } from "./version.ts";

const MS_PER_SECOND = 1_000;
const MICROSECONDS_PER_SECOND = 1_000_000;

export async function openDoor(
  world: World,
  store: TransactionStore,
  settings: Settings,
  password: string | undefined,
): Promise<OpenedDoor> {
  const server = new RedisServer(world, store, {
    ...defaultRedisServerOptions,
    version,
    password,
    connectionCountMax: settings["max-clients"],
    bulkBytesMax: settings["value-bytes-max"],
    transactionTimeoutMs: settings["transaction-timeout-ms"],
    lockTimeoutMs: settings["lock-timeout-ms"],
    idleTimeoutMs: settings["idle-timeout"] * MS_PER_SECOND,
    requestTimeoutMs: settings["request-timeout"] * MS_PER_SECOND,
    authTimeoutMs: settings["auth-timeout"] * MS_PER_SECOND,
    requestBytesMax: settings["request-bytes-max"],
    outputBytesMax: settings["output-bytes-max"],
    process: processFacts,
  });
  const port = await listen(server, settings);
  return {
    port,
    figures: doorFigures(server),
    close: async (timeoutMs) => await server.close(timeoutMs),
  };
}

/** Looks whether the door could open, before anything is made that it would be a door to. */
export async function requireFreePort(
  { network }: World,
  { host, port }: Pick<Settings, "host" | "port">,
): Promise<void> {
  if (port === 0) return;
  try {
    const address = { kind: "tcp", host, port } as const;
    const listener = await network.listen(address, (early) => early.destroy());
    await listener.close();
  } catch (error) {
    throw isFault(error, "ERR_LOCKED") ? portInUse(host, port, error) : error;
  }
}

async function listen(server: RedisServer, { host, port }: Settings): Promise<number> {
  try {
    const address = await server.listen({ kind: "tcp", host, port });
    return address.kind === "tcp" ? address.port : port;
  } catch (error) {
    // Its timers would keep the process alive.
    await server.close();
    throw isFault(error, "ERR_LOCKED") ? portInUse(host, port, error) : error;
  }
}

function portInUse(host: string, port: number, cause: Fault): Fault {
  const message = `port ${port} of ${host} is in use: choose another with --port`;
  return new Fault("ERR_LOCKED", message, { host, port }, cause);
}

function processFacts(): ProcessFacts {
  const { user, system } = process.cpuUsage();
  return {
    memoryBytes: process.memoryUsage.rss(),
    memoryBytesMax: process.resourceUsage().maxRSS * 1_024,
    cpuUserSeconds: user / MICROSECONDS_PER_SECOND,
    cpuSystemSeconds: system / MICROSECONDS_PER_SECOND,
  };
}

/** Counted by the door, by the metric's name and what it means. */
const counters: readonly (readonly [string, Exclude<keyof DoorStats, "reset">, string])[] = [
  ["holdfast_commands_total", "commandsProcessed", "Redis commands answered"],
  ["holdfast_commands_waited_total", "commandsWaited", "commands that waited for a lock or a page"],
  ["holdfast_error_replies_total", "errorReplies", "commands answered with an error"],
  ["holdfast_connections_accepted_total", "connectionsAccepted", "connections taken"],
  ["holdfast_connections_refused_total", "connectionsRefused", "connections refused"],
  ["holdfast_connections_timed_out_total", "connectionsTimedOut", "connections too slow or silent"],
  ["holdfast_connections_overflowed_total", "connectionsOverflowed", "connections not reading"],
  ["holdfast_received_bytes_total", "bytesReceived", "bytes received from Redis clients"],
  ["holdfast_sent_bytes_total", "bytesSent", "bytes sent to Redis clients"],
  ["holdfast_keyspace_hits_total", "keyspaceHits", "reads that found their key"],
  ["holdfast_keyspace_misses_total", "keyspaceMisses", "reads that found no key"],
  ["holdfast_keys_expired_total", "keysExpired", "keys whose time was over"],
  ["holdfast_protocol_errors_total", "protocolErrors", "connections that sent no Redis protocol"],
  ["holdfast_auth_failures_total", "authFailures", "wrong passwords"],
  ["holdfast_transactions_committed_total", "transactionsCommitted", "BEGIN that ended in COMMIT"],
  ["holdfast_transactions_rolled_back_total", "transactionsRolledBack", "BEGIN rolled back"],
  ["holdfast_transactions_aborted_total", "transactionsAborted", "BEGIN aborted by the store"],
];

function doorFigures(server: RedisServer): readonly Figure[] {
  const connections: Figure = {
    name: "holdfast_connections",
    help: "Redis clients that are connected now",
    kind: "gauge",
    read: () => server.connectionCount,
  };
  return [
    connections,
    ...counters.map(([name, field, help]): Figure => {
      return { name, help, kind: "counter", read: () => server.stats[field] };
    }),
  ];
}
