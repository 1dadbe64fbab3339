/**
 * Measures the store by itself: `measure-store.ts WORK DIRECTORY COUNT CACHE LOG`, where CACHE and
 * LOG are sizes in bytes.
 *
 * `fill` writes COUNT rows into the log, a thousand a transaction, and `update` puts COUNT times a
 * random row of COUNT, 64 writers at once; both without a checkpoint, and then they kill
 * themselves. `load` writes COUNT rows and closes. `open` times the opening of what is there.
 * `puts` measures COUNT durable puts of 64 writers.
 */

import { memoryUsage } from "node:process";
import { loadEngine, openEngine } from "../holdfast.ts";
import { printFigures } from "../in-process.ts";
import { keyOf, valueOf } from "../library/peer.ts";
import { quantile } from "../statistics.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";

const BATCH = 1_000;
const WRITERS = 64;
const BALANCE = 1_000;

const [work = "", directory = "", countText, cacheText, logText] = process.argv.slice(2);
const count = Number(countText);
const sizes = { cacheBytes: Number(cacheText), logBytes: Number(logText) };

const works: Readonly<Record<string, () => Promise<void>>> = { fill, update, load, open, puts };
const run = works[work];
if (run === undefined) throw new Error(`there is no work "${work}"`);
await run();

/** Leaves a log that the next opening has to replay: that of a load. */
async function fill(): Promise<void> {
  await leaveLog(write);
}

/** As `fill`: the log of a server with many clients. */
async function update(): Promise<void> {
  await leaveLog(async (engine) => {
    await putAtOnce(engine, () => undefined);
  });
}

async function leaveLog(fillLog: (engine: Transactions) => Promise<void>): Promise<void> {
  const options = { ...sizes, checkpointLogShare: 0.9, checkpointDirtyShare: 0.7 };
  const engine = await openEngine(directory, options);
  await fillLog(engine);
  printFigures({ logBytes: engine.store.log.usedBytes, checkpoints: engine.store.checkpointCount });
  process.kill(process.pid, "SIGKILL");
}

/** Leaves a store that was closed in good order. */
async function load(): Promise<void> {
  const engine = await openEngine(directory, sizes);
  await write(engine);
  printFigures({ residentBytes: memoryUsage.rss() });
  await engine.close();
}

async function open(): Promise<void> {
  await loadEngine();
  const startedMs = performance.now();
  const engine = await openEngine(directory, sizes);
  printFigures({ openMs: performance.now() - startedMs });
  await engine.close();
}

async function puts(): Promise<void> {
  const engine = await openEngine(directory, sizes);
  const checkpointsBefore = engine.store.checkpointCount;
  const latenciesMs: number[] = [];
  await putAtOnce(engine, (latencyMs) => latenciesMs.push(latencyMs));
  printFigures({
    p99Ms: quantile(
      latenciesMs.toSorted((left, right) => left - right),
      0.99,
    ),
    checkpoints: engine.store.checkpointCount - checkpointsBefore,
  });
  await engine.close();
}

/** Puts random rows, each in a transaction of its own. */
async function putAtOnce(engine: Transactions, done: (latencyMs: number) => void): Promise<void> {
  let toStart = count;
  const writer = async (): Promise<void> => {
    while (toStart-- > 0) {
      const key = keyOf(Math.floor(Math.random() * count));
      const value = valueOf(BALANCE);
      const sentMs = performance.now();
      await engine.run((step) => step.set(key, value));
      await engine.whenSettled(engine.answerLsn);
      done(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function write(engine: Transactions): Promise<void> {
  for (let first = 0; first < count; first += BATCH) {
    await engine.run((step) => {
      for (let index = first; index < first + BATCH; index++) {
        step.set(keyOf(index), valueOf(BALANCE));
      }
    });
    await engine.whenSettled(engine.answerLsn);
  }
}
