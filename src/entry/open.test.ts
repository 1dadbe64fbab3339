import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Level } from "./level.ts";
import { type Database, isHoldfastError, NOT_IN_MEMORY, open, type OpenOptions } from "./main.ts";

const SMALL = { logBytes: 4 << 20, cacheBytes: 8 << 20, pagesBytes: 1 << 20 };

let directory = "";
let opened: Database[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-open-"));
  opened = [];
});

afterEach(async () => {
  for (const db of opened) await db.close();
  await rm(directory, { recursive: true });
});

async function openSmall(options: Partial<OpenOptions> = {}): Promise<Database> {
  const db = await open({ path: join(directory, "data"), ...SMALL, ...options });
  opened.push(db);
  return db;
}

test("what was written is there after a reopening, and its outcome too", async () => {
  const first = await openSmall();
  await first.set("a", { number: 1 });
  const id = await first.transact(async (tx) => {
    tx.set("b", await tx.get("a"));
    return tx.id;
  });
  await first.close();
  const second = await openSmall();
  expect(await second.getMany(["a", "b"])).toEqual([{ number: 1 }, { number: 1 }]);
  expect(await second.outcome(id)).toBe("committed");
});

test.each([
  [{ cacheByte: 8 << 20 }, 'there is no option "cacheByte" of open (did you mean "cacheBytes"?)'],
  [{ timeout: 5 }, 'there is no option "timeout" of open (did you mean "timeoutMs"?)'],
  [{ disks: ["a"] }, 'there is no option "disks" of open without "raid"'],
  [{ stallMs: 5 }, 'there is no option "stallMs" of open'],
  [{ transactionTimeoutMs: 5 }, 'there is no option "transactionTimeoutMs" of open'],
])("the option %o is refused", async (options, message) => {
  const refused = openSmall(options as Partial<OpenOptions>);
  await expect(refused).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  await expect(refused).rejects.toThrow(message);
  expect(await readdir(directory)).toEqual([]);
});

test("who repeats an idempotency key meanwhile waits, and does nothing of it again", async () => {
  const db = await openSmall();
  let runs = 0;
  const answers = await Promise.all(
    [1, 2, 3].map(async (number) => {
      const body = async (): Promise<number> => {
        runs++;
        await new Promise<void>((resolve) => setTimeout(resolve, 20));
        return number;
      };
      return await db.transact(body, { idempotencyKey: "once" });
    }),
  );
  expect(runs).toBe(1);
  expect(new Set(answers).size).toBe(1);
});

test("who waits for a key for too long is told which, and who has it", async () => {
  const db = await openSmall();
  let leave = (): void => undefined;
  const left = new Promise<void>((resolve) => (leave = resolve));
  let enter = (): void => undefined;
  const entered = new Promise<void>((resolve) => (enter = resolve));
  const holding = db.transact(async (tx) => {
    await tx.getForUpdate(["seat", 7]);
    // It takes its locks at the end of the turn.
    await new Promise<void>((resolve) => setImmediate(resolve));
    await tx.get("other");
    enter();
    await left;
  });
  await entered;
  const late = db.transact((tx) => tx.set(["seat", 7], 1), { timeoutMs: 100 });
  await expect(late).rejects.toMatchObject({ code: "ERR_TIMEOUT" });
  await expect(late).rejects.toThrow(/the key \["seat", 7\], which transaction \d+ holds/u);
  leave();
  await holding;
});

test("a second open is served by the first, and takes over when that closes", async () => {
  const first = await openSmall();
  const second = await openSmall();
  const third = await openSmall();
  await second.set("a", 1);
  await second.transact(async (tx) => {
    tx.set("a", ((await tx.getForUpdate<number>("a")) ?? 0) + 1);
  });
  expect(await first.get("a")).toBe(2);
  expect([first.getCached("a"), first.getCached("none")]).toEqual([2, undefined]);
  expect(second.getCached("a")).toBe(NOT_IN_MEMORY);
  const watch = third.watch({ key: "a" });
  const change = watch.next();
  await first.close();
  await second.set("a", 3);
  expect((await change).value).toMatchObject({ value: 3 });
  await second.close();
  expect(await third.get("a")).toBe(3);
});

test("a directory that is open is refused to who does not want to be served", async () => {
  await openSmall({ program: "the first 1.0" });
  const refused = openSmall({ attach: false });
  await expect(refused).rejects.toMatchObject({ code: "ERR_LOCKED" });
  await expect(refused).rejects.toThrow(`the first 1.0`);
  await expect(refused).rejects.toThrow(String(process.pid));
});

test("what is no store is refused", async () => {
  await writeFile(join(directory, "letter.txt"), "mine");
  const refused = open({ path: directory, ...SMALL });
  await expect(refused).rejects.toMatchObject({ code: "ERR_FORMAT" });
  expect(await readdir(directory)).toEqual(["letter.txt"]);
  for (const path of ["", undefined]) {
    await expect(open({ path: path as string })).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  }
  await expect(openSmall({ cacheBytes: 1 })).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
});

