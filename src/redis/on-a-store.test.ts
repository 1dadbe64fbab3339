import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { hostWorld } from "../host/world.ts";
import { formatStore, storeBytes } from "../store/format.ts";
import { defaultStoreOptions } from "../store/options.ts";
import { openVolumeEngine } from "../transactions/open-engine.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import { doorRows } from "./door-rows.ts";
import { type TestClient, TestDoor, turn } from "./test-door.suite.ts";
import { transcribe } from "./transcripts.suite.ts";

const OPTIONS = {
  ...defaultStoreOptions,
  cacheBytes: 4 << 20,
  logBytes: 4 << 20,
  pagesBytes: 16 << 20,
};

let image: PagedImage;
let engine: Transactions;
let door: TestDoor;

beforeEach(async () => {
  const volume = new MemoryVolume(storeBytes(OPTIONS));
  await formatStore(hostWorld(), volume, OPTIONS);
  image = volume.image;
  await openDoor();
});

afterEach(async () => {
  await closeDoor();
});

async function openDoor(): Promise<void> {
  engine = await openVolumeEngine(hostWorld(), new MemoryVolume(image), OPTIONS, [doorRows]);
  door = new TestDoor({}, engine);
}

async function closeDoor(): Promise<void> {
  const closed = door.server.close();
  await door.clock.pass(10_000);
  await closed;
  await engine.close();
}

/** The replies that come without anybody doing anything more. */
async function ask(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  client.send(...lines);
  await turn();
  await engine.whenSettled(engine.appendedLsn);
  await turn();
  return client.received();
}

function rowCount(): number {
  return engine.store.census.total;
}

describe("transcripts", () => {
  test.each([
    "redis/strings",
    "redis/renaming",
    "redis/databases",
    "redis/multi",
    "redis/watch",
    "redis/scanning",
    "holdfast/begin",
    "holdfast/scan",
  ])("%s", async (name) => {
    const text = readFileSync(new URL(`testdata/${name}.txt`, import.meta.url), "utf8");
    const clients = new Map<string, TestClient>();
    const written = await transcribe(text, {
      async ask(client, request) {
        const asked = clients.get(client) ?? door.connect();
        clients.set(client, asked);
        return await ask(asked, request);
      },
      pass: async (durationMs) => await door.clock.pass(durationMs),
    });
    expect(written).toBe(text);
  });
});

describe("data that is larger than the cache", () => {
  const keys = Array.from({ length: 6000 }, (_, index) => `key:${index * 7919}`);
  let client: TestClient;

  beforeEach(async () => {
    client = door.connect();
    const value = "v".repeat(900);
    for (let first = 0; first < keys.length; first += 50) {
      const pairs = keys.slice(first, first + 50).map((key) => `${key} ${value}`);
      expect(await reply(`MSET ${pairs.join(" ")}`)).toBe("OK");
    }
  });

  async function reply(line: string): Promise<string | undefined> {
    client.send(line);
    for (;;) {
      const [first] = client.received();
      if (first !== undefined) return first;
      await turn();
    }
  }

  test("the keys of one command are loaded together", async () => {
    const loads = vi.spyOn(engine.store.cells, "loadMissing");
    const some = keys.filter((_, index) => index % 60 === 0);
    expect(await reply(`EXISTS ${some.join(" ")}`)).toBe(`(integer) ${some.length}`);
    expect(loads.mock.calls.length).toBeGreaterThan(1);
    expect(loads.mock.calls.length).toBeLessThan(20);
  });

  test("what the commands of MULTI miss is loaded together", async () => {
    const some = keys.filter((_, index) => index % 60 === 0);
    const lines = some.map((key) => `STRLEN ${key}`);
    const loads = vi.spyOn(engine.store.cells, "loadMissing");
    client.send("MULTI", ...lines, "EXEC");
    const replies: string[] = [];
    while (replies.length < lines.length + 2) {
      await turn();
      replies.push(...client.received());
    }
    expect(replies.at(-1)).toBe(`[${lines.map(() => "(integer) 900").join(", ")}]`);
    expect(loads.mock.calls.length).toBeLessThan(20);
  });

  test("what one command of MULTI looks up is not expected of the next", async () => {
    const long = "w".repeat(10_000);
    for (let index = 0; index < 60; index += 3) {
      const [one, two, three] = keys.filter((_, at) => at % 97 === index);
      client.send("MULTI", `MGET ${one} ${two}`, `SET ${three} ${long}`, "EXEC");
      const replies: string[] = [];
      while (replies.length < 4) {
        await turn();
        replies.push(...client.received());
      }
      expect(replies[3]).toMatch(/, OK\]$/u);
    }
  });

  test("a command of more keys than the cache has pages is refused", async () => {
    const answer = await reply(`EXISTS ${keys.join(" ")}`);
    expect(answer).toMatch(/reads more pages at once than "cache" can hold/u);
    expect(await reply("EXISTS key:0 key:7919 none")).toBe("(integer) 2");
  });
});

