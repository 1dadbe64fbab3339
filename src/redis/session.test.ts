import { describe, expect, test } from "vitest";
import { encodeRequest, TestDoor, TestRandom, turn } from "./test-door.suite.ts";

describe("input", () => {
  test("a pipeline is answered in order, by one write", async () => {
    const client = new TestDoor().connect();
    expect(await client.ask("SET k v", "GET k", "GET none", "PING", "NOPE")).toEqual([
      "OK",
      '"v"',
      "(nil)",
      "PONG",
      "(error) ERR unknown command 'NOPE', with args beginning with: ",
    ]);
    expect(client.connection.writeCount).toBe(1);
  });

  test("requests may be cut anywhere", async () => {
    const input = ["SET k 0123456789", "APPEND k abc", "GET k"]
      .map((line) => encodeRequest(line.split(" ")))
      .join("");
    for (let cut = 1; cut < input.length; cut++) {
      const client = new TestDoor().connect();
      client.sendRaw(input.slice(0, cut));
      client.sendRaw(input.slice(cut));
      await turn();
      expect(client.received()).toEqual(["OK", "(integer) 13", '"0123456789abc"']);
    }
    const client = new TestDoor().connect();
    for (const byte of input.split("")) client.sendRaw(byte);
    await turn();
    expect(client.received()).toEqual(["OK", "(integer) 13", '"0123456789abc"']);
  });

  test("requests of several connections are cut anywhere, and one breaks off", async () => {
    const input = encodeRequest(["SET", "k", "0123456789"]) + encodeRequest(["PING", "abc"]);
    for (let cut = 1; cut < input.length; cut++) {
      const door = new TestDoor();
      const [first, second, broken] = [door.connect(), door.connect(), door.connect()];
      first.sendRaw(input.slice(0, cut));
      broken.sendRaw(`${input.slice(0, cut)}\r\n*2\r\n$3\r\nGET\r\n$x\r\n`);
      second.sendRaw(input.slice(0, input.length - cut));
      first.sendRaw(input.slice(cut));
      second.sendRaw(input.slice(input.length - cut));
      await turn();
      expect(first.received()).toEqual(["OK", '"abc"']);
      expect(second.received()).toEqual(["OK", '"abc"']);
    }
  });

  test("a large value comes in many chunks", async () => {
    const client = new TestDoor().connect();
    const value = "0123456789".repeat(50_000);
    const input = encodeRequest(["SET", "k", value]) + encodeRequest(["STRLEN", "k"]);
    for (let at = 0; at < input.length; at += 1000) client.sendRaw(input.slice(at, at + 1000));
    await turn();
    expect(client.received()).toEqual(["OK", "(integer) 500000"]);
  });

  test("a malformed request is told so after what came before, then hung up on", async () => {
    const client = new TestDoor().connect();
    client.sendRaw(`${encodeRequest(["PING"])}*1\r\nfoo\r\n${encodeRequest(["SET", "k", "v"])}`);
    await turn();
    expect(client.received()).toEqual([
      "PONG",
      "(error) ERR Protocol error: expected '$', got 'f'",
    ]);
    expect(client.connection.ended).toBe(true);
  });

  test("what was got instead of a length is told as it is", async () => {
    for (const [got, told] of [
      ["\x01", "\x01"],
      ["\xff", "\xff"],
      ["\r", " "],
    ]) {
      const client = new TestDoor().connect();
      client.sendRaw(`*1\r\n${got}\r\n`);
      await turn();
      expect(client.received()).toEqual([
        `(error) ERR Protocol error: expected '$', got '${told}'`,
      ]);
    }
  });

  test.each(["POST / HTTP/1.1\r\nHost: x\r\n\r\nSET x y\r\n", "GET /\r\nHost: x\r\nSET x y\r\n"])(
    "a browser is hung up on: %j",
    async (input) => {
      const door = new TestDoor();
      const client = door.connect();
      client.sendRaw(input);
      await turn();
      expect(client.isClosed).toBe(true);
      expect(await door.connect().ask("GET x")).toEqual(["(nil)"]);
    },
  );
});

