/**
 * Transactions that meet: bodies that pause in all the ways there are between what they read and
 * write, beside writes of single keys and batches. Everything is recorded and judged.
 */

import { afterEach, expect, test } from "vitest";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { SeededRandom } from "../base/random.ts";
import type { RecordedTransaction } from "../base/recorded-events.ts";
import { checkRecorded } from "../history/recorded-check.ts";
import { NotedReads } from "../transactions/noted-reads.ts";
import { RecordingEngine } from "../transactions/recording-engine.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { World } from "../world/world.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./open-database.ts";
import type { Transaction } from "./transaction.ts";

const ACCOUNTS = [0, 1, 2, 3, 4, 5];
const BALANCE = 100;
const CLIENTS = 12;
const ACTS = 10;
const SEEDS = [1, 2, 3, 4, 5, 6];

const areCurrent = Object.getOwnPropertyDescriptor(NotedReads.prototype, "areCurrent");
afterEach(() => {
  if (areCurrent !== undefined) {
    Object.defineProperty(NotedReads.prototype, "areCurrent", areCurrent);
  }
});

test("they might have run one after the other, and each saw one moment", async () => {
  let retriedCount = 0;
  for (const seed of SEEDS) {
    const { verdict, oddities, retried } = await run(seed);
    expect({ seed, verdict, oddities }).toEqual({ seed, verdict: "valid", oddities: [] });
    retriedCount += retried;
  }
  expect(retriedCount).toBeGreaterThan(0);
});

test("a brief one that does not look at what it read again is found out", async () => {
  Object.defineProperty(NotedReads.prototype, "areCurrent", { value: () => true });
  const found: string[] = [];
  for (const seed of SEEDS) {
    const { verdict, oddities } = await run(seed);
    if (verdict !== "valid") found.push(verdict);
    found.push(...oddities);
  }
  expect(found).toContain("invalid");
  expect(found.join("\n")).toContain("a body saw");
});

interface Found {
  readonly verdict: string;
  readonly oddities: readonly string[];
  readonly retried: number;
}

async function run(seed: number): Promise<Found> {
  const image = await formattedImage();
  return await inWorld(seed, async (world) => {
    const record: RecordedTransaction[] = [];
    const store = await openOn(world, new MemoryVolume(image));
    const recorded = {
      oneIn: 1,
      below: () => 0,
      record: (one: RecordedTransaction) => record.push(one),
    };
    const db = await openDatabase(world, new RecordingEngine(store, recorded));
    await db.transact((tx) => {
      for (const account of ACCOUNTS) tx.set(["account", account], BALANCE);
    });
    const oddities: string[] = [];
    const random = new SeededRandom(seed);
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, index) => {
        const client = new Client(db, world, random.stream(`client ${index}`), oddities);
        for (let act = 0; act < ACTS; act++) await client.act();
      }),
    );
    oddities.push(...(await leftOvers(db, store)));
    const retried = db.stats().attemptsRetried;
    await db.close();
    return { verdict: checkRecorded(record).kind, oddities, retried };
  });
}

async function leftOvers(db: Database, store: Transactions): Promise<readonly string[]> {
  const found: string[] = [];
  const total = await db.transact(async (tx) => await totalOf(tx, false));
  if (total !== ACCOUNTS.length * BALANCE) found.push(`all accounts hold ${total} at the end`);
  if (store.openCount > 0) found.push(`${store.openCount} transactions are left over`);
  if (!store.locks.table.isEmpty) found.push("locks are left over");
  return found;
}

async function totalOf(tx: Transaction, byScan: boolean): Promise<number> {
  let total = 0;
  if (byScan) {
    for await (const { value } of tx.scan<number>({ prefix: "account" })) total += value;
  } else {
    for (const account of ACCOUNTS) total += (await tx.get<number>(["account", account])) ?? 0;
  }
  return total;
}

class Client {
  readonly #db: Database;
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #oddities: string[];

  constructor(db: Database, world: World, random: SeededRandom, oddities: string[]) {
    this.#db = db;
    this.#world = world;
    this.#random = random;
    this.#oddities = oddities;
  }

  async act(): Promise<void> {
    const random = this.#random;
    const kind = random.below(10);
    if (kind < 6) await this.#transfer();
    else if (kind < 8) await this.#look();
    else if (kind === 8) await this.#db.set(["note", random.below(3)], random.below(1000));
    else
      await this.#db
        .atomic()
        .add(["count", random.below(2)], 1n)
        .commit();
    await this.#pause();
  }

  async #transfer(): Promise<void> {
    const random = this.#random;
    const from = ["account", random.below(ACCOUNTS.length)];
    const to = ["account", random.below(ACCOUNTS.length)];
    const forUpdate = random.chance(50);
    const refuses = random.chance(10);
    const body = async (tx: Transaction): Promise<void> => {
      if (random.chance(30)) await tx.get(["note", random.below(3)]);
      const read = async (key: typeof from): Promise<number> =>
        (forUpdate ? await tx.getForUpdate<number>(key) : await tx.get<number>(key)) ?? 0;
      const before = await read(from);
      await this.#pause();
      tx.set(from, before - 1);
      const target = await read(to);
      await this.#pause();
      tx.set(to, target + 1);
      if (random.chance(20)) tx.add(["count", random.below(2)], 1n);
      if (random.chance(20)) await this.#check(tx, true);
      if (refuses) throw new Refusal();
    };
    await this.#db.transact(body).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
    });
  }

  async #look(): Promise<void> {
    await this.#db.transact(async (tx) => {
      const first = await tx.get<number>(["account", 0]);
      await this.#pause();
      await this.#check(tx, this.#random.chance(50));
      if ((await tx.get<number>(["account", 0])) !== first) this.#oddities.push("a body saw twice");
    });
  }

  /** What a body sees adds up, whether or not it will be committed. */
  async #check(tx: Transaction, byScan: boolean): Promise<void> {
    const total = await totalOf(tx, byScan);
    if (total !== ACCOUNTS.length * BALANCE) this.#oddities.push(`a body saw ${total}`);
  }

  /** Not at all, for others that are ready, for the rest of the turn, or longer. */
  async #pause(): Promise<void> {
    const { clock } = this.#world;
    const how = this.#random.below(8);
    if (how === 0) await new Promise<void>((resolve) => clock.after(1, resolve));
    else if (how === 1) await new Promise<void>((resolve) => clock.soon(resolve));
    else for (let hops = how; hops < 8; hops++) await Promise.resolve();
  }
}

class Refusal extends Error {}