test("transfers at once, in two databases of one store, neither make nor lose money", async () => {
  const both = [await openSmall(), await openSmall()];
  const accounts = Array.from({ length: 6 }, (_, index) => ["account", index]);
  const [bank] = both as [Database];
  await bank.transact((tx) => {
    for (const account of accounts) tx.set(account, 100);
  });
  const transfer = async (db: Database, index: number): Promise<void> => {
    const from = accounts[(index * 7) % 6] ?? [];
    const to = accounts[(index * 5 + 1) % 6] ?? [];
    await db.transact(async (tx) => {
      // Without `getForUpdate`, and with a wait that is none of ours, so that they meet.
      const [left = 0, right = 0] = await tx.getMany<number>([from, to]);
      if (index % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      if (from === to || left < 10) return;
      tx.set(from, left - 10);
      tx.set(to, right + 10);
      tx.add("transfers", 1n);
    });
  };
  const sums: number[] = [];
  const audit = async (db: Database): Promise<void> => {
    let sum = 0;
    for await (const { value } of db.scan<number>({ prefix: "account" })) sum += value;
    sums.push(sum);
  };
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const db = both[index % 2] ?? bank;
      await (index % 20 === 0 ? audit(db) : transfer(db, index));
    }),
  );
  await audit(bank);
  expect(new Set(sums)).toEqual(new Set([600]));
  const { attemptsRetried, transactionsCommitted } = bank.stats();
  expect(transactionsCommitted).toBeGreaterThan(90);
  expect(attemptsRetried).toBeGreaterThan(0);
});

test("conflicts of which no attempt succeeds name the key and the other", async () => {
  const db = await openSmall();
  await db.set("a", 1);
  const release = new AbortController();
  const held = new Promise<void>((resolve) => {
    release.signal.addEventListener("abort", () => resolve());
  });
  const older = db.transact(async (tx) => {
    await held;
    tx.set("a", await tx.getForUpdate("a"));
  });
  const younger = db
    .transact(
      async (tx) => {
        await tx.getForUpdate("a");
        release.abort();
        await new Promise<void>((resolve) => {
          tx.signal.addEventListener("abort", () => resolve());
        });
      },
      { attemptsMax: 1 },
    )
    .catch((error: unknown) => error);
  await older;
  const fault = await younger;
  expect(fault).toMatchObject({ code: "ERR_CONFLICT", details: { attempts: 1 } });
  expect(isHoldfastError(fault) ? Object.keys(fault.details) : []).toContain("key");
});

test("a Level database in a directory, and in a database beside others", async () => {
  const path = join(directory, "level");
  const level = new Level<string, object>(path, { valueEncoding: "json", store: SMALL });
  await level.put("a", { b: 1 });
  await level.close();
  const again = new Level(path, { errorIfExists: true, store: SMALL });
  await expect(again.open()).rejects.toThrow();
  await level.open();
  expect(await level.get("a")).toEqual({ b: 1 });
  await level.close();

  const db = await openSmall();
  const within = new Level(db, { prefix: ["level"] });
  await within.put("a", "1");
  await db.set("a", 2);
  expect(await within.keys().all()).toEqual(["a"]);
  await within.close();
  expect(await db.get("a")).toBe(2);
});

test("the longest value that the defaults allow is stored, and one byte more is not", async () => {
  const db = await open(join(directory, "data"));
  opened.push(db);
  const longest = new Uint8Array((16 << 20) - 64).fill(7);
  await db.set("a", longest);
  await db.delete("a");
  await db.set("b", longest);
  const found = await db.get<Uint8Array>("b");
  expect(Buffer.compare(found ?? new Uint8Array(0), longest)).toBe(0);
  await expect(db.set("c", new Uint8Array((16 << 20) + 1))).rejects.toMatchObject({
    code: "ERR_LIMIT",
  });
});

test("options that no store can work with are refused, and nothing is made", async () => {
  const wrong: readonly Partial<OpenOptions>[] = [
    { pagesBytes: 0 },
    { pagesBytes: Number.NaN },
    { logBytes: -1 },
    { locksPerTransactionMax: 0 },
    { locksPerTransactionMax: Number.NaN },
    { snapshotAgeMsMax: Number.NaN },
    { timeoutMs: Number.NaN },
  ];
  for (const options of wrong) {
    await expect(openSmall(options)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
  }
  expect(await readdir(directory)).toEqual([]);
  const nothing = undefined as unknown as string;
  await expect(open(nothing)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
});

test("a log may be asked for of any size", async () => {
  const db = await openSmall({ logBytes: 5_000_001 });
  await db.set("a", 1);
  await db.close();
  expect(await (await openSmall()).get("a")).toBe(1);
});

test("with a log of the default size, too, a watch shows nothing from before its beginning", async () => {
  const db = await open(join(directory, "data"));
  opened.push(db);
  for (let count = 1; count <= 5; count++) await db.set("a", count);
  const version = (await db.getEntry("a"))?.version;
  const [now, from] = [db.watch(), db.watch({}, { from: version })];
  await db.set("a", 6);
  expect((await now.next()).value).toMatchObject({ value: 6 });
  expect((await from.next()).value).toMatchObject({ value: 6 });
});