describe("transactions that the client holds open", () => {
  test("are not seen by others before they are committed", async () => {
    const [holder, other] = [door.connect(), door.connect()];
    await ask(holder, "BEGIN", "SET k new", "INCR n");
    expect(await ask(other, "MGET k n")).toEqual(["[(nil), (nil)]"]);
    expect(await ask(holder, "COMMIT")).toEqual(["OK"]);
    expect(await ask(other, "MGET k n")).toEqual(['["new", "1"]']);
  });

  test("keep what they read from being written", async () => {
    const [holder, other] = [door.connect(), door.connect()];
    await ask(other, "SET k 1");
    expect(await ask(holder, "BEGIN", "GET k")).toEqual(["OK", '"1"']);
    expect(await ask(other, "SET k 2", "PING")).toEqual([]);
    expect(await ask(holder, "GET k", "COMMIT")).toEqual(['"1"', "OK"]);
    expect(await ask(other)).toEqual(["OK", "PONG"]);
  });

  test("keep what they did not find from appearing", async () => {
    const [holder, other] = [door.connect(), door.connect()];
    expect(await ask(holder, "BEGIN", "KEYS user:*")).toEqual(["OK", "[]"]);
    expect(await ask(other, "SET user:1 x")).toEqual([]);
    expect(await ask(other, "PING")).toEqual([]);
    await ask(holder, "COMMIT");
    expect(await ask(other)).toEqual(["OK", "PONG"]);
  });

  test("are aborted when an older one needs what they hold, and are older next time", async () => {
    const [older, younger] = [door.connect(), door.connect()];
    await ask(older, "BEGIN", "SET a 1");
    await ask(younger, "BEGIN", "SET b 2");
    expect(await ask(older, "SET b 1")).toEqual(["OK"]);
    const [refused, still, committed, plain] = await ask(
      younger,
      "GET c",
      "GET d",
      "COMMIT",
      "GET d",
    );
    expect(refused).toMatch(/^\(error\) ABORTED /);
    expect(still).toBe(refused);
    expect(committed).toBe(refused);
    expect(plain).toBe("(nil)");
    expect(await ask(older, "COMMIT")).toEqual(["OK"]);
    expect(await ask(younger, "BEGIN", "SET b 3", "COMMIT")).toEqual(["OK", "OK", "OK"]);
    expect(await ask(older, "MGET a b")).toEqual(['["1", "3"]']);
    expect(door.server.stats.transactionsAborted).toBe(1);
  });

  test("end with their connection", async () => {
    const [holder, other] = [door.connect(), door.connect()];
    await ask(holder, "BEGIN", "SET k 1");
    expect(await ask(other, "SET k 2")).toEqual([]);
    holder.connection.close();
    expect(await ask(other, "GET k")).toEqual(["OK", '"2"']);
  });

  test("that keep others waiting for too long are named to them, with the key", async () => {
    const [holder, other] = [door.connect(), door.connect()];
    await ask(other, "CONFIG SET lock-timeout-ms 20");
    await ask(holder, "BEGIN", "SET show:7 1");
    const told = await ask(other, "SET show:7 2");
    await expect.poll(async () => told.push(...(await ask(other)))).toBeGreaterThan(0);
    expect(told[0]).toMatch(
      /^\(error\) TIMEOUT .*aited for the key "show:7", which transaction \d+ holds, .* 20 ms/u,
    );
    expect(told[0]).toContain('raise "lock-timeout-ms"');
    await ask(holder, "ROLLBACK");
  });

  test("that give way are told for which key, by the name that it has here", async () => {
    const [older, younger] = [door.connect(), door.connect()];
    await ask(older, "BEGIN", "GET mine");
    await ask(younger, "BEGIN", "SET show:7 1");
    expect(await ask(older, "SET show:7 2")).toEqual(["OK"]);
    const [refused] = await ask(younger, "GET mine");
    expect(refused).toMatch(/^\(error\) ABORTED .* which needs the key "show:7" \(attempt 1\)/u);
    await ask(older, "ROLLBACK");
    await ask(younger, "ROLLBACK");
  });

  test("end when they have been open for too long", async () => {
    const [holder, other] = [door.connect(), door.connect()];
    await ask(holder, "CONFIG SET transaction-timeout-ms 1000", "BEGIN", "SET k 1");
    expect(await ask(other, "SET k 2")).toEqual([]);
    await door.clock.pass(1500);
    expect(await ask(other, "GET k")).toEqual(["OK", '"2"']);
    const [refused] = await ask(holder, "SET k 3");
    expect(refused).toBe(
      "(error) TIMEOUT The transaction was open for more than 1000 ms, which is the limit, and " +
        'was rolled back: run it again, or raise "transaction-timeout-ms"',
    );
    expect(await ask(holder, "ROLLBACK", "GET k")).toEqual(["OK", '"2"']);
  });
});

