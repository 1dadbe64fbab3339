import { expect, test } from "vitest";
import { type TestClient, TestDoor, TestRandom, turn } from "./test-door.suite.ts";

const CLIENTS_MAX = 6;
const TURNS = 1500;

const LINES = [
  "BEGIN",
  "COMMIT",
  "ROLLBACK",
  "MULTI",
  "EXEC",
  "DISCARD",
  "WATCH a b",
  "GET a",
  "SET a 1 PX 30",
  "INCR n",
  "MSET a 1 b 2",
  "RENAME a b",
  "KEYS *",
  "SELECT 0",
  "SELECT 1",
  "FLUSHDB",
  "FLUSHALL",
  "SWAPDB 0 1",
  "RESET",
  "CLIENT KILL TYPE normal",
  "CLIENT PAUSE 5 WRITE",
  "QUIT",
] as const;

/** What each does is looked at elsewhere; here they only must not stop each other for ever. */
test.each([1, 2, 3])(
  "a crowd that comes and goes as it likes is survived, seed %i",
  async (seed) => {
    const door = new TestDoor();
    const random = new TestRandom(seed);
    door.store.stumbles = () => random.below(20) === 0;
    let clients: readonly TestClient[] = [];
    for (let count = 0; count < TURNS; count++) {
      clients = clients.filter((client) => !client.isClosed);
      if (clients.length < CLIENTS_MAX) clients = [...clients, door.connect()];
      const client = clients[random.below(clients.length)];
      if (random.below(10) === 0) client?.connection.close();
      else client?.send(LINES[random.below(LINES.length)] ?? "PING");
      if (random.below(3) === 0) await turn();
      if (random.below(8) === 0) await door.clock.pass(10);
    }
    for (const client of clients) client.connection.close();
    await door.clock.pass(1000);
    expect(door.server.connectionCount).toBe(0);
    const fresh = door.connect();
    expect(await fresh.ask("FLUSHALL", "INCR n", "SELECT 1", "DBSIZE")).toEqual([
      "OK",
      "(integer) 1",
      "OK",
      "(integer) 0",
    ]);
  },
);
