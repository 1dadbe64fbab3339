/**
 * Runs Redis clients against the door of a store in the simulated world, over its network, while
 * the server crashes and comes back, and checks what they were told against what is there.
 *
 * The transactions that the door made of their commands are recorded, so the run is checked from
 * both sides: what the clients know, and the exact graph of dependencies.
 */

import { isFault, messageOf } from "../../../base/fault.ts";
import { checkRecorded } from "../../../history/recorded-check.ts";
import { explain } from "../../../history/verdict.ts";
import { doorRows } from "../../../redis/door-rows.ts";
import { RedisServer } from "../../../redis/server.ts";
import { defaultRedisServerOptions } from "../../../redis/settings.ts";
import { openEngine } from "../../../transactions/open-engine.ts";
import type { Transactions } from "../../../transactions/transactions.ts";
import type { FaultRule } from "../../../volume/fault-plan.ts";
import type { World } from "../../../world/world.ts";
import type { Death } from "../../simulated-process.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../../simulated-world.ts";
import { compareState } from "../final-state.ts";
import type { OpenForRun } from "../life.ts";
import { Recorder } from "../recorder.ts";
import { RecordingStore } from "../recording-store.ts";
import { RunRecord } from "../run-record.ts";
import { RedisLedger, type RedisActor } from "./redis-acts.ts";
import { ConnectionLost, RedisClient, RefusedCommand } from "./redis-client.ts";

export interface RedisRunOptions {
  readonly seed: number;
  readonly drain: () => Promise<void>;
  readonly clientCount: number;
  readonly actsPerClient: number;
  readonly crashCount: number;
  /** What makes the disk of the server slow or unreliable. */
  readonly diskRules: readonly FaultRule[];
  /** Instead of `openEngine`, for tests that plant bugs. */
  readonly open?: OpenForRun;
}

export const defaultRedisRunOptions: Omit<RedisRunOptions, "seed" | "drain"> = {
  clientCount: 8,
  actsPerClient: 30,
  crashCount: 2,
  diskRules: [],
};

export interface RedisReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly sights: ReadonlySet<RedisSight>;
  readonly transactionCount: number;
  readonly virtualMs: number;
  readonly traceHash: string;
}

export type RedisSight =
  | "connection-lost"
  | "gave-way"
  | "unacknowledged-commit-lost"
  | "lock-wait";

const MB = 1 << 20;
const PORT = 6379;
const HOST = "server";
const DIRECTORY = "/data";
const RUN_MS_MAX = 600_000;
/** A client that hears nothing for so long takes the connection for lost. */
const PATIENCE_MS = 400;
const RECONNECT_MS = 20;
const RECONNECTS_MAX = 1000;
const THINK_MS = 2;
const VIOLATIONS_MAX = 20;
const store = { cacheBytes: 4 * MB, logBytes: 4 * MB, pagesBytes: MB, stallMs: 200 };

interface Serving {
  readonly engine: Transactions;
  readonly server: RedisServer;
}

export async function runRedis(options: RedisRunOptions): Promise<RedisReport> {
  return await new RedisRun(options).run();
}

class RedisRun {
  readonly #options: RedisRunOptions;
  readonly #simulation: SimulatedWorld;
  readonly #record = new RunRecord();
  readonly #ledger = new RedisLedger();
  readonly #sights = new Set<RedisSight>();
  readonly #violations: string[] = [];
  #lifeCount = 0;

  constructor(options: RedisRunOptions) {
    this.#options = options;
    const { seed, drain } = options;
    this.#simulation = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
    for (const rule of options.diskRules) this.#simulation.node(HOST).disk.plan.add(rule);
  }

  async run(): Promise<RedisReport> {
    try {
      await this.#simulation.run(async () => await this.#main(), RUN_MS_MAX);
    } catch (error) {
      this.#violate(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    }
    this.#checkRecord();
    return {
      seed: this.#options.seed,
      violations: this.#violations,
      sights: this.#sights,
      transactionCount: this.#record.transactions.length,
      virtualMs: this.#simulation.nowMs,
      traceHash: this.#simulation.traceHash,
    };
  }

  async #main(): Promise<void> {
    const serving = this.#serveAll();
    const { clientCount } = this.#options;
    const clients = Array.from({ length: clientCount }, (_, number) => this.#runClient(number));
    await Promise.all(clients);
    const { engine, server } = await serving;
    await this.#check();
    await server.close();
    this.#requireNothingLeft(engine);
    for (const difference of await compareState(engine, this.#record)) this.#violate(difference);
    await engine.close();
  }

  /** Lives that end by crashes, and then one that stays. */
  async #serveAll(): Promise<Serving> {
    const random = this.#simulation.random("crashes");
    for (let count = 0; count < this.#options.crashCount; count++) {
      const how: Death = random.chance(50) ? "power" : "process";
      const over = this.#crashAfter(20 + random.below(120), how);
      const served = this.#serve().catch((error: unknown) => this.#violate(messageOf(error)));
      await Promise.race([served, over]);
      await over;
      await this.#sleep(random.below(30));
    }
    return await this.#serve();
  }

  async #serve(): Promise<Serving> {
    const { world } = this.#simulation.node(HOST);
    const open = this.#options.open ?? openEngine;
    const program = `life ${++this.#lifeCount}`;
    const engine = await open(world, DIRECTORY, { store, rows: [doorRows], program });
    if (this.#lifeCount > 1) this.#record.openedAgain(engine.appendedLsn);
    const recorder = new Recorder(engine, this.#record, (sight) => {
      if (sight === "lock-wait") this.#sights.add(sight);
    });
    const server = new RedisServer(world, new RecordingStore(recorder), defaultRedisServerOptions);
    await server.listen({ kind: "tcp", host: HOST, port: PORT });
    return { engine, server };
  }

  async #crashAfter(ms: number, how: Death): Promise<void> {
    await this.#sleep(ms);
    this.#simulation.node(HOST).crash(how);
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#simulation.after(ms, resolve));
  }

