import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectToHolder } from "../arrays/control-connection.ts";
import { hostWorld } from "../host/world.ts";
import { type Database, open, type OpenArrayOptions } from "./main.ts";
import { assembleArray, assembleArrayOf, createArray, createArrayOf, openVolume } from "./raid.ts";

const SMALL = { logBytes: 4 << 20, cacheBytes: 8 << 20, pagesBytes: 1 << 20 };

let directory = "";
let opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-raid-"));
  opened = [];
});

afterEach(async () => {
  for (const one of opened) await one.close();
  await rm(directory, { recursive: true });
});

function disks(...names: readonly string[]): readonly string[] {
  return names.map((name) => join(directory, name));
}

function kept<T extends { close(): Promise<void> }>(one: T): T {
  opened.push(one);
  return one;
}

async function openOn(
  names: readonly string[],
  more?: Partial<OpenArrayOptions>,
): Promise<Database> {
  return kept(await open({ raid: 5, disks: disks(...names), ...SMALL, ...more }));
}

test("a database on an array is there without any one of its disks", async () => {
  const db = await openOn(["a", "b", "c"]);
  await db.set("kept", { number: 1 });
  await db.close();
  const [gone = ""] = disks("a");
  await rm(gone);
  const degraded = await openOn(["c", "a", "b"]);
  expect(await degraded.get("kept")).toEqual({ number: 1 });
  await degraded.set("more", 2);
  await degraded.close();
  // It was not made anew.
  await expect(stat(gone)).rejects.toThrow(/ENOENT/u);
  const again = await openOn(["b", "c"]);
  expect(await again.getMany(["kept", "more"])).toEqual([{ number: 1 }, 2]);
});

test("a second open of the disks is refused, and told by whom", async () => {
  await openOn(["a", "b", "c"], { program: "the first" });
  await expect(openOn(["b", "c"])).rejects.toMatchObject({
    code: "ERR_LOCKED",
    message: expect.stringContaining(`"the first" (pid ${process.pid}`) as string,
  });
});

test("neither a store nor an array is made over anything", async () => {
  const [full = ""] = disks("full");
  await writeFile(full, "something");
  await expect(openOn(["a", "b", "full"])).rejects.toThrow(/holds something/u);
  const array = await createArray({ level: 5, disks: disks("x", "y", "z"), sizeBytes: 32 << 20 });
  await array.volume.writeDurable(20 << 20, new Uint8Array(4096).fill(1));
  await array.close();
  await expect(openOn(["x", "y", "z"])).rejects.toMatchObject({ code: "ERR_FORMAT" });
  await expect(openOn(["x", "y", "z"], { raid: 1 })).rejects.toThrow(/RAID 5, not 1/u);
  await expect(openOn([])).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
});

test("disks that have a size are used whole, and an array that was made before is used", async () => {
  const made = disks("a", "b");
  for (const path of made) {
    await writeFile(path, "");
    await truncate(path, 64 << 20);
  }
  const db = await openOn(["a", "b"], { raid: 1, spares: disks("s") });
  await db.set("a", 1);
  await db.close();
  const array = kept(await assembleArray([...made, ...disks("s")]));
  expect(array.volume.sizeBytes).toBeGreaterThan(30 << 20);
  expect(array.status().spares).toEqual(disks("s"));

  await (await createArray({ level: 4, disks: disks("x", "y", "z"), sizeBytes: 1 << 20 })).close();
  const other = await openOn(["z", "x", "y"], { raid: 4 });
  await other.set("a", 2);
  expect(await other.get("a")).toBe(2);
});

test("disks are the same by any path, for the program and for others", async () => {
  const near = (name: string): string => relative(process.cwd(), join(directory, name));
  const small = { sizeBytes: 1 << 20, journalBytes: 4 << 20 };
  await (await createArray({ level: 6, disks: "abcd".split("").map(near), ...small })).close();
  const array = kept(await assembleArray(["a", "b", "c"].map(near)));
  expect(array.status()).toMatchObject({ health: "degraded", spares: [] });
  expect(await array.add(near("d"))).toMatchObject({ role: 3 });
  await array.volume.settled();
  await array.fail(near("a"));
  const holder = await connectToHolder(hostWorld(), join(directory, "b"));
  expect(await holder?.ask({ command: "fail", path: near("d"), force: false })).toBeNull();
  expect(array.status().absent.map(({ path }) => path)).toEqual(disks("a", "d"));
  holder?.close();
});

test("an array is made of arrays", async () => {
  const small = { sizeBytes: 1 << 20, journalBytes: 4 << 20 };
  const mirrors = [disks("a", "b"), disks("c", "d")];
  const left = await createArray({
    level: 1,
    disks: mirrors[0] ?? [],
    ...small,
    sizeBytes: 8 << 20,
  });
  const right = await createArray({
    level: 1,
    disks: mirrors[1] ?? [],
    ...small,
    sizeBytes: 8 << 20,
  });
  const outer = await createArrayOf([left.volume, right.volume], { level: 0, ...small });
  await outer.writeDurable(300_000, new Uint8Array(5000).fill(9));
  await outer.close();
  await left.close();
  await right.close();

  const halves = await Promise.all([
    assembleArray(mirrors[1] ?? []),
    openVolume(disks("a")[0] ?? ""),
  ]);
  const again = await assembleArrayOf([
    halves[0].volume,
    await assembleArrayOf([halves[1]], { force: true }),
  ]);
  const bytes = new Uint8Array(5000);
  await again.read(300_000, bytes);
  expect(bytes.every((byte) => byte === 9)).toBe(true);
  await again.close();
  await halves[0].close();
});
