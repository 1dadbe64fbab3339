import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, test } from "vitest";
import { Fault, isFault } from "../base/fault.ts";
import type { Database } from "./database.ts";
import { withDatabase } from "./test-engine.suite.ts";
import type { Transaction } from "./transaction.ts";

describe("a transaction", () => {
  test("sees what it wrote, and others see it when it is durable", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      await db.set("a", 1);
      engine.hold();
      let isAnswered = false;
      const answer = db
        .transact(async (tx) => {
          tx.set("a", 2);
          tx.set("b", { deep: [1] });
          tx.delete("c");
          tx.add("n", 2n);
          tx.add("n", 3n);
          expect(await tx.getMany(["a", "b", "c", "n"])).toEqual([2, { deep: [1] }, undefined, 5n]);
          return "done";
        })
        .finally(() => {
          isAnswered = true;
        });
      await sleep(50);
      expect(isAnswered).toBe(false);
      engine.letGo();
      expect(await answer).toBe("done");
      expect(await db.getMany(["a", "b", "n"])).toEqual([2, { deep: [1] }, 5n]);
    });
  });

  test("sees what it wrote in its scans, in both directions", async () => {
    await withDatabase(
      async ({ db }) => {
        for (const number of [1, 3, 5, 7]) await db.set(["k", number], number);
        await db.set(["n"], 1n);
        await db.transact(async (tx) => {
          tx.set(["k", 2], 2);
          tx.delete(["k", 5]);
          tx.set(["k", 7], "seven");
          const rows: unknown[] = [];
          for await (const { value } of tx.scan({ prefix: "k" })) rows.push(value);
          expect(rows).toEqual([1, 2, 3, "seven"]);
          tx.set(["k", 9], 9);
          const back: unknown[] = [];
          for await (const { value } of tx.scan({ prefix: "k", reverse: true, limit: 3 })) {
            back.push(value);
          }
          expect(back).toEqual([9, "seven", 3]);
          tx.add("n", 1n);
          expect(await tx.get("n")).toBe(2n);
          expect(await tx.get(["k", 2])).toBe(2);
        });
        expect(await db.getMany([["k", 5], ["k", 9], "n"])).toEqual([undefined, 9, 2n]);
      },
      { scanRowsMax: 2 },
    );
  });

  test("is not committed without what it could not write before a scan", async () => {
    await withDatabase(async ({ db }) => {
      await db.set("text", "x");
      const answer = db.transact(async (tx) => {
        tx.set("a", 1);
        tx.add("text", 1n);
        await expect(tx.scan()[Symbol.asyncIterator]().next()).rejects.toThrow("holds no counter");
        tx.set("b", 1);
      });
      await expect(answer).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
      expect(await db.getMany(["a", "b", "text"])).toEqual([undefined, undefined, "x"]);
    });
  });

  test.each(["at once", "later"])(
    "is not committed without what a scan that was not awaited could not write, %s",
    async (when) => {
      await withDatabase(async ({ db, engine, sleep }) => {
        await db.set("text", "x");
        const scanned: Promise<unknown>[] = [];
        const answer = db.transact(async (tx) => {
          if (when === "later") await sleep(1);
          tx.set("a", 1);
          tx.add("text", 1n);
          engine.waitsLeft = 2;
          scanned.push(tx.scan()[Symbol.asyncIterator]().next().catch(String));
          tx.set("b", 1);
        });
        await expect(answer).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
        expect(String(await scanned[0])).toContain("holds no counter");
        expect(await db.getMany(["a", "b", "text"])).toEqual([undefined, undefined, "x"]);
      });
    },
  );

  test("is refused with options that mean nothing", async () => {
    await withDatabase(async ({ db }) => {
      const wrong = [
        { timeoutMs: Number.NaN },
        { timeoutMs: 0 },
        { timeoutMs: "5" as unknown as number },
        { attemptsMax: 0 },
        { attemptsMax: 1.5 },
        { attemptsMax: Number.NaN },
      ];
      for (const options of wrong) {
        expect(await codeOf(db.transact(() => 1, options))).toBe("ERR_ARGUMENT");
      }
      expect(await codeOf(db.transact(5 as unknown as () => number))).toBe("ERR_ARGUMENT");
      const unlimited = {
        timeoutMs: Number.POSITIVE_INFINITY,
        attemptsMax: Number.POSITIVE_INFINITY,
      };
      expect(await db.transact(() => 1, unlimited)).toBe(1);
    });
  });

  test("does the same when what it does has to be done again", async () => {
    await withDatabase(async ({ db, engine }) => {
      await db.set("a", 1);
      engine.waitsLeft = 20;
      const seen = await db.transact(
        async (tx) => {
          tx.set("b", 2);
          tx.add("n", 1n);
          const rows: unknown[] = [];
          for await (const { value } of tx.scan()) rows.push(value);
          tx.add("n", 1n);
          tx.delete("a");
          return rows;
        },
        { idempotencyKey: "k" },
      );
      expect(seen).toEqual([1, 2, 1n]);
      expect(await db.getMany(["a", "b", "n"])).toEqual([undefined, 2, 2n]);
    });
  });

  test("of which the body throws leaves nothing, and is not run again", async () => {
    await withDatabase(async ({ db }) => {
      let runs = 0;
      const thrown = new Error("sold out");
      const answer = db.transact((tx) => {
        runs++;
        tx.set("a", 1);
        throw thrown;
      });
      await expect(answer).rejects.toBe(thrown);
      expect(runs).toBe(1);
      expect(await db.get("a")).toBeUndefined();
    });
  });

  test("tells what its body threw when what it had read is settled", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      await db.set("a", 1);
      engine.hold();
      void db.set("a", 2);
      let told: unknown;
      const answer = db
        .transact(async (tx) => {
          throw new Error(`saw ${String(await tx.get("a"))}`);
        })
        .catch((error: unknown) => {
          told = error;
        });
      await sleep(50);
      expect(told).toBeUndefined();
      engine.letGo();
      await answer;
      expect(told).toMatchObject({ message: "saw 2" });
    });
  });

  test("awaits whatever its body returns that can be awaited", async () => {
    await withDatabase(async ({ db, sleep }) => {
      const later = {
        // oxlint-disable-next-line unicorn/no-thenable -- what is tested is that there may be one
        then: (resolve: (value: string) => void) => void sleep(5).then(() => resolve("later")),
      };
      let isOver = false;
      const answer = db.transact((tx) => {
        tx.set("a", 1);
        return later as unknown as Promise<string>;
      });
      void answer.then(() => (isOver = true));
      await sleep(2);
      expect(isOver).toBe(false);
      expect(await db.get("a")).toBeUndefined();
      expect(await answer).toBe("later");
      expect(await db.transact(() => null)).toBeNull();
    });
  });

  test("only reads, and is answered when what it read is settled", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      await db.set("a", 1);
      engine.hold();
      void db.set("a", 2);
      let told: unknown;
      const answer = db
        .transact(async (tx) => await tx.getForUpdate("a"))
        .then((value) => {
          told = value;
        });
      await sleep(50);
      expect(told).toBeUndefined();
      engine.letGo();
      await answer;
      expect(told).toBe(2);
    });
  });

  test("is refused everything after its end", async () => {
    await withDatabase(async ({ db }) => {
      let kept: Transaction | undefined;
      await db.transact((tx) => {
        kept = tx;
        tx.set("a", 1);
      });
      const tx = kept as Transaction;
      expect(await codeOf(tx.get("a"))).toBe("ERR_CLOSED");
      expect(await codeOf(tx.getMany(["a"]))).toBe("ERR_CLOSED");
      expect(() => tx.set("a", 2)).toThrow("has ended");
      expect(() => tx.delete("a")).toThrow("has ended");
      expect(() => tx.add("a", 1n)).toThrow("has ended");
      expect(() => tx.scan()).toThrow("has ended");
      expect(() => tx.afterCommit(() => 1)).toThrow("has ended");
      expect(tx.signal.aborted).toBe(true);
    });
  });
});

