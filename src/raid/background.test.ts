import { describe, expect, test } from "vitest";
import { FaultPlan } from "../volume/fault-plan.ts";
import { lossAt, perform, WORK_SIZE_BYTES, works } from "./background-work.suite.ts";
import { CrashRun, drawSteps } from "./crash-run.suite.ts";
import { layoutShapes, shapeName, smallShapes } from "./test-array.suite.ts";

const redundant = smallShapes.filter(({ level }) => level !== 0);

for (const work of works) {
  describe(work.title, () => {
    for (const shape of smallShapes.filter((one) => work.fits(one))) {
      test(`${shapeName(shape)} loses nothing, and a crash at any point neither`, async () => {
        const { run, ended } = await perform(work, shape, 21);
        for (let moment = 0; moment < run.moments.length; moment += 5) {
          const lost = lossAt(work, shape, moment, ended);
          const crash = moment % 2 === 0 ? "process" : "power";
          const point = { moment, seed: moment, crash, lost } as const;
          expect(await run.refute(point)).toBeUndefined();
        }
      });
    }
  });
}

test("tables that a crash left before they counted don't count after the next assembly", async () => {
  const shape = { level: 1, memberCount: 2, blockBytes: 64, chunkBlocks: 1 } as const;
  const growth = works.filter(({ title }) => title === "growing by a member");
  for (const work of growth) {
    const { run, ended } = await perform(work, shape, 10);
    for (let moment = 0; moment < Math.min(ended, run.moments.length); moment += 4) {
      const point = { moment, seed: moment, crash: "process", lost: [] } as const;
      expect(await run.refuteTwice(point, 3, [[]])).toBeUndefined();
    }
  }
});

describe("wherever parity lies", () => {
  test.each(layoutShapes.map((shape) => [shapeName(shape), shape] as const))(
    "%s is rebuilt, replaced and grown, and crashes, without as many as it may lose",
    async (_name, shape) => {
      for (const work of works) {
        const { run, ended } = await perform(work, shape, 31);
        expect(run.array.status().layout).toBe(shape.layout);
        for (let moment = 0; moment < run.moments.length; moment += 29) {
          const lost = lossAt(work, shape, moment, ended);
          const point = { moment, seed: moment, crash: "power", lost } as const;
          expect(await run.refute(point)).toBeUndefined();
        }
      }
    },
  );
});

test("RAID 6 begins to grow, crashes, and crashes again before it went on, without any two", async () => {
  const shape = { level: 6, memberCount: 4, blockBytes: 64, chunkBlocks: 1 } as const;
  for (const work of works.filter(({ title }) => title === "growing by a member")) {
    const { run } = await perform(work, shape, 11);
    const began = run.moments.findIndex((points) => shape.memberCount < points.length);
    // The last two hold what lay on others before.
    const losses = [[shape.memberCount - 1, shape.memberCount]];
    for (let moment = began; moment <= began + 28; moment += 4) {
      const point = { moment, seed: moment, crash: "power", lost: [] } as const;
      expect(await run.refuteTwice(point, 1, losses)).toBeUndefined();
    }
  }
});

test("RAID 6 begins to grow, and crashes with all but one gone that have a table", async () => {
  const shape = { level: 6, memberCount: 4, blockBytes: 64, chunkBlocks: 1 } as const;
  const work = works.find(({ title }) => title === "growing by a member");
  if (work === undefined) throw new Error("there is no such work");
  const { run } = await perform(work, shape, 11);
  const began = run.moments.findIndex((points) => shape.memberCount < points.length);
  // What is left has on one of its sides what another slot had there before.
  const lost = [shape.memberCount - 1, shape.memberCount];
  for (let moment = began; moment <= began + 70; moment++) {
    const point = { moment, seed: 0, crash: "power", lost } as const;
    expect(await run.refute(point)).toBeUndefined();
  }
});

