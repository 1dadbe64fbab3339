import { expect, test } from "vitest";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import type { StoreOptions } from "../store/options.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { World } from "../world/world.ts";
import { MUST_WAIT } from "./step.ts";
import type { Transaction } from "./transaction.ts";
import type { Transactions } from "./transactions.ts";

const A = Uint8Array.of(1, 1);
const B = Uint8Array.of(1, 2);
const C = Uint8Array.of(1, 3);
const ONE = Uint8Array.of(1);

test("a roll-back ends the wait of its own transaction", async () => {
  await withWaiting(async ({ younger, waiting }) => {
    younger.rollback();
    await expect(waiting).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});

test("who waits says for what, and for whom", async () => {
  await withWaiting(async ({ older, younger, waiting }) => {
    expect(younger.waitsFor).toBe(`the key "\\x01", which transaction ${older.age} holds,`);
    expect(older.waitsFor).toBeUndefined();
    older.rollback();
    await waiting;
    expect(younger.waitsFor).toBeUndefined();
    younger.rollback();
  });
});

test("what is tried while a transaction waits for a lock must wait too", async () => {
  await withWaiting(async ({ older, younger, waiting }) => {
    expect(younger.tryRun((step) => step.get(B))).toBe(MUST_WAIT);
    const next = younger.run((step) => step.get(B));
    await older.commit();
    expect(await waiting).toEqual(ONE);
    expect(await next).toBeUndefined();
    younger.rollback();
  });
});

test("what waits for its turn comes before what is asked when that has come", async () => {
  await withWaiting(async ({ older, younger, waiting }) => {
    const order: string[] = [];
    const first = younger.run((step) => {
      step.get(A);
      order.push("first");
      void Promise.resolve().then(() => {
        if (younger.tryRun(() => order.push("tried")) === MUST_WAIT) order.push("must wait");
        void younger.run(() => order.push("third"));
      });
    });
    const second = younger.run(() => order.push("second"));
    await older.commit();
    await Promise.all([waiting, first, second]);
    await younger.commit();
    expect(order).toEqual(["first", "must wait", "second", "third"]);
  });
});

test("what changes while a brief one takes its locks is found out", async () => {
  await withBrief({}, async ({ engine, brief, younger }) => {
    younger.onAbort(() => engine.tryRun((step) => step.set(B, ONE)));
    await expect(brief.run((step) => step.get(B))).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(engine.locks.table.isEmpty).toBe(true);
  });
});

test("what comes into a range that a brief one has scanned is found out", async () => {
  await withBrief({}, async ({ engine, brief }) => {
    brief.tryRun((step) => step.scan({ start: B, end: undefined }, () => true));
    engine.tryRun((step) => step.set(C, ONE));
    const refusal = expect.objectContaining({ code: "ERR_ABORTED" }) as Error;
    expect(() => brief.tryCommit((step) => step.set(B, ONE))).toThrow(refusal);
    await Promise.resolve();
  });
});

test("who gives way to a brief one may close the store", async () => {
  await withBrief({}, async ({ engine, brief, younger }) => {
    let closing: Promise<void> | undefined;
    younger.onAbort(() => {
      closing = engine.close();
    });
    await expect(brief.run((step) => step.get(B))).rejects.toThrow("The store is closing");
    await closing;
  });
});

test("who noted more than may be locked is refused when the turn is over", async () => {
  await withBrief({ locksPerTransactionMax: 1 }, async ({ world, brief }) => {
    await new Promise<void>((resolve) => world.clock.after(1, resolve));
    expect(brief.aborted).toMatchObject({ code: "ERR_LIMIT" });
  });
});

interface Brief {
  readonly world: World;
  readonly engine: Transactions;
  /** It has read A and B, and has no locks yet. */
  readonly brief: Transaction;
  /** It has locked A. */
  readonly younger: Transaction;
}

async function withBrief(
  options: Partial<StoreOptions>,
  body: (brief: Brief) => Promise<void>,
): Promise<void> {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), options);
    const brief = engine.begin({ isBrief: true });
    const younger = engine.begin();
    await younger.run((step) => step.set(A, ONE));
    brief.tryRun((step) => [step.get(A), step.get(B)]);
    await body({ world, engine, brief, younger });
    await engine.close();
  });
}

interface Waiting {
  readonly older: Transaction;
  readonly younger: Transaction;
  /** What the younger asked for, and the older has locked. */
  readonly waiting: Promise<Uint8Array | undefined>;
}

async function withWaiting(body: (waiting: Waiting) => Promise<void>): Promise<void> {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const older = engine.begin();
    const younger = engine.begin();
    await older.run((step) => step.set(A, ONE));
    const waiting = younger.run((step) => step.get(A));
    const beganMs = world.clock.monotonicMs();
    await new Promise<void>((resolve) => world.clock.after(1, resolve));
    await body({ older, younger, waiting });
    expect(world.clock.monotonicMs() - beganMs).toBeLessThan(1000);
    older.rollback();
    await engine.close();
  });
}