describe("conflicts", () => {
  test("a wounded transaction is run again with its first age and its id", async () => {
    await withDatabase(async ({ db, engine }) => {
      await db.set("n", 0);
      engine.woundsLeft = 3;
      const ids: string[] = [];
      await db.transact(async (tx) => {
        ids.push(tx.id);
        tx.set("n", ((await tx.get<number>("n")) ?? 0) + 1);
      });
      expect(await db.get("n")).toBe(1);
      expect(new Set(ids).size).toBe(1);
      expect(ids.length).toBe(4);
      const ages = engine.begun.map(({ age }) => age);
      expect(ages).toEqual([undefined, 1, 1, 1]);
      expect(engine.begun.map(({ attempts }) => attempts)).toEqual([0, 1, 2, 3]);
      expect(db.stats()).toMatchObject({ transactionsCommitted: 1, attemptsRetried: 3 });
    });
  });

  test("after all attempts the error names key, other transaction and attempts", async () => {
    await withDatabase(async ({ db, engine }) => {
      engine.woundsLeft = 100;
      let runs = 0;
      const answer = db.transact(
        (tx) => {
          runs++;
          tx.set("a", 1);
        },
        { attemptsMax: 4 },
      );
      expect(await faultOf(answer)).toMatchObject({
        code: "ERR_CONFLICT",
        applied: "no",
        details: { key: "k", by: "another", attempts: 4 },
      });
      expect(runs).toBe(4);
    });
  });

  test("a wound aborts the signal at once, and the next attempt waits for the body", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      const events: string[] = [];
      const answer = db.transact(async (tx) => {
        events.push("begin");
        if (events.length === 1) {
          tx.signal.addEventListener("abort", () => events.push("abort"));
          await tx.get("a");
          engine.open.at(-1)?.wound();
          await Promise.resolve();
          expect(events).toEqual(["begin", "abort"]);
          expect(await codeOf(tx.get("a"))).toBe("ERR_ABORTED");
          await sleep(20);
          events.push("end");
        }
        tx.set("a", 1);
      });
      await answer;
      expect(events).toEqual(["begin", "abort", "end", "begin"]);
    });
  });

  test("an error of another transaction within the body is the body's own", async () => {
    await withDatabase(async ({ db }) => {
      let runs = 0;
      const answer = db.transact(() => {
        runs++;
        throw new Fault("ERR_ABORTED", "of something else");
      });
      expect(await codeOf(answer)).toBe("ERR_ABORTED");
      expect(runs).toBe(1);
    });
  });
});

