import { describe, expect, test } from "vitest";
import { CursorTable } from "./cursor-table.ts";
import { encodeRequest, type TestClient, TestDoor, turn } from "./test-door.suite.ts";

const LONGEST = 8192 - 14;

describe("keys", () => {
  test("may be as long as the store allows, and no longer", async () => {
    const client = new TestDoor().connect();
    const [fits, tooLong] = ["k".repeat(LONGEST), "k".repeat(LONGEST + 1)];
    const refusal = `(error) ERR a key of ${LONGEST + 1} bytes is over the limit of ${LONGEST}`;
    expect(
      await client.ask(
        `SET ${fits} v EX 100`,
        `GET ${fits}`,
        `SET ${tooLong} v`,
        `GET ${tooLong}`,
        `MSET a 1 ${tooLong} 2`,
        `MSET a 1 b ${tooLong}`,
        `RENAME ${tooLong} a`,
        "DBSIZE",
      ),
    ).toEqual(["OK", '"v"', refusal, refusal, refusal, "OK", refusal, "(integer) 3"]);
  });

  test("that are too long spoil MULTI", async () => {
    const client = new TestDoor().connect();
    const replies = await client.ask(
      "MULTI",
      "SET a 1",
      `GET ${"k".repeat(9000)}`,
      "EXEC",
      "GET a",
    );
    expect(replies.slice(3)).toEqual([
      "(error) EXECABORT Transaction discarded because of previous errors.",
      "(nil)",
    ]);
  });

  test("with the names of what objects have are keys like others", async () => {
    const client = new TestDoor().connect();
    expect(
      await client.ask(
        "MSET __proto__ 1 constructor 2 hasOwnProperty 3",
        "MGET __proto__ constructor hasOwnProperty toString",
        "CONFIG GET __proto__",
        "CLIENT SETNAME __proto__",
        "COMMAND INFO constructor",
        "constructor",
      ),
    ).toEqual([
      "OK",
      '["1", "2", "3", (nil)]',
      "[]",
      "OK",
      "[(nil)]",
      "(error) ERR unknown command 'constructor', with args beginning with: ",
    ]);
  });
});

describe("values", () => {
  test("may not grow over the limit", async () => {
    const client = new TestDoor({ bulkBytesMax: 100 }).connect();
    const tooLong = "(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    expect(
      await client.ask(
        `SET k ${"x".repeat(100)}`,
        "APPEND k y",
        "SETRANGE k 99 ab",
        "SETRANGE k 99 a",
        "SETRANGE none 9223372036854775807 a",
      ),
    ).toEqual(["OK", tooLong, tooLong, "(integer) 100", tooLong]);
  });

  test("that are announced too long end the connection", async () => {
    const client = new TestDoor({ bulkBytesMax: 100 }).connect();
    expect(await client.ask(`SET k ${"x".repeat(101)}`)).toEqual([
      "(error) ERR Protocol error: invalid bulk length",
    ]);
    expect(client.isClosed).toBe(true);
  });
});

test("a request that is too long ends the connection", async () => {
  const client = new TestDoor({ requestBytesMax: 10_000 }).connect();
  client.sendRaw("*1000\r\n");
  for (let count = 0; count < 20; count++) client.sendRaw(`$1000\r\n${"x".repeat(1000)}\r\n`);
  expect(client.connection.destroyed).toBe(true);
});

test("MULTI queues only so much", async () => {
  const client = new TestDoor({ requestBytesMax: 10_000 }).connect();
  const line = `SET k ${"x".repeat(4000)}`;
  expect(await client.ask("MULTI", line, line, line, "EXEC", "GET k")).toEqual([
    "OK",
    "QUEUED",
    "QUEUED",
    "(error) ERR MULTI queues at most 10000 bytes: give EXEC fewer or smaller commands at a time",
    "(error) EXECABORT Transaction discarded because of previous errors.",
    "(nil)",
  ]);
});

test("MULTI queues only so much, however short the commands", async () => {
  const client = new TestDoor({ requestBytesMax: 10_000 }).connect();
  const lines = Array.from({ length: 1000 }, () => "PING");
  const replies = await client.ask("MULTI", ...lines, "EXEC");
  expect(replies.filter((reply) => reply === "QUEUED").length).toBeLessThan(500);
  expect(replies.at(-1)).toMatch(/EXECABORT/);
});

