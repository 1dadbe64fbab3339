import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { HoldfastLevel } from "./holdfast-level.ts";
import { MemoryLevelStore } from "./memory-level-store.suite.ts";

test("passes the suite of abstract-level, on a store in memory", async () => {
  const result = await runLevelSuite(makeLevel);
  expect(result.failures).toEqual([]);
  expect(result.assertionCount).toBeGreaterThan(4600);
});

function makeLevel(options: object = {}): HoldfastLevel {
  const store = new MemoryLevelStore();
  const open = async (): Promise<MemoryLevelStore> => await Promise.resolve(store);
  return new HoldfastLevel(open, options, { creation: false });
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