describe("time and signals", () => {
  test("a body that takes too long is rolled back, and is not waited for", async () => {
    await withDatabase(async ({ db }) => {
      let signal: AbortSignal | undefined;
      const answer = db.transact(
        async (tx) => {
          ({ signal } = tx);
          tx.set("a", 1);
          await new Promise(() => undefined);
        },
        { timeoutMs: 50 },
      );
      expect(await codeOf(answer)).toBe("ERR_TIMEOUT");
      expect(signal?.aborted).toBe(true);
      expect(await db.get("a")).toBeUndefined();
    });
  });

  test("a commit that does not settle in time is unknown, and can be asked for", async () => {
    await withDatabase(async ({ db, engine }) => {
      engine.hold();
      const fault = await faultOf(
        db.transact(
          (tx) => {
            tx.set("a", 1);
          },
          { timeoutMs: 50 },
        ),
      );
      expect(fault).toMatchObject({ code: "ERR_COMMIT_UNKNOWN", applied: "unknown" });
      engine.letGo();
      expect(await db.outcome(idOf(fault))).toBe("committed");
      expect(await db.get("a")).toBe(1);
    });
  });

  test("a commit under way when time ran out is answered by what became of it", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      const run = async (): Promise<unknown> =>
        await db.transact(
          (tx) => {
            tx.set("a", tx.id);
            const inner = engine.open.at(-1);
            if (inner !== undefined) inner.beforeCommit = sleep(100);
          },
          { timeoutMs: 50 },
        );
      engine.woundsLeft = 1;
      expect(await codeOf(run())).toBe("ERR_TIMEOUT");
      expect(await db.get("a")).toBeUndefined();
      const fault = await faultOf(run());
      expect(fault).toMatchObject({ code: "ERR_COMMIT_UNKNOWN" });
      expect(await db.outcome(idOf(fault))).toBe("committed");
      expect(await db.get("a")).toBe(idOf(fault));
    });
  });

  test("a signal ends it, with its reason as the cause", async () => {
    await withDatabase(async ({ db, sleep }) => {
      const controller = new AbortController();
      const { signal } = controller;
      const answer = faultOf(
        db.transact(
          async (tx) => {
            tx.set("a", 1);
            await sleep(1000);
          },
          { signal },
        ),
      );
      await sleep(1);
      controller.abort("enough");
      expect(await answer).toMatchObject({ code: "ERR_ABORTED", cause: "enough" });
      expect(await codeOf(db.transact(() => 1, { signal }))).toBe("ERR_ABORTED");
      await sleep(2000);
      expect(await db.get("a")).toBeUndefined();
    });
  });
});

