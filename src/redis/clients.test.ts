import { describe, expect, test } from "vitest";
import { TestDoor, turn } from "./test-door.suite.ts";

describe("CLIENT PAUSE", () => {
  test("holds every command back, and CLIENT UNPAUSE lets them go", async () => {
    const door = new TestDoor();
    const [one, other] = [door.connect(), door.connect()];
    expect(await one.ask("CLIENT PAUSE 10000")).toEqual(["OK"]);
    expect(await other.ask("SET k v", "GET k")).toEqual([]);
    expect(await other.ask("PING")).toEqual([]);
    expect(await one.ask("CLIENT UNPAUSE")).toEqual(["OK"]);
    expect(other.received()).toEqual(["OK", '"v"', "PONG"]);
  });

  test("may hold back only what writes, and ends by itself", async () => {
    const door = new TestDoor();
    const [one, other] = [door.connect(), door.connect()];
    await one.ask("CLIENT PAUSE 1000 WRITE");
    expect(await other.ask("GET k", "SET k v", "GET k")).toEqual(["(nil)"]);
    await door.clock.pass(999);
    expect(other.received()).toEqual([]);
    await door.clock.pass(2);
    expect(other.received()).toEqual(["OK", '"v"']);
  });

  test("forgets those who have gone", async () => {
    const door = new TestDoor();
    const [one, other] = [door.connect(), door.connect()];
    await one.ask("CLIENT PAUSE 1000");
    await other.ask("SET k v");
    other.connection.close();
    await door.clock.pass(1001);
    expect(await one.ask("GET k")).toEqual(["(nil)"]);
  });
});

describe("CLIENT KILL", () => {
  test("answers whoever kills itself, then closes", async () => {
    const client = new TestDoor().connect();
    expect(await client.ask("SET k v", "CLIENT KILL ID 1 SKIPME no", "GET k")).toEqual([
      "OK",
      "(integer) 1",
    ]);
    expect(client.connection.ended).toBe(true);
  });

  test("closes others at once, with what they held", async () => {
    const door = new TestDoor();
    const [one, other] = [door.connect(), door.connect()];
    await other.ask("BEGIN", "SET k v");
    expect(await one.ask("CLIENT KILL TYPE normal", "GET k")).toEqual(["(integer) 1", "(nil)"]);
    expect(other.connection.destroyed).toBe(true);
  });
});

describe("AUTH", () => {
  test("may come with HELLO, and RESET forgets it", async () => {
    const client = new TestDoor({ password: "secret" }).connect();
    const replies = await client.ask(
      "HELLO 3",
      "HELLO 3 AUTH default wrong",
      "HELLO 3 AUTH nobody secret",
      "HELLO 2 AUTH default secret SETNAME me",
      "CLIENT GETNAME",
      "RESET",
      "GET k",
      "AUTH default secret",
      "GET k",
    );
    const wrong = "(error) WRONGPASS invalid username-password pair or user is disabled.";
    expect(replies[0]).toMatch(/^\(error\) NOAUTH HELLO must be called/);
    expect(replies.slice(1, 3)).toEqual([wrong, wrong]);
    expect(replies[3]).toMatch(/^\["server", "redis"/);
    expect(replies.slice(4)).toEqual([
      '"me"',
      "RESET",
      "(error) NOAUTH Authentication required.",
      "OK",
      "(nil)",
    ]);
  });

  test("is not looked at while one who guesses is to wait", async () => {
    const door = new TestDoor({ password: "secret" });
    const client = door.connect();
    for (let count = 0; count < 5; count++) await client.ask("AUTH wrong");
    expect(await client.ask("AUTH secret")).toEqual([
      "(error) ERR too many wrong passwords: try again in 1 s",
    ]);
    await door.clock.pass(200);
    expect(await client.ask("AUTH secret")).toEqual(["OK"]);
    expect(door.server.stats.authFailures).toBe(5);
    expect(door.events).toContain("redis-auth-failed");
  });

  test("is asked of EXEC, which then runs nothing", async () => {
    const client = new TestDoor({ password: "secret" }).connect();
    expect(await client.ask("EXEC", "MULTI")).toEqual([
      "(error) EXECABORT Transaction discarded because of: NOAUTH Authentication required.",
      "(error) NOAUTH Authentication required.",
    ]);
  });

  test("the password is told to nobody", async () => {
    const client = new TestDoor({ password: "hunter2" }).connect();
    const replies = await client.ask(
      "AUTH hunter2",
      "CONFIG GET *",
      "CONFIG SET requirepass hunter2",
      "CLIENT LIST",
      "INFO everything",
    );
    expect(replies.join("\n")).not.toContain("hunter2");
  });
});

describe("when the store fails", () => {
  test("a commit under way is unknown, and what follows is refused", async () => {
    const door = new TestDoor();
    const client = door.connect();
    door.store.settlesAtOnce = false;
    client.send("BEGIN", "SET k v", "COMMIT");
    await turn();
    door.store.fail();
    await turn();
    expect(client.received().at(-1)).toMatch(/^\(error\) UNKNOWN /);
    expect(client.connection.ended).toBe(true);
    const unavailable = "(error) UNAVAILABLE the store failed";
    expect(
      await door.connect().ask("GET k", "BEGIN", "PING", "SELECT 2", "MULTI", "SELECT 1", "EXEC"),
    ).toEqual([unavailable, unavailable, "PONG", "OK", "OK", "QUEUED", unavailable]);
    await door.clock.pass(1000);
  });

  test("what was written while it failed is unknown", async () => {
    const door = new TestDoor();
    const [holder, waiter] = [door.connect(), door.connect()];
    door.store.settlesAtOnce = false;
    await holder.ask("BEGIN", "SET k 1");
    expect(await waiter.ask("SET k 2")).toEqual([]);
    door.store.appended = () => door.store.fail();
    door.store.free();
    await turn();
    expect(waiter.received()).toEqual([
      "(error) UNKNOWN the store failed before this was durable: whether it was applied is not " +
        "known",
    ]);
    expect(waiter.connection.ended).toBe(true);
  });

  test("whoever waits for a lock is told", async () => {
    const door = new TestDoor();
    const [holder, waiter] = [door.connect(), door.connect()];
    await holder.ask("BEGIN", "SET k 1");
    expect(await waiter.ask("GET k")).toEqual([]);
    door.store.fail();
    door.store.free();
    await turn();
    expect(waiter.received()).toEqual(["(error) UNAVAILABLE the store failed"]);
    expect(waiter.connection.ended).toBe(true);
  });
});
