/**
 * Random transactions, snapshots, checkpoints, closings and crashes, one after the other, on a
 * store, on a sorted map, and, while the data is small, on a shadow store: all answer the same.
 * Where the store lies on an array, disks fail, come back and are scrubbed in between.
 */

import assert from "node:assert/strict";
import { isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { createShadowStore, type ShadowStore } from "../../src/shadow/shadow-store.ts";
import type { SnapshotView } from "../../src/transactions/engine.ts";
import type { Runner, Step } from "../../src/transactions/step.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { RaidArray } from "../../src/raid/array.ts";
import type { World } from "../../src/world/world.ts";
import { copies, type Ground, type Images, memoryDisks, plainGround } from "../support/ground.ts";
import { inWorld, openOn, type Shape } from "../support/small-store.ts";
import type { Volume } from "../../src/volume/volume.ts";
import { SlowVolume } from "../support/slow-volume.ts";
import { type Call, type CallOptions, perform, performOn, randomCall } from "./calls.ts";
import { checkRunner } from "./check-store.ts";

export interface ModelScope {
  /** What the store lies on. */
  readonly ground: Ground;
  readonly operationCount: number;
  readonly shape: Shape;
  readonly calls: CallOptions;
  /** Of a transaction, at most. */
  readonly callsMax: number;
  readonly withShadow: boolean;
}

export interface ModelReport {
  transactionCount: number;
  reopenCount: number;
  crashCount: number;
  snapshotCount: number;
  rowCount: number;
  ringRounds: number;
  evictionCount: number;
  /** How often a disk of an array failed, and how often one came back. */
  failedCount: number;
  returnedCount: number;
}

const SMALL: ModelScope = {
  ground: plainGround,
  operationCount: 400,
  shape: { ringBytes: 512 << 10, pagesBytes: 1 << 20 },
  calls: { keyCount: 60, valueBytesMax: 40_000, scanLimit: 50 },
  callsMax: 5,
  withShadow: true,
};

/** Of these a campaign takes the one that its seed says. */
export const modelScopes: readonly ModelScope[] = [
  SMALL,
  { ...SMALL, calls: { keyCount: 12, valueBytesMax: 300, scanLimit: 50 }, callsMax: 20 },
  {
    ...SMALL,
    withShadow: false,
    operationCount: 1500,
    calls: { keyCount: 600, valueBytesMax: 20_000, scanLimit: 20 },
  },
  // More data than the cache holds.
  {
    ...SMALL,
    withShadow: false,
    operationCount: 4000,
    shape: { ringBytes: 2 << 20, pagesBytes: 2 << 20 },
    calls: { keyCount: 4000, valueBytesMax: 3000, scanLimit: 20 },
    callsMax: 12,
  },
];

export function modelScopeOf(seed: number): ModelScope {
  return modelScopes[seed % modelScopes.length] ?? SMALL;
}

export async function modelCampaign(
  seed: number,
  scope: ModelScope = modelScopeOf(seed),
): Promise<ModelReport> {
  const images = await scope.ground.format(scope.shape);
  return await inWorld(seed, async (world) => {
    const run = new ModelRun(world, images, new SeededRandom(seed).stream("model"), scope);
    await run.open();
    for (let index = 0; index < scope.operationCount; index++) {
      try {
        await run.operate();
      } catch (error) {
        throw new Error(`operation ${index}: ${String(error)}`, { cause: error });
      }
    }
    return await run.end();
  });
}

interface HeldSnapshot {
  readonly view: SnapshotView;
  readonly rows: Map<string, Uint8Array>;
}

/** A way to run bodies, and what it is called. */
type Side = readonly [string, Runner];

class Refusal extends Error {}

class ModelRun {
  readonly #world: World;
  #images: Images;
  readonly #random: SeededRandom;
  readonly #scope: ModelScope;
  readonly #rows = new Map<string, Uint8Array>();
  readonly #report: ModelReport = {
    transactionCount: 0,
    reopenCount: 0,
    crashCount: 0,
    snapshotCount: 0,
    rowCount: 0,
    ringRounds: 0,
    evictionCount: 0,
    failedCount: 0,
    returnedCount: 0,
  };
  #engine: Transactions | undefined;
  #volume: Volume | undefined;
  #shadow: ShadowStore | undefined;
  #snapshots: HeldSnapshot[] = [];

  constructor(world: World, images: Images, random: SeededRandom, scope: ModelScope) {
    this.#world = world;
    this.#images = images;
    this.#random = random;
    this.#scope = scope;
  }

  async open(): Promise<void> {
    if (this.#scope.withShadow) {
      this.#shadow = await createShadowStore(this.#world, "/shadow");
    }
    this.#engine = await this.#openStore();
  }

  async operate(): Promise<void> {
    const kind = this.#random.below(1000);
    if (kind < 720) await this.#runBody();
    else if (kind < 880) await this.#interact();
    else if (kind < 920) await this.#takeSnapshot();
    else if (kind < 960) await this.#checkSnapshot();
    else if (kind < 985) await this.#store().store.checkpoint();
    else if (kind < 992) await this.#reopen();
    else await this.#crash();
    if (this.#volume instanceof RaidArray) await this.#tend(this.#volume);
  }

  async end(): Promise<ModelReport> {
    while (this.#snapshots.length > 0) await this.#checkSnapshot();
    await this.#reopen();
    await this.#checkAll();
    this.#report.rowCount = this.#rows.size;
    const { log, cells } = this.#store().store;
    this.#report.ringRounds = Math.floor((log.durablePosition * 4096) / log.ringBytes);
    this.#report.evictionCount += cells.cache.evictionCount;
    await this.#store().close();
    return this.#report;
  }

  #store(): Transactions {
    assert(this.#engine !== undefined, "the store is open");
    return this.#engine;
  }

  async #openStore(): Promise<Transactions> {
    const random = this.#random.stream(`volume ${this.#random.below(1000)}`);
    const disks = memoryDisks(this.#scope.ground, this.#images).map(
      (disk) => new SlowVolume(disk, this.#world.clock, random),
    );
    this.#volume = await this.#scope.ground.open(this.#world, disks);
    return await openOn(this.#world, this.#volume);
  }

  /** Lets disks of an array fail and come back, and scrubs it. */
  async #tend(array: RaidArray): Promise<void> {
    const { lossesMax } = this.#scope.ground;
    const kind = this.#random.below(100);
    const { members } = array.status();
    const missing = members.find(({ state }) => state === "missing");
    const whole = members.filter(({ state }) => state === "active");
    if (kind < 4 && members.length - lossesMax < whole.length) {
      await array.fail(whole[this.#random.below(whole.length)]?.role ?? 0);
      this.#report.failedCount++;
    } else if (kind < 12 && missing !== undefined) {
      const { role } = missing;
      // The volume that failed may have writes under way.
      this.#images = this.#images.map((image, index) => (index === role ? image.copy() : image));
      const [disk] = memoryDisks(this.#scope.ground, this.#images).slice(role);
      assert(disk !== undefined, "every role has a disk");
      await array.add(new SlowVolume(disk, this.#world.clock, this.#random.stream("returned")));
      this.#report.returnedCount++;
    } else if (kind === 12) {
      const report = await array.scrub();
      assert.deepEqual([report?.repaired, report?.lostAt, report?.parityRepaired], [0, [], 0]);
    }
  }

  #sides(): readonly Side[] {
    const sides: Side[] = [["store", this.#store()]];
    if (this.#shadow !== undefined) sides.push(["shadow", this.#shadow]);
    return sides;
  }

  #calls(): readonly Call[] {
    const count = 1 + this.#random.below(this.#scope.callsMax);
    return Array.from({ length: count }, () => randomCall(this.#random, this.#scope.calls));
  }

  /** One body, which may refuse in the end. */
  async #runBody(): Promise<void> {
    const calls = this.#calls();
    const refuses = this.#random.chance(10);
    const copy = new Map(this.#rows);
    const wanted = calls.map((call) => performOn(copy, call));
    for (const side of this.#sides()) {
      const found = await runCalls(side[1], calls, refuses);
      if (found === "too large") return;
      compare(side[0], calls, found, wanted);
    }
    if (!refuses) this.#become(copy);
    this.#report.transactionCount++;
  }

  /** Several bodies in one transaction, which is committed or rolled back. */
  async #interact(): Promise<void> {
    const bodies = Array.from({ length: 1 + this.#random.below(4) }, () => ({
      calls: this.#calls(),
      refuses: this.#random.chance(15),
    }));
    const commits = this.#random.chance(70);
    const copy = new Map(this.#rows);
    const sides = this.#sides().map(([name, runner]) => {
      assert("begin" in runner, "both stores have transactions");
      return [name, (runner as Transactions | ShadowStore).begin()] as const;
    });
    for (const { calls, refuses } of bodies) {
      const attempt = new Map(copy);
      const wanted = calls.map((call) => performOn(attempt, call));
      for (const [name, transaction] of sides) {
        const found = await runCalls(transaction, calls, refuses);
        if (found === "too large") {
          for (const [, open] of sides) open.rollback();
          return;
        }
        compare(name, calls, found, wanted);
      }
      if (refuses) continue;
      copy.clear();
      for (const [key, value] of attempt) copy.set(key, value);
    }
    // The store is the first; the shadow store takes whatever that takes.
    for (const [, transaction] of sides) {
      if (commits && (await isTooLarge(transaction.commit()))) {
        for (const [, open] of sides) open.rollback();
        return;
      }
      transaction.rollback();
    }
    if (commits) {
      await this.#store().whenSettled(this.#store().appendedLsn);
      this.#become(copy);
    }
    this.#report.transactionCount++;
  }

  async #takeSnapshot(): Promise<void> {
    if (this.#snapshots.length >= 3) return;
    const view = await this.#store().snapshot();
    this.#snapshots.push({ view, rows: new Map(this.#rows) });
  }

  async #checkSnapshot(): Promise<void> {
    const held = this.#snapshots.shift();
    if (held === undefined) return;
    await this.#checkView(held.view, held.rows, "a snapshot");
    held.view.release();
    this.#report.snapshotCount++;
  }

  async #reopen(): Promise<void> {
    this.#countEvictions();
    this.#snapshots = [];
    await this.#store().close();
    this.#engine = await this.#openStore();
    this.#report.reopenCount++;
    await this.#checkAll();
  }

  /** The process is killed; everything that it answered had settled. */
  async #crash(): Promise<void> {
    this.#countEvictions();
    this.#snapshots = [];
    // Nothing that is under way reaches these.
    this.#images = copies(this.#images);
    await this.#store().store.abandon();
    this.#engine = await this.#openStore();
    this.#report.crashCount++;
    await this.#checkAll();
  }

  async #checkAll(): Promise<void> {
    await this.#checkView(this.#store(), this.#rows, "the store");
  }

  /** Looks at all rows; in parts where they may be more than the cache holds. */
  async #checkView(
    view: Pick<Runner, "run">,
    rows: ReadonlyMap<string, Uint8Array>,
    name: string,
  ): Promise<void> {
    if (rows.size < 500) {
      await checkRunner(view, rows, name);
      return;
    }
    const wanted = [...rows.keys()].toSorted((left, right) => (left < right ? -1 : 1));
    for (let from = 0; from < wanted.length; from += 100) {
      const part = wanted.slice(from, from + 100);
      const calls: Call[] = [
        {
          kind: "scan",
          start: bytesOf(part[0] ?? ""),
          end: wanted[from + 100] === undefined ? undefined : bytesOf(wanted[from + 100] ?? ""),
          reverse: false,
          limit: 1000,
        },
      ];
      const partly = new Map(part.map((key) => [key, rows.get(key) ?? new Uint8Array(0)]));
      const found = await view.run((step) => calls.map((call) => perform(step, call)));
      compare(
        name,
        calls,
        found,
        calls.map((call) => performOn(partly, call)),
      );
    }
  }

  #countEvictions(): void {
    this.#report.evictionCount += this.#store().store.cells.cache.evictionCount;
  }

  #become(rows: ReadonlyMap<string, Uint8Array>): void {
    this.#rows.clear();
    for (const [key, value] of rows) this.#rows.set(key, value);
  }
}

/** Whether the work was refused for its size. */
async function isTooLarge(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (isFault(error, "ERR_LIMIT")) return true;
    throw error;
  }
}

async function runCalls(
  runner: Pick<Runner, "run">,
  calls: readonly Call[],
  refuses: boolean,
): Promise<readonly string[] | "too large"> {
  let answers: readonly string[] = [];
  const body = (step: Step): void => {
    answers = calls.map((call) => perform(step, call));
    if (refuses) throw new Refusal("refused");
  };
  try {
    await runner.run(body);
    assert(!refuses, "what a body throws passes");
  } catch (error) {
    if (isFault(error, "ERR_LIMIT")) return "too large";
    if (!(error instanceof Refusal)) throw error;
  }
  return answers;
}

function compare(
  side: string,
  calls: readonly Call[],
  found: readonly string[],
  wanted: readonly string[],
): void {
  for (const [index, answer] of found.entries()) {
    const name = `${side}, call ${index}, ${calls[index]?.kind ?? "none"}`;
    assert.equal(answer, wanted[index], name);
  }
  assert.equal(found.length, wanted.length);
}

function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(key, (letter) => letter.charCodeAt(0));
}