describe("replies wait for the log", () => {
  test("whoever writes is answered when it is settled", async () => {
    const { store, server, connect } = late();
    const client = connect();
    expect(await client.ask("SET k v")).toEqual([]);
    store.settle();
    expect(client.received()).toEqual(["OK"]);
    expect(server.connectionCount).toBe(1);
  });

  test("whoever reads what is not settled waits too, even for an absence or an error", async () => {
    const { store, connect } = late();
    const [writer, reader] = [connect(), connect()];
    await writer.ask("SET k v", "DEL other");
    expect(await reader.ask("GET other", "INCR k")).toEqual([]);
    store.settle();
    expect(reader.received()).toEqual([
      "(nil)",
      "(error) ERR value is not an integer or out of range",
    ]);
  });

  test("what needs nothing still keeps its place", async () => {
    const { store, connect } = late();
    const client = connect();
    expect(await client.ask("SET k v")).toEqual([]);
    expect(await client.ask("PING")).toEqual([]);
    store.settle();
    expect(client.received()).toEqual(["OK", "PONG"]);
    expect(client.connection.writeCount).toBe(1);
  });

  test("when the store fails, each command is told whether it may have been applied", async () => {
    const { store, connect } = late();
    const [writer, reader] = [connect(), connect()];
    writer.send("SET k v", "SET l w");
    reader.send("GET k");
    await turn();
    store.fail();
    await turn();
    const unknown =
      "(error) UNKNOWN the store failed before this was durable: whether it was applied is not " +
      "known";
    expect(writer.received()).toEqual([unknown, unknown]);
    expect(reader.received()).toEqual([
      "(error) UNAVAILABLE the store failed before this could be answered",
    ]);
    expect(writer.connection.ended).toBe(true);
  });

  test("when the store fails, what could be answered before is", async () => {
    const { store, connect } = late();
    const client = connect();
    client.send("PING", "GET k");
    store.fail();
    await turn();
    expect(client.received()).toEqual(["PONG", "(nil)"]);
    expect(client.connection.ended).toBe(true);
  });

  test("quitting waits for the last answer", async () => {
    const { store, connect } = late();
    const client = connect();
    expect(await client.ask("SET k v", "QUIT", "PING")).toEqual([]);
    expect(client.isClosed).toBe(false);
    store.settle();
    expect(client.received()).toEqual(["OK", "OK"]);
    expect(client.connection.ended).toBe(true);
  });
});

describe("commands that must wait", () => {
  test("stop their connection and no other, and keep the order", async () => {
    const door = new TestDoor();
    const [holder, waiter, other] = [door.connect(), door.connect(), door.connect()];
    expect(await holder.ask("BEGIN", "SET k 1")).toEqual(["OK", "OK"]);
    expect(await waiter.ask("PING", "GET k", "SET l 2")).toEqual(["PONG"]);
    expect(await waiter.ask("ECHO late")).toEqual([]);
    expect(await other.ask("PING")).toEqual(["PONG"]);
    expect(await holder.ask("COMMIT")).toEqual(["OK"]);
    expect(waiter.received()).toEqual(['"1"', "OK", '"late"']);
    expect(door.server.stats.commandsWaited).toBeGreaterThan(0);
  });

  test("are refused when they have waited too long", async () => {
    const door = new TestDoor();
    await door.connect().ask("BEGIN", "SET k 1");
    door.store.locksTimeOut = true;
    expect(await door.connect().ask("GET k", "PING")).toEqual([
      "(error) TIMEOUT the lock was held for too long",
      "PONG",
    ]);
  });

  test("take in only so much of what follows", async () => {
    const door = new TestDoor();
    await door.connect().ask("BEGIN", "SET k 1");
    const waiter = door.connect();
    await waiter.ask("GET k");
    for (let count = 0; count < 40; count++) waiter.send(`SET k ${"x".repeat(40_000)}`);
    expect(waiter.connection.paused).toBe(true);
  });

  test("may wait in a transaction whose client goes away", async () => {
    for (const remap of ["FLUSHDB", "FLUSHALL", "SWAPDB 0 1"]) {
      const door = new TestDoor();
      const [holder, waiter] = [door.connect(), door.connect()];
      await waiter.ask("BEGIN");
      expect(await holder.ask("BEGIN", "SET k 1")).toEqual(["OK", "OK"]);
      expect(await waiter.ask(remap)).toEqual([]);
      waiter.connection.close();
      await turn();
      expect(await holder.ask("COMMIT", "GET k")).toEqual(["OK", '"1"']);
    }
  });

  test("count what they met themselves", async () => {
    const door = new TestDoor();
    const [holder, ...waiters] = [1, 2, 3, 4].map(() => door.connect());
    await holder?.ask("BEGIN", "SET k 1");
    for (const waiter of waiters) waiter.send(waiter === waiters[0] ? "MGET k k k" : "PERSIST k");
    await holder?.ask("COMMIT");
    await turn();
    expect(waiters.map((waiter) => waiter.received().length)).toEqual([1, 1, 1]);
    expect(door.server.stats).toMatchObject({ keyspaceHits: 3, keyspaceMisses: 0 });
  });

  test("may be abandoned anywhere and answer once", async () => {
    const door = new TestDoor();
    const random = new TestRandom(3);
    door.store.stumbles = () => random.below(4) === 0;
    const client = door.connect();
    expect(
      await client.ask(
        "MSET a 1 b 2",
        "MULTI",
        "INCR a",
        "SELECT 1",
        "SET a x",
        "EXEC",
        "GET a",
        "SELECT 0",
        "MGET a b c",
      ),
    ).toEqual([
      "OK",
      "OK",
      "QUEUED",
      "QUEUED",
      "QUEUED",
      "[(integer) 2, OK, OK]",
      '"x"',
      "OK",
      '["2", "2", (nil)]',
    ]);
  });
});

