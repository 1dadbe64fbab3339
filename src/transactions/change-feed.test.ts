import { expect, test } from "vitest";
import { lsn } from "../base/ids.ts";
import { SeededRandom } from "../base/random.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { World } from "../world/world.ts";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import type { CommittedTransaction } from "./engine.ts";
import type { Transactions } from "./transactions.ts";

const A = Uint8Array.of(1, 1);
const B = Uint8Array.of(1, 2);

interface Scene {
  readonly engine: Transactions;
  readonly plan: FaultPlan;
  readonly world: World;
}

async function withEngine(body: (scene: Scene) => Promise<void>): Promise<void> {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const engine = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts));
    await body({ engine, plan, world });
    await engine.store.abandon();
  });
}

test("changes come in order, each transaction once, from where one asks", async () => {
  await withEngine(async ({ engine }) => {
    await engine.run((step) => step.set(A, Uint8Array.of(1)));
    await engine.run((step) => {
      step.set(B, Uint8Array.of(2));
      step.delete(A);
    });
    const feed = engine.changes(lsn(0))[Symbol.asyncIterator]();
    const first = await next(feed);
    expect(first).toEqual({ lsn: 1, changes: [{ kind: "put", key: A, value: Uint8Array.of(1) }] });
    const later = engine.changes(lsn(1))[Symbol.asyncIterator]();
    expect((await next(later)).lsn).toBe(2);
    expect((await next(feed)).changes).toEqual([
      { kind: "put", key: B, value: Uint8Array.of(2) },
      { kind: "remove", key: A },
    ]);
    const third = next(feed);
    await engine.run((step) => step.set(A, Uint8Array.of(3)));
    expect((await third).lsn).toBe(3);
  });
});

test("nothing is handed out before it is settled", async () => {
  await withEngine(async ({ engine, plan, world }) => {
    plan.add({ operations: ["durable"], skip: 0, count: 1, fault: { kind: "stalled" } });
    const feed = engine.changes(lsn(0))[Symbol.asyncIterator]();
    let isThere = false;
    const first = next(feed).then(() => (isThere = true));
    const write = engine.run((step) => step.set(A, Uint8Array.of(1)));
    await new Promise<void>((resolve) => world.clock.after(100, resolve));
    expect(isThere).toBe(false);
    plan.clear();
    await Promise.all([first, write]);
    expect(engine.settledLsn).toBe(1);
  });
});

test("a long backlog is read in windows, as it is taken", async () => {
  const image = await formattedImage({ ringBytes: 4 << 20, pagesBytes: 4 << 20 });
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image), { checkpointLogShare: 0.9 });
    const count = 200;
    for (let index = 0; index < count; index++) {
      await engine.run((step) => step.set(A, new Uint8Array(9000).fill(index)));
    }
    const { log } = engine.store;
    const visited: number[] = [];
    const open = log.reader.bind(log);
    log.reader = (from) => {
      const reader = open(from);
      const readOn = reader.readOn.bind(reader);
      reader.readOn = async (visit, bytesMax) => {
        let entries = 0;
        await readOn((entry) => {
          entries++;
          return visit(entry);
        }, bytesMax);
        visited.push(entries);
      };
      return reader;
    };
    const feed = engine.changes(lsn(0))[Symbol.asyncIterator]();
    for (let position = 1; position <= count; position++) {
      expect((await next(feed)).lsn).toBe(position);
      expect(visited.reduce((sum, entries) => sum + entries, 0)).toBeLessThan(position + 40);
    }
    await engine.store.abandon();
  });
});

test("an aborted signal ends the feed, whenever it comes", async () => {
  await withEngine(async ({ engine }) => {
    await engine.run((step) => step.set(A, Uint8Array.of(1)));
    const early = new AbortController();
    const waiting = engine.changes(lsn(1), early.signal)[Symbol.asyncIterator]();
    const end = waiting.next();
    early.abort();
    expect((await end).done).toBe(true);
    const aborted = engine.changes(lsn(0), early.signal)[Symbol.asyncIterator]();
    expect((await aborted.next()).done).toBe(true);
  });
});

