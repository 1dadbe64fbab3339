/**
 * Databases for tests: on a store in a simulated world, behind an engine that can be told to hold
 * back what settles, to fail, to be in the way, and to make bodies wait.
 */

import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import {
  createShadowStore,
  defaultShadowOptions,
  openShadowStore,
  type ShadowOptions,
} from "../shadow/shadow-store.ts";
import { defaultSimulationOptions, SimulatedWorld } from "../simulation/simulated-world.ts";
import type { CommittedTransaction, Engine, SnapshotView } from "../transactions/engine.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type Runner,
  type RunOptions,
  type Step,
} from "../transactions/step.ts";
import type { World } from "../world/world.ts";
import type { Database } from "./database.ts";
import { type DatabaseOptions, openDatabase } from "./open-database.ts";

export interface TestBed {
  readonly db: Database;
  readonly engine: TestEngine;
  readonly world: World;
  readonly simulation: SimulatedWorld;
  /** Lets virtual time pass. */
  readonly sleep: (durationMs: number) => Promise<void>;
  /** Opens what the file holds, as after a crash of the process. */
  readonly reopen: () => Promise<{ readonly db: Database; readonly engine: TestEngine }>;
}

const PATH = "/store";

/** Runs `main` with a database in a simulated world. */
export async function withDatabase(
  main: (bed: TestBed) => Promise<void>,
  options: DatabaseOptions = {},
  shadow: Partial<ShadowOptions> = {},
): Promise<void> {
  const simulation = makeSimulation(1);
  await simulation.run(async () => {
    const { world } = simulation.node("a");
    const engine = new TestEngine(
      await createShadowStore(world, PATH, { ...defaultShadowOptions, ...shadow }),
    );
    const db = await openDatabase(world, engine, options);
    const sleep = async (durationMs: number): Promise<void> => {
      await new Promise<void>((resolve) => world.clock.after(durationMs, resolve));
    };
    const reopen = async (): Promise<{ db: Database; engine: TestEngine }> => {
      const again = new TestEngine(await openShadowStore(world, PATH));
      return { db: await openDatabase(world, again, options), engine: again };
    };
    await main({ db, engine, world, simulation, sleep, reopen });
  });
}

export function makeSimulation(seed: number): SimulatedWorld {
  return new SimulatedWorld({ ...defaultSimulationOptions, seed, drain });
}

/** One turn of the real loop. */
async function drain(): Promise<void> {
  await new Promise<void>((resolve) => {
    // oxlint-disable-next-line no-restricted-globals -- the simulation is driven from outside it
    setImmediate(resolve);
  });
}

export class TestEngine implements Engine {
  readonly inner: Engine;
  /** What settles beyond this is held back. */
  #heldAt: Lsn | undefined;
  #failure: Error | undefined;
  readonly #onSettled = new Set<() => void>();
  readonly #onFailure = new Set<(failure: Error) => void>();
  /** So many bodies are abandoned and have to wait before one may run at once. */
  waitsLeft = 0;
  /** The next transactions are wounded when they commit. */
  woundsLeft = 0;
  readonly begun: BeginOptions[] = [];
  readonly open: TestTransaction[] = [];
  atClose: () => Promise<void> = async () => {
    await Promise.resolve();
  };

