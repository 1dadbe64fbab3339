/**
 * Runs workloads against the store in the simulated world, with everything that a seed has in
 * store for them, and checks what came of it:
 *
 *  1. the recorded run is strictly serializable, by its exact graph of dependencies;
 *  2. every commit that was acknowledged is there after every crash, and what is there at the end
 *     is what the committed transactions wrote, to the last byte;
 *  3. the sums and whatever else the workloads keep are right, for each who looks;
 *  4. nobody waits in a circle, nobody waits for ever, and nothing is left over at the end.
 */

import { messageOf } from "../../base/fault.ts";
import { checkRecorded } from "../../history/recorded-check.ts";
import { explain } from "../../history/verdict.ts";
import { openEngine } from "../../transactions/open-engine.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../simulated-world.ts";
import { compareState } from "./final-state.ts";
import { LIFE_OVER, Life, type LifeParts, type OpenForRun, type StoppedLife } from "./life.ts";
import { RunRecord } from "./run-record.ts";
import type { Sight } from "./sights.ts";
import { type LifeEnd, planOf, type SwarmPlan } from "./swarm.ts";

export interface SerialOptions {
  readonly seed: number;
  /** One turn of the real loop; see `SimulationOptions`. */
  readonly drain: () => Promise<void>;
  /** Instead of what the seed would choose. */
  readonly plan?: SwarmPlan;
  /** Instead of `openEngine`, for tests that plant bugs. */
  readonly open?: OpenForRun;
}

export interface SerialReport {
  readonly seed: number;
  /** One sentence for everything that must not be; empty if the run is as it should be. */
  readonly violations: readonly string[];
  readonly sights: ReadonlySet<Sight>;
  readonly transactionCount: number;
  readonly committedCount: number;
  readonly lifeCount: number;
  readonly eventCount: number;
  readonly virtualMs: number;
  readonly traceHash: string;
}

const VIOLATIONS_MAX = 20;
/** A run that takes longer, in virtual time, hangs. */
const RUN_MS_MAX = 600_000;
/** What may still happen after the store is closed, such as a socket that is let go. */
const REST_MS_MAX = 20;

export async function runSerial(options: SerialOptions): Promise<SerialReport> {
  return await new SerialRun(options).run();
}

class SerialRun {
  readonly #options: SerialOptions;
  readonly #world: SimulatedWorld;
  readonly #plan: SwarmPlan;
  readonly #record = new RunRecord();
  readonly #sights = new Set<Sight>();
  readonly #violations: string[] = [];
  #lifeCount = 0;

  constructor(options: SerialOptions) {
    const { seed, drain } = options;
    this.#options = options;
    this.#world = new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
    this.#plan = options.plan ?? planOf(this.#world.random("swarm"));
    this.#world.trace.listener = (entry) => this.#look(entry.name, entry.fields);
  }

  async run(): Promise<SerialReport> {
    try {
      await this.#world.run(async () => await this.#lives(), RUN_MS_MAX);
      await this.#requireRest();
    } catch (error) {
      this.#violate(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    }
    this.#checkRecord();
    const { seed } = this.#options;
    return {
      seed,
      violations: this.#violations,
      sights: this.#sights,
      transactionCount: this.#record.transactions.length,
      committedCount: this.#record.transactions.filter((one) => this.#record.isThere(one)).length,
      lifeCount: this.#lifeCount,
      eventCount: this.#world.eventCount,
      virtualMs: this.#world.nowMs,
      traceHash: this.#world.traceHash,
    };
  }

  async #lives(): Promise<void> {
    let stopped: StoppedLife | undefined;
    for (const end of this.#plan.ends) stopped = await this.#live(end, stopped);
    await this.#lastLife(stopped);
  }

  async #live(end: LifeEnd, stopped: StoppedLife | undefined): Promise<StoppedLife | undefined> {
    const life = this.#life(end, stopped !== undefined, false);
    if ((await life.begin()) !== LIFE_OVER) await life.clientsDone();
    await stopped?.goOn();
    return await life.end();
  }

  async #lastLife(stopped: StoppedLife | undefined): Promise<void> {
    const life = this.#life({ kind: "close" }, stopped !== undefined, true);
    if ((await life.begin()) === LIFE_OVER) {
      await life.end();
      return;
    }
    await life.clientsDone();
    await stopped?.goOn();
    await life.checkWorkloads();
    for (const difference of await compareState(life.engine, this.#record)) {
      this.#violate(difference);
    }
    await life.end();
  }

  #life(end: LifeEnd, takesOver: boolean, isLast: boolean): Life {
    const parts: LifeParts = {
      simulation: this.#world,
      plan: this.#plan,
      record: this.#record,
      end,
      number: ++this.#lifeCount,
      takesOver,
      isLast,
      open: this.#options.open ?? openEngine,
      see: (sight) => this.#sights.add(sight),
      violated: (what) => this.#violate(what),
    };
    return new Life(parts);
  }

  /** Nothing that was begun may still be going on. */
  async #requireRest(): Promise<void> {
    const beforeMs = this.#world.nowMs;
    await this.#world.runUntilIdle();
    const restMs = this.#world.nowMs - beforeMs;
    if (REST_MS_MAX < restMs) this.#violate(`something went on for ${restMs} ms after the end`);
  }

  #checkRecord(): void {
    for (const record of this.#record.transactions) {
      if (record.status !== undefined || record.lsn === undefined) continue;
      this.#sights.add("unknown-outcome");
      if (!this.#record.isThere(record)) this.#sights.add("unacknowledged-commit-lost");
    }
    for (const trouble of this.#record.troubles) this.#violate(trouble);
    for (const { id, lsn } of this.#record.lost()) {
      this.#violate(`the acknowledged commit of ${id} at ${lsn} was lost`);
    }
    const verdict = checkRecorded(this.#record.finished());
    if (verdict.kind === "unknown") this.#violate(`the record cannot be judged: ${verdict.reason}`);
    if (verdict.kind !== "invalid") return;
    for (const anomaly of verdict.anomalies) this.#violate(explain(anomaly));
  }

  #look(name: string, fields: Readonly<Record<string, unknown>> | undefined): void {
    if (name === "log-recovered" && fields?.["cutTornBatch"] === true) {
      this.#sights.add("torn-tail-cut");
    }
    if (name === "clock-behind") this.#sights.add("clock-behind");
    if (name === "checkpoint" && fields?.["position"] !== fields?.["appendedLsn"]) {
      this.#sights.add("checkpoint-raced-commit");
    }
  }

  #violate(what: string): void {
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(what);
  }
}
