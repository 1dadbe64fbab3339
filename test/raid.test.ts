import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DiskArrayStatus, ScrubFindings } from "../src/arrays/disk-array.ts";
import { MemberLayout } from "../src/raid/member-layout.ts";
import { defaultCreateOptions } from "../src/raid/options.ts";
import { temporaryDirectory } from "./support/directories.ts";
import { Ledger } from "./support/ledger.ts";
import { connectTo } from "./support/redis-client.ts";
import { type Ended, runHoldfast, Server } from "./support/server.ts";

const WRITES = 150;
const POLL = { timeout: 60_000, interval: 50 };

function disksIn(directory: string, names: string): readonly string[] {
  return names.split("").map((name) => join(directory, name));
}

function emptyDisk(path: string): string {
  writeFileSync(path, "");
  return path;
}

async function serveOn(disks: readonly string[]): Promise<Server> {
  // By default all that goes on in the background would give way to the writers.
  const pace = ["--raid-rate-min", "1G"];
  const flags = ["--raid", "5", ...disks.flatMap((disk) => ["--disk", disk]), ...pace];
  return await Server.start({ flags });
}

async function raid(...args: readonly string[]): Promise<Ended> {
  return await runHoldfast(["raid", ...args, "--json"]);
}

/** What it printed, of a command that ended with this. */
async function printedBy<T>(code: number, ...args: readonly string[]): Promise<T> {
  const ended = await raid(...args);
  expect({ code: ended.code, said: ended.stderr }).toMatchObject({ code });
  return JSON.parse(ended.stdout) as T;
}

