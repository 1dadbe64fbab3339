import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./support/directories.ts";
import { connectTo } from "./support/redis-client.ts";
import { collect, spawnHoldfast } from "./support/server.ts";

/** More than any test waits for. */
const MANY = "1000000";
const START = { timeout: 60_000 };

test("work that is interrupted says so, and does not end as if all had been done", async () => {
  // Quietly, since a slow machine is told how far it is.
  const running = spawnHoldfast(["sim", "--quiet", "--seeds", MANY], {});
  const ended = collect(running);
  running.stdout?.once("data", () => running.kill("SIGINT"));
  const { code, stderr } = await ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^holdfast: interrupted after \d+ of 1,000,000 runs/mu);
  expect(stderr).not.toContain("    at ");
});

test("a benchmark that is interrupted leaves nothing behind", async () => {
  const directory = temporaryDirectory();
  const running = spawnHoldfast(["bench", "--directory", directory, "--keys", MANY], {});
  const ended = collect(running);
  await expect.poll(() => readdirSync(directory), START).not.toEqual([]);
  running.kill("SIGTERM");
  const { code, stderr } = await ended;
  expect(code).toBe(1);
  expect(stderr).toContain("interrupted");
  expect(readdirSync(directory)).toEqual([]);
});

test("who prints for nobody ends without a word", async () => {
  // Quietly, since a slow machine is told how far it is.
  const running = spawnHoldfast(["sim", "--quiet", "--seeds", MANY], {});
  const ended = collect(running);
  running.stdout?.once("data", () => running.stdout?.destroy());
  expect(await ended).toMatchObject({ code: 1, stderr: "" });
});

test("a server goes on when nobody reads what it prints", async () => {
  const port = await freePort();
  const flags = ["--port", String(port), "--http-port", "0", "--log", "8M"];
  const running = spawnHoldfast(["serve", "--data", temporaryDirectory(), ...flags], {});
  const ended = once(running, "exit");
  running.stdout?.destroy();
  running.stderr?.once("data", () => running.stderr?.destroy());
  const set = async (): Promise<string> => {
    return await connectTo(port)
      .set("key", "value")
      .catch(() => "not yet");
  };
  await expect.poll(set, START).toBe("OK");
  running.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
