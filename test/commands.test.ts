import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./support/directories.ts";
import { connectTo } from "./support/redis-client.ts";
import { runHoldfast, Server } from "./support/server.ts";

test("inspect and verify look at a store that nobody has open, and find what is wrong", async () => {
  const data = temporaryDirectory();
  const server = await Server.start({ data });
  const client = connectTo(server.port);
  await client.mset(Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`k${at}`, "v"])));
  const inUse = await runHoldfast(["verify", data]);
  expect(inUse.code).toBe(1);
  expect(inUse.stderr).toContain(`pid ${server.pid}`);
  await server.stop();

  const inspected = await runHoldfast(["inspect", data, "--json"]);
  expect(inspected.code).toBe(0);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ isCleanlyClosed: true });
  expect((await runHoldfast(["verify", data])).stdout).toContain("nothing is wrong");

  const { pages, tree } = JSON.parse(inspected.stdout) as Described;
  flipBit(join(data, "volume"), pages.at + tree.rootPage * pages.pageBytes + pages.pageBytes / 2);
  const rotten = await runHoldfast(["verify", data]);
  expect(rotten.code).toBe(1);
  expect(rotten.stdout).toContain("WRONG");
});

interface Described {
  readonly pages: { readonly at: number; readonly pageBytes: number };
  readonly tree: { readonly rootPage: number };
}

function flipBit(path: string, at: number): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, at);
  closeSync(file);
}

test("bench measures a store and leaves nothing behind", async () => {
  const directory = temporaryDirectory();
  const flags = ["--directory", directory, "--keys", "2000", "--operations", "200", "--json"];
  const { code, stdout } = await runHoldfast(["bench", ...flags]);
  expect(code).toBe(0);
  const measured = JSON.parse(stdout) as readonly { readonly perSecond: number }[];
  expect(measured).toHaveLength(5);
  for (const { perSecond } of measured) expect(perSecond).toBeGreaterThan(0);
  const refused = await runHoldfast(["bench", "--keys", "none"]);
  expect(refused.code).toBe(2);
});
