import { expect, test } from "vitest";
import { fromLatin1 } from "../base/bytes.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import { Request } from "../resp/request.ts";
import { DatabaseMap } from "./database-map.ts";
import { Keyspace } from "./keyspace.ts";
import { type MemoryStep, MemoryStore } from "./memory-store.suite.ts";
import { Multi } from "./multi.ts";
import { TestDoor, TestRandom } from "./test-door.suite.ts";
import { WatchTable } from "./watch-table.ts";

const EXEC = ["MULTI", "PING", "EXEC"];

test("a transaction on a connection touches what it wrote when it commits, not before", async () => {
  const door = new TestDoor();
  const [watcher, writer] = [door.connect(), door.connect()];
  await watcher.ask("WATCH k");
  await writer.ask("BEGIN", "SET k 1", "DEL k", "ROLLBACK");
  expect((await watcher.ask(...EXEC)).at(-1)).toBe("[PONG]");

  await watcher.ask("WATCH k");
  await writer.ask("BEGIN", "SET k 1", "DEL k", "COMMIT");
  expect((await watcher.ask(...EXEC)).at(-1)).toBe("(nil)");
});

test("a command that had to wait touches what it wrote", async () => {
  const door = new TestDoor();
  const [watcher, writer, holder] = [door.connect(), door.connect(), door.connect()];
  await watcher.ask("WATCH k");
  await holder.ask("BEGIN", "SET other 1");
  writer.send("MULTI", "SET k 1", "DEL k", "EXEC");
  await holder.ask("COMMIT");
  expect(writer.received().at(-1)).toBe("[OK, (integer) 1]");
  expect((await watcher.ask(...EXEC)).at(-1)).toBe("(nil)");
});

test("a key that is expired by nobody's wish has changed", async () => {
  const door = new TestDoor();
  const [watcher, other] = [door.connect(), door.connect()];
  await other.ask("SET k 1 PX 50");
  await watcher.ask("WATCH k");
  await door.clock.pass(500);
  expect((await watcher.ask(...EXEC)).at(-1)).toBe("(nil)");
  // What has expired by then is watched as absent.
  await other.ask("SET k 1 PX 1");
  door.clock.nowMs += 5;
  await watcher.ask("WATCH k");
  await door.clock.pass(500);
  expect((await watcher.ask(...EXEC)).at(-1)).toBe("[PONG]");
});

test("what EXEC itself writes does not count, however often its body is run", async () => {
  const door = new TestDoor();
  const random = new TestRandom(3);
  const client = door.connect();
  door.store.stumbles = () => random.below(4) === 0;
  for (let round = 0; round < 50; round++) {
    await client.ask("WATCH k l");
    const replies = await client.ask("MULTI", "SET k 1", "DEL k", "SET l 1", "DEL l", "EXEC");
    expect(replies.at(-1)).toBe("[OK, (integer) 1, OK, (integer) 1]");
  }
});

/** Its reads alone depend on nothing. */
class CarelessStore extends MemoryStore {
  override append(step: MemoryStep): Lsn {
    const wrote = step.written.size > 0;
    const at = super.append(step);
    if (!wrote) this.answerLsn = lsn(0);
    return at;
  }
}

test("that a key was touched is told when the touch is settled", async () => {
  const store = new CarelessStore();
  const door = new TestDoor({}, store);
  const [watcher, writer] = [door.connect(), door.connect()];
  await watcher.ask("WATCH k");
  store.settlesAtOnce = false;
  await writer.ask("SET k 1", "DEL k");
  expect(await watcher.ask(...EXEC)).toEqual([]);
  store.settle();
  expect(watcher.received().at(-1)).toBe("(nil)");
});

test("whoever has gone watches nothing, though a WATCH was still under way", () => {
  const table = new WatchTable();
  const multi = new Multi(table);
  const keys = new Keyspace(new DatabaseMap(1), table, 100);
  const request = new Request();
  request.bytes = fromLatin1("WATCHk");
  request.add(0, 5);
  request.add(5, 1);
  const look = (): unknown =>
    new MemoryStore().tryRun((step) => {
      keys.begin(step, true);
      keys.use(0);
      multi.look(step, keys, request, 0);
    });
  look();
  multi.watch();
  expect(table.isEmpty).toBe(false);
  look();
  multi.abandon();
  multi.watch();
  expect(table.isEmpty).toBe(true);
});