  async #runClient(number: number): Promise<void> {
    const { world } = this.#simulation.node(`client ${number}`);
    const actor = this.#actor(`c${number}`, world);
    let client = await this.#connect(world);
    const setUp = async (): Promise<void> => await this.#ledger.setUp(client);
    while (!(await this.#attempt(world, client, setUp))) client = await this.#connect(world);
    for (let count = 0; count < this.#options.actsPerClient; count++) {
      await actor.think();
      if (client.isLost) client = await this.#connect(world);
      await this.#attempt(world, client, async () => await this.#ledger.act(client, actor));
    }
    client.drop();
  }

  async #check(): Promise<void> {
    const { world } = this.#simulation.node("checker");
    const client = await this.#connect(world);
    await this.#ledger.check(client, this.#actor("checker", world));
    client.drop();
  }

  #actor(name: string, { clock }: World): RedisActor {
    const random = this.#simulation.random(`client ${name}`);
    return {
      name,
      random,
      think: async () => {
        const ms = random.below(THINK_MS * 1000) / 1000;
        await new Promise<void>((resolve) => clock.after(ms, resolve));
      },
      violated: (what) => this.#violate(`${name}: ${what}`),
    };
  }

  async #connect(world: World): Promise<RedisClient> {
    for (let attempt = 0; attempt < RECONNECTS_MAX; attempt++) {
      try {
        const client = await RedisClient.connect(world, HOST, PORT);
        // Where nobody answers the connection is of no use.
        if (await this.#attempt(world, client, async () => void (await client.ask(["PING"])))) {
          return client;
        }
      } catch (error) {
        if (!isFault(error, "ERR_UNAVAILABLE")) throw error;
      }
      await new Promise<void>((resolve) => world.clock.after(RECONNECT_MS, resolve));
    }
    throw new Error("the server did not come back");
  }

  /** Does the work, and gives up on the connection if that takes too long; whether it was done. */
  async #attempt(
    { clock }: World,
    client: RedisClient,
    work: () => Promise<void>,
  ): Promise<boolean> {
    const stop = clock.after(PATIENCE_MS, () => client.drop());
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof ConnectionLost) this.#sights.add("connection-lost");
      else if (error instanceof RefusedCommand) this.#refused(error);
      else throw error;
      return false;
    } finally {
      stop();
    }
  }

  #refused({ message }: RefusedCommand): void {
    if (/^(ABORTED|TIMEOUT|UNAVAILABLE|CONFLICT)/.test(message)) this.#sights.add("gave-way");
    else this.#violate(`a command was refused: ${message}`);
  }

  #requireNothingLeft({ locks, openCount }: Transactions): void {
    if (openCount > 0) this.#violate(`${openCount} transactions are left`);
    if (locks.holderCount > 0 || !locks.table.isEmpty) this.#violate("locks are left over");
  }

  #checkRecord(): void {
    for (const trouble of this.#record.troubles) this.#violate(trouble);
    for (const { id, lsn } of this.#record.lost()) {
      this.#violate(`the acknowledged commit of ${id} at ${lsn} was lost`);
    }
    for (const one of this.#record.transactions) {
      const isUnheard = one.status === undefined && one.lsn !== undefined;
      if (isUnheard && !this.#record.isThere(one)) this.#sights.add("unacknowledged-commit-lost");
    }
    const verdict = checkRecorded(this.#record.finished());
    if (verdict.kind === "unknown") this.#violate(`the record cannot be judged: ${verdict.reason}`);
    if (verdict.kind !== "invalid") return;
    for (const anomaly of verdict.anomalies) this.#violate(explain(anomaly));
  }

  #violate(what: string): void {
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(what);
  }
}
