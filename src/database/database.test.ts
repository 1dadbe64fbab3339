import { describe, expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { NOT_IN_MEMORY } from "./session.ts";
import { withDatabase } from "./test-engine.suite.ts";
import type { ValueCodec } from "./value-codec.ts";

test("what is set is there, under a key that is equal, until it is deleted", async () => {
  await withDatabase(async ({ db, reopen }) => {
    await db.set("a", { b: [1, 2n ** 70n, null] });
    await db.set(["a", 7], Uint8Array.of(1, 2));
    expect(await db.get(["a"])).toEqual({ b: [1, 2n ** 70n, null] });
    expect(await db.getMany([["a", 7], "b", "a"])).toEqual([
      Uint8Array.of(1, 2),
      undefined,
      { b: [1, 2n ** 70n, null] },
    ]);
    await db.delete("a");
    expect(await db.get("a")).toBeUndefined();
    await db.delete("a");
    const again = await reopen();
    expect(await again.db.get(["a", 7])).toEqual(Uint8Array.of(1, 2));
  });
});

test("a body that has to wait does the same as one that runs at once", async () => {
  await withDatabase(async ({ db, engine }) => {
    engine.waitsLeft = 1;
    const first = db.set("a", 1);
    engine.waitsLeft = 1;
    const second = db.set("b", 2, { ttlMs: 1000 });
    await Promise.all([first, second, db.set("c", 3)]);
    engine.waitsLeft = 5;
    const made = db.atomic().check("d", null).set("d", 4).add("n", 2n).delete("c").commit();
    const batch = db.atomic().check("a", null).set("a", 9).commit();
    const values = [db.get("a"), db.get("b"), db.get("c")];
    expect(await Promise.all(values)).toEqual([1, 2, undefined]);
    expect(await batch).toEqual({ ok: false, key: "a" });
    const { version } = (await db.getEntry("d")) ?? { version: undefined };
    expect(await made).toEqual({ ok: true, version });
    engine.waitsLeft = 1;
    expect(await db.getMany(["c", "a", "d", "n"])).toEqual([undefined, 1, 4, 2n]);
    engine.waitsLeft = 1;
    await db.delete("c");
    expect(await db.get("c")).toBeUndefined();
  });
});

test("a codec of the user's own encodes what is not bytes or a counter", async () => {
  const codec: ValueCodec = {
    tag: 20,
    encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as unknown,
  };
  await withDatabase(
    async ({ db }) => {
      await db.set("a", { b: 1 });
      await db.set("n", 5n);
      expect(await db.getMany(["a", "n"])).toEqual([{ b: 1 }, 5n]);
    },
    { codec },
  );
});

describe("what is answered is settled", () => {
  test("a read, an absence, a failed check and a write wait", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      await db.set("a", 1);
      engine.hold();
      const left: string[] = [];
      const note = (name: string, answer: Promise<unknown>): Promise<unknown> =>
        answer.finally(() => left.push(name));
      const answers = [
        note("set", db.set("a", 2)),
        note("get", db.get("a")),
        note("absence", db.get("b")),
        note("many", db.getMany(["a", "b"])),
        note("check", db.atomic().check("a", null).set("b", 1).commit()),
        note("batch", db.atomic().add("n", 1n).commit()),
        note(
          "refusal",
          db
            .atomic()
            .add("a", 1n)
            .commit()
            .catch(() => undefined),
        ),
        note("delete", db.delete("c")),
      ];
      expect(db.getCached("a")).toBe(NOT_IN_MEMORY);
      await sleep(100);
      expect(left).toEqual([]);
      engine.letGo();
      await Promise.all(answers);
      expect(left.length).toBe(answers.length);
      expect(db.getCached("a")).toBe(2);
      expect(db.getCached("b")).toBeUndefined();
    });
  });

  test("getCached does not wait for a page or a lock", async () => {
    await withDatabase(async ({ db, engine }) => {
      await db.set("a", 1);
      engine.waitsLeft = 1;
      expect(db.getCached("a")).toBe(NOT_IN_MEMORY);
      expect(db.getCached("a")).toBe(1);
    });
  });

  test("when the store fails, reads are unavailable and commits unknown", async () => {
    await withDatabase(async ({ db, engine }) => {
      await db.set("a", 1);
      engine.hold();
      const batch = codeOf(db.atomic().set("a", 2).commit());
      const set = codeOf(db.set("a", 3));
      const get = codeOf(db.get("a"));
      engine.fail(new Error("the disk is gone"));
      expect(await Promise.all([batch, set, get])).toEqual([
        "ERR_COMMIT_UNKNOWN",
        "ERR_COMMIT_UNKNOWN",
        "ERR_UNAVAILABLE",
      ]);
      expect(await codeOf(db.get("a"))).toBe("ERR_UNAVAILABLE");
      expect(await codeOf(db.set("a", 4))).toBe("ERR_UNAVAILABLE");
    });
  });
});