describe("output", () => {
  test("a client that does not read is not read from, and goes on when it does", async () => {
    const door = new TestDoor({ outputPauseBytes: 1000 });
    const client = door.connect();
    await client.ask(`SET k ${"x".repeat(100)}`);
    client.connection.stalled = true;
    client.send(...Array.from({ length: 100 }, () => "GET k"));
    await turn();
    expect(client.connection.paused).toBe(true);
    expect(client.connection.unsentBytes).toBeLessThan(2000);
    for (let count = 0; count < 20; count++) {
      client.connection.drain();
      await turn();
    }
    expect(client.received().length).toBe(100);
    expect(client.connection.paused).toBe(false);
  });

  test("a fast reader gets everything, though it asks for more than may lie around", async () => {
    const door = new TestDoor({ outputPauseBytes: 1000 });
    const client = door.connect();
    await client.ask(`SET k ${"x".repeat(100)}`);
    client.send(...Array.from({ length: 100 }, () => "GET k"));
    for (let count = 0; count < 20; count++) await turn();
    expect(client.received().length).toBe(100);
  });

  test("a reply over the limit closes the connection, and it alone", async () => {
    const door = new TestDoor({ outputBytesMax: 5000 });
    const client = door.connect();
    expect(await client.ask(`SET k ${"x".repeat(1000)}`)).toEqual(["OK"]);
    const other = door.connect();
    await other.ask("MGET k k k k k k k k k");
    expect(other.connection.destroyed).toBe(true);
    expect(door.server.stats.connectionsOverflowed).toBe(1);
    expect(await client.ask("PING")).toEqual(["PONG"]);
  });
});

describe("time", () => {
  test("a request that does not end is cut off", async () => {
    const door = new TestDoor({ requestTimeoutMs: 5000 });
    const [slow, idle] = [door.connect(), door.connect()];
    slow.sendRaw("*2\r\n$3\r\nGET\r\n$100\r\n");
    for (let second = 0; second < 8; second++) {
      await door.clock.pass(1000);
      slow.sendRaw("x");
    }
    expect(slow.isClosed).toBe(true);
    expect(idle.isClosed).toBe(false);
  });

  test("many requests, each in time, are not taken for one that does not end", async () => {
    const door = new TestDoor({ requestTimeoutMs: 5000 });
    const client = door.connect();
    const request = encodeRequest(["ECHO", "x".repeat(100)]);
    client.sendRaw(request.slice(0, 50));
    for (let second = 0; second < 12; second++) {
      await door.clock.pass(1000);
      client.sendRaw(request.slice(50) + request.slice(0, 50));
    }
    expect(client.isClosed).toBe(false);
    expect(client.received().length).toBe(12);
    await door.clock.pass(8000);
    expect(client.isClosed).toBe(true);
  });

  test("a client that reads as much as it asks for is not taken for one that never reads", async () => {
    const door = new TestDoor({ requestTimeoutMs: 5000 });
    const client = door.connect();
    client.connection.stalled = true;
    for (let second = 0; second < 12; second++) {
      await client.ask("PING");
      await door.clock.pass(1000);
      client.connection.drain();
      client.connection.stalled = true;
    }
    expect(client.isClosed).toBe(false);
  });

  test("replies that are never read are cut off", async () => {
    const door = new TestDoor({ requestTimeoutMs: 5000 });
    const client = door.connect();
    client.connection.stalled = true;
    await client.ask("PING");
    await door.clock.pass(8000);
    expect(client.isClosed).toBe(true);
  });

  test("silence is cut off where that is wanted", async () => {
    const door = new TestDoor({ idleTimeoutMs: 5000 });
    const [quiet, busy] = [door.connect(), door.connect()];
    for (let second = 0; second < 8; second++) {
      await door.clock.pass(1000);
      await busy.ask("PING");
    }
    expect(quiet.isClosed).toBe(true);
    expect(busy.isClosed).toBe(false);
  });
});

