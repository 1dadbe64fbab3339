/** The text of INFO, section by section. What there is no such thing of here is left out. */

import type { Step } from "../transactions/step.ts";
import type { Door } from "./door.ts";
import { REDIS_VERSION } from "./redis-version.ts";
import { DEADLINE_ROWS, KEY_ROWS } from "./row-format.ts";
import type { ProcessFacts } from "./settings.ts";

type Facts = Readonly<Record<string, string | number>>;
type Section = (door: Door, step: Step) => Facts;

const NOTHING_KNOWN: ProcessFacts = {
  memoryBytes: 0,
  memoryBytesMax: 0,
  cpuUserSeconds: 0,
  cpuSystemSeconds: 0,
};

const SECTIONS: Readonly<Record<string, Section>> = {
  server,
  clients,
  memory,
  persistence,
  stats,
  replication,
  cpu,
  commandstats,
  keyspace,
};
/** Told only by name, by `all` or by `everything`. */
const EXTRA: ReadonlySet<string> = new Set(["commandstats"]);

/** The sections of these names, in lower case; without any, those that are usually wanted. */
export function infoText(door: Door, step: Step, wanted: readonly string[]): string {
  const everything = wanted.includes("all") || wanted.includes("everything");
  const usual = wanted.length === 0 || wanted.includes("default");
  return Object.entries(SECTIONS)
    .filter(([name]) => everything || wanted.includes(name) || (usual && !EXTRA.has(name)))
    .map(([name, section]) => describe(name, section(door, step)))
    .join("\r\n");
}

function describe(name: string, facts: Facts): string {
  const title = name === "cpu" ? "CPU" : name.charAt(0).toUpperCase() + name.slice(1);
  const lines = Object.entries(facts).map(([fact, value]) => `${fact}:${value}\r\n`);
  return `# ${title}\r\n${lines.join("")}`;
}

function server(door: Door): Facts {
  const upSeconds = Math.floor((door.clock.monotonicMs() - door.openedMs) / 1000);
  return {
    redis_version: REDIS_VERSION,
    redis_mode: "standalone",
    holdfast_version: door.settings.version,
    arch_bits: 64,
    process_id: door.world.process.pid,
    tcp_port: door.port,
    server_time_usec: door.clock.wallMs() * 1000,
    uptime_in_seconds: upSeconds,
    uptime_in_days: Math.floor(upSeconds / 86_400),
  };
}

function clients(door: Door): Facts {
  let inMulti = 0;
  let inBegin = 0;
  let watching = 0;
  for (const { session } of door.clients.values()) {
    if (session.queuedCount >= 0) inMulti++;
    if (session.inBegin) inBegin++;
    if (session.watchedCount > 0) watching++;
  }
  return {
    connected_clients: door.clients.size,
    maxclients: door.settings.connectionCountMax,
    blocked_clients: 0,
    clients_in_multi: inMulti,
    clients_in_begin: inBegin,
    clients_watching: watching,
  };
}

function processFacts(door: Door): ProcessFacts {
  return door.settings.process?.() ?? NOTHING_KNOWN;
}

function memory(door: Door): Facts {
  const { memoryBytes, memoryBytesMax } = processFacts(door);
  return {
    used_memory: memoryBytes,
    used_memory_human: megabytes(memoryBytes),
    used_memory_rss: memoryBytes,
    used_memory_peak: memoryBytesMax,
    used_memory_peak_human: megabytes(memoryBytesMax),
    maxmemory: 0,
    maxmemory_human: "0B",
    maxmemory_policy: "noeviction",
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(2)}M`;
}

function persistence({ store }: Door): Facts {
  return {
    loading: 0,
    async_loading: 0,
    aof_enabled: 1,
    aof_last_write_status: store.failure === undefined ? "ok" : "err",
    settled_lsn: store.settledLsn,
  };
}

function stats({ stats: counted }: Door): Facts {
  return {
    total_connections_received: counted.connectionsAccepted,
    total_commands_processed: counted.commandsProcessed,
    instantaneous_ops_per_sec: counted.commandsPerSecond,
    total_net_input_bytes: counted.bytesReceived,
    total_net_output_bytes: counted.bytesSent,
    rejected_connections: counted.connectionsRefused,
    expired_keys: counted.keysExpired,
    evicted_keys: 0,
    keyspace_hits: counted.keyspaceHits,
    keyspace_misses: counted.keyspaceMisses,
    total_error_replies: counted.errorReplies,
    acl_access_denied_auth: counted.authFailures,
    waited_commands: counted.commandsWaited,
    transactions_committed: counted.transactionsCommitted,
    transactions_rolled_back: counted.transactionsRolledBack,
    transactions_aborted: counted.transactionsAborted,
  };
}

function replication(door: Door): Facts {
  return { role: "master", connected_slaves: door.settings.backupCount?.() ?? 0 };
}

function cpu(door: Door): Facts {
  const { cpuUserSeconds, cpuSystemSeconds } = processFacts(door);
  return {
    used_cpu_sys: cpuSystemSeconds.toFixed(6),
    used_cpu_user: cpuUserSeconds.toFixed(6),
  };
}

function commandstats(door: Door): Facts {
  const called = [...door.commands.everything()].filter(({ callCount }) => callCount > 0);
  return Object.fromEntries(
    called.map(({ name, callCount }) => [`cmdstat_${name}`, `calls=${callCount}`]),
  );
}

function keyspace({ keys, settings }: Door, step: Step): Facts {
  const facts: Record<string, string> = {};
  for (let index = 0; index < settings.databaseCount; index++) {
    keys.use(index);
    const keyCount = step.count(keys.prefix(KEY_ROWS));
    const deadlineCount = step.count(keys.prefix(DEADLINE_ROWS));
    if (keyCount > 0) facts[`db${index}`] = `keys=${keyCount},expires=${deadlineCount},avg_ttl=0`;
  }
  return facts;
}
