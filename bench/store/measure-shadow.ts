/**
 * Durable updates of a store of so many rows, by one writer and by 64: `measure-shadow.ts
 * shadow|holdfast DIRECTORY ROWS SECONDS`.
 */

import { join } from "node:path";
import type { Engine } from "../../src/transactions/engine.ts";
import { hostWorld, openEngine, shadowModule } from "../holdfast.ts";
import { printFigures } from "../in-process.ts";
import { keyOf, valueOf } from "../library/peer.ts";
import { OURS } from "../report.ts";

const WRITERS = 64;
const BATCH = 1_000;
const BALANCE = 1_000;
const MS_PER_SECOND = 1_000;
const MEBIBYTE = 1024 * 1024;

const [kind, directory = "", rowsText, secondsText] = process.argv.slice(2);
const rowCount = Number(rowsText);
const durationMs = Number(secondsText) * MS_PER_SECOND;

const engine = kind === OURS ? await openOurs() : await openShadow();
await load(engine);
printFigures({ alone: await updates(engine, 1), together: await updates(engine, WRITERS) });
await engine.close();

async function openOurs(): Promise<Engine> {
  return await openEngine(directory, { logBytes: 64 * MEBIBYTE });
}

async function openShadow(): Promise<Engine> {
  const { createShadowStore } = await shadowModule();
  return await createShadowStore(await hostWorld(), join(directory, "shadow"));
}

async function load(store: Engine): Promise<void> {
  for (let first = 0; first < rowCount; first += BATCH) {
    await store.run((step) => {
      const end = Math.min(rowCount, first + BATCH);
      for (let index = first; index < end; index++) step.set(keyOf(index), valueOf(BALANCE));
    });
  }
  await store.whenSettled(store.answerLsn);
}

/** Updates a second. */
async function updates(store: Engine, writerCount: number): Promise<number> {
  const startedMs = performance.now();
  let count = 0;
  const writer = async (): Promise<void> => {
    while (performance.now() - startedMs < durationMs) {
      const key = keyOf(Math.floor(Math.random() * rowCount));
      const value = valueOf(BALANCE);
      await store.run((step) => step.set(key, value));
      await store.whenSettled(store.answerLsn);
      count++;
    }
  };
  await Promise.all(Array.from({ length: writerCount }, writer));
  return (count * MS_PER_SECOND) / (performance.now() - startedMs);
}
