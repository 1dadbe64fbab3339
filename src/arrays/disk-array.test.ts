import {
  link,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bestChecksums } from "../base/checksums.ts";
import { HostFiles } from "../host/host-files.ts";
import { ioFault } from "../host/io-fault.ts";
import { hostWorld } from "../host/world.ts";
import { IS_BEHIND } from "../raid/assembly.ts";
import { decodeSuperblocks, encodeSuperblock } from "../raid/superblock.ts";
import type { File } from "../world/files.ts";
import { connectToHolder } from "./control-connection.ts";
import type { DiskArray, DiskArrayStatus, ScrubFindings } from "./disk-array.ts";
import { statusOfDisks } from "./look-at-disks.ts";
import { memberAddress } from "./member-lock.ts";
import { assembleDisks, createOnDisks, type NewDiskArray } from "./open-disk-array.ts";

const world = hostWorld();
const PROGRAM = { program: "a test" };
const SIZE = 1 << 20;
const CONTENT = new Uint8Array(SIZE).map((_, index) => 1 + (index >> 12));

let directory = "";
let opened: DiskArray[] = [];

/** Those of the host, which refuse to open one. */
class RefusingFiles extends HostFiles {
  readonly #refused: string;
  readonly #errno: string;

  constructor(refused: string, errno: string) {
    super();
    this.#refused = refused;
    this.#errno = errno;
  }

