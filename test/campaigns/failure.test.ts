/** A fixed slice of the failure campaign, and full disks step by step. */

import { expect, test } from "vitest";
import { type Fault, isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { formattedImage, inWorld, openOn, smallShape } from "../support/small-store.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { FaultPlan } from "../../src/volume/fault-plan.ts";
import { FaultyVolume } from "../../src/volume/faulty-volume.ts";
import { RecordingVolume } from "../../src/volume/recording-volume.ts";
import { CrashImages } from "../../src/volume/crash-images.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import type { World } from "../../src/world/world.ts";
import { failureCampaign, settled, wholeFailureScope } from "./failure-campaign.ts";
import { checkStore } from "./check-store.ts";
import { Ledger } from "./ledger.ts";

test("each change of the volume fails, in a run of its own", { timeout: 600_000 }, async () => {
  const report = await failureCampaign(1, { ...wholeFailureScope, operationStep: 4 });
  expect(report.runCount).toBeGreaterThan(100);
  expect(report.stoppedCount).toBeGreaterThan(50);
  expect(report.wentOnCount).toBeGreaterThan(20);
  expect([...report.codes].toSorted()).toContain("ERR_UNAVAILABLE");
});

test("on a full disk writes are refused, the rest goes on, and what is deleted makes room", async () => {
  await onFaultyVolume(async ({ engine, ledger, plan, image, world }) => {
    plan.add({ operations: ["grow"], skip: 0, count: "forever", fault: { kind: "full" } });
    const refusal = await writeUntilRefused(engine);
    expect(refusal.code).toBe("ERR_FULL");
    expect(engine.failure).toBeUndefined();
    await checkStore(engine, ledger.lastRows);

    const keys = [...ledger.lastRows.keys()];
    for (let index = 0; index < keys.length * 0.8; index++) await remove(engine, index);
    await checkStore(engine, ledger.lastRows);
    for (let index = 0; index < keys.length / 2; index++) await write(engine, index);
    await checkStore(engine, ledger.lastRows);
    await engine.close();
    const again = await openOn(world, new MemoryVolume(image));
    await checkStore(again, ledger.lastRows);
  });
});

test("a full disk that refuses pages makes writers hear of it, until there is room again", async () => {
  await onFaultyVolume(async ({ engine, ledger, plan }) => {
    const range = { at: 65_536 + SHAPE.ringBytes, length: 2 ** 40 };
    const operations = ["write", "durable"] as const;
    plan.add({ operations, range, skip: 0, count: "forever", fault: { kind: "full" } });
    const refusal = await writeUntilRefused(engine);
    expect(refusal.code).toBe("ERR_FULL");
    await checkStore(engine, ledger.lastRows);
    plan.clear();
    for (let index = 0; index < 100; index++) await write(engine, index);
    await checkStore(engine, ledger.lastRows);
    await engine.close();
  });
});

test.each([2, 3, 4, 5])(
  "a superblock for which there is no room, at its write %i, costs nothing at any later crash",
  async (skip) => {
    await onFaultyVolume(async ({ world, volume, engine, ledger, plan }) => {
      const range = { at: 0, length: 65_536 };
      plan.add({ operations: ["durable"], range, skip, count: 1, fault: { kind: "full" } });
      for (let index = 0; index < 160 && engine.failure === undefined; index++) {
        const outcome = await settled(write(engine, (index * 7) % 40));
        if ("value" in outcome) ledger.promise(volume.point, ledger.lastLsn);
        if (index % 20 === 19) await settled(engine.store.checkpoint());
      }
      expect(isFault(engine.failure, "ERR_UNAVAILABLE")).toBe(true);
      const images = new CrashImages(volume, "process");
      for (let point = 0; point <= volume.point; point++) {
        const again = await openOn(world, new MemoryVolume(images.after(point, 1)));
        expect(again.appendedLsn).toBeGreaterThanOrEqual(ledger.promisedAt(point));
        await checkStore(again, ledger.rowsAt(again.appendedLsn));
        await again.store.abandon();
      }
    });
  },
);

/** With room for some pages beside those that are kept in reserve. */
const SHAPE = { ...smallShape, pagesBytes: 2 << 20 };

interface Scene {
  readonly world: World;
  readonly engine: Transactions;
  readonly ledger: Ledger;
  readonly plan: FaultPlan;
  readonly volume: RecordingVolume;
  readonly image: PagedImage;
}

async function onFaultyVolume(body: (scene: Scene) => Promise<void>): Promise<void> {
  const image = await formattedImage(SHAPE);
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const volume = new RecordingVolume(image);
    const faulty = new FaultyVolume(volume, {
      plan,
      random: new SeededRandom(1),
      clock: world.clock,
      crash: () => undefined,
    });
    const engine = await openOn(world, faulty);
    const ledger = new Ledger();
    ledger.follow(engine);
    await body({ world, engine, ledger, plan, volume, image });
  });
}

async function writeUntilRefused(engine: Transactions): Promise<Fault> {
  for (let index = 0; index < 4000; index++) {
    const outcome = await settled(write(engine, index));
    if (!("error" in outcome)) continue;
    if (isFault(outcome.error)) return outcome.error;
    throw outcome.error;
  }
  throw new Error("nothing was refused");
}

async function write(engine: Transactions, index: number): Promise<void> {
  await engine.run((step) => step.set(keyOf(index), new Uint8Array(3000).fill(index)));
}

async function remove(engine: Transactions, index: number): Promise<void> {
  await engine.run((step) => step.delete(keyOf(index)));
}

function keyOf(index: number): Uint8Array {
  return Uint8Array.of(1, index >>> 8, index);
}
