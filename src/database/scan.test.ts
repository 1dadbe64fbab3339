import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import type { Scan } from "./scan.ts";
import { withDatabase } from "./test-engine.suite.ts";
import { encodeKey, type KeyPart } from "./tuple.ts";
import type { Watch, WatchedChange } from "./watch.ts";

describe("a scan", () => {
  test("gives what a sorted list would, for any range, direction, limit and chunk", async () => {
    const keys = fc.uniqueArray(fc.array(fc.constantFrom("a", "b", 1, null), { maxLength: 3 }), {
      maxLength: 12,
      selector: (parts) => JSON.stringify(parts),
    });
    const bound = fc.option(fc.array(fc.constantFrom("a", "b", 1), { maxLength: 2 }), {
      nil: undefined,
    });
    const options = fc.record({
      start: bound,
      end: bound,
      reverse: fc.boolean(),
      limit: fc.option(fc.nat(12), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(
        keys,
        fc.array(options, { maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        async (stored, scans, scanRowsMax) => {
          await withDatabase(
            async ({ db }) => {
              await db.transact((tx) => {
                for (const key of stored) tx.set(key, JSON.stringify(key));
              });
              for (const scan of scans) {
                const expected = expectedOf(stored, scan);
                expect(await keysOf(db.scan(scan))).toEqual(expected);
                expect(await db.transact(async (tx) => await keysOf(tx.scan(scan)))).toEqual(
                  expected,
                );
              }
            },
            { scanRowsMax },
          );
        },
      ),
      { seed: 3, numRuns: 40 },
    );
  });

  test("is of one moment, whatever is written meanwhile", async () => {
    await withDatabase(
      async ({ db }) => {
        for (let index = 0; index < 10; index++) await db.set(["k", index], 0);
        const seen: unknown[] = [];
        for await (const { key, value } of db.scan({ prefix: "k" })) {
          seen.push(value);
          await db.set(key, 1);
          await db.set(["k", 9.5], 1);
          await db.delete(["k", 9]);
        }
        expect(seen).toEqual(Array.from({ length: 10 }, () => 0));
      },
      { scanRowsMax: 3 },
    );
  });

  test("of a prefix gives whole parts only", async () => {
    await withDatabase(async ({ db }) => {
      for (const key of ["a", "ab", "b"]) await db.set(key, 1);
      await db.set(["a", 1], 1);
      expect(await keysOf(db.scan({ prefix: "a" }))).toEqual([["a"], ["a", 1]]);
    });
  });

  test("may be left, ended by a signal, or read by many rows at once", async () => {
    await withDatabase(
      async ({ db }) => {
        for (let index = 0; index < 9; index++) await db.set([index], index);
        for await (const { value } of db.scan()) if (value === 4) break;
        const controller = new AbortController();
        const scan = db.scan({ signal: controller.signal });
        await scan.next();
        controller.abort("enough");
        expect(await codeOf(scan.next())).toBe("ERR_ABORTED");
        expect(await scan.next()).toEqual({ value: undefined, done: true });
        const many = db.scan({ limit: 7 });
        expect((await many.next()).value).toMatchObject({ value: 0 });
        expect((await many.nextRows()).map(({ value }) => value)).toEqual([1, 2, 3]);
        expect((await many.nextRows()).map(({ value }) => value)).toEqual([4, 5, 6]);
        expect(await many.nextRows()).toEqual([]);
      },
      { scanRowsMax: 4 },
    );
  });
});

test("a snapshot sees what there was, and nothing after it was closed", async () => {
  await withDatabase(async ({ db }) => {
    await db.set("a", 1);
    const snapshot = await db.snapshot();
    await db.set("a", 2);
    await db.set("b", 2);
    expect(await snapshot.get("a")).toBe(1);
    expect(await snapshot.getMany(["b", "a"])).toEqual([undefined, 1]);
    expect(await keysOf(snapshot.scan())).toEqual([["a"]]);
    expect(snapshot.version < (await db.snapshot()).version).toBe(true);
    const left = snapshot.scan();
    snapshot.close();
    snapshot.close();
    expect(await codeOf(left.next())).toBe("ERR_CLOSED");
    expect(await codeOf(snapshot.get("a"))).toBe("ERR_CLOSED");
  });
});

describe("a watch", () => {
  test("gives every change from a version on, in the order of the commits", async () => {
    await withDatabase(async ({ db }) => {
      const { version } = await db.snapshot();
      await db.transact((tx) => {
        tx.set(["w", 1], "one");
        tx.set("other", 1);
        tx.set(["w", 2], "two");
      });
      await db.delete(["w", 1]);
      await db.set("other", 2);
      const watch = db.watch({ prefix: "w" }, { from: version });
      const changes = await take(watch, 3);
      expect(changes.map(({ key, value }) => [key, value])).toEqual([
        [["w", 1], "one"],
        [["w", 2], "two"],
        [["w", 1], undefined],
      ]);
      const versions = changes.map((change) => change.version);
      expect(versions[0]).toBe(versions[1]);
      expect((versions[1] ?? "") < (versions[2] ?? "")).toBe(true);
      expect((await db.getEntry(["w", 2]))?.version).toBe(versions[0]);
      const later = await take(db.watch({}, { from: versions[1] }), 2);
      expect(later.map(({ key }) => key)).toEqual([["w", 1], ["other"]]);
    });
  });

  test("begins at its call if it is not told where, and waits for what is to come", async () => {
    await withDatabase(async ({ db, sleep }) => {
      await db.set("a", 1);
      const watch = db.watch({ key: "a" });
      await db.set("ab", 2);
      await db.set("a", 3);
      expect((await watch.next()).value).toMatchObject({ key: ["a"], value: 3 });
      const next = watch.next();
      await sleep(10);
      await db.set("a", 4);
      expect((await next).value).toMatchObject({ value: 4 });
    });
  });

  test("does not show what is not settled", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      engine.hold();
      const watch = db.watch();
      void db.set("a", 1);
      engine.letGo();
      await sleep(10);
      expect((await watch.next()).value).toMatchObject({ value: 1 });
    });
  });

  test("ends by its signal, by leaving it, and with the database", async () => {
    await withDatabase(async ({ db, sleep }) => {
      const controller = new AbortController();
      const watch = db.watch({}, { signal: controller.signal });
      const next = watch.next();
      await sleep(1);
      controller.abort();
      expect(await next).toEqual({ value: undefined, done: true });
      const dead = db.watch({}, { signal: controller.signal });
      expect((await dead.next()).done).toBe(true);
      const left = db.watch();
      await left.return();
      expect((await left.next()).done).toBe(true);
    });
  });

  test("from what is gone or never was is refused", async () => {
    await withDatabase(
      async ({ db }) => {
        const { version } = await db.snapshot();
        const future = `${version.slice(0, -3)}fff` as typeof version;
        expect(await codeOf(db.watch({}, { from: future }).next())).toBe("ERR_ARGUMENT");
        for (let count = 0; count < 10; count++) await db.set("a", count);
        expect(await codeOf(db.watch({}, { from: version }).next())).toBe("ERR_VERSION_GONE");
        const snapshot = await db.snapshot();
        const watch = db.watch({}, { from: snapshot.version });
        await db.set("a", 11);
        expect((await watch.next()).value).toMatchObject({ value: 11 });
      },
      {},
      { changesKeptCount: 2 },
    );
  });
});

interface ScanCase {
  readonly start: readonly KeyPart[] | undefined;
  readonly end: readonly KeyPart[] | undefined;
  readonly reverse: boolean;
  readonly limit: number | undefined;
}

function expectedOf(
  stored: readonly (readonly KeyPart[])[],
  { start, end, reverse, limit }: ScanCase,
): readonly (readonly KeyPart[])[] {
  const sorted = stored
    .filter((key) => start === undefined || compareBytes(encodeKey(start), encodeKey(key)) <= 0)
    .filter((key) => end === undefined || compareBytes(encodeKey(key), encodeKey(end)) < 0)
    .toSorted((left, right) => compareBytes(encodeKey(left), encodeKey(right)));
  return (reverse ? sorted.toReversed() : sorted).slice(0, limit);
}

async function keysOf(scan: Scan): Promise<readonly (readonly KeyPart[])[]> {
  const keys: (readonly KeyPart[])[] = [];
  for await (const { key } of scan) keys.push(key);
  return keys;
}

async function take(watch: Watch, count: number): Promise<readonly WatchedChange[]> {
  const changes: WatchedChange[] = [];
  for await (const change of watch) {
    changes.push(change);
    if (changes.length === count) break;
  }
  return changes;
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  return await answer.then(
    () => "no error",
    (error: unknown) => (isFault(error) ? error.code : String(error)),
  );
}
