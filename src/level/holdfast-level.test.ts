import { createRequire } from "node:module";
import { expect, test } from "vitest";
import type { Database } from "../database/database.ts";
import { openDatabase } from "../database/open-database.ts";
import { hostWorld } from "../host/world.ts";
import { formatStore, storeBytes } from "../store/format.ts";
import { defaultStoreOptions } from "../store/options.ts";
import { openVolumeEngine } from "../transactions/open-engine.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { DatabaseLevelStore } from "./database-level-store.ts";
import { HoldfastLevel } from "./holdfast-level.ts";
import type { LevelStore } from "./level-store.ts";

const ASSERTION_COUNT_MIN = 4600;

test("passes the suite of abstract-level, each under its prefix of one database", async () => {
  const database = await openDatabaseOn(new MemoryVolume(storeBytes(STORE)), "format");
  let count = 0;
  const result = await runLevelSuite((options = {}) => {
    const prefix = ["level", ++count];
    const open = async (): Promise<LevelStore> =>
      await Promise.resolve(new DatabaseLevelStore(database, { prefix, closesDatabase: false }));
    return new HoldfastLevel(open, options, { creation: false });
  });
  expect(result.failures).toEqual([]);
  expect(result.assertionCount).toBeGreaterThan(ASSERTION_COUNT_MIN);
  await database.close();
});

test("what was put is there when the database is opened again", async () => {
  const volume = new MemoryVolume(storeBytes(STORE));
  const first = levelOn(await openDatabaseOn(volume, "format"));
  const many = Array.from({ length: 1000 }, (_, at) => ({ key: `k${1000 + at}`, value: `v${at}` }));
  await first.batch(many.map((entry) => ({ type: "put", ...entry })));
  await first.close();
  const second = levelOn(await openDatabaseOn(new MemoryVolume(volume.image), "open"));
  const expected = many.map(({ key, value }) => [key, value]);
  expect(await second.iterator().all()).toEqual(expected);
  await second.clear({ gte: "k1100", lt: "k12" });
  expect(await second.keys().all()).toHaveLength(900);
  await second.close();
});

test("what one transaction cannot clear is cleared by several", async () => {
  const database = await openDatabaseOn(new MemoryVolume(storeBytes(STORE)), "format");
  const level = levelOn(database);
  for (let from = 0; from < 1000; from += 20) {
    const some = Array.from({ length: 20 }, (_, at) => ({ key: `k${from + at}`, value: LONG }));
    await level.batch(some.map((entry) => ({ type: "put", ...entry })));
  }
  await level.clear();
  expect(await level.keys().all()).toEqual([]);
  await level.close();
});

test("entries larger than a page of them are all read, in either direction", async () => {
  const room = { cacheBytes: 32 << 20, logBytes: 32 << 20, pagesBytes: 32 << 20 };
  const volume = new MemoryVolume(storeBytes({ ...STORE, ...room }));
  const level = levelOn(await openDatabaseOn(volume, "format", { ...STORE, ...room }));
  const value = "x".repeat(1_500_000);
  for (const key of ["a", "b", "c"]) await level.put(key, value);
  expect(await level.keys().all()).toEqual(["a", "b", "c"]);
  expect(await level.keys({ reverse: true }).all()).toEqual(["c", "b", "a"]);
  await level.close();
});

test("a seek goes on at its target, whichever the direction", async () => {
  const level = levelOn(await openDatabaseOn(new MemoryVolume(storeBytes(STORE)), "format"));
  for (const key of ["a", "b", "c", "d"]) await level.put(key, "");
  for (const [reverse, target, expected] of [
    [false, "b", ["b", "c"]],
    [false, "ab", ["b", "c"]],
    [true, "c", ["c", "b", "a"]],
    [true, "bb", ["b", "a"]],
    [true, "d", []],
    [false, "e", []],
  ] as const) {
    const keys = level.keys({ lt: "d", reverse });
    await keys.next();
    keys.seek(target);
    expect(await keys.all(), `${target}, ${reverse ? "reverse" : "forward"}`).toEqual(expected);
  }
  await level.close();
});

test("what Level did not write is refused", async () => {
  const database = await openDatabaseOn(new MemoryVolume(storeBytes(STORE)), "format");
  const level = levelOn(database);
  const key = new TextEncoder().encode("a");
  await database.set([key], { not: "bytes" });
  await expect(level.get("a")).rejects.toMatchObject({ code: "ERR_FORMAT" });
  await expect(level.iterator().all()).rejects.toMatchObject({ code: "ERR_FORMAT" });
  await database.set([key], "text");
  await database.set(["a string"], "is no key of Level");
  await level.del("a");
  expect(await level.iterator().all()).toEqual([]);
  await level.close();
});

const LONG = "x".repeat(3900);
const STORE = {
  ...defaultStoreOptions,
  cacheBytes: 4 << 20,
  logBytes: 4 << 20,
  pagesBytes: 4 << 20,
};

async function openDatabaseOn(
  volume: MemoryVolume,
  how: "format" | "open",
  options: typeof STORE = STORE,
): Promise<Database> {
  const world = hostWorld();
  if (how === "format") await formatStore(world, volume, options);
  return await openDatabase(world, await openVolumeEngine(world, volume, options));
}

/** A Level database that has the whole database to itself. */
function levelOn(database: Database): HoldfastLevel {
  const store = new DatabaseLevelStore(database, { prefix: [], closesDatabase: true });
  return new HoldfastLevel(async () => await Promise.resolve(store), {}, { creation: false });
}

interface LevelSuiteResult {
  readonly assertionCount: number;
  /** The name of the test and the line that failed, for each assertion that did. */
  readonly failures: readonly string[];
}

type LevelFactory = (options?: object) => HoldfastLevel;

interface Tape {
  createHarness(options: { readonly autoclose: boolean }): TapeHarness;
}

interface TapeHarness {
  (name: string, body: unknown): void;
  createStream(options: { readonly objectMode: true }): TapeStream;
}

interface TapeStream {
  on(event: "data", listener: (row: TapeRow) => void): void;
  on(event: "end", listener: () => void): void;
}

interface TapeRow {
  readonly type: "test" | "assert" | "end";
  readonly name?: string;
  readonly ok?: boolean;
  readonly id?: number;
  readonly test?: number;
}

/** Runs the suite with its own runner of tests, in this process, and gathers what failed. */
async function runLevelSuite(factory: LevelFactory): Promise<LevelSuiteResult> {
  const require = createRequire(import.meta.url);
  const tape = require("tape") as Tape;
  const suite = require("abstract-level/test") as (options: object) => void;
  const harness = tape.createHarness({ autoclose: true });
  const ended = gather(harness.createStream({ objectMode: true }));
  suite({ test: harness, factory });
  return await ended;
}

async function gather(stream: TapeStream): Promise<LevelSuiteResult> {
  const names = new Map<number, string>();
  const failures: string[] = [];
  let assertionCount = 0;
  return await new Promise((resolve) => {
    stream.on("data", (row) => {
      if (row.type === "test" && row.id !== undefined) names.set(row.id, row.name ?? "");
      if (row.type !== "assert") return;
      assertionCount++;
      if (row.ok === true) return;
      const name = names.get(row.test ?? -1) ?? "a test";
      failures.push(`${name}: ${row.name ?? ""}`);
    });
    stream.on("end", () => resolve({ assertionCount, failures }));
  });
}
