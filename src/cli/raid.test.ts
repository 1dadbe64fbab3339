import { mkdtemp, open, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DiskArrayStatus } from "../arrays/disk-array.ts";
import { assembleDisks } from "../arrays/open-disk-array.ts";
import { hostWorld } from "../host/world.ts";
import { MemberLayout } from "../raid/member-layout.ts";
import { defaultCreateOptions } from "../raid/options.ts";
import type { ExitCode } from "./command-io.ts";
import { HeardIo } from "./heard-io.suite.ts";
import { createProgram } from "./program.ts";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-raid-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

interface Ran {
  readonly code: ExitCode;
  readonly value: unknown;
  readonly text: string;
  readonly notes: readonly string[];
}

/** What a command printed and ended with. Rejects as it would. */
async function run(...args: readonly string[]): Promise<Ran> {
  const io = new HeardIo();
  await createProgram(io).parseAsync(["node", "holdfast", "raid", ...args]);
  return { code: io.exitCode, value: io.values.at(-1), text: io.text, notes: io.notes };
}

function disks(names: string): readonly string[] {
  return names.split("").map((name) => join(directory, name));
}

const SMALL = ["--size", "1M", "--journal", "4M"];

test("an array is made, looked at, and told what is amiss by the exit code", async () => {
  const [a = "", b = "", c = "", d = ""] = disks("abcd");
  const made = await run("create", "--level", "5", ...SMALL, "--spare", d, a, b, c);
  expect(made.value).toMatchObject({ level: 5, sizeBytes: 1 << 20, health: "whole", spares: [d] });
  expect(made.text).toContain("raid5 of 3, 1.0 MiB: whole");
  expect((await run("assemble", c, a, b, d)).code).toBe(0);
  expect((await run("status", a, b, c)).code).toBe(0);
  const short = await run("status", a, b);
  expect([short.code, (short.value as DiskArrayStatus).health]).toEqual([3, "degraded"]);
  await expect(run("status", a)).rejects.toThrow(/needs 2/u);
  await expect(run("create", "--level", "1", a, b)).rejects.toThrow(/holds something/u);

  const examined = await run("examine", a, join(directory, "none"));
  expect(examined.code).toBe(3);
  expect(examined.value).toMatchObject([{ member: true, role: 0 }, { member: false }]);
  expect(examined.text).toContain("cleanly closed");
  expect((await run("examine", d)).text).toContain("spare of raid5");
});

test("members come and go in an array that nobody has", async () => {
  const [a = "", b = "", c = "", d = ""] = disks("abcd");
  await run("create", "--level", "5", ...SMALL, "--spare", d, a, b, c);
  expect((await run("remove", d, "--array", a, b, c)).value).toMatchObject({ spares: [] });
  const failed = await run("fail", b, "--array", a, c);
  expect(failed.code).toBe(0);
  expect(failed.value).toMatchObject({ health: "degraded", absent: [{ path: b }] });
  expect((await run("assemble", a, b, c)).code).toBe(3);
  await truncate(d, 0);
  // The file as the last of those that --array takes, too.
  const added = await run("add", "--array", a, c, d);
  expect(added).toMatchObject({ code: 0, value: { added: { kind: "rebuilding", role: 1 } } });
  await truncate(b, 0);
  const replaced = await run("replace", a, "--with", b, "--array", c, d);
  expect(replaced).toMatchObject({ code: 0, value: { absent: [{ path: a }] } });
  await truncate(a, 0);
  expect((await run("grow", b, c, d, "--add", a)).text).toContain("raid5 of 4, 1.5 MiB: whole");
  expect((await run("grow", a, b, c, d, "--size", "3M")).text).toContain("3.0 MiB: whole");
  expect((await run("scrub", a, b, c, d)).text).toContain("nothing is wrong");
  await expect(run("fail", join(directory, "aa"), "--array", ...disks("abcd"))).rejects.toThrow(
    `did you mean "${a}"`,
  );
});

test("a member that isn't named is told to be out, and blocks that are lost are named", async () => {
  const [a = "", b = "", c = ""] = disks("abc");
  await run("create", "--level", "5", ...SMALL, a, b, c);
  const array = await assembleDisks(hostWorld(), [a, b, c], { program: "a test" });
  await array.volume.writeDurable(0, new Uint8Array(1 << 20).fill(1));
  await array.close();

  const scrubbed = await run("scrub", a, b);
  expect(scrubbed.notes).toEqual([
    expect.stringMatching(/^role 2 .* is missing, and out from now/u),
  ]);
  await truncate(c, 0);
  const file = await open(a, "r+");
  // The second chunk, which is data beside data of the missing member.
  const { groupsAt, groupTableBytes } = new MemberLayout({
    ...defaultCreateOptions,
    journalBytes: 4 << 20,
    tableCopies: 2,
  });
  await file.write(new Uint8Array(65_536).fill(9), 0, 65_536, groupsAt + groupTableBytes + 65_536);
  await file.close();
  const added = await run("add", c, "--array", a, b);
  expect(added.notes).toEqual([
    expect.stringMatching(/^16 blocks of the array are lost, at byte/u),
  ]);
});

test("what comes to nothing leaves no lock behind", async () => {
  const [a = "", b = "", c = ""] = disks("abc");
  await writeFile(c, "something that is needed");
  await expect(run("create", "--level", "5", ...SMALL, a, b, c)).rejects.toThrow(/holds some/u);
  await expect(run("create", "--level", "6", ...SMALL, a, b)).rejects.toThrow(/members/u);
  const none = join(directory, "none", "x");
  for (const [refused, reason] of [
    [[a, b], /needs at least \d+ bytes/u],
    [[a, directory], /is no file/u],
    [[a, none], /is no directory/u],
    [[a, "/dev/holdfast-none"], /is not there/u],
    [[a, b, "--spare", c], /holds something/u],
  ] as const) {
    await expect(run("create", "--level", "1", ...refused)).rejects.toThrow(reason);
  }
  for (const command of ["inspect", "verify"]) {
    const program = createProgram(new HeardIo());
    const inspected = program.parseAsync(["node", "holdfast", command, c]);
    await expect(inspected).rejects.toThrow(/member of an array/u);
  }
  expect(await readdir(directory)).toEqual(["c"]);
});

test.each([
  [["create", "a", "b", "c"], /--level/u],
  [["create", "--level", "mirorr", "a", "b"], /did you mean "mirror"/u],
  [["grow", "a"], /--add FILE, or --size SIZE/u],
  [["grow", "a", "--size", "0"], /--size takes a size/u],
  [["statsu", "a"], /Did you mean status/u],
  [["add", "a"], /--array/u],
  [["add", "--array", "a"], /name the file before --array/u],
  [["fail", "--array", "a", "b"], /name the member before --array/u],
  [["remove", "--array", "a", "b"], /name the file before --array/u],
  [["replace", "--with", "d", "--array", "a", "b"], /name the member before --array/u],
])("%j is refused, with the way out", async (args, wayOut) => {
  await expect(run(...args)).rejects.toThrow(wayOut);
});

test("every command has an example in its help", () => {
  const io = new HeardIo();
  const raid = createProgram(io).commands.find((command) => command.name() === "raid");
  const names = "create status assemble examine fail remove add replace scrub grow".split(" ");
  expect(raid?.commands.map((command) => command.name())).toEqual(names);
  for (const command of raid?.commands ?? []) {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(help).toMatch(new RegExp(`Example:\\n {2}.*holdfast raid ${command.name()}`, "u"));
    expect(help).toContain("--json");
  }
});