  constructor(inner: Engine) {
    this.inner = inner;
    inner.onSettled(() => {
      if (this.#heldAt === undefined) this.#tellSettled();
    });
    inner.onFailure((failure) => {
      this.fail(failure);
    });
  }

  hold(): void {
    this.#heldAt = this.inner.settledLsn;
  }

  letGo(): void {
    this.#heldAt = undefined;
    this.#tellSettled();
  }

  fail(failure: Error): void {
    this.#failure = failure;
    for (const listener of this.#onFailure) listener(failure);
  }

  get answerLsn(): Lsn {
    return this.inner.answerLsn;
  }

  get appendedLsn(): Lsn {
    return this.inner.appendedLsn;
  }

  get oldestChangeLsn(): Lsn {
    return this.inner.oldestChangeLsn;
  }

  get settledLsn(): Lsn {
    return this.#heldAt ?? this.inner.settledLsn;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  onSettled(listener: () => void): () => void {
    this.#onSettled.add(listener);
    return () => this.#onSettled.delete(listener);
  }

  onFailure(listener: (failure: Error) => void): () => void {
    this.#onFailure.add(listener);
    return () => this.#onFailure.delete(listener);
  }

  async whenSettled(position: Lsn): Promise<void> {
    await this.inner.whenSettled(position);
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    this.#checkFailure();
    return this.tryRunOf(this.inner, body);
  }

  /** Runs the body, or abandons it when it has done all that it does. */
  tryRunOf<T>(inner: Runner, body: (step: Step) => T): T | typeof MUST_WAIT {
    if (this.waitsLeft === 0) return inner.tryRun(body);
    this.waitsLeft--;
    try {
      inner.tryRun((step) => {
        body(step);
        throw new Error("abandoned");
      });
    } catch {
      // Whatever it came to, it is as if it had not run.
    }
    return MUST_WAIT;
  }

  async run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    this.#checkFailure();
    return await this.inner.run(body, options);
  }

  begin(options: BeginOptions = {}): InteractiveTransaction {
    this.#checkFailure();
    this.begun.push(options);
    const transaction = new TestTransaction(this, this.inner.begin(options));
    this.open.push(transaction);
    return transaction;
  }

  async snapshot(): Promise<SnapshotView> {
    return await this.inner.snapshot();
  }

  changes(after: Lsn, signal?: AbortSignal): AsyncIterable<CommittedTransaction> {
    return this.inner.changes(after, signal);
  }

  async close(): Promise<void> {
    await this.inner.close();
    await this.atClose();
  }

  #checkFailure(): void {
    if (this.#failure !== undefined) {
      throw new Fault("ERR_UNAVAILABLE", "the store failed", {}, this.#failure);
    }
  }

  #tellSettled(): void {
    for (const listener of this.#onSettled) listener();
  }
}

export class TestTransaction implements InteractiveTransaction {
  readonly #engine: TestEngine;
  readonly #inner: InteractiveTransaction;
  readonly #listeners: ((reason: Error) => void)[] = [];
  #wounded: Fault | undefined;
  /** Commits wait for this. */
  beforeCommit: Promise<void> | undefined;
  isOver = false;

  constructor(engine: TestEngine, inner: InteractiveTransaction) {
    this.#engine = engine;
    this.#inner = inner;
  }

  get age(): number {
    return this.#inner.age;
  }

  get aborted(): Error | undefined {
    return this.#wounded ?? this.#inner.aborted;
  }

  get answerLsn(): Lsn {
    return this.#inner.answerLsn;
  }

  onAbort(listener: (reason: Error) => void): void {
    this.#listeners.push(listener);
    this.#inner.onAbort(listener);
  }

  wound(): void {
    if (this.isOver) return;
    const details = { key: "k", by: "another" };
    this.#wounded = new Fault("ERR_ABORTED", "gave way to another", details);
    this.rollback();
    for (const listener of this.#listeners) listener(this.#wounded);
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    this.#check();
    return this.#engine.tryRunOf(this.#inner, body);
  }

  async run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    this.#check();
    return await this.#inner.run(body, options);
  }

  async commit(): Promise<Lsn> {
    await this.beforeCommit;
    if (0 < this.#engine.woundsLeft) {
      this.#engine.woundsLeft--;
      this.wound();
    }
    this.#check();
    this.isOver = true;
    return lsn(await this.#inner.commit());
  }

  tryCommit(body: (step: Step) => void): Lsn | typeof MUST_WAIT {
    const mustWait = this.beforeCommit !== undefined || 0 < this.#engine.waitsLeft;
    if (mustWait) return MUST_WAIT;
    if (0 < this.#engine.woundsLeft) {
      this.#engine.woundsLeft--;
      this.wound();
    }
    this.#check();
    const position = this.#inner.tryCommit(body);
    if (position !== MUST_WAIT) this.isOver = true;
    return position;
  }

  rollback(): void {
    this.isOver = true;
    this.#inner.rollback();
  }

  #check(): void {
    if (this.#wounded !== undefined) throw this.#wounded;
  }
}
