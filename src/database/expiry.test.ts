import { describe, expect, test } from "vitest";
import type { Engine } from "../transactions/engine.ts";
import { withDatabase } from "./test-engine.suite.ts";

describe("a row that has expired", () => {
  test("is absent for whoever asks, and removed by who asks first", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      await db.set("a", 1, { ttlMs: 1000 });
      await db.set("b", 1, { ttlMs: 1000 });
      await db.set("c", 1, { ttlMs: 1000 });
      await sleep(900);
      expect(await db.getMany(["a", "b", "c"])).toEqual([1, 1, 1]);
      await sleep(110);
      const before = engine.appendedLsn;
      expect(await db.get("a")).toBeUndefined();
      expect(engine.appendedLsn).toBe(before + 1);
      expect(await db.get("a")).toBeUndefined();
      expect(engine.appendedLsn).toBe(before + 1);
      const batch = await db.atomic().check("b", null).set("b", 2).commit();
      expect(batch.ok).toBe(true);
      await db.transact(async (tx) => {
        expect(await tx.getForUpdate("c")).toBeUndefined();
      });
      expect(await db.getMany(["a", "b", "c"])).toEqual([undefined, 2, undefined]);
    });
  });

  test("is answered as absent only when its removal is settled", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      await db.set("a", 1, { ttlMs: 10 });
      await sleep(20);
      engine.hold();
      let told = "nothing";
      const answer = db.get("a").then((value) => {
        told = String(value);
      });
      await sleep(50);
      expect(told).toBe("nothing");
      engine.letGo();
      await answer;
      expect(told).toBe("undefined");
    });
  });

  test("is swept later if it could not be removed when it was its turn", async () => {
    await withDatabase(
      async ({ db, engine, sleep }) => {
        await db.set("a", 1, { ttlMs: 100 });
        const before = await rowCount(engine);
        await db.transact(
          async (tx) => {
            await tx.getForUpdate("b");
            await sleep(5000);
          },
          { timeoutMs: 10_000 },
        );
        expect(await rowCount(engine)).toBe(before);
        await sleep(120_000);
        expect(await rowCount(engine)).toBe(before - 1);
      },
      { timeoutMs: 50 },
    );
  });

  test("is left out of scans within transactions; snapshots see what the log says", async () => {
    await withDatabase(
      async ({ db, sleep }) => {
        for (let index = 0; index < 6; index++) {
          await db.set([index], index, index % 2 === 0 ? { ttlMs: 500 } : {});
        }
        await sleep(510);
        const values: unknown[] = [];
        const snapshot = await db.snapshot();
        expect(await snapshot.get([0])).toBe(0);
        await db.transact(async (tx) => {
          for await (const { value } of tx.scan()) values.push(value);
        });
        expect(values).toEqual([1, 3, 5]);
        expect(await db.get([2])).toBeUndefined();
      },
      { scanRowsMax: 2 },
    );
  });

  test("stays away when the clock of the next process is behind", async () => {
    await withDatabase(async ({ db, simulation, reopen, sleep }) => {
      await db.set("a", 1, { ttlMs: 10 });
      await sleep(20);
      expect(await db.get("a")).toBeUndefined();
      await db.close();
      simulation.node("a").clock.wallOffsetMs = -60_000;
      const again = await reopen();
      expect(await again.db.get("a")).toBeUndefined();
    });
  });
});

describe("the sweep", () => {
  test("removes what nobody asks for, and then rests", async () => {
    await withDatabase(
      async ({ db, engine, simulation, sleep }) => {
        for (let index = 0; index < 100; index++) {
          await db.set([index], index, index % 3 === 0 ? { ttlMs: 2000 + index } : {});
        }
        await db.transact(() => 1, { idempotencyKey: "k" });
        expect(await rowCount(engine)).toBe(100);
        await sleep(30_000);
        expect(await rowCount(engine)).toBe(66);
        const before = simulation.eventCount;
        await sleep(10 * 60_000);
        expect(simulation.eventCount - before).toBeLessThan(10);
        await sleep(24 * 60 * 60_000);
        expect(await ownRowCount(engine, 0x69)).toBe(0);
      },
      { sweepRowsMax: 8 },
    );
  });

  test("leaves alone what was written anew since it looked", async () => {
    await withDatabase(async ({ db, engine, sleep }) => {
      await db.set("a", 1, { ttlMs: 100 });
      let seenCount = 0;
      const snapshot = engine.snapshot.bind(engine);
      engine.snapshot = async () => {
        const view = await snapshot();
        return {
          position: view.position,
          tryRun: (body) => view.tryRun(body),
          run: async (body, options) => {
            const seen = await view.run(body, options);
            const { expired } = seen as { readonly expired: readonly unknown[] };
            if (expired.length > 0 && ++seenCount === 1) await db.set("a", 2);
            return seen;
          },
          release: () => view.release(),
        };
      };
      await sleep(30_000);
      expect(seenCount).toBe(1);
      expect(await db.get("a")).toBe(2);
    });
  });

  test("goes on where the process before had left off", async () => {
    await withDatabase(async ({ db, reopen, sleep }) => {
      await db.set("a", 1, { ttlMs: 100 });
      await db.close();
      const again = await reopen();
      await sleep(5000);
      expect(await rowCount(again.engine)).toBe(0);
      await again.db.close();
    });
  });

  test("does nothing where no row ever had a deadline, and after the end", async () => {
    await withDatabase(async ({ db, simulation, reopen, sleep }) => {
      await db.set("a", 1);
      await db.close();
      const again = await reopen();
      await sleep(100);
      const before = simulation.eventCount;
      await sleep(60 * 60_000);
      expect(simulation.eventCount - before).toBeLessThan(3);
      await again.db.set("b", 1, { ttlMs: 100 });
      await again.db.close();
      await sleep(5000);
      const last = await reopen();
      expect(await last.db.get("a")).toBe(1);
    });
  });
});

async function rowCount(engine: Engine): Promise<number> {
  return await ownRowCount(engine, undefined);
}

/** Of the library, or of the store's own rows of a kind. */
async function ownRowCount(engine: Engine, kind: number | undefined): Promise<number> {
  const [start, end] =
    kind === undefined
      ? [[1], [2]]
      : [
          [0, kind],
          [0, kind + 1],
        ];
  return await engine.run((step) => {
    let count = 0;
    step.scan({ start: Uint8Array.from(start), end: Uint8Array.from(end) }, () => {
      count++;
      return true;
    });
    return count;
  });
}
