import { expect, test } from "vitest";
import { hostWorld } from "../host/world.ts";
import { formatStore, storeBytes } from "../store/format.ts";
import { defaultStoreOptions } from "../store/options.ts";
import { openVolumeEngine } from "../transactions/open-engine.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { type TestClient, TestDoor, TestRandom, turn } from "./test-door.suite.ts";

const OPTIONS = {
  ...defaultStoreOptions,
  cacheBytes: 4 << 20,
  logBytes: 4 << 20,
  pagesBytes: 4 << 20,
};
const ACCOUNTS = ["a", "b", "c", "d"];
const TOTAL = 100 * ACCOUNTS.length;
const read = `MGET ${ACCOUNTS.join(" ")}`;

async function openEngine(): Promise<Transactions> {
  const volume = new MemoryVolume(storeBytes(OPTIONS));
  await formatStore(hostWorld(), volume, OPTIONS);
  return await openVolumeEngine(hostWorld(), volume, OPTIONS);
}

/** As many replies as there are requests, however long they take. */
async function answers(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  client.send(...lines);
  const replies: string[] = [];
  for (let turns = 0; replies.length < lines.length; turns++) {
    expect(turns).toBeLessThan(10_000);
    await turn();
    replies.push(...client.received());
  }
  return replies;
}

function amounts(reply = ""): number[] {
  return (JSON.parse(reply) as string[]).map(Number);
}

function sum(reply: string | undefined): number {
  return amounts(reply).reduce((one, other) => one + other);
}

/** Moves money in a transaction; whether it came to pass. */
async function transferByBegin(client: TestClient, random: TestRandom): Promise<boolean> {
  const [from, to] = [ACCOUNTS[random.below(4)] ?? "", ACCOUNTS[random.below(4)] ?? ""];
  const amount = random.below(50);
  const replies = await answers(
    client,
    "BEGIN",
    `GET ${from}`,
    `DECRBY ${from} ${amount}`,
    `INCRBY ${to} ${amount}`,
    "COMMIT",
  );
  return replies.at(-1) === "OK";
}

async function transferByWatch(client: TestClient, random: TestRandom): Promise<boolean> {
  const [from, to] = ACCOUNTS.toSorted(() => random.below(3) - 1);
  const [, held] = await answers(client, `WATCH ${from} ${to}`, `MGET ${from} ${to}`);
  const [left = 0, right = 0] = amounts(held);
  const replies = await answers(
    client,
    "MULTI",
    `SET ${from} ${left - 7}`,
    `SET ${to} ${right + 7}`,
    "EXEC",
  );
  return replies.at(-1) === "[OK, OK]";
}

test("money neither comes nor goes, whatever is done at once", async () => {
  const random = new TestRandom(5);
  const engine = await openEngine();
  const door = new TestDoor({}, engine);
  const setUp = door.connect();
  const balances = ACCOUNTS.map((account) => `${account} 100`).join(" ");
  await answers(setUp, `MSET ${balances}`, "SELECT 1", `MSET ${balances}`);
  let running = 4;
  let done = 0;
  const isOver = (): boolean => running === 0;
  const work = async (step: (client: TestClient) => Promise<boolean>): Promise<void> => {
    const client = door.connect();
    for (let count = 0; count < 40; count++) if (await step(client)) done++;
    running--;
  };
  const swap = async (client: TestClient): Promise<boolean> => {
    await answers(client, "SWAPDB 0 1");
    return false;
  };
  const watch = async (): Promise<void> => {
    const client = door.connect();
    while (!isOver()) {
      const [seen, , held] = await answers(client, read, "BEGIN", read, "COMMIT");
      expect(sum(seen)).toBe(TOTAL);
      // The transaction itself may have been wounded.
      if (held?.startsWith("[") === true) expect(sum(held)).toBe(TOTAL);
    }
  };
  await Promise.all([
    work(async (client) => await transferByBegin(client, random)),
    work(async (client) => await transferByBegin(client, random)),
    work(async (client) => await transferByWatch(client, random)),
    work(swap),
    watch(),
  ]);
  expect(done).toBeGreaterThan(20);
  const [zero, , one] = await answers(setUp, read, "SELECT 0", read);
  expect([sum(zero), sum(one)]).toEqual([TOTAL, TOTAL]);
  const closed = door.server.close();
  await door.clock.pass(10_000);
  await closed;
  await engine.close();
});