test("a body does not begin when its caller was told that it ended", async () => {
  await withDatabase(async ({ db }) => {
    const begunWhenTold: boolean[] = [];
    for (const options of [{ attemptsMax: 1 }, { idempotencyKey: "once" }, {}]) {
      for (let microtasks = 0; microtasks < 20; microtasks++) {
        const controller = new AbortController();
        let isTold = false;
        const answer = db.transact(
          () => {
            begunWhenTold.push(isTold);
            throw new Error("begun");
          },
          { ...options, signal: controller.signal },
        );
        const told = answer.catch((error: unknown) => {
          isTold = true;
          return error;
        });
        for (let count = 0; count < microtasks; count++) await Promise.resolve();
        controller.abort();
        const error = await told;
        if (!isFault(error, "ERR_ABORTED")) expect(String(error)).toBe("Error: begun");
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(new Set(begunWhenTold)).toEqual(new Set([false]));
  });
});

describe("after a commit", () => {
  test("callbacks run once, after it is durable and before the answer", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      engine.woundsLeft = 2;
      engine.hold();
      const events: string[] = [];
      const answer = db
        .transact((tx) => {
          tx.set("a", 1);
          tx.afterCommit((version) => events.push(`first ${typeof version}`));
          tx.afterCommit(() => events.push("second"));
        })
        .then(() => events.push("answered"));
      await sleep(100);
      expect(events).toEqual([]);
      engine.letGo();
      await answer;
      expect(events).toEqual(["first string", "second", "answered"]);
    });
  });

  test("they run in the context of their body, which is that of the caller", async () => {
    await withDatabase(async ({ db, sleep }) => {
      const context = new AsyncLocalStorage<number>();
      const seen: unknown[] = [];
      await Promise.all(
        [0, 1, 2].map(async (number) => {
          await context.run(number, async () => {
            await db.transact(async (tx) => {
              seen.push(["body", number, context.getStore()]);
              if (number === 1) await sleep(5);
              await tx.get("a");
              seen.push(["read", number, context.getStore()]);
              tx.set(["n", number], 1);
              if (number > 0) {
                tx.afterCommit(() => seen.push(["after", number, context.getStore()]));
              }
            });
            seen.push(["answer", number, context.getStore()]);
          });
        }),
      );
      expect(seen).toHaveLength(11);
      for (const entry of seen) expect((entry as unknown[])[1]).toBe((entry as unknown[])[2]);
    });
  });

  test("they do not run when it was rolled back, or when that is not known", async () => {
    await withDatabase(async ({ db, engine }) => {
      let runs = 0;
      const body = (tx: Transaction): void => {
        tx.set("a", 1);
        tx.afterCommit(() => runs++);
      };
      await codeOf(
        db.transact((tx) => {
          body(tx);
          throw new Error("no");
        }),
      );
      engine.hold();
      await codeOf(db.transact(body, { timeoutMs: 10 }));
      engine.letGo();
      expect(runs).toBe(0);
    });
  });

  test("what they throw is reported, and spoils nothing", async () => {
    const errors: unknown[] = [];
    await withDatabase(
      async ({ db, sleep }) => {
        await db.transact((tx) => {
          tx.set("a", 1);
          tx.afterCommit(() => {
            throw new Error("at once");
          });
          tx.afterCommit(async () => {
            await sleep(5);
            throw new Error("later");
          });
        });
        await sleep(10);
        expect(errors.map(String)).toEqual(["Error: at once", "Error: later"]);
      },
      { onError: (error) => errors.push(error) },
    );
  });

  test("what they throw is thrown where nobody can miss it, if nobody asked for it", async () => {
    const run = withDatabase(async ({ db, sleep }) => {
      await db.transact((tx) => {
        tx.set("a", 1);
        tx.afterCommit(() => {
          throw new Error("missed");
        });
      });
      await sleep(10);
    });
    await expect(run).rejects.toThrow("missed");
  });
});