describe("versions and batches", () => {
  test("a check holds if nobody wrote since, and only then", async () => {
    await withDatabase(async ({ db }) => {
      const made = await db.atomic().check("a", null).set("a", 1).commit();
      if (!made.ok) throw new Error("the key was absent");
      expect(await db.getEntry("a")).toEqual({ value: 1, version: made.version });
      const changed = await db.atomic().check("a", made.version).set("a", 2).commit();
      if (!changed.ok) throw new Error("nobody wrote");
      expect(made.version < changed.version).toBe(true);
      expect(await db.atomic().check(["a"], made.version).set("a", 3).commit()).toEqual({
        ok: false,
        key: ["a"],
      });
      expect(await db.atomic().check("a", null).set("b", 3).commit()).toEqual({
        ok: false,
        key: "a",
      });
      await db.delete("a");
      expect(await db.atomic().check("a", changed.version).set("b", 3).commit()).toEqual({
        ok: false,
        key: "a",
      });
      expect((await db.atomic().check("a", null).set("b", 3).commit()).ok).toBe(true);
      expect(await db.getMany(["a", "b"])).toEqual([undefined, 3]);
    });
  });

  test("counters are added to, from zero, and keep when they expire", async () => {
    await withDatabase(async ({ db, sleep }) => {
      await db.atomic().add("n", 5n).add("n", -2n).commit();
      await db.atomic().set("m", 1n, { ttlMs: 1000 }).add("m", 1n).commit();
      await db.atomic().add("m", 1n).delete("x").add("x", 7n).commit();
      expect(await db.getMany(["n", "m", "x"])).toEqual([3n, 3n, 7n]);
      await sleep(1001);
      expect(await db.getMany(["n", "m"])).toEqual([3n, undefined]);
    });
  });

  test("a counter that would pass 64 bits, or is none, is refused with all else", async () => {
    await withDatabase(async ({ db }) => {
      await db.set("n", 2n ** 63n - 1n);
      await db.set("s", "text");
      expect(await codeOf(db.atomic().set("a", 1).add("n", 1n).commit())).toBe("ERR_ARGUMENT");
      expect(await codeOf(db.atomic().set("a", 1).add("s", 1n).commit())).toBe("ERR_ARGUMENT");
      expect(await db.get("a")).toBeUndefined();
      expect(() => db.atomic().set("s", "text").add("s", 1n)).toThrow("holds no counter");
      expect(() => db.atomic().add("n", 2n ** 63n)).toThrow("64 bits");
    });
  });

  test("a batch is committed once", async () => {
    await withDatabase(async ({ db }) => {
      const batch = db.atomic().add("n", 1n);
      await batch.commit();
      expect(await codeOf(batch.commit())).toBe("ERR_CLOSED");
      for (const change of [
        () => batch.set("n", 2n),
        () => batch.add("n", 2n),
        () => batch.delete("n"),
        () => batch.check("n", null),
      ]) {
        expect(change).toThrow("committed already");
      }
      expect(await db.get("n")).toBe(1n);
    });
  });

  test("what is no version is refused", async () => {
    await withDatabase(async ({ db }) => {
      for (const version of [7, "7", undefined, "zz"]) {
        expect(() => db.atomic().check("a", version as never)).toThrow("is no version");
      }
      await Promise.resolve();
    });
  });
});