test("only so many keys are watched", async () => {
  const client = new TestDoor().connect();
  const keys = Array.from({ length: 10_000 }, (_, index) => `k${index}`);
  expect(await client.ask(`WATCH ${keys.join(" ")}`, "WATCH one", "UNWATCH", "WATCH one")).toEqual([
    "OK",
    "(error) ERR more than 10000 watched keys: UNWATCH, or use BEGIN",
    "OK",
    "OK",
  ]);
});

/** The cursor with which SCAN answers, and the keys. */
async function scan(client: TestClient, from: string): Promise<[string, string[]]> {
  const [reply = ""] = await client.ask(`SCAN ${from} COUNT 1`);
  return JSON.parse(reply) as [string, string[]];
}

test("only so many cursors are remembered", async () => {
  const client = new TestDoor({ cursorCountMax: 3 }).connect();
  await client.ask("MSET a 1 b 2 c 3");
  const cursors: string[] = [];
  for (let count = 0; count < 4; count++) cursors.push((await scan(client, "0"))[0]);
  expect(await client.ask(`SCAN ${cursors[0]}`, `SCAN ${cursors[1]}`)).toEqual([
    "(error) ERR invalid cursor: it was forgotten, since only the 3 that were used last are " +
      "remembered; begin again with SCAN 0",
    '["0", ["b", "c"]]',
  ]);
});

test("a scan that goes on takes the place of no other, and may be asked again", async () => {
  const client = new TestDoor({ cursorCountMax: 4 }).connect();
  await client.ask("MSET a 1 b 2 c 3 d 4 e 5 f 6");
  const [slow] = await scan(client, "0");
  let before = "0";
  let [cursor] = await scan(client, before);
  for (const key of ["b", "c", "d"]) {
    before = cursor;
    const [next, keys] = await scan(client, before);
    expect(keys).toEqual([key]);
    cursor = next;
  }
  expect((await scan(client, slow))[1]).toEqual(["b"]);
  expect((await scan(client, before))[1]).toEqual(["d"]);
});

test("a cursor of an earlier run begins again, whatever was given since", () => {
  const [earlier, later] = [new CursorTable(10, 1000), new CursorTable(10, 1001)];
  const cursor = earlier.remember(Uint8Array.of(1), 0);
  const other = later.remember(Uint8Array.of(2), 0);
  expect(later.recall(cursor)).toEqual(new Uint8Array(0));
  expect(earlier.recall(other)).toEqual(new Uint8Array(0));
  expect(later.recall(other)).toEqual(Uint8Array.of(2));
});

test("SCAN meets every key once, however many at a time", async () => {
  const client = new TestDoor().connect();
  const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
  await client.ask(`MSET ${keys.map((key) => `${key} v`).join(" ")}`);
  for (const count of [1, 7, 10, 99, 100, 1000]) {
    const met: string[] = [];
    let cursor = "0";
    do {
      const [reply = ""] = await client.ask(`SCAN ${cursor} COUNT ${count}`);
      const [next, found] = JSON.parse(reply) as [string, string[]];
      met.push(...found);
      cursor = next;
    } while (cursor !== "0");
    expect(met).toEqual(keys.toSorted());
  }
});

test.each([3, 60, 100])("RANDOMKEY draws nearly every one of %d keys", async (count) => {
  const client = new TestDoor().connect();
  const keys = Array.from(
    { length: count },
    (_, index) => `user:${String(index).padStart(6, "0")}`,
  );
  await client.ask(`MSET ${keys.map((key) => `${key} v`).join(" ")}`);
  const drawn = new Set<string>();
  for (let batch = 0; batch < 8; batch++) {
    const lines = Array.from({ length: count }, () => "RANDOMKEY");
    for (const key of await client.ask(...lines)) drawn.add(key);
  }
  expect(drawn.size).toBeGreaterThan(count * 0.9);
});

test("an error never holds the end of a line", async () => {
  const client = new TestDoor().connect();
  client.sendRaw(encodeRequest(["FOO\r\n+OK", "a\r\n-ERR b"]));
  await turn();
  expect(client.received()).toEqual([
    "(error) ERR unknown command 'FOO  +OK', with args beginning with: 'a  -ERR b' ",
  ]);
});