describe("whole databases", () => {
  test("are not flushed under a transaction that uses them", async () => {
    const [holder, other] = [door.connect(), door.connect()];
    await ask(other, "SET k 1");
    await ask(holder, "BEGIN", "GET k");
    expect(await ask(other, "FLUSHDB")).toEqual([]);
    expect(await ask(holder, "SET l 2", "DBSIZE", "COMMIT")).toEqual(["OK", "(integer) 2", "OK"]);
    expect(await ask(other, "DBSIZE", "MGET k l")).toEqual(["OK", "(integer) 0", "[(nil), (nil)]"]);
  });

  test("are the old ones for whoever asks while they are being flushed", async () => {
    const [holder, flusher, other] = [door.connect(), door.connect(), door.connect()];
    await ask(other, "SET k 1");
    await ask(holder, "BEGIN", "GET k");
    expect(await ask(flusher, "SWAPDB 0 1")).toEqual([]);
    expect(await ask(other, "GET k")).toEqual(['"1"']);
    await ask(holder, "COMMIT");
    expect(await ask(flusher)).toEqual(["OK"]);
    expect(await ask(other, "GET k", "SELECT 1", "GET k")).toEqual(["(nil)", "OK", '"1"']);
  });

  test("are rid of their rows in the background", async () => {
    const client = door.connect();
    for (let part = 0; part < 20; part++) {
      const pairs = Array.from({ length: 100 }, (_, index) => `k${part}:${index} v`);
      let replies = await ask(client, `MSET ${pairs.join(" ")}`);
      while (replies.length === 0) {
        await turn();
        replies = client.received();
      }
    }
    const before = rowCount();
    expect(await ask(client, "FLUSHALL", "SET k v", "DBSIZE")).toEqual(["OK", "OK", "(integer) 1"]);
    for (let round = 0; round < 20; round++) {
      await door.clock.pass(100);
      await ask(client, "PING");
    }
    expect(rowCount()).toBeLessThan(before - 1900);
    expect(await ask(client, "KEYS *")).toEqual(['["k"]']);
  });
});

test("what a transaction let expire is removed, however late it commits", async () => {
  const client = door.connect();
  await ask(client, "BEGIN", "SET k v PX 1");
  // Nobody else sees a deadline, and the door takes it that there is none.
  await door.clock.pass(500);
  await ask(client, "COMMIT");
  for (let round = 0; rowCount() > 0; round++) {
    expect(round).toBeLessThan(1000);
    await door.clock.pass(100);
    await turn();
  }
});

test("what was answered is there after a restart", async () => {
  const client = door.connect();
  await ask(client, "SET k v EX 100", "SELECT 1", "SET l w", "SWAPDB 1 2", "SELECT 3", "SET m x");
  await ask(client, "FLUSHDB", "SET n y");
  await closeDoor();
  await openDoor();
  const again = door.connect();
  expect(
    await ask(again, "GET k", "TTL k", "SELECT 2", "GET l", "SELECT 3", "KEYS *", "INFO keyspace"),
  ).toEqual([
    '"v"',
    "(integer) 100",
    "OK",
    '"w"',
    "OK",
    '["n"]',
    JSON.stringify(
      "# Keyspace\r\ndb0:keys=1,expires=1,avg_ttl=0\r\n" +
        "db2:keys=1,expires=0,avg_ttl=0\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n",
    ),
  ]);
});
