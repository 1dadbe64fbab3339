/**
 * `holdfast bench`: how fast a store is on this machine and this disk, by itself. Beside other
 * stores it is measured by `npm run bench` in a clone, which installs those.
 */

import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { Database } from "../database/database.ts";
import { open } from "../entry/open.ts";
import { type CommandIo, UsageError } from "./command-io.ts";
import { thousands } from "./progress.ts";
import { version } from "./version.ts";

const VALUE_BYTES = 100;
const WRITERS = 64;
const LOAD_BATCH = 1_000;
const LOG_BYTES: number = 64 << 20;
const MS_PER_SECOND = 1_000;
const P99 = 0.99;

interface BenchFlags {
  readonly directory: string;
  readonly keys: string;
  readonly operations: string;
}

interface Measured {
  readonly work: string;
  readonly perSecond: number;
  readonly p99Ms: number;
}

export function addBenchCommand(program: Command, io: CommandIo): void {
  program
    .command("bench")
    .summary("measure a store on this machine and disk")
    .description(
      "Makes a store in a directory of its own, measures durable writes, reads and scans, and " +
        "removes it. Every write that is counted is on the disk.",
    )
    .option("--directory <directory>", "the disk to measure: where the store is made", tmpdir())
    .option("--keys <number>", "how many keys to load", "100000")
    .option("--operations <number>", "how many operations to measure, of each kind", "20000")
    .addHelpText("after", "\nExample:\n  holdfast bench --directory /mnt/disk --keys 1000000\n")
    .action(async (flags: BenchFlags) => {
      const keyCount = countOf("--keys", flags.keys);
      const operationCount = countOf("--operations", flags.operations);
      const measured = await inFreshStore(flags.directory, io, async (database) => {
        return await measureAll(database, keyCount, operationCount, io);
      });
      io.result(measured, () => formatMeasured(measured));
    });
}

async function inFreshStore<T>(
  parent: string,
  { signal }: CommandIo,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  // Whoever asks for the signal is not ended by it, and so can remove what is made here.
  signal.throwIfAborted();
  await requireDirectory(parent);
  const directory = await mkdtemp(join(parent, "holdfast-bench-"));
  try {
    const path = join(directory, "data");
    const program = `holdfast bench ${version}`;
    const database = await open({ path, program, attach: false, logBytes: LOG_BYTES });
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new UsageError(`--directory takes a directory that there is, not "${path}"`);
}

async function measureAll(
  database: Database,
  keyCount: number,
  operationCount: number,
  io: CommandIo,
): Promise<readonly Measured[]> {
  const randomKey = (): string => keyOf(Math.floor(Math.random() * keyCount));
  const put = async (): Promise<void> => await database.set(randomKey(), newValue());
  const get = async (): Promise<unknown> => await database.get(randomKey());
  const aloneCount = Math.ceil(operationCount / 10);

  return [
    await load(database, keyCount, io),
    await measure("durable put, 1 writer", 1, aloneCount, put, io),
    await measure(`durable put, ${WRITERS} writers`, WRITERS, operationCount, put, io),
    await measure("random get", 1, operationCount, get, io),
    await scan(database, io),
  ];
}

async function load(database: Database, keyCount: number, io: CommandIo): Promise<Measured> {
  const progress = io.progress({ title: "loading", total: keyCount, unit: "keys" });
  const startedMs = performance.now();
  const latenciesMs: number[] = [];
  for (let first = 0; first < keyCount; first += LOAD_BATCH) {
    io.signal.throwIfAborted();
    const batch = database.atomic();
    const end = Math.min(keyCount, first + LOAD_BATCH);
    for (let index = first; index < end; index++) batch.set(keyOf(index), newValue());
    const sentMs = performance.now();
    await batch.commit();
    latenciesMs.push(performance.now() - sentMs);
    progress.update(end);
  }
  progress.finish();
  return summary(`load, ${LOAD_BATCH} keys a batch`, keyCount, startedMs, latenciesMs);
}

async function measure(
  work: string,
  workerCount: number,
  count: number,
  operation: () => Promise<unknown>,
  io: CommandIo,
): Promise<Measured> {
  const progress = io.progress({ title: work, total: count, unit: "operations" });
  const startedMs = performance.now();
  const latenciesMs: number[] = [];
  let toStart = count;
  const worker = async (): Promise<void> => {
    while (toStart-- > 0) {
      io.signal.throwIfAborted();
      const sentMs = performance.now();
      await operation();
      latenciesMs.push(performance.now() - sentMs);
      progress.update(latenciesMs.length);
    }
  };
  await Promise.all(Array.from({ length: workerCount }, worker));
  progress.finish();
  return summary(work, count, startedMs, latenciesMs);
}

async function scan(database: Database, { signal }: CommandIo): Promise<Measured> {
  const startedMs = performance.now();
  let count = 0;
  for await (const { key } of database.scan({ signal })) count += Math.min(1, key.length);
  return summary("scan, rows", count, startedMs, []);
}

function summary(
  work: string,
  count: number,
  startedMs: number,
  latenciesMs: readonly number[],
): Measured {
  const perSecond = (count * MS_PER_SECOND) / (performance.now() - startedMs);
  const sorted = latenciesMs.toSorted((left, right) => left - right);
  const p99Ms = sorted[Math.floor(sorted.length * P99)] ?? 0;
  return { work, perSecond: Math.round(perSecond), p99Ms: Number(p99Ms.toFixed(3)) };
}

function formatMeasured(measured: readonly Measured[]): string {
  const width = Math.max(...measured.map(({ work }) => work.length));
  const lines = measured.map(({ work, perSecond, p99Ms }) => {
    const rate = `${thousands(perSecond)}/s`.padStart(14);
    const latency = p99Ms === 0 ? "" : `   p99 ${p99Ms.toFixed(2)} ms`;
    return `${work.padEnd(width)}${rate}${latency}`;
  });
  return lines.join("\n");
}

function keyOf(index: number): string {
  return `key:${String(index).padStart(12, "0")}`;
}

function newValue(): Uint8Array {
  return new Uint8Array(VALUE_BYTES).fill(Math.floor(Math.random() * 256));
}

function countOf(flag: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && 0 < count) return count;
  throw new UsageError(`${flag} takes a whole number of at least 1, not "${text}"`);
}