test("a new member that fails while its tables are written is refused, and nobody waits", async () => {
  for (const level of [5, 6] as const) {
    const shape = { level, memberCount: 4, blockBytes: 64, chunkBlocks: 1 } as const;
    for (const operations of [["write"], ["sync"]] as const) {
      const plan = new FaultPlan();
      const run = await CrashRun.create(shape, WORK_SIZE_BYTES, plan);
      await run.run(drawSteps(5, 40, WORK_SIZE_BYTES));
      const fault = { kind: "error" } as const;
      // The first sync is of the room that is made.
      const skip = operations[0] === "sync" ? 1 : 0;
      plan.add({ operations, path: "disk4", skip, count: "forever", fault });
      await expect(run.array.growBy(run.addVolume())).rejects.toThrow(/"disk4" failed/u);
      await run.run(drawSteps(6, 6, WORK_SIZE_BYTES));
      await run.array.sync();
      expect(run.array.status()).toMatchObject({ health: "whole", members: { length: 4 } });
      expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
    }
  }
});

test("a member that catches up is written only where it has to be", async () => {
  for (const shape of redundant) {
    const run = await CrashRun.create(shape, 8192);
    await run.step({ kind: "write", at: 0, length: 8192, value: 1, isDurable: true });
    await run.array.checkpoint();
    await run.array.fail(0);
    await run.step({ kind: "write", at: 0, length: 10, value: 2, isDurable: true });
    const before = dataBytesOf(run, 0);
    await run.array.add(run.againVolume(0));
    await run.array.settled();
    expect(run.array.status().health).toBe("whole");
    expect(dataBytesOf(run, 0) - before).toBeLessThan(3 * shape.blockBytes + 8192 / 4);
  }
});

test("the position of a rebuild outlives its array", async () => {
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 } as const;
  const run = await CrashRun.create(shape, 8192);
  await run.step({ kind: "write", at: 0, length: 8192, value: 1, isDurable: true });
  await run.array.fail(2);
  await run.array.add(run.addVolume());
  while ((run.array.status().members[2]?.rebuilt ?? 0) < 0.5) await Promise.resolve();
  await run.array.close();
  const { rebuilt } = run.array.status().members[2] ?? {};
  expect(rebuilt).toBeGreaterThanOrEqual(0.5);
  expect(rebuilt).toBeLessThan(1);
});

test("an array becomes larger while it is laid out anew over one member more", async () => {
  for (const shape of smallShapes.filter(({ level }) => level !== 1)) {
    const run = await CrashRun.create(shape, 8192);
    await run.step({ kind: "write", at: 0, length: 8192, value: 1, isDurable: true });
    await run.array.growBy(run.addVolume());
    while (run.array.status().job === undefined) await Promise.resolve();
    let { sizeBytes } = run.array;
    while (run.array.status().job?.kind === "reshape" && sizeBytes < 40_000) {
      await run.grow(sizeBytes + 3000);
      await run.step({ kind: "write", at: sizeBytes, length: 3000, value: 2, isDurable: true });
      sizeBytes += 3000;
    }
    expect(sizeBytes).toBeGreaterThan(8192 + 3000);
    await run.array.settled();
    expect(run.array.status().job).toBeUndefined();
    expect(run.array.sizeBytes).toBeGreaterThanOrEqual(sizeBytes);
    expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
    const found = await run.array.scrub();
    expect([found?.repaired, found?.lostAt, found?.parityRepaired]).toEqual([0, [], 0]);
  }
});

test("a scrub answers, however soon after its beginning the array is closed", async () => {
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 } as const;
  for (let turns = 0; turns < 40; turns++) {
    const run = await CrashRun.create(shape, 2048);
    await run.step({ kind: "write", at: 0, length: 2048, value: 1, isDurable: true });
    let isAnswered = false;
    const scrubbing = run.array.scrub().finally(() => (isAnswered = true));
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    await run.array.close();
    for (let turn = 0; turn < 40; turn++) await Promise.resolve();
    expect(isAnswered, `closed after ${turns} turns`).toBe(true);
    await scrubbing;
  }
});

function dataBytesOf(run: CrashRun, index: number): number {
  const writes = run.recordings[index]?.writes ?? [];
  return writes.reduce((sum, { bytes }) => sum + (bytes.length % 512 === 0 ? 0 : bytes.length), 0);
}
