/**
 * Measures one embedded store from an empty directory to its closing, in a process of its own, and
 * prints the figures as one line of JSON: `measure-peer.ts NAME DIRECTORY KEYS SECONDS`.
 */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { memoryUsage } from "node:process";
import { printFigures } from "../in-process.ts";
import { quantile } from "../statistics.ts";
import { type Entry, keyOf, type OpenPeer, valueOf } from "./peer.ts";
import { peers } from "./peers.ts";
import type { WorkName } from "./works.ts";

const LOAD_BATCH = 1_000;
const WRITERS = 64;
const MS_PER_SECOND = 1_000;
/** So many lookups happen between two looks at the clock. */
const GETS_PER_LOOK = 256;
/** Values have this balance until the measured works change it. */
const BALANCE = 1_000;
const BLOCK_BYTES = 512;

const [name, directory = "", keyCountText, secondsText] = process.argv.slice(2);
const keyCount = Number(keyCountText);
const durationMs = Number(secondsText) * MS_PER_SECOND;

const peer = peers.find((candidate) => candidate.name === name);
if (peer === undefined) throw new Error(`there is no store "${name}"`);
const opened = await peer.open(directory);
const figures = await measureAll(opened);
await opened.close();
const sizeBytes = sizeOf(directory);
printFigures({
  ...figures,
  "size on disk": sizeBytes,
});

async function measureAll(store: OpenPeer): Promise<Partial<Record<WorkName, number>>> {
  const loadRate = await load(store);
  const residentBytes = memoryUsage.rss();
  const getRate = await gets((key) => store.get(key));
  const awaitedRate = await gets(async (key) => await store.getAwaited(key));
  const scanRate = await scans(store);
  const alone = await writes(1, async () => await store.putAlone(randomEntry()));
  const together = await writes(WRITERS, async () => await store.put(randomEntry()));
  const transfers = await writes(WRITERS, async () => {
    await store.transfer(randomKey(), randomKey());
  });
  return {
    "durable put, 1 writer": alone.rate,
    "durable put, 64 writers at once": together.rate,
    "durable put, 64 writers: p99": together.p99Ms,
    "transfer (2 reads, 2 writes), 64 at once": transfers.rate,
    "random get": getRate,
    "random get, awaited": awaitedRate,
    "range scan": scanRate,
    "load, random keys, durable per 1,000": loadRate,
    "memory after loading": residentBytes,
  };
}

async function load(store: OpenPeer): Promise<number> {
  const startedMs = performance.now();
  for (let first = 0; first < keyCount; first += LOAD_BATCH) {
    const batch: Entry[] = [];
    for (let index = first; index < first + LOAD_BATCH; index++) {
      batch.push({ key: keyOf(index), value: valueOf(BALANCE) });
    }
    await store.load(batch);
  }
  return rate(keyCount, startedMs);
}

async function gets(get: (key: Uint8Array) => boolean | Promise<boolean>): Promise<number> {
  const startedMs = performance.now();
  let count = 0;
  while (performance.now() - startedMs < durationMs) {
    for (let step = 0; step < GETS_PER_LOOK; step++) {
      const found = get(randomKey());
      const isFound = typeof found === "boolean" ? found : await found;
      if (!isFound) throw new Error("a key that was loaded is gone");
    }
    count += GETS_PER_LOOK;
  }
  return rate(count, startedMs);
}

async function scans(store: OpenPeer): Promise<number> {
  const startedMs = performance.now();
  let count = 0;
  while (performance.now() - startedMs < durationMs) count += await store.scan(keyCount);
  return rate(count, startedMs);
}

interface Writes {
  readonly rate: number;
  readonly p99Ms: number;
}

/** So many writers, each with one write under way at any time. */
async function writes(writerCount: number, write: () => Promise<void>): Promise<Writes> {
  const startedMs = performance.now();
  const latenciesMs: number[] = [];
  const writer = async (): Promise<void> => {
    let nowMs = performance.now();
    while (nowMs - startedMs < durationMs) {
      const sentMs = nowMs;
      await write();
      nowMs = performance.now();
      latenciesMs.push(nowMs - sentMs);
    }
  };
  await Promise.all(Array.from({ length: writerCount }, writer));
  const sorted = latenciesMs.toSorted((left, right) => left - right);
  return { rate: rate(latenciesMs.length, startedMs), p99Ms: quantile(sorted, 0.99) };
}

function randomKey(): Uint8Array {
  return keyOf(Math.floor(Math.random() * keyCount));
}

function randomEntry(): Entry {
  return { key: randomKey(), value: valueOf(BALANCE) };
}

function rate(count: number, startedMs: number): number {
  return (count * MS_PER_SECOND) / (performance.now() - startedMs);
}

/** What the files occupy, holes not counted. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => statSync(join(folder, path)))
    .reduce((sum, { blocks }) => sum + blocks * BLOCK_BYTES, 0);
}