  override async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    if (path !== this.#refused) return await super.open(path, mode);
    throw ioFault("open", path, Object.assign(new Error(this.#errno), { code: this.#errno }));
  }
}

/** Those of the host, on a file system that says how much is free. */
class NarrowFiles extends HostFiles {
  freeNow: number;

  constructor(freeBytes: number) {
    super();
    this.freeNow = freeBytes;
  }

  override async freeBytes(): Promise<number> {
    return await Promise.resolve(this.freeNow);
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-arrays-"));
  opened = [];
});

afterEach(async () => {
  for (const array of opened) await array.close().catch(() => undefined);
  await rm(directory, { recursive: true });
});

function disk(name: string): string {
  return join(directory, name);
}

const disks = (): readonly string[] => ["a", "b", "c"].map(disk);

async function create(wishes: Partial<NewDiskArray> = {}, on = world): Promise<DiskArray> {
  const small = { level: 5, journalBytes: 4 << 20, sizeBytes: SIZE } as const;
  const array = await createOnDisks(on, { ...small, disks: disks(), ...wishes }, PROGRAM);
  opened.push(array);
  return array;
}

async function assemble(paths = disks(), force = false): Promise<DiskArray> {
  const array = await assembleDisks(world, paths, { ...PROGRAM, force });
  opened.push(array);
  return array;
}

async function contentOf({ volume }: DiskArray): Promise<Uint8Array> {
  const bytes = new Uint8Array(SIZE);
  await volume.read(0, bytes);
  return bytes;
}

test("a member that is told to fail comes back, and catches up", async () => {
  const array = await create();
  await array.fail(disk("b"));
  await array.volume.writeDurable(0, CONTENT);
  const { absent, health } = array.status();
  expect(health).toBe("degraded");
  expect(absent).toEqual([{ path: disk("b"), reason: "It was told to fail" }]);
  expect(await array.add(disk("b"))).toEqual({ kind: "re-added", role: 1 });
  await array.volume.settled();
  expect(array.status()).toMatchObject({ health: "whole", absent: [] });
  await array.close();

  const again = await assemble(disks().slice(1));
  expect(Buffer.compare(await contentOf(again), CONTENT)).toBe(0);
});

test("the last member that the array needs is failed by force only", async () => {
  const array = await create({ spares: [disk("d")] });
  expect(array.status().spares).toEqual([disk("d")]);
  await array.remove(disk("d"));
  await array.fail(disk("a"));
  await expect(array.fail(disk("b"))).rejects.toThrow(/needs 2 whole members/u);
  expect(array.status().health).toBe("degraded");
  await expect(array.fail(disk("x"))).rejects.toThrow(/no member of the array/u);
  await array.fail(disk("b"), true).catch(() => undefined);
  expect(array.status().health).toBe("failed");
});

test("a file takes over from a member, whose file is free then", async () => {
  const array = await create();
  await array.volume.writeDurable(0, CONTENT);
  await array.replace(disk("a"), disk("d"));
  await array.volume.settled();
  expect(array.status().absent).toEqual([{ path: disk("a"), reason: "it was replaced" }]);
  await expect(assemble([disk("a")])).rejects.toMatchObject({ code: "ERR_LOCKED" });
  await array.remove(disk("a"));
  await array.close();
  const again = await assemble([disk("d"), disk("b")]);
  expect(Buffer.compare(await contentOf(again), CONTENT)).toBe(0);
});

test("an array grows by a member", async () => {
  const array = await create();
  await array.volume.writeDurable(0, CONTENT);
  const before = array.volume.sizeBytes;
  await array.growBy(disk("d"));
  await array.volume.settled();
  expect(array.volume.sizeBytes).toBeGreaterThan(before);
  await array.growTo(2 * array.volume.sizeBytes);
  await expect(array.growTo(before)).rejects.toThrow(/never shrinks/u);
  expect(Buffer.compare(await contentOf(array), CONTENT)).toBe(0);
});

test("what holds something is not overwritten, unless that is forced", async () => {
  await writeFile(disk("b"), "something that is needed");
  await expect(create()).rejects.toThrow(/"[^"]*b" holds something/u);
  expect(await readFile(disk("b"), "utf8")).toBe("something that is needed");
  // What was made for it is gone again.
  await expect(stat(disk("a"))).rejects.toThrow(/ENOENT/u);

  await rm(disk("b"));
  await (await create()).close();
  await expect(create()).rejects.toThrow(/holds something/u);
  const wishes = { disks: disks(), level: 5, sizeBytes: SIZE } as const;
  const forced = await createOnDisks(world, wishes, { ...PROGRAM, force: true });
  expect(forced.status().health).toBe("whole");
  opened.push(forced);
});

test("what its disk has no room for is refused before anything is made", async () => {
  const refused = create({ sizeBytes: 2 ** 50 });
  await expect(refused).rejects.toMatchObject({ code: "ERR_FULL" });
  await expect(refused).rejects.toThrow(/"[^"]*a" would need \d+ bytes more/u);
  expect(await readdir(directory)).toEqual([]);
});

test("room is asked for before an array grows, for all files of a file system together", async () => {
  const files = new NarrowFiles(64 << 20);
  const array = await create({}, { ...world, files });
  const sizes = async (): Promise<readonly number[]> =>
    await Promise.all(disks().map(async (path) => (await stat(path)).size));
  const before = await sizes();
  files.freeNow = 8 << 20;
  // Each of the three would grow by four of eight mebibytes.
  const refused = array.growTo(SIZE + (8 << 20));
  await expect(refused).rejects.toMatchObject({ code: "ERR_FULL" });
  await expect(refused).rejects.toThrow(/and those beside it would need \d+ bytes more/u);
  expect(await sizes()).toEqual(before);
  await array.growTo(SIZE + (2 << 20));
  expect(array.status()).toMatchObject({ health: "whole", sizeBytes: SIZE + (2 << 20) });
});

test("room is asked for before a file joins that has none", async () => {
  const files = new NarrowFiles(64 << 20);
  const array = await create({}, { ...world, files });
  files.freeNow = 4 << 20;
  for (const joining of [
    async () => await array.growBy(disk("d")),
    async () => await array.add(disk("d")),
    async () => await array.replace(disk("a"), disk("d")),
  ]) {
    await expect(joining()).rejects.toThrow(/"[^"]*\/d" would need \d+ bytes more/u);
    await expect(stat(disk("d"))).rejects.toThrow(/ENOENT/u);
  }
  expect(array.status()).toMatchObject({ health: "whole", absent: [], spares: [] });
});

test.each(["EACCES", "EPERM", "EROFS", "EMFILE", "ENFILE", "EBUSY"])(
  "nothing is assembled, or written, while a member cannot be opened for %s",
  async (errno) => {
    const array = await create();
    await array.volume.writeDurable(0, CONTENT);
    await array.close();
    const before = await Promise.all(disks().map(async (path) => await readFile(path)));
    const refusing = { ...world, files: new RefusingFiles(disk("b"), errno) };
    const refused = assembleDisks(refusing, disks(), PROGRAM);
    await expect(refused).rejects.toThrow(
      new RegExp(`"[^"]*/b": ${errno}.*Nothing was assembled.*leave it out`, "u"),
    );
    await expect(refused).rejects.toMatchObject({ details: { path: disk("b"), errno } });
    const after = await Promise.all(disks().map(async (path) => await readFile(path)));
    expect(after.every((bytes, index) => bytes.equals(before[index] ?? bytes))).toBe(true);
    const again = await assemble();
    expect(again.status()).toMatchObject({ health: "whole", absent: [] });
  },
);

test.each(["EIO", "ENXIO"])("an array does without a member that is broken: %s", async (errno) => {
  await (await create()).close();
  const refusing = { ...world, files: new RefusingFiles(disk("b"), errno) };
  const array = await assembleDisks(refusing, disks(), PROGRAM);
  opened.push(array);
  expect(array.status()).toMatchObject({ health: "degraded", absent: [{ path: disk("b") }] });
});

test("a member that cannot be opened now is done without where it isn't named", async () => {
  await (await create()).close();
  const array = await assemble([disk("a"), disk("c")]);
  await array.volume.writeDurable(0, CONTENT);
  expect(await array.add(disk("b"))).toEqual({ kind: "re-added", role: 1 });
  await array.volume.settled();
  expect(array.status().health).toBe("whole");
});

test("a file that joins is made if it is missing, and gone again if it does not join", async () => {
  const array = await create();
  await array.fail(disk("a"));
  await expect(array.growBy(disk("d"))).rejects.toThrow(
    /only while all its members are whole.*or a disk in its place \(role 0; `holdfast raid add/u,
  );
  await expect(stat(disk("d"))).rejects.toThrow(/ENOENT/u);
  await expect(array.add(disk("none/d"))).rejects.toThrow(/is no directory/u);
  await expect(array.add("/dev/there-is-no-such-disk")).rejects.toThrow(/is not there/u);
  expect(await array.add(disk("d"))).toEqual({ kind: "rebuilding", role: 0 });
  await array.volume.settled();
  expect(array.status().health).toBe("whole");
});

test("an array whose making was cut short is made again, and holds nothing", async () => {
  await (await create()).close();
  const checksums = bestChecksums();
  for (const path of disks().slice(0, 2)) {
    const file = await open(path, "r+");
    const copies = [0, 1].map(() => new Uint8Array(4096));
    for (const [copy, bytes] of copies.entries()) await file.read(bytes, 0, 4096, copy * 4096);
    const found = decodeSuperblocks(copies, checksums);
    if (found.kind !== "valid") throw new Error("it is a member");
    const { superblock } = found;
    const early = { ...superblock, array: { ...superblock.array, making: true, sequence: 1 } };
    await file.write(encodeSuperblock(early, 0, checksums), 0, 4096, 0);
    await file.write(new Uint8Array(4096), 0, 4096, 4096);
    await file.close();
  }
  await truncate(disk("c"), 0);
  await expect(assemble()).rejects.toThrow(/was cut short/u);
  const again = await create();
  expect(again.status().health).toBe("whole");
});

test("a member of another array is refused, and others that hold something", async () => {
  const [own, other] = [disks(), ["x", "y"].map(disk)];
  await (await create({ disks: other, level: 1 })).close();
  const array = await create();
  await array.fail(disk("a"));
  await expect(array.add(disk("x"))).rejects.toThrow(/another array|holds something/u);
  await writeFile(disk("full"), "x".repeat(100));
  await expect(array.add(disk("full"))).rejects.toThrow(/holds something/u);
  await expect(array.add(disk("b"))).rejects.toThrow(/belongs to the array already/u);
  await array.close();
  await expect(assemble([...own, disk("x")])).rejects.toThrow(/is a member of the array/u);
});

test("rot on a member is put right by a scrub, which names the member", async () => {
  const array = await create();
  await array.volume.writeDurable(0, CONTENT);
  await array.close();
  const bytes = await readFile(disk("c"));
  bytes.fill(0xa5, bytes.length - 40_000);
  await writeFile(disk("c"), bytes);

  const again = await assemble();
  const found = await again.scrub();
  expect(found).toMatchObject({ lostAt: [], members: [{ name: disk("c") }] });
  expect(found?.repaired).toBeGreaterThan(0);
  expect(await again.scrub()).toMatchObject({ repaired: 0, parityRepaired: 0, members: [] });
  expect(again.status().lastScrub?.repaired).toBe(0);
});

test("files that are gone are left out, as far as the level allows", async () => {
  await (await create()).close();
  await rm(disk("a"));
  const array = await assemble();
  expect(array.status()).toMatchObject({ health: "degraded", absent: [{ path: disk("a") }] });
  await array.close();
  await rm(disk("b"));
  await expect(assemble()).rejects.toThrow(/needs 2/u);
  await rm(disk("c"));
  await expect(assemble()).rejects.toThrow(/not there/u);
});

test("members that are behind are taken by force only, which says what that risks", async () => {
  const array = await create();
  await array.fail(disk("b"));
  await array.volume.writeDurable(0, CONTENT);
  await array.close();
  const [a, b] = [disk("a"), disk("b")];
  await expect(assemble([a, b])).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
  const forced = await assemble([a, b], true);
  expect(forced.volume.risks[0]).toContain(`"${b}" is behind`);
  expect(forced.status().risks).toEqual(forced.volume.risks);
  await forced.close();
  // That was decided for good.
  expect((await assemble([a, b])).volume.risks).toEqual([]);
});

test("others ask and tell the holder by way of any member", async () => {
  expect(await connectToHolder(world, disk("a"))).toBeUndefined();
  const array = await create();
  await expect(assemble()).rejects.toMatchObject({
    code: "ERR_LOCKED",
    message: expect.stringContaining("a test") as string,
  });
  const other = await connectToHolder(world, disk("c"));
  if (other === undefined) throw new Error("somebody has it");
  const status = (await other.ask({ command: "status" })) as DiskArrayStatus;
  expect(status).toMatchObject({ level: 5, health: "whole", arrayId: array.status().arrayId });
  await other.ask({ command: "fail", path: disk("b"), force: false });
  expect(array.status().health).toBe("degraded");
  await expect(other.ask({ command: "fail", path: disk("a"), force: false })).rejects.toMatchObject(
    { code: "ERR_ARGUMENT", details: { left: 1 } },
  );
  await other.ask({ command: "add", path: disk("b"), force: false });
  const findings = (await other.ask({ command: "scrub", wait: true })) as ScrubFindings;
  expect(findings.members).toEqual([]);
  await array.close();
  await expect(other.ask({ command: "status" })).rejects.toMatchObject({ code: "ERR_LOCKED" });
});

test("what is no request ends its own connection alone", async () => {
  await create();
  const path = memberAddress(disk("a"));
  const garbage = [
    new Uint8Array([255, 255, 255, 255]),
    frame("no JSON"),
    frame('{"version": 2, "id": 1}'),
    frame('{"version": 1, "id": "one"}'),
    frame("[]"),
  ];
  const asked = await connectToHolder(world, disk("a"));
  for (const bytes of garbage) {
    const connection = await world.network.connect(path);
    const closed = new Promise<void>((resolve) => {
      connection.handle({ data: () => undefined, drained: () => undefined, closed: resolve });
    });
    connection.write(bytes);
    await closed;
  }
  expect(await asked?.ask({ command: "status" })).toMatchObject({ level: 5 });
  const wrong = { command: "fail", path: "", force: false } as const;
  await expect(asked?.ask(wrong)).rejects.toMatchObject({ code: "ERR_FORMAT" });
  expect(await asked?.ask({ command: "status" })).toMatchObject({ level: 5 });
  asked?.close();
});

function frame(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return new Uint8Array([...length, ...bytes]);
}

test("the socket is for its user alone", async () => {
  await create();
  const address = memberAddress(disk("a"));
  if (address.kind !== "local") throw new Error("it is a local socket");
  expect((await stat(address.path)).mode & 0o777).toBe(0o600);
});

test("a member that was cut short is out by that name, and is filled again from its beginning", async () => {
  const array = await create();
  await array.volume.writeDurable(0, CONTENT);
  await array.close();
  const { size } = await stat(disk("b"));
  await truncate(disk("b"), size - SIZE / 4);

  const looked = await statusOfDisks(world, disks());
  const again = await assemble();
  for (const { health, absent } of [looked, again.status()]) {
    expect(health).toBe("degraded");
    expect(absent[0]?.reason).toContain(`it was cut short: it has ${size - SIZE / 4} of ${size}`);
  }
  expect(await again.add(disk("b"))).toEqual({ kind: "rebuilding", role: 1 });
  await again.volume.settled();
  expect((await again.scrub())?.repaired).toBe(0);
  await again.fail(disk("a"));
  expect(await contentOf(again)).toEqual(CONTENT);
});

test("of files of which none can be read it is said why", async () => {
  await expect(statusOfDisks(world, [disk("x")])).rejects.toThrow(/"[^"]*x": Cannot open/u);
});

test("a journal that is no whole number of units is refused with the next size up", async () => {
  const creating = create({ journalBytes: (4 << 20) + 1 });
  await expect(creating).rejects.toThrow(`give it ${(4 << 20) + 4096}`);
});

test("what took the place of a member that served repaired nothing", async () => {
  const array = await create({ disks: [...disks(), disk("d")] });
  const counted = (): readonly number[] => {
    const { membersFailed, repairs } = array.status().counters;
    return [membersFailed, repairs];
  };
  await writeFile(disk("e"), "");
  await array.replace(disk("a"), disk("e"));
  await array.volume.settled();
  expect([array.status().members[0]?.name, ...counted()]).toEqual([disk("e"), 0, 0]);
  await array.fail(disk("b"));
  await array.add(disk("b"));
  await array.volume.settled();
  expect(counted()).toEqual([1, 1]);
});

test("a member that is missing when the array is opened has failed, as its repair counts", async () => {
  await (await create()).close();
  const array = await assemble(disks().slice(1));
  expect(array.status().counters).toMatchObject({ membersFailed: 1, repairs: 0 });
  await array.close();
  // It is told once.
  const again = await assemble(disks().slice(1));
  expect(again.status().counters.membersFailed).toBe(1);
  await again.add(disk("d"));
  await again.volume.settled();
  expect(again.status().counters).toMatchObject({ membersFailed: 1, repairs: 1 });
});

test("a member that comes back when another has its place is not asked for", async () => {
  const first = await create();
  await first.fail(disk("b"));
  await first.close();
  const array = await assemble();
  expect(array.status().absent).toEqual([{ path: disk("b"), reason: IS_BEHIND }]);
  await array.add(disk("d"));
  await array.volume.settled();
  expect(array.status()).toMatchObject({
    health: "whole",
    absent: [{ path: disk("b"), reason: "it was replaced" }],
  });
});

test("of several that are behind, those whose place is taken aren't asked for", async () => {
  const four = [...disks(), disk("d")];
  const wishes = { disks: four, level: 6, sizeBytes: SIZE } as const;
  const first = await createOnDisks(world, wishes, PROGRAM);
  opened.push(first);
  await first.fail(disk("b"));
  await first.fail(disk("c"));
  await first.close();
  const array = await assemble(four);
  expect(array.status().absent.map(({ reason }) => reason)).toEqual([IS_BEHIND, IS_BEHIND]);
  await array.add(disk("e"));
  expect(array.status().absent).toEqual([
    { path: disk("b"), reason: "it was replaced" },
    { path: disk("c"), reason: IS_BEHIND },
  ]);
});

test("a member that is out is told to be so, when it is to fail again", async () => {
  const array = await create();
  await array.fail(disk("b"));
  await expect(array.fail(disk("b"))).rejects.toThrow(
    /b" is out of the array already: It was told/u,
  );
  await expect(array.replace(disk("b"), disk("d"))).rejects.toThrow(/out of the array already/u);
});

test("a half that went on alone is added as a new member by force only", async () => {
  await (await create({ level: 1, disks: disks().slice(1) })).close();
  for (const half of [disk("c"), disk("b")]) {
    const alone = await assemble([half], true);
    await alone.volume.writeDurable(0, half === disk("b") ? CONTENT : new Uint8Array(4096));
    await alone.close();
  }
  const array = await assemble([disk("b")]);
  await expect(array.add(disk("c"))).rejects.toThrow(/went on without the others.*force it/u);
  expect(await array.add(disk("c"), true)).toEqual({ kind: "rebuilding", role: 1 });
  await array.volume.settled();
  await array.close();
  const whole = await assemble(disks().slice(1));
  expect(whole.status().health).toBe("whole");
  expect(Buffer.compare(await contentOf(whole), CONTENT)).toBe(0);
});

test("a half that went on alone is not overwritten once its role is another's, either", async () => {
  await (await create({ level: 1, disks: disks().slice(1) })).close();
  for (const half of [disk("c"), disk("b")]) {
    const alone = await assemble([half], true);
    await alone.volume.writeDurable(0, CONTENT);
    if (half === disk("b")) await alone.add(disk("d"));
    await alone.volume.settled();
    await alone.close();
  }
  const array = await assemble([disk("b"), disk("d")]);
  await expect(array.add(disk("c"))).rejects.toThrow(/went on without the others/u);
  await expect(array.replace(disk("d"), disk("c"))).rejects.toThrow(/went on without/u);
  await array.close();
  await expect(assemble([disk("b"), disk("c")])).rejects.toThrow(/each went on without/u);
});

test("a member that is merely missing takes nobody else's place but by force", async () => {
  await (await create()).close();
  const array = await assemble(disks().slice(0, 2));
  await expect(array.replace(disk("a"), disk("c"))).rejects.toThrow(
    /missing member of role 2: add/u,
  );
  await expect(array.growBy(disk("c"))).rejects.toThrow(/missing member of role 2: add it/u);
  await array.replace(disk("a"), disk("c"), true);
  await array.volume.settled();
  expect(array.status().members.map(({ name }) => name)).toEqual([disk("c"), disk("b"), undefined]);
});

test("no room is made for a growth that is refused", async () => {
  await writeFile(disk("d"), "");
  const array = await create();
  await array.fail(disk("a"));
  await expect(array.growBy(disk("d"))).rejects.toThrow(
    /only while all its members are whole.*or a disk in its place \(role 0; `holdfast raid add/u,
  );
  expect((await stat(disk("d"))).size).toBe(0);
});

test("two names of one file are no two members", async () => {
  await writeFile(disk("a"), "");
  await link(disk("a"), disk("b"));
  await expect(create()).rejects.toThrow(/[/]a" and "[^"]*[/]b" are one file: name another/u);
  await rm(disk("b"));
  expect((await create()).status().health).toBe("whole");
});

test("an array that is closed while it grows has not failed", async () => {
  const array = await create();
  const growing = array.growTo(256 << 20).catch((error: unknown) => error);
  await new Promise((resolve) => setImmediate(resolve));
  await array.close();
  expect(await growing).toMatchObject({ code: "ERR_CLOSED" });
  expect(array.volume.failure).toBeUndefined();
  expect((await assemble()).status()).toMatchObject({ health: "whole", sizeBytes: SIZE });
});