describe("strangers", () => {
  test("may do nothing but say who they are", async () => {
    const client = new TestDoor({ password: "secret" }).connect();
    expect(await client.ask("GET k", "AUTH wrong", "AUTH secret", "GET k")).toEqual([
      "(error) NOAUTH Authentication required.",
      "(error) WRONGPASS invalid username-password pair or user is disabled.",
      "OK",
      "(nil)",
    ]);
  });

  test("may not send much", async () => {
    const door = new TestDoor({ password: "secret" });
    const client = door.connect();
    client.sendRaw("*11\r\n");
    await turn();
    expect(client.received()).toEqual([
      "(error) ERR Protocol error: unauthenticated multibulk length",
    ]);
    expect(client.connection.ended).toBe(true);
    const known = door.connect();
    const many = encodeRequest(["MGET", ..."abcdefghijkl".split("")]);
    known.sendRaw(encodeRequest(["AUTH", "secret"]) + many);
    await turn();
    expect(known.received().length).toBe(2);
  });

  test("must read what they are told", async () => {
    const client = new TestDoor({ password: "secret" }).connect();
    client.connection.stalled = true;
    for (let count = 0; count < 40; count++) await client.ask("GET k");
    expect(client.connection.destroyed).toBe(true);
  });

  test("are told so however much they ask at once", async () => {
    const client = new TestDoor({ password: "secret" }).connect();
    const lines = Array.from({ length: 100 }, () => "GET k");
    const told = await client.ask(...lines);
    expect(told).toEqual(lines.map(() => "(error) NOAUTH Authentication required."));
    expect(client.isClosed).toBe(false);
  });

  test("must hurry", async () => {
    const door = new TestDoor({ password: "secret", authTimeoutMs: 3000 });
    const [stranger, friend] = [door.connect(), door.connect()];
    await friend.ask("AUTH secret");
    await door.clock.pass(5000);
    expect(stranger.isClosed).toBe(true);
    expect(friend.isClosed).toBe(false);
  });
});

describe("what is counted", () => {
  test("what is read counts as found or not, also by those that go on to write", async () => {
    const door = new TestDoor();
    const client = door.connect();
    await client.ask("SET k v", "APPEND k w", "SETNX k v", "DEL none", "WATCH k none", "UNWATCH");
    await client.ask("MEMORY USAGE k", "SET k v NX");
    expect(door.server.stats).toMatchObject({ keyspaceHits: 0, keyspaceMisses: 0 });
    await client.ask("GETEX k", "GETSET k v", "SET k v GET", "GETDEL k", "GETDEL k");
    expect(door.server.stats).toMatchObject({ keyspaceHits: 4, keyspaceMisses: 1 });
  });

  test("commands per second are none when nobody is there", async () => {
    const door = new TestDoor();
    const client = door.connect();
    await client.ask("PING", "PING");
    client.connection.close();
    await door.clock.pass(5000);
    expect(door.server.stats.commandsPerSecond).toBe(0);
  });

  test("an error that is taken back to be answered anew counts once", async () => {
    const door = new TestDoor();
    const random = new TestRandom(3);
    const client = door.connect();
    await client.ask("SET k v");
    door.store.stumbles = () => random.below(2) === 0;
    await client.ask("MULTI", "INCR k", "GET a", "GET b", "GET c", "EXEC");
    expect(door.server.stats.errorReplies).toBe(1);
  });
});

test("only so many clients are let in", async () => {
  const door = new TestDoor({ connectionCountMax: 2 });
  const first = door.connect();
  door.connect();
  const third = door.connect();
  expect(third.received()).toEqual(["(error) ERR max number of clients reached"]);
  expect(third.connection.ended).toBe(true);
  first.connection.close();
  expect(await door.connect().ask("PING")).toEqual(["PONG"]);
});

test("closing the door answers what is under way", async () => {
  const { store, connect, server, clock } = late();
  const [busy, idle] = [connect(), connect()];
  busy.send("SET k v");
  const closed = server.close();
  await turn();
  expect(idle.connection.ended).toBe(true);
  expect(busy.isClosed).toBe(false);
  store.settle();
  await clock.pass(100);
  await closed;
  expect(busy.received()).toEqual(["OK"]);
  expect(busy.connection.ended).toBe(true);
});

/** A door whose store settles only when it is told. */
function late(): {
  store: TestDoor["store"];
  server: TestDoor["server"];
  clock: TestDoor["clock"];
  connect: () => ReturnType<TestDoor["connect"]>;
} {
  const door = new TestDoor();
  door.store.settlesAtOnce = false;
  const { store, server, clock } = door;
  return { store, server, clock, connect: () => door.connect() };
}