describe("idempotency keys", () => {
  test("a repeat gets the first answer", async () => {
    await withDatabase(async ({ db, reopen }) => {
      let runs = 0;
      const body = (tx: Transaction): unknown => {
        tx.add("n", 1n);
        return { run: ++runs };
      };
      const first = await db.transact(body, { idempotencyKey: "order 7" });
      expect(await db.transact(body, { idempotencyKey: "order 7" })).toEqual(first);
      expect(await db.transact(body, { idempotencyKey: "order 8" })).toEqual({ run: 2 });
      expect(await db.transact(() => undefined, { idempotencyKey: "none" })).toBeUndefined();
      expect(await db.transact(() => 1, { idempotencyKey: "none" })).toBeUndefined();
      await db.close();
      const again = await reopen();
      expect(await again.db.transact(body, { idempotencyKey: "order 7" })).toEqual(first);
      expect(await again.db.get("n")).toBe(2n);
    });
  });

  test("a concurrent one waits, and runs if the first threw", async () => {
    await withDatabase(async ({ db, sleep }) => {
      const events: string[] = [];
      const run = (name: string, fails: boolean): Promise<unknown> =>
        db.transact(
          async (tx) => {
            events.push(name);
            tx.add("n", 1n);
            await sleep(20);
            if (fails) throw new Error("no");
            return name;
          },
          { idempotencyKey: "k" },
        );
      const [one, two, three] = await Promise.allSettled([
        run("one", true),
        run("two", false),
        run("three", false),
      ]);
      expect(events).toEqual(["one", "two"]);
      expect([one.status, two, three]).toEqual([
        "rejected",
        { status: "fulfilled", value: "two" },
        { status: "fulfilled", value: "two" },
      ]);
      expect(await db.get("n")).toBe(1n);
    });
  });

  test("after its time it runs anew", async () => {
    await withDatabase(
      async ({ db, sleep }) => {
        let runs = 0;
        const body = (): number => ++runs;
        expect(await db.transact(body, { idempotencyKey: "k" })).toBe(1);
        await sleep(900);
        expect(await db.transact(body, { idempotencyKey: "k" })).toBe(1);
        await sleep(110);
        expect(await db.transact(body, { idempotencyKey: "k" })).toBe(2);
      },
      { idempotencyKeptMs: 1000 },
    );
  });

  test("an answer that cannot be kept is refused, and nothing is written", async () => {
    await withDatabase(
      async ({ db }) => {
        const run = (answer: unknown): Promise<unknown> =>
          db.transact(
            (tx) => {
              tx.set("a", 1);
              return answer;
            },
            { idempotencyKey: "k" },
          );
        expect(await faultOf(run("x".repeat(200)))).toMatchObject({
          code: "ERR_LIMIT",
          details: { setting: "idempotencyAnswerBytesMax" },
        });
        expect(await codeOf(run(() => 1))).toBe("ERR_ARGUMENT");
        expect(await db.get("a")).toBeUndefined();
        expect(await codeOf(db.transact(() => 1, { idempotencyKey: "x".repeat(2000) }))).toBe(
          "ERR_ARGUMENT",
        );
      },
      { idempotencyAnswerBytesMax: 100 },
    );
  });
});

