/** Databases on a store with locks as they are: what only who really waits for another meets. */

import { expect, test } from "vitest";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { SeededRandom } from "../base/random.ts";
import type { Transactions } from "../transactions/transactions.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { World } from "../world/world.ts";
import type { Database } from "./database.ts";
import { openDatabase } from "./open-database.ts";

test("who reads at once when it is wounded does not change what the other one reads", async () => {
  await withStore(async ({ db, sleep }) => {
    await db.set("apple", "of the apple");
    await db.set("peach", "of the peach");
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const told: unknown[] = [];
    const older = db.transact(async (tx) => {
      await tx.get("nothing");
      await opened;
      await sleep(1);
      told.push(await tx.getForUpdate("apple"));
    });
    let runs = 0;
    const younger = db.transact(async (tx) => {
      if (++runs > 1) return;
      tx.signal.addEventListener("abort", () => {
        void db.getEntry("peach");
      });
      await tx.getForUpdate("apple");
      open();
      await sleep(10);
    });
    await Promise.all([older, younger]);
    expect(runs).toBe(2);
    expect(told).toEqual(["of the apple"]);
    await db.close();
  });
});

test("a batch that waited and may last says by which name to ask for it", async () => {
  await withStore(async ({ db, plan, sleep }) => {
    await db.set("a", 1);
    let goOn = (): void => undefined;
    const holder = db.transact(async (tx) => {
      await tx.getForUpdate("a");
      await new Promise<void>((resolve) => (goOn = resolve));
    });
    await sleep(5);
    const batch = db.atomic().set("a", 2).commit();
    await sleep(5);
    const fault = { kind: "error" } as const;
    plan.add({ operations: ["durable"], skip: 0, count: "forever", fault });
    goOn();
    await holder;
    await expect(batch).rejects.toMatchObject({
      code: "ERR_COMMIT_UNKNOWN",
      details: { id: expect.stringMatching(/^0-1-/u) as unknown },
    });
    await db.close().catch(() => undefined);
  });
});

test("a close does not wait until what expired can be removed", async () => {
  await withStore(async ({ db, engine, world, sleep }) => {
    await db.set("a", 1, { ttlMs: 100 });
    const reader = engine.begin({ timeoutMs: Number.POSITIVE_INFINITY });
    await reader.run((step) => {
      step.scan({ start: Uint8Array.of(1), end: undefined }, () => true);
    });
    await sleep(5000);
    expect(engine.openCount).toBe(2);
    const beganMs = world.clock.monotonicMs();
    await db.close();
    expect(world.clock.monotonicMs() - beganMs).toBeLessThan(1000);
  });
});

interface OnStore {
  readonly db: Database;
  readonly engine: Transactions;
  readonly world: World;
  /** What becomes of its disk. */
  readonly plan: FaultPlan;
  /** Lets virtual time pass. */
  readonly sleep: (durationMs: number) => Promise<void>;
}

async function withStore(main: (on: OnStore) => Promise<void>): Promise<void> {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const { clock } = world;
    const plan = new FaultPlan();
    const parts = { plan, random: new SeededRandom(1), clock, crash: () => undefined };
    const engine = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts));
    const db = await openDatabase(world, engine);
    const sleep = async (durationMs: number): Promise<void> => {
      await new Promise<void>((resolve) => clock.after(durationMs, resolve));
    };
    await main({ db, engine, world, plan, sleep });
  });
}
