import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { connectTo } from "./support/redis-client.ts";
import { Server } from "./support/server.ts";
import { canMount, smallDisk } from "./support/small-disk.ts";

const VALUE = "v".repeat(16 * 1024);
const KEYS_MAX = 4_000;
const SMALL_KEYS_MAX = 60_000;

const mayMount = await canMount();

test.skipIf(!mayMount)(
  "on a full disk writers are told, readers go on, and space frees it",
  async () => {
    const data = await dataOnSmallDisk();
    const first = await Server.start({ data });
    const client = connectTo(first.port);

    const written = await writeUntilFull(client);
    expect(written, "something fitted").toBeGreaterThan(10);
    expect(written, "the disk got full").toBeLessThan(KEYS_MAX);
    expect(await client.get(keyOf(0)), "readers go on").toBe(VALUE);
    expect(await client.dbsize()).toBe(written);
    expect(await isDiskFull(first), "whoever watches it is told").toBe(1);

    for (let index = 0; index < written; index += 2) await client.del(keyOf(index));
    await expect
      .poll(async () => await client.set("again", VALUE).catch(String), {
        timeout: 30_000,
      })
      .toBe("OK");
    await first.kill();

    const second = await Server.start({ data });
    const reader = connectTo(second.port);
    expect(await reader.get("again")).toBe(VALUE);
    expect(await reader.get(keyOf(1))).toBe(VALUE);
    expect(await reader.get(keyOf(0))).toBeNull();
    expect(await isDiskFull(second)).toBe(0);
    expect((await second.stop()).code).toBe(0);
  },
);

test.skipIf(!mayMount)("a full disk is freed by transactions and by FLUSHDB", async () => {
  const server = await Server.start({ data: await dataOnSmallDisk() });
  const client = connectTo(server.port);
  const written = await fillWithSmallRows(client);
  expect(written, "the disk got full").toBeLessThan(SMALL_KEYS_MAX);

  const deleted = Array.from({ length: 8 }, (_, index) => keyOf(index));
  const outcome = await client.multi().del(deleted).get(keyOf(8)).exec();
  expect(outcome?.[0]).toEqual([null, deleted.length]);
  expect(await client.flushdb()).toBe("OK");
  expect(await client.dbsize()).toBe(0);
  // The rows go in the background.
  await expect
    .poll(async () => await fillWithSmallRows(client, 1000), { timeout: 30_000 })
    .toBe(1000);
  expect((await server.stop()).code).toBe(0);
});

async function isDiskFull(server: Server): Promise<number> {
  const metrics = await (await fetch(`${server.http}/metrics`)).text();
  return Number(/^holdfast_disk_full (\d)$/mu.exec(metrics)?.[1]);
}

/** How many keys were acknowledged before one was refused, in requests of many. */
async function fillWithSmallRows(client: Redis, max = SMALL_KEYS_MAX): Promise<number> {
  const value = "v".repeat(1000);
  for (let index = 0; index < max; index += 100) {
    const requests = client.pipeline();
    for (let next = index; next < index + 100; next++) requests.set(keyOf(next), value);
    const answers = (await requests.exec()) ?? [];
    const refused = answers.findIndex(([error]) => error !== null);
    if (refused >= 0) return index + refused;
  }
  return max;
}

/** How many keys were acknowledged before one was refused. */
async function writeUntilFull(client: Redis): Promise<number> {
  for (let index = 0; index < KEYS_MAX; index++) {
    try {
      await client.set(keyOf(index), VALUE);
    } catch (error) {
      expect(String(error)).toMatch(/OOM|full/u);
      return index;
    }
  }
  return KEYS_MAX;
}

function keyOf(index: number): string {
  return `key:${index}`;
}

async function dataOnSmallDisk(): Promise<string> {
  const data = join(await smallDisk(), "data");
  mkdirSync(data);
  return data;
}