function errorIn({ stdout }: Ended): { readonly code: string; readonly message: string } {
  return (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
}

test("a store on RAID 5 loses a disk under load, then its power, and gets a new disk", async () => {
  const directory = temporaryDirectory();
  const [a = "", b = "", c = "", d = ""] = disksIn(directory, "abcd");
  const ledger = new Ledger(4);
  const more = async (): Promise<void> => {
    const before = ledger.acknowledgedCount;
    await expect.poll(() => ledger.acknowledgedCount, POLL).toBeGreaterThan(before + WRITES);
  };

  const first = await serveOn([a, b, c]);
  const writing = ledger.writeUntilGone(first.port);
  await more();
  expect((await raid("status", a)).code).toBe(0);
  expect((await raid("fail", b)).code).toBe(0);
  await more();
  const status = await printedBy<DiskArrayStatus>(3, "status", c);
  expect(status).toMatchObject({ health: "degraded", absent: [{ path: b }] });
  expect(status.members.map(({ state }) => state)).toEqual(["active", "missing", "active"]);
  expect(errorIn(await raid("fail", a)).message).toContain("needs 2 whole members");
  expect(await (await fetch(`${first.http}/readyz`)).text()).toBe("ok\n");
  const metrics = await (await fetch(`${first.http}/metrics`)).text();
  expect(metrics).toMatch(/^holdfast_raid_degraded 1$/mu);
  expect((await runHoldfast(["status", "--url", first.http])).code).toBe(3);
  expect(first.log).toContain("a member of the array failed");
  await first.kill();
  await writing;

  const second = await serveOn([a, b, c]);
  await ledger.check(second.port);
  const writingAgain = ledger.writeUntilGone(second.port);
  await more();
  expect(await printedBy(0, "add", emptyDisk(d), "--array", a)).toMatchObject({
    added: { kind: "rebuilding", role: 1 },
  });
  await expect
    .poll(
      async () => (JSON.parse((await raid("status", a)).stdout) as DiskArrayStatus).health,
      POLL,
    )
    .toBe("whole");
  await more();
  expect(await printedBy<ScrubFindings>(0, "scrub", d, "--wait")).toMatchObject({
    repaired: 0,
    lostAt: [],
    parityRepaired: 0,
    members: [],
  });
  expect((await raid("remove", b, "--array", a)).code).toBe(0);

  const { measured } = await printedBy<DiskArrayStatus>(0, "status", a);
  expect(measured).toMatchObject({ failures: 1, readErrors: 0 });
  const counters = join(directory, "counters.json");
  writeFileSync(counters, JSON.stringify({ measured }));
  const reckoned = await runHoldfast(["reliability", "--measured", counters, "--disks", "3"]);
  expect(reckoned).toMatchObject({ code: 0 });
  await second.kill();
  await writingAgain;
  expect((await second.ended).stderr).toContain("the array is degraded");

  // Without one of the old disks, everything is there by the new one.
  const third = await serveOn([d, c]);
  await ledger.check(third.port);
  expect((await raid("status", d)).code).toBe(3);
  expect((await third.stop()).code).toBe(0);
});

test("disks of another array are refused, and so is what another process has", async () => {
  const directory = temporaryDirectory();
  const [a = "", b = "", x = "", y = ""] = disksIn(directory, "abxy");
  const mirror = ["create", "--level", "1", "--size", "1M", "--journal", "4M"];
  expect((await raid(...mirror, a, b)).code).toBe(0);
  expect((await raid(...mirror, x, y)).code).toBe(0);
  const foreign = await raid("assemble", a, b, x);
  expect(foreign.code).toBe(1);
  expect(errorIn(foreign).message).toContain(`"${x}" is a member of the array`);

  const flags = ["--raid", "1", "--disk", a, "--disk", b];
  const server = await Server.start({ flags });
  const second = await Server.startAndFail({ flags });
  expect(errorIn(second)).toMatchObject({ code: "ERR_LOCKED" });
  expect(errorIn(second).message).toContain(`pid ${server.pid}`);
  await server.stop();
});

test("rot on a disk is put right by a scrub, which names the disk", async () => {
  const disks = disksIn(temporaryDirectory(), "abc");
  const [, , rotten = ""] = disks;
  const server = await serveOn(disks);
  const client = connectTo(server.port);
  const value = randomBytes(300_000).toString("hex");
  await client.set("key", value);
  await server.stop();

  const layout = new MemberLayout({ ...defaultCreateOptions, tableCopies: 2 });
  const file = openSync(rotten, "r+");
  const garbage = randomBytes(512 * 1024);
  writeSync(file, garbage, 0, garbage.length, layout.rowAt(0));
  closeSync(file);

  const found = await printedBy<ScrubFindings>(0, "scrub", ...disks);
  expect(found).toMatchObject({ lostAt: [], members: [{ name: rotten }] });
  expect(found.repaired).toBeGreaterThan(0);
  expect(await printedBy<ScrubFindings>(0, "scrub", ...disks)).toMatchObject({ repaired: 0 });
  expect((await runHoldfast(["verify", ...disks])).code).toBe(0);
  const again = await serveOn(disks);
  expect(await connectTo(again.port).get("key")).toBe(value);
  await again.stop();
});

test("a disk takes over from another, and the array grows, while it is written", async () => {
  const directory = temporaryDirectory();
  const disks = disksIn(directory, "abc");
  const [a = "", b = "", c = ""] = disks;
  const [d = "", e = ""] = disksIn(directory, "de").map(emptyDisk);
  const ledger = new Ledger(2);
  const server = await serveOn(disks);
  const writing = ledger.writeUntilGone(server.port);
  const before = await printedBy<DiskArrayStatus>(0, "status", a);
  const replaced = await printedBy<DiskArrayStatus>(0, "replace", a, "--with", d, "--wait");
  expect(replaced.members.map(({ name }) => name)).toEqual([d, b, c]);
  const grown = await printedBy<DiskArrayStatus>(0, "grow", b, "--add", e, "--wait");
  expect(grown.members).toHaveLength(4);
  expect(grown.sizeBytes).toBeGreaterThan(before.sizeBytes);
  const wider = await printedBy<DiskArrayStatus>(0, "grow", c, "--size", "64M");
  expect(wider.sizeBytes).toBe(64 << 20);
  await server.kill();
  await writing;

  const again = await serveOn([d, c, e]);
  await ledger.check(again.port);
  await again.stop();
});
