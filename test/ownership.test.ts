import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type * as MainModule from "../src/entry/main.ts";
import { root, temporaryDirectory } from "./support/directories.ts";
import { connectTo } from "./support/redis-client.ts";
import { Server } from "./support/server.ts";

const STALL_MS = 2_500;

test("a second server on the same data is refused, and told who holds it", async () => {
  const data = temporaryDirectory();
  const holder = await Server.start({ data });
  const { code, stdout } = await Server.startAndFail({ data });
  expect(code).toBe(1);
  const { error } = JSON.parse(stdout) as { readonly error: Readonly<Record<string, string>> };
  expect(error["code"]).toBe("ERR_LOCKED");
  expect(error["message"]).toContain(String(holder.pid));

  const client = connectTo(holder.port);
  expect(await client.set("still", "served")).toBe("OK");
  await holder.stop();
});

test("of servers that start at once on the same data, one serves", async () => {
  const data = temporaryDirectory();
  const attempts = await Promise.allSettled(
    Array.from({ length: 3 }, async () => await Server.start({ data })),
  );
  const started = attempts.filter((attempt) => attempt.status === "fulfilled");
  expect(started).toHaveLength(1);
  for (const attempt of attempts) {
    if (attempt.status === "rejected") expect(String(attempt.reason)).toContain("ERR_LOCKED");
    else await attempt.value.stop();
  }
});

test("after a kill the data is free again at once", async () => {
  const data = temporaryDirectory();
  const first = await Server.start({ data });
  await first.kill();
  const second = await Server.start({ data });
  expect((await second.stop()).code).toBe(0);
});

test("a holder that was stopped and taken over from acknowledges nothing when it wakes", async () => {
  const data = temporaryDirectory();
  const sleeper = await Server.start({ data });
  const old = connectTo(sleeper.port);
  expect(await old.set("key", "before")).toBe("OK");

  sleeper.signal("SIGSTOP");
  // Its socket still answers, so it is not taken for dead. On another machine that shares the
  // file system it would not answer; here, the lock is taken away.
  rmSync(join(data, "lock"), { recursive: true });
  const heir = await Server.start({ data });
  const young = connectTo(heir.port);
  expect(await young.get("key")).toBe("before");
  expect(await young.set("key", "after")).toBe("OK");

  // For longer than the bound after which a holder looks whether it is one still.
  await sleep(STALL_MS);
  const late = old.set("key", "late").then(
    () => "acknowledged",
    () => "refused",
  );
  const read = old.get("key").then(
    (value) => value,
    () => "refused",
  );
  sleeper.signal("SIGCONT");
  expect(await late).toBe("refused");
  expect(await read).toBe("refused");
  const { code, stderr } = await sleeper.ended;
  expect(code).toBe(1);
  expect(stderr).toContain("another took over");

  expect(await young.get("key")).toBe("after");
  expect((await heir.stop()).code).toBe(0);
});

test("a program that opens the data of a server is served by it, and goes on when it ends", async () => {
  const data = temporaryDirectory();
  const server = await Server.start({ data });
  const { open } = await library();
  const db = await open(data);
  onTestFinished(async () => await db.close());
  await db.set("key", 1);
  await expect(open({ path: data, attach: false })).rejects.toThrow(String(server.pid));

  expect((await server.stop()).code).toBe(0);
  expect(await db.get("key")).toBe(1);
  await db.set("key", 2);
  const { stdout } = await Server.startAndFail({ data });
  expect(stdout).toContain("ERR_LOCKED");
});

/** As it is built, since that is what another program would have. */
async function library(): Promise<typeof MainModule> {
  const path = join(root, "dist", "entry", "main.js");
  return (await import(path)) as typeof MainModule;
}
