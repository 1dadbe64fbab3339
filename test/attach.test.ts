/** Several processes, and several threads, with one directory open, some of which die. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import type * as MainModule from "../src/entry/main.ts";
import { root, temporaryDirectory } from "./support/directories.ts";

const LIBRARY = join(root, "dist", "entry", "main.js");
const PROGRAM = join(root, "test", "support", "teller.mjs");
const TELLERS = ["anna", "boris", "clara"];
const KILLS = 6;
/** Acknowledged by every teller before the next is killed. */
const COUNTS_PER_ROUND = 20;

interface Told {
  readonly name: string;
  readonly count: number;
}

/** What has been acknowledged, and a way to wait for more of it. */
class Book {
  readonly counts = new Map<string, number>();
  #listeners: (() => void)[] = [];

  told({ name, count }: Told): void {
    expect(count).toBeGreaterThanOrEqual(this.of(name));
    this.counts.set(name, count);
    for (const listener of this.#listeners.splice(0)) listener();
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** Resolves when every teller has so many counts more than now. */
  async more(counts: number): Promise<void> {
    const wanted = TELLERS.map((name) => this.of(name) + counts);
    await this.#until(() => TELLERS.every((name, index) => this.of(name) >= (wanted[index] ?? 0)));
  }

  /** Resolves when the teller has opened the database. */
  async begun(name: string): Promise<void> {
    await this.#until(() => this.counts.has(name));
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#listeners.push(resolve));
  }
}

test("processes with one directory open lose no count when one after the other is killed", async () => {
  const path = temporaryDirectory();
  const book = new Book();
  const processes = new Map<string, ChildProcess>();
  const start = (name: string): void => {
    const child = fork(PROGRAM, [JSON.stringify({ library: LIBRARY, path, name })]);
    onTestFinished(() => void child.kill("SIGKILL"));
    child.on("message", (message) => book.told(message as Told));
    processes.set(name, child);
  };
  for (const name of TELLERS) {
    start(name);
    // The first has it open before the others come.
    await book.begun(name);
  }
  for (let round = 0; round < KILLS; round++) {
    await book.more(COUNTS_PER_ROUND);
    // Whoever holds the directory is among any two that follow each other.
    const name = TELLERS[round % TELLERS.length] ?? "";
    const killed = processes.get(name);
    killed?.kill("SIGKILL");
    if (killed?.exitCode === null && killed.signalCode === null) await once(killed, "exit");
    start(name);
  }
  await book.more(COUNTS_PER_ROUND);
  for (const child of processes.values()) {
    child.send("stop");
    if (child.exitCode === null) expect(await once(child, "exit")).toEqual([0, null]);
  }
  await expectCounts(path, book, KILLS);
});

test("a worker thread is served by its parent, and goes on when that closes", async () => {
  const path = temporaryDirectory();
  const { open } = await library();
  const db = await open({ path, cacheBytes: 16 << 20, logBytes: 8 << 20 });
  const book = new Book();
  const workers = TELLERS.map((name) => {
    const worker = new Worker(PROGRAM, { workerData: { library: LIBRARY, path, name } });
    worker.on("message", (message: Told) => book.told(message));
    onTestFinished(async () => void (await worker.terminate()));
    return worker;
  });
  await book.more(COUNTS_PER_ROUND);
  expect(await db.get(["teller", "anna"])).toBeGreaterThanOrEqual(book.of("anna"));
  await db.close();
  await book.more(COUNTS_PER_ROUND);
  // A thread that is ended in the midst of its work is gone as a process would be.
  await workers[0]?.terminate();
  for (const worker of workers.slice(1)) {
    const ended = once(worker, "exit");
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    worker.postMessage("stop");
    await ended;
  }
  await expectCounts(path, book, 1);
});

/** Every count that was acknowledged is there, once; of those under way at a kill some may be. */
async function expectCounts(path: string, book: Book, kills: number): Promise<void> {
  const { open } = await library();
  const db = await open({ path, attach: false });
  onTestFinished(async () => await db.close());
  let sum = 0;
  for (const name of TELLERS) {
    const found = (await db.get<number>(["teller", name])) ?? 0;
    expect(found, name).toBeGreaterThanOrEqual(book.of(name));
    expect(found, name).toBeLessThanOrEqual(book.of(name) + kills);
    sum += found;
  }
  expect(await db.get("all")).toBe(sum);
  expect(sum).toBeGreaterThan(kills * COUNTS_PER_ROUND);
}

/** As it is built, since that is what another program would have. */
async function library(): Promise<typeof MainModule> {
  return (await import(LIBRARY)) as typeof MainModule;
}
