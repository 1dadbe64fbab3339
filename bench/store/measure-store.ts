/**
 * Measures the store by itself: `measure-store.ts fill|load|open|puts DIRECTORY COUNT CACHE LOG`,
 * where CACHE and LOG are sizes in bytes.
 *
 * `fill` writes COUNT rows into the log, without a checkpoint, and kills itself; `load` writes them
 * and closes. `open` times the opening of what is there. `puts` measures COUNT durable puts of 64
 * writers.
 */

import { memoryUsage } from "node:process";
import { openEngine } from "../holdfast.ts";
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

const works: Readonly<Record<string, () => Promise<void>>> = { fill, load, open, puts };
const run = works[work];
if (run === undefined) throw new Error(`there is no work "${work}"`);
await run();

/** Leaves a log that the next opening has to replay. */
async function fill(): Promise<void> {
  const options = { ...sizes, checkpointLogShare: 0.9, checkpointDirtyShare: 0.7 };
  const engine = await openEngine(directory, options);
  await write(engine);
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
  const startedMs = performance.now();
  const engine = await openEngine(directory, sizes);
  printFigures({ openMs: performance.now() - startedMs });
  await engine.close();
}

async function puts(): Promise<void> {
  const engine = await openEngine(directory, sizes);
  const checkpointsBefore = engine.store.checkpointCount;
  const latenciesMs: number[] = [];
  let toStart = count;
  const writer = async (): Promise<void> => {
    while (toStart-- > 0) {
      const key = keyOf(Math.floor(Math.random() * count));
      const value = valueOf(BALANCE);
      const sentMs = performance.now();
      await engine.run((step) => step.set(key, value));
      await engine.whenSettled(engine.answerLsn);
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  printFigures({
    p99Ms: quantile(
      latenciesMs.toSorted((left, right) => left - right),
      0.99,
    ),
    checkpoints: engine.store.checkpointCount - checkpointsBefore,
  });
  await engine.close();
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