describe("outcomes", () => {
  test("a batch that waited knows its version when its outcome is forgotten", async () => {
    await withDatabase(
      async ({ db, engine }) => {
        engine.waitsLeft = 1;
        const batch = db.atomic().set("a", 1).commit();
        const others = [1, 2, 3].map((value) => db.transact((tx) => tx.set("b", value)));
        const answer = await batch;
        await Promise.all(others);
        expect(await db.getEntry("a")).toMatchObject({ version: answer.ok && answer.version });
      },
      { outcomesKeptCount: 1 },
    );
  });

  test("of what was committed and what was not, also after a reopening", async () => {
    await withDatabase(async ({ db, reopen }) => {
      const committed = await commit(db);
      let thrown = "";
      await codeOf(
        db.transact((tx) => {
          thrown = tx.id;
          tx.set("a", 1);
          throw new Error("no");
        }),
      );
      expect(await db.outcome(committed)).toBe("committed");
      expect(await db.outcome(thrown)).toBe("aborted");
      await db.close();
      const again = await reopen();
      expect(await again.db.outcome(committed)).toBe("committed");
      expect(await again.db.outcome(thrown)).toBe("aborted");
    });
  });

  test("an id with another secret was not committed", async () => {
    await withDatabase(async ({ db }) => {
      const id = await commit(db);
      const other = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
      expect(await db.outcome(other)).toBe("aborted");
      expect(await db.outcome(id)).toBe("committed");
    });
  });

  test("to ask decides: what commits later is refused, and is not run again", async () => {
    await withDatabase(async ({ db, sleep }) => {
      let id = "";
      let runs = 0;
      const answer = codeOf(
        db.transact(async (tx) => {
          runs++;
          ({ id } = tx);
          await sleep(50);
          tx.set("a", 1);
        }),
      );
      await sleep(10);
      expect(await db.outcome(id)).toBe("aborted");
      expect(await answer).toBe("ERR_ABORTED");
      expect(runs).toBe(1);
      expect(await db.get("a")).toBeUndefined();
      expect(await db.outcome(id)).toBe("aborted");
    });
  });

  test("to ask with a wrong secret refuses nobody else", async () => {
    await withDatabase(async ({ db, sleep }) => {
      let id = "";
      const answer = db.transact(async (tx) => {
        ({ id } = tx);
        await sleep(50);
        tx.set("a", 1);
      });
      await sleep(10);
      const other = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
      expect(await db.outcome(other)).toBe("aborted");
      await answer;
      expect(await db.outcome(id)).toBe("committed");
    });
  });

  test("are forgotten, oldest first, but not of what is under way", async () => {
    await withDatabase(
      async ({ db, sleep }) => {
        const first = await commit(db);
        let slow = "";
        const controller = new AbortController();
        const finished = new Promise<void>((resolve) => {
          controller.signal.addEventListener("abort", () => resolve());
        });
        const waiting = db.transact(async (tx) => {
          slow = tx.id;
          await finished;
          tx.set("slow", 1);
        });
        await sleep(1);
        const ids: string[] = [];
        for (let index = 0; index < 24; index++) {
          const batches = Array.from({ length: 50 }, () => db.atomic().add("n", 1n).commit());
          await Promise.all(batches);
        }
        ids.push(await commit(db));
        await sleep(100);
        expect(await codeOf(db.outcome(first))).toBe("ERR_OUTCOME_FORGOTTEN");
        controller.abort();
        await waiting;
        expect(await db.outcome(slow)).toBe("committed");
        for (const id of ids) expect(await db.outcome(id)).toBe("committed");
        expect(await db.get("n")).toBe(1200n);
      },
      { outcomesKeptCount: 10 },
    );
  });

  test("of old sessions are forgotten too, but not of those in use", async () => {
    await withDatabase(
      async ({ db, reopen, sleep }) => {
        const id = await commit(db);
        await db.close();
        const opened = [];
        for (let count = 0; count < 5; count++) {
          const { db: next } = await reopen();
          opened.push(await commit(next));
          await sleep(100);
          await next.close();
        }
        const { db: last } = await reopen();
        await sleep(100);
        expect(await codeOf(last.outcome(id))).toBe("ERR_OUTCOME_FORGOTTEN");
        expect(await last.outcome(opened.at(-1) ?? "")).toBe("committed");
      },
      { sessionsKeptCount: 2 },
    );
  });
});

async function commit(db: Database): Promise<string> {
  return await db.transact((tx) => {
    tx.set("a", tx.id);
    return tx.id;
  });
}

function idOf(fault: unknown): string {
  return isFault(fault) ? String(fault.details["id"]) : "";
}

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