describe("limits and arguments", () => {
  const limits = { keyBytesMax: 20, valueBytesMax: 100, transactionBytesMax: 300 };

  test("each names its setting", async () => {
    await withDatabase(async ({ db }) => {
      const long = "x".repeat(30);
      const large = new Uint8Array(200);
      const refused: readonly (readonly [Promise<unknown>, string])[] = [
        [db.get(long), "keyBytesMax"],
        [db.set(long, 1), "keyBytesMax"],
        [db.delete(long), "keyBytesMax"],
        [db.getMany(["a", long]), "keyBytesMax"],
        [db.set("a", large), "valueBytesMax"],
        [
          db.transact((tx) => {
            for (let index = 0; index < 4; index++) tx.set([index], new Uint8Array(90));
          }),
          "transactionBytesMax",
        ],
      ];
      for (const [answer, setting] of refused) {
        expect(await faultOf(answer)).toMatchObject({ code: "ERR_LIMIT", details: { setting } });
      }
      expect(() => db.getCached(long)).toThrow("keyBytesMax");
      await db.set("x".repeat(17), new Uint8Array(98));
    }, limits);
  });

  test("what cannot be a key, a value or an option is refused", async () => {
    await withDatabase(async ({ db }) => {
      const refused = [
        db.get(7 as never),
        db.set("a", undefined),
        db.set("a", () => 1),
        db.set("a", 1, { ttlMs: 0 }),
        db.set("a", 1, { ttlMs: Number.NaN }),
        db.transact(() => 1, { idempotencyKey: "" }),
        db.outcome("mine"),
        db.set("a", 1, { ttlMs: "5" as never }),
        db.set("a", 1, { ttl: 5 } as never),
        db.set("a", 1, null as never),
        db.transact(() => 1, { timeout: 5 } as never),
        db.transact((tx) => tx.set("a", 1, { ttl: 5 } as never)),
        db.getMany("a" as never),
      ];
      for (const answer of refused) expect(await codeOf(answer)).toBe("ERR_ARGUMENT");
      expect(() => db.scan({ prefix: "a", start: "b" })).toThrow("not both");
      expect(() => db.scan({ limit: -1 })).toThrow("limit");
      expect(() => db.watch({ prefix: "a", key: "a" })).toThrow("not of both");
      expect(() => db.atomic().set("a", 1, { ttl: 5 } as never)).toThrow("of set; it takes ttlMs");
      expect(() => db.scan({ prefx: "a" } as never)).toThrow('did you mean "prefix"');
      expect(() => db.scan(null as never)).toThrow("the options of scan are an object, not null");
      expect(() => db.watch({ keys: "a" } as never)).toThrow('did you mean "key"');
      expect(() => db.watch({}, { form: "a" } as never)).toThrow('did you mean "from"');
    });
  });

  test("a setting that is none is refused", async () => {
    await expect(withDatabase(async () => {}, { scanRowsMax: 0 })).rejects.toThrow("scanRowsMax");
  });
});

test("after its end everything is refused", async () => {
  await withDatabase(async ({ db }) => {
    await db.set("a", 1);
    const watch = db.watch();
    const change = watch.next();
    await Promise.all([db.close(), db.close()]);
    expect(await change).toEqual({ value: undefined, done: true });
    for (const answer of [db.get("a"), db.set("a", 1), db.transact(() => 1), db.snapshot()]) {
      expect(await codeOf(answer)).toBe("ERR_CLOSED");
    }
  });
});

async function faultOf(answer: Promise<unknown>): Promise<unknown> {
  return await answer.then(
    () => "no error",
    (error: unknown) => error,
  );
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  const error = await faultOf(answer);
  return isFault(error) ? error.code : String(error);
}
