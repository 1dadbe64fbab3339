/**
 * The Redis door beside redis-server with `appendfsync always`: both keep a million keys, both
 * answer a write only when it is on the disk, and they are measured by turns.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { OURS, Samples, type Section, type Work } from "../report.ts";
import type { BenchOptions } from "../options.ts";
import { Client, measureLatencyBeside, measureRate } from "./load-generator.ts";
import { type BenchmarkRun, runRedisBenchmark } from "./redis-benchmark.ts";
import {
  getExchange,
  KEY_COUNT,
  preloadExchange,
  randomKey,
  setExchange,
  takingTurns,
  transactionExchange,
} from "./requests.ts";
import { type Server, startHoldfast, startRedis } from "./servers.ts";

const REQUESTS_MADE = 8_192;
const PRELOAD_BATCH = 1_000;
const SETS_PER_TRANSACTION = 10;
const TRANSACTION_CLIENTS = 50;
const WRITING_CLIENTS = 20;
const COLUMNS = ["redis-server", OURS];
/**
 * A lone client is served about a third faster or slower as the scheduler has placed it and the
 * server, for seconds at a time; so it has more turns.
 */
const LONE_TURNS = 5;

type PlainWork = Work & { readonly run: BenchmarkRun };

const plainWorks: readonly PlainWork[] = [
  plain("SET, 1 client", 1.15, 1.5, ["set", 1, 1, 12_000]),
  plain("SET, 50 clients", 1, 1.3, ["set", 50, 1, 150_000]),
  plain("SET, 50 clients, 16 pipelined", 0.9, 1.3, ["set", 50, 16, 800_000]),
  plain("SET, 256 clients", 0.9, 1.2, ["set", 256, 1, 200_000]),
  plain("GET, 1 client", undefined, undefined, ["get", 1, 1, 40_000]),
  plain("GET, 50 clients", 0.8, 1, ["get", 50, 1, 250_000]),
  plain("GET, 50 clients, 16 pipelined", 0.65, 1, ["get", 50, 16, 1_500_000]),
  plain("GET, 256 clients", undefined, undefined, ["get", 256, 1, 250_000]),
];

const transactions: Work = {
  name: "MULTI of 10 SETs, 50 clients",
  unit: "operations/s",
  bar: 0.9,
  aim: 1.3,
  against: undefined,
};
const latency: Work = {
  name: "GET p99 while 20 clients SET",
  unit: "ms",
  bar: 3,
  aim: 8,
  against: undefined,
};
const memory: Work = {
  name: "memory, a million keys of 100 bytes",
  unit: "bytes",
  bar: 1 / 1.3,
  aim: 1,
  against: undefined,
};

export async function measureRedisDoor(options: BenchOptions): Promise<Section> {
  const servers = await startBoth(options.directory);
  const samples = new Samples();
  try {
    for (const server of servers) {
      options.say(`loading ${KEY_COUNT} keys into ${server.name}`);
      await preload(server);
      samples.add(memory.name, server.name, server.residentBytes());
    }
    for (let round = 0; round < options.rounds; round++) {
      options.say(`redis: round ${round + 1} of ${options.rounds}`);
      await measureRound(servers, samples, options);
    }
  } finally {
    for (const server of servers) await server.stop();
  }
  return {
    title: "The Redis door, beside redis-server 7.0 with appendfsync always",
    notes: [
      "redis-benchmark, values of 100 bytes, a million keys loaded before. Both answer a SET " +
        "when it is on the disk. Transactions and the latency of reads beside writes are " +
        "measured by a client of our own. Memory is the resident set after loading.",
    ],
    rows: [...plainWorks, transactions, latency, memory].map((work) => samples.row(work, COLUMNS)),
  };
}

async function startBoth(directory: string): Promise<readonly Server[]> {
  const folders = COLUMNS.map((name) => join(directory, name));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const [redisFolder = "", ourFolder = ""] = folders;
  return [await startRedis(redisFolder), await startHoldfast(ourFolder, [])];
}

async function preload({ port }: Server): Promise<void> {
  const client = await Client.open(port);
  let first = 0;
  await measureRate([client], KEY_COUNT / PRELOAD_BATCH, () => {
    const exchange = preloadExchange(first, PRELOAD_BATCH);
    first += PRELOAD_BATCH;
    return exchange;
  });
  client.close();
}

/** Every work once on every server, by turns, so that a noisy minute hits both. */
async function measureRound(
  servers: readonly Server[],
  samples: Samples,
  { scale }: BenchOptions,
): Promise<void> {
  for (const { name, run } of plainWorks) {
    const requestCount = Math.ceil(run.requestCount * scale);
    const turns = run.clientCount === 1 ? LONE_TURNS : 1;
    for (let turn = 0; turn < turns; turn++) {
      for (const server of servers) {
        const rate = await runRedisBenchmark(server.port, { ...run, requestCount });
        samples.add(name, server.name, rate);
      }
    }
  }
  for (const server of servers) {
    samples.add(transactions.name, server.name, await transactionRate(server, 60_000 * scale));
  }
  for (const server of servers) {
    samples.add(latency.name, server.name, await readLatency(server, 6_000 * scale));
  }
}

async function transactionRate({ port }: Server, count: number): Promise<number> {
  const clients = await openClients(port, TRANSACTION_CLIENTS);
  const next = takingTurns(REQUESTS_MADE, () => transactionExchange(SETS_PER_TRANSACTION));
  const rate = await measureRate(clients, Math.ceil(count), next);
  for (const client of clients) client.close();
  return rate;
}

async function readLatency({ port }: Server, count: number): Promise<number> {
  const [probe, ...writers] = await openClients(port, 1 + WRITING_CLIENTS);
  if (probe === undefined) throw new Error("there is always a first client");
  const p99 = await measureLatencyBeside(
    probe,
    Math.ceil(count),
    takingTurns(REQUESTS_MADE, () => getExchange(randomKey())),
    writers,
    takingTurns(REQUESTS_MADE, () => setExchange(randomKey())),
  );
  for (const client of [probe, ...writers]) client.close();
  return p99;
}

async function openClients(port: number, count: number): Promise<readonly Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) clients.push(await Client.open(port));
  return clients;
}

function plain(
  name: string,
  bar: number | undefined,
  aim: number | undefined,
  run: readonly ["set" | "get", number, number, number],
): PlainWork {
  const [command, clientCount, pipelined, requestCount] = run;
  return {
    name,
    unit: "operations/s",
    bar,
    aim,
    against: undefined,
    run: { command, clientCount, pipelined, requestCount },
  };
}
