import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeReply, type Reply, ReplyReader } from "../resp/reply-reader.ts";
import { randomRequests, randomTurns } from "./random-requests.suite.ts";
import { encodeRequest, TestDoor, words } from "./test-door.suite.ts";
import { transcribe, type Transcribed } from "./transcripts.suite.ts";

/** What is not answered by then never will be. */
const SILENCE_MS = 20_000;
const START_POLL_MS = 20;

/** What the door does is right if a redis-server does it too. */
describe.skipIf(!hasRedis())("beside redis-server", () => {
  let redis: RedisReference;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(async () => {
    await redis.stop();
  });

  const folder = new URL("testdata/redis/", import.meta.url);
  test.each(readdirSync(folder).toSorted())("%s", async (file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    const clients = new Map<string, RedisClient>();
    const asked: Transcribed = {
      async ask(name, request, replyCount) {
        let client = clients.get(name);
        if (client === undefined) {
          client = await redis.connect();
          clients.set(name, client);
          if (name === "3") await client.ask(["HELLO 3"], 1);
        }
        return await client.ask([request], replyCount);
      },
      pass: async () => await Promise.reject(new Error("time is its own here")),
    };
    const cleaner = await redis.connect();
    await cleaner.ask(["FLUSHALL"], 1);
    expect(await transcribe(text, asked)).toBe(text);
    for (const client of clients.values()) client.close();
    cleaner.close();
  });

  test("whatever is asked", async () => {
    const theirs = await redis.connect();
    await fc.assert(
      fc.asyncProperty(randomRequests, async (requests) => {
        const lines = requests.map((asked) => asked.map((word) => JSON.stringify(word)).join(" "));
        await theirs.ask(["RESET", "FLUSHALL"], 2);
        const expected = await theirs.ask(lines, lines.length);
        const ours = new TestDoor().connect();
        const received = await ours.ask(...lines);
        expect(withSortedKeys(lines, received)).toEqual(withSortedKeys(lines, expected));
      }),
      { seed: 20_260_101, numRuns: 1000 },
    );
    theirs.close();
  });

  test("whatever three clients ask in turn", async () => {
    const cleaner = await redis.connect();
    await fc.assert(
      fc.asyncProperty(randomTurns, async (turns) => {
        await cleaner.ask(["FLUSHALL"], 1);
        const theirs = await Promise.all([redis.connect(), redis.connect(), redis.connect()]);
        const door = new TestDoor();
        const ours = [door.connect(), door.connect(), door.connect()];
        const lines: string[] = [];
        const expected: string[] = [];
        const received: string[] = [];
        for (const [who, asked] of turns) {
          const line = asked.map((word) => JSON.stringify(word)).join(" ");
          lines.push(`${who}: ${line}`);
          expected.push(...((await theirs[who]?.ask([line], 1)) ?? []));
          received.push(...((await ours[who]?.ask(line)) ?? []));
        }
        for (const client of theirs) client.close();
        expect(withSortedKeys(lines, received)).toEqual(withSortedKeys(lines, expected));
      }),
      { seed: 20_260_101, numRuns: 150 },
    );
    cleaner.close();
  });
});

/**
 * With each reply what it answers; KEYS answers in an order of its own, and how long it is until a
 * distant deadline depends on the day.
 */
function withSortedKeys(lines: readonly string[], replies: readonly string[]): readonly string[] {
  return replies.map(
    (reply, index) => `${lines[index]} -> ${sorted(reply).replaceAll(/3\d{10}/g, "long")}`,
  );
}

/** Lists in lists, as EXEC answers them, are sorted inside. */
function sorted(reply: string): string {
  return reply.replaceAll(/\[("\w*"(?:, "\w*")+)\]/g, (_, items: string) => {
    return `[${items.split(", ").toSorted().join(", ")}]`;
  });
}

/** Whether there is one to compare with. */
function hasRedis(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

interface RedisReference {
  connect(): Promise<RedisClient>;
  stop(): Promise<void>;
}

async function startRedis(): Promise<RedisReference> {
  const directory = mkdtempSync(join(tmpdir(), "redis-reference-"));
  const port = await freePort();
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory];
  const server = spawn("redis-server", options, { stdio: "ignore" });
  return {
    connect: async () => new RedisClient(await dial(port)),
    async stop() {
      const exited = once(server, "exit");
      server.kill("SIGKILL");
      await exited;
      rmSync(directory, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

/** Connects, waiting for a server that is only starting. */
async function dial(port: number): Promise<Socket> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket;
    } catch {
      await sleep(START_POLL_MS);
    }
  }
}

async function sleep(durationMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, durationMs);
  });
}

class RedisClient {
  readonly #socket: Socket;
  readonly #reader = new ReplyReader();
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#reader.push(bytes);
      this.#wake();
    });
    socket.on("close", () => this.#wake());
    socket.on("error", () => undefined);
  }

  /** The first so many replies that come after the requests were sent. */
  async ask(requests: readonly string[], replyCount: number): Promise<string[]> {
    const input = requests.map((request) => encodeRequest(words(request))).join("");
    this.#socket.write(input, "latin1");
    const replies: string[] = [];
    while (replies.length < replyCount) {
      const reply = this.#reader.next() ?? (await this.#wait());
      replies.push(describeReply(reply));
    }
    return replies;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #wait(): Promise<Reply> {
    const giveUpMs = performance.now() + SILENCE_MS;
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, sleep(SILENCE_MS)]);
      const reply = this.#reader.next();
      if (reply !== undefined) return reply;
      if (giveUpMs < performance.now()) throw new Error("redis-server does not answer");
    }
  }
}
