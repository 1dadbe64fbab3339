import { Redis as Redis6 } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { createClient as createClient6 } from "redis";
import { createClient as createClient5 } from "redis5";
import { expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "./support/directories.ts";
import { connectTo } from "./support/redis-client.ts";
import { hasProgram, runProgram } from "./support/programs.ts";
import { Server } from "./support/server.ts";

async function startServer(): Promise<Server> {
  const server = await Server.start({ data: temporaryDirectory() });
  onTestFinished(async () => {
    const { code } = await server.stop();
    expect(code).toBe(0);
  });
  return server;
}

test.skipIf(!hasProgram("redis-cli"))("redis-cli reads, writes and runs transactions", async () => {
  const { port } = await startServer();
  const cli = async (...words: readonly string[]): Promise<string> => {
    return (await runProgram("redis-cli", ["-p", String(port), ...words])).trimEnd();
  };
  expect(await cli("PING")).toBe("PONG");
  expect(await cli("SET", "greeting", "hello world", "EX", "1000")).toBe("OK");
  expect(await cli("GET", "greeting")).toBe("hello world");
  expect(Number(await cli("TTL", "greeting"))).toBeGreaterThan(900);
  expect(await cli("INCRBY", "count", "41")).toBe("41");
  expect(await cli("-3", "INCR", "count")).toBe("42");
  expect(await cli("--scan")).toContain("greeting");
  expect(await cli("NONSENSE")).toContain("ERR unknown command 'NONSENSE'");
  expect(await cli("INFO", "server")).toMatch(/redis_version:7\.2\.\d+/u);
  expect(await cli("EVAL", "return 1", "0")).toContain("ERR");
});

test.skipIf(!hasProgram("redis-cli"))(
  "redis-cli sends inline commands from its input",
  async () => {
    const { port } = await startServer();
    const script = "MULTI\nSET a 1\nSET b 2\nEXEC\nBEGIN\nSET a 9\nROLLBACK\nMGET a b\n";
    const shell = `printf '${script.replaceAll("\n", "\\n")}' | redis-cli -p ${port}`;
    const lines = (await runProgram("sh", ["-c", shell])).trimEnd().split("\n");
    expect(lines.filter((line) => line !== "")).toEqual([
      "OK",
      "QUEUED",
      "QUEUED",
      "OK",
      "OK",
      "OK",
      "OK",
      "OK",
      "1",
      "2",
    ]);
  },
);

test.each<[string, typeof Redis6]>([
  ["ioredis 6", Redis6],
  // Their types differ in details that are not used here.
  ["ioredis 5", Redis5 as unknown as typeof Redis6],
])("%s works", async (_name, Redis) => {
  const { port } = await startServer();
  const client = new Redis({ port, db: 1 });
  const watcher = new Redis({ port, db: 1 });
  onTestFinished(() => {
    client.disconnect();
    watcher.disconnect();
  });

  expect(await client.set("key", "value", "PX", 60_000, "NX")).toBe("OK");
  expect(await client.set("key", "other", "NX")).toBeNull();
  expect(await client.pttl("key")).toBeGreaterThan(50_000);
  expect(await client.getBuffer("key")).toEqual(Buffer.from("value"));
  expect(await client.mset({ a: "1", b: "2" })).toBe("OK");
  expect(await client.mget("a", "b", "none")).toEqual(["1", "2", null]);

  const pipeline = client.pipeline();
  for (let count = 0; count < 100; count++) pipeline.incr("counter");
  const replies = await pipeline.exec();
  expect(replies?.at(-1)).toEqual([null, 100]);

  await watcher.watch("counter");
  await client.incr("counter");
  expect(await watcher.multi().set("counter", "0").exec()).toBeNull();
  expect(await client.multi().incr("counter").get("a").exec()).toEqual([
    [null, 102],
    [null, "1"],
  ]);

  const found: string[] = [];
  const stream = client.scanStream({ match: "*", count: 2 });
  for await (const keys of stream) found.push(...(keys as string[]));
  expect(found.toSorted()).toEqual(["a", "b", "counter", "key"]);

  expect(await client.del("a", "b", "none")).toBe(2);
  await expect(client.call("NONSENSE")).rejects.toThrow("ERR unknown command");
  await client.quit();
  await watcher.quit();
});

test("a scan goes on when the server was started again", async () => {
  const data = temporaryDirectory();
  const first = await Server.start({ data });
  const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
  const before = connectTo(first.port);
  await before.mset(Object.fromEntries(keys.map((key) => [key, "v"])));
  const met = new Set<string>();
  let [cursor, found] = await before.scan(0, "COUNT", 20);
  for (const key of found) met.add(key);
  await first.stop();

  const second = await Server.start({ data });
  const after = connectTo(second.port);
  while (cursor !== "0") {
    [cursor, found] = await after.scan(cursor, "COUNT", 20);
    for (const key of found) met.add(key);
  }
  expect([...met].toSorted()).toEqual(keys.toSorted());
});

test("node-redis 6 works, with RESP3", async () => {
  const { port } = await startServer();
  const client = createClient6({ url: `redis://127.0.0.1:${port}`, RESP: 3 });
  client.on("error", () => undefined);
  onTestFinished(() => client.destroy());
  await client.connect();

  expect(await client.set("key", "value", { EX: 1_000 })).toBe("OK");
  expect(await client.get("key")).toBe("value");
  expect(await client.ttl("key")).toBeGreaterThan(900);
  expect(await client.exists("none")).toBe(0);
  expect(await client.multi().incr("count").incrBy("count", 41).exec()).toEqual([1, 42]);
  const many = Array.from({ length: 100 }, async (_, index) => await client.set(`k${index}`, "v"));
  await Promise.all(many);
  expect(await client.dbSize()).toBe(102);
  await client.flushAll();
  expect(await client.dbSize()).toBe(0);
});

test("node-redis 5 works, with RESP2", async () => {
  const { port } = await startServer();
  const client = createClient5({ url: `redis://127.0.0.1:${port}`, RESP: 2 });
  client.on("error", () => undefined);
  onTestFinished(() => client.destroy());
  await client.connect();

  expect(await client.set("key", "value")).toBe("OK");
  expect(await client.get("key")).toBe("value");
  expect(await client.multi().set("a", "1").get("a").exec()).toEqual(["OK", "1"]);
  const found: string[] = [];
  for await (const keys of client.scanIterator()) found.push(...keys);
  expect(found.toSorted()).toEqual(["a", "key"]);
});

test("node-redis 6 runs nothing when what it watched was there in between", async () => {
  const { port } = await startServer();
  const client = createClient6({ url: `redis://127.0.0.1:${port}` });
  client.on("error", () => undefined);
  onTestFinished(() => client.destroy());
  await client.connect();
  const other = connectTo(port);

  await client.watch("key");
  await other.set("key", "value");
  await other.del("key");
  await expect(client.multi().set("done", "1").exec()).rejects.toThrow(/watched keys/u);
  expect(await client.exists("done")).toBe(0);
});

test.skipIf(!hasProgram("redis-benchmark"))("redis-benchmark runs what is offered", async () => {
  const { port } = await startServer();
  const flags = ["-p", String(port), "-n", "2000", "-c", "20", "-P", "4", "-r", "500", "--csv"];
  const tests = ["-t", "ping_inline,ping_mbulk,set,get,incr,mset"];
  const output = await runProgram("redis-benchmark", [...flags, ...tests]);
  const rows = output.trim().split("\n");
  expect(rows).toHaveLength(1 + 6);
  for (const row of rows.slice(1)) expect(row).toMatch(/^"[^"]+","\d+\.\d+"/u);

  const client = connectTo(port);
  expect(await client.dbsize()).toBeGreaterThan(300);
});

test("a client must give the password, where there is one", async () => {
  const data = temporaryDirectory();
  const environment = { HOLDFAST_REQUIREPASS: "s3cret" };
  const server = await Server.start({ data, environment });
  const without = connectTo(server.port);
  await expect(without.get("key")).rejects.toThrow("NOAUTH");

  const withIt = connectTo(server.port, "s3cret");
  expect(await withIt.set("key", "value")).toBe("OK");
  expect(JSON.stringify(await withIt.config("GET", "*"))).not.toContain("s3cret");
  expect(await withIt.info()).not.toContain("s3cret");
  expect(server.log).not.toContain("s3cret");
  await server.stop();
});