test("an aborted signal ends a feed that holds what is durable but not settled", async () => {
  await withEngine(async ({ engine, plan, world }) => {
    const controller = new AbortController();
    await becomeDurableUnsettled(engine, plan, world);
    const feed = engine.changes(lsn(0), controller.signal)[Symbol.asyncIterator]();
    expect((await next(feed)).lsn).toBe(1);
    const end = feed.next();
    await pass(world);
    controller.abort();
    expect((await end).done).toBe(true);
    plan.clear();
  });
});

test("a store that fails ends the feed with the fault", async () => {
  await withEngine(async ({ engine, plan, world }) => {
    const feed = engine.changes(lsn(0))[Symbol.asyncIterator]();
    const end = feed.next();
    const late = engine.changes(lsn(0))[Symbol.asyncIterator]();
    plan.add({ operations: ["durable"], skip: 0, count: "forever", fault: { kind: "error" } });
    await engine.run((step) => step.set(A, Uint8Array.of(1))).catch(() => undefined);
    await expect(end).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    await expect(late.next()).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    expect(world.clock.monotonicMs()).toBeLessThan(1000);
  });
});

test("a store that fails between durable and settled ends the feed, too", async () => {
  await withEngine(async ({ engine, plan, world }) => {
    await becomeDurableUnsettled(engine, plan, world);
    const feed = engine.changes(lsn(0))[Symbol.asyncIterator]();
    expect((await next(feed)).lsn).toBe(1);
    const end = feed.next();
    await pass(world);
    await engine.store.abandon();
    await expect(end).rejects.toMatchObject({ code: "ERR_CLOSED" });
    plan.clear();
  });
});

test("a store that fails, or a signal, while the feed reads ends it, too", async () => {
  for (const isFailure of [true, false]) {
    await withEngine(async ({ engine, plan, world }) => {
      await becomeDurableUnsettled(engine, plan, world);
      const controller = new AbortController();
      const feed = engine.changes(lsn(0), controller.signal)[Symbol.asyncIterator]();
      expect((await next(feed)).lsn).toBe(1);
      // Before the feed looks again.
      if (isFailure) await engine.store.abandon();
      else controller.abort();
      const end = feed.next();
      if (isFailure) await expect(end).rejects.toMatchObject({ code: "ERR_CLOSED" });
      else expect((await end).done).toBe(true);
      plan.clear();
    });
  }
});

test("who asks for what was truncated is told", async () => {
  await withEngine(async ({ engine }) => {
    for (let count = 0; count < 5; count++) {
      await engine.run((step) => step.set(A, Uint8Array.of(count)));
      await engine.store.checkpoint();
    }
    expect(engine.oldestChangeLsn).toBe(5);
    const feed = engine.changes(lsn(0))[Symbol.asyncIterator]();
    await expect(feed.next()).rejects.toMatchObject({ code: "ERR_VERSION_GONE" });
  });
});

/** Entry 1 settled; while 2 was written the process stood still, and cannot look for its place. */
async function becomeDurableUnsettled(
  engine: Transactions,
  plan: FaultPlan,
  world: World,
): Promise<void> {
  await engine.run((step) => step.set(A, Uint8Array.of(1)));
  plan.add({ operations: ["durable"], skip: 0, count: 1, fault: { kind: "slow", delayMs: 5000 } });
  const range = { at: 0, length: 65_536 };
  plan.add({ operations: ["read"], range, skip: 0, count: 1, fault: { kind: "stalled" } });
  engine.run((step) => step.set(A, Uint8Array.of(2))).catch(() => undefined);
  await new Promise<void>((resolve) => world.clock.after(6000, resolve));
  expect(engine.store.log.durableLsn).toBe(2);
  expect(engine.settledLsn).toBe(1);
}

async function pass(world: World): Promise<void> {
  await new Promise<void>((resolve) => world.clock.after(1, resolve));
}

async function next(feed: AsyncIterator<CommittedTransaction>): Promise<CommittedTransaction> {
  const { value, done } = await feed.next();
  expect(done).toBe(false);
  return value as CommittedTransaction;
}
