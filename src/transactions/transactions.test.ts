import { expect, test } from "vitest";
import { formattedImage, inWorld, openOn } from "../../test/support/small-store.ts";
import { SeededRandom } from "../base/random.ts";
import { REFUSED_LARGE, WAIT_PAGE } from "../store/store.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import { MUST_WAIT, type Step } from "./step.ts";

const A = Uint8Array.of(1, 1);
const B = Uint8Array.of(1, 2);

test("who is refused for its size is told no sooner than what it read is settled", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    engine.tryRun((step) => step.set(A, A));
    const written = engine.answerLsn;
    engine.tryRun((step) => step.get(B));
    const { store } = engine;
    const commit = store.commit.bind(store);
    store.commit = () => REFUSED_LARGE;
    expect(() =>
      engine.tryRun((step) => {
        if (step.get(A) !== undefined) step.set(B, B);
      }),
    ).toThrow("cacheBytes");
    expect(engine.answerLsn).toBe(written);
    store.commit = commit;
    await engine.close();
  });
});

test("what could not be committed at once is written once when it can", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const { store } = engine;
    const commit = store.commit.bind(store);
    const count = (step: Step): void => {
      const before = step.get(A)?.[0] ?? 0;
      step.set(A, Uint8Array.of(before + 1));
    };
    for (const isBrief of [false, true]) {
      const transaction = engine.begin({ isBrief });
      store.commit = () => WAIT_PAGE;
      expect(transaction.tryCommit(count)).toBe(MUST_WAIT);
      store.commit = commit;
      expect(transaction.tryCommit(count)).toBeGreaterThan(0);
    }
    expect(engine.tryRun((step) => step.get(A))).toEqual(Uint8Array.of(2));
    await engine.close();
  });
});

test("a transaction larger than the log allows is told of the log", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const refusedWith = async (transactionBytesMax: number): Promise<unknown> => {
      const engine = await openOn(world, new MemoryVolume(image), { transactionBytesMax });
      const body = engine.run((step) => step.set(A, new Uint8Array(200_000)));
      const fault = await body.catch((error: unknown) => error);
      await engine.close();
      return fault;
    };
    for (const asked of [0, 1 << 20]) {
      expect(await refusedWith(asked)).toMatchObject({ details: { setting: "logBytes" } });
    }
    const details = { setting: "transactionBytesMax", max: 1000 };
    expect(await refusedWith(1000)).toMatchObject({ details });
  });
});

test("whose write may last is told so when the store fails, and who only read is not", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const plan = new FaultPlan();
    const parts = { plan, random: new SeededRandom(1), clock: world.clock, crash: () => undefined };
    const engine = await openOn(world, new FaultyVolume(new MemoryVolume(image), parts));
    const fault = { kind: "error" } as const;
    plan.add({ operations: ["durable"], skip: 0, count: "forever", fault });
    const writing = engine.run((step) => step.set(A, A));
    const reading = engine.run((step) => step.get(A));
    await expect(writing).rejects.toMatchObject({ code: "ERR_COMMIT_UNKNOWN", applied: "unknown" });
    await expect(reading).rejects.toMatchObject({ code: "ERR_UNAVAILABLE", applied: "no" });
    await engine.close();
  });
});

test("who closes the store ends the transactions for good", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const open = engine.begin();
    await engine.close();
    expect(open.aborted).toMatchObject({ code: "ERR_CLOSED" });
  });
});

test("an age that another has, or will have, is not given again", async () => {
  const image = await formattedImage();
  await inWorld(1, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const first = engine.begin();
    const same = engine.begin({ age: first.age, attempts: 1 });
    const ahead = engine.begin({ age: same.age + 5, attempts: 1 });
    const others = Array.from({ length: 9 }, () => engine.begin());
    const ages = [first, same, ahead, ...others].map(({ age }) => age);
    expect(new Set(ages).size).toBe(ages.length);
    // They meet in the table of locks, which orders them by age.
    await first.run((step) => step.set(A, A));
    const waiting = [same, ahead].map(
      async (one) => await one.run((step) => step.set(A, B)).catch(() => undefined),
    );
    first.rollback();
    await Promise.all(waiting);

    const { age } = same;
    for (const one of [same, ahead, ...others]) one.rollback();
    expect(engine.begin({ age, attempts: 2 }).age).toBe(age);
    await engine.close();
  });
});
