import { expect, test } from "vitest";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { SeededRandom } from "../base/random.ts";
import type { RecordedTransaction } from "../base/recorded-events.ts";
import { checkRecorded } from "../history/recorded-check.ts";
import { hostWorld } from "../host/world.ts";
import { formatStore, storeBytes } from "../store/format.ts";
import { defaultStoreOptions } from "../store/options.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { Engine } from "./engine.ts";
import { openVolumeEngine } from "./open-engine.ts";
import { RecordingEngine } from "./recording-engine.ts";
import type { Step } from "./step.ts";
import { testTransactionStore } from "./transaction-store.suite.ts";

const STORE = {
  ...defaultStoreOptions,
  cacheBytes: 4 << 20,
  logBytes: 4 << 20,
  pagesBytes: 4 << 20,
};

async function withRecording(
  oneIn: number,
  body: (engine: Engine, record: readonly RecordedTransaction[]) => Promise<void>,
): Promise<void> {
  const world = hostWorld();
  const volume = new MemoryVolume(storeBytes(STORE));
  await formatStore(world, volume, STORE);
  const record: RecordedTransaction[] = [];
  let draws = 0;
  const engine = new RecordingEngine(await openVolumeEngine(world, volume, STORE), {
    oneIn,
    below: (limit) => draws++ % limit,
    record: (transaction) => record.push(transaction),
  });
  await body(engine, record);
  await engine.close();
}

testTransactionStore("a store that is recorded", async (body) => {
  await withRecording(1, async (engine, record) => {
    await body(engine);
    await engine.whenSettled(engine.appendedLsn);
    expect(checkRecorded(record, { everyWriter: false })).toEqual({ kind: "valid" });
  });
});

const key = (number: number): Uint8Array => Uint8Array.of(1, number);

/** Moves one from one account to another, after looking at all of them. */
function transfer(from: number, to: number): (step: Step) => number {
  return (step) => {
    let total = 0;
    step.scan({ start: key(0), end: key(9) }, ({ valueBytes, valueAt }) => {
      total += valueBytes[valueAt] ?? 0;
      return true;
    });
    const source = step.getForUpdate(key(from))?.[0] ?? 10;
    const target = step.get(key(to))?.[0] ?? 10;
    if (source === 0) step.delete(key(from));
    else step.set(key(from), Uint8Array.of(source - 1));
    step.set(key(to), Uint8Array.of(target + 1));
    return total;
  };
}

async function transfers(engine: Engine): Promise<void> {
  await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const body = transfer(index % 5, (index * 3 + 1) % 5);
      if (index % 3 > 0) {
        await engine.run(body);
        return;
      }
      const transaction = engine.begin();
      try {
        await transaction.run(body);
        await engine.whenSettled(await transaction.commit());
      } catch {
        transaction.rollback();
      }
    }),
  );
}

test("what ran at once is recorded whole, and is strictly serializable", async () => {
  await withRecording(1, async (engine, record) => {
    await transfers(engine);
    expect(record.length).toBeGreaterThan(40);
    expect(checkRecorded(record)).toEqual({ kind: "valid" });
  });
});

test("a record that was tampered with is not", async () => {
  await withRecording(1, async (engine, record) => {
    await transfers(engine);
    const versions = record.flatMap(({ lsn }) => lsn ?? []);
    const oldest = Math.min(...versions);
    const tampered = record.map((one, index) =>
      index < record.length - 5
        ? one
        : {
            ...one,
            operations: one.operations.map((operation) =>
              operation.kind === "read" && (operation.version ?? 0) > oldest
                ? { ...operation, version: oldest }
                : operation,
            ),
          },
    );
    expect(checkRecorded(tampered).kind).toBe("invalid");
  });
});

test("of a sample only so many are recorded", async () => {
  await withRecording(5, async (engine, record) => {
    await transfers(engine);
    expect(record.length).toBeGreaterThan(5);
    expect(record.length).toBeLessThan(20);
    expect(checkRecorded(record, { everyWriter: false }).kind).toBe("valid");
  });
});

test("a refusal and a failure are told as they are where nothing is recorded", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const inner = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts));
    const record: RecordedTransaction[] = [];
    const engine = new RecordingEngine(inner, {
      oneIn: 1,
      below: () => 0,
      record: (transaction) => record.push(transaction),
    });
    engine.tryRun((step) => step.set(key(1), key(1)));
    const written = engine.answerLsn;
    const refusal = new Error("it is there already");
    const refused = engine.run((step) => {
      if (step.get(key(1)) !== undefined) throw refusal;
    });
    await expect(refused).rejects.toBe(refusal);
    expect(engine.settledLsn).toBeGreaterThanOrEqual(written);

    const fault = { kind: "error" } as const;
    plan.add({ operations: ["durable"], skip: 0, count: "forever", fault });
    const writing = engine.run((step) => step.set(key(2), key(2)));
    await expect(writing).rejects.toMatchObject({ code: "ERR_COMMIT_UNKNOWN", applied: "unknown" });
    expect(record.map(({ status }) => status)).toEqual(["ok", "info"]);
    await engine.close();
  });
});
