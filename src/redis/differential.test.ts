import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  hasRedis,
  type RedisClient,
  type RedisReference,
  startRedis,
} from "./redis-reference.suite.ts";
import { randomRequests } from "./random-requests.suite.ts";
import { TestDoor } from "./test-door.suite.ts";
import { readTranscripts, transcribe, type Transcribed } from "./transcripts.suite.ts";

/** What the door does is right if a redis-server does it too. */
describe.skipIf(!hasRedis())("beside redis-server", () => {
  let redis: RedisReference;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(async () => {
    await redis.stop();
  });

  const transcripts = readTranscripts(new URL("testdata/redis/", import.meta.url));
  test.each(transcripts)("$name", async ({ text }) => {
    const clients = new Map<string, RedisClient>();
    const asked: Transcribed = {
      async ask(name, request) {
        let client = clients.get(name);
        if (client === undefined) {
          client = await redis.connect();
          clients.set(name, client);
          if (name === "3") await client.ask("HELLO 3");
        }
        return await client.ask(request);
      },
      pass: async () => await Promise.reject(new Error("time is its own here")),
    };
    const cleaner = await redis.connect();
    await cleaner.ask("FLUSHALL");
    expect(await transcribe(text, asked)).toBe(text);
    for (const client of clients.values()) client.close();
    cleaner.close();
  });

  test("whatever is asked", async () => {
    const theirs = await redis.connect();
    await fc.assert(
      fc.asyncProperty(randomRequests, async (requests) => {
        const lines = requests.map((words) => words.map((word) => JSON.stringify(word)).join(" "));
        await theirs.ask("RESET", "FLUSHALL");
        const expected = await theirs.ask(...lines);
        const ours = new TestDoor().connect();
        const received = await ours.ask(...lines);
        expect(withSortedKeys(lines, received)).toEqual(withSortedKeys(lines, expected));
      }),
      { seed: 20_260_101, numRuns: 1000 },
    );
    theirs.close();
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
  return reply.replaceAll(/\[("\w+"(?:, "\w+")+)\]/g, (_, items: string) => {
    return `[${items.split(", ").toSorted().join(", ")}]`;
  });
}
