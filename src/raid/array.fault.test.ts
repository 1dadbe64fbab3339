import { describe, expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import { CrashImages } from "../volume/crash-images.ts";
import { FaultPlan, type FaultRule } from "../volume/fault-plan.ts";
import type { Volume } from "../volume/volume.ts";
import { assembleArray, createArray } from "./array.ts";
import { CrashRun, drawSteps, pattern } from "./crash-run.suite.ts";
import { Geometry } from "./geometry.ts";
import {
  memoryMember,
  shapeName,
  smallAssembly,
  smallOptions,
  type SmallShape,
  smallShapes,
  testWorld,
} from "./test-array.suite.ts";

const SIZE_BYTES = 2048;
const redundant = smallShapes.filter(({ level }) => level !== 0);

describe("a member that fails at any of its operations", () => {
  for (const shape of redundant) {
    test(`${shapeName(shape)} goes on without it, and loses nothing`, async () => {
      const whole = await CrashRun.create(shape, SIZE_BYTES, new FaultPlan());
      await whole.run(drawSteps(11, 14, SIZE_BYTES));
      const operations = Math.ceil(whole.moments.length / shape.memberCount);
      for (let skip = 0; skip < operations; skip += 3) {
        const member = skip % shape.memberCount;
        const run = await CrashRun.create(shape, SIZE_BYTES, failing(member, skip));
        await run.run(drawSteps(11, 14, SIZE_BYTES));
        await run.step({ kind: "sync" });
        expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
        const last = run.moments.length - 1;
        const point = { moment: last, seed: skip, crash: "power", lost: [member] } as const;
        expect(await run.refute(point)).toBeUndefined();
        expect(await run.refute({ ...point, lost: [] })).toBeUndefined();
      }
    });
  }
});

describe("two members of RAID 6 that fail one after the other", () => {
  for (const shape of redundant.filter(({ level }) => level === 6)) {
    test(`${shapeName(shape)} goes on without them`, async () => {
      for (let skip = 0; skip < 40; skip += 3) {
        const plan = failing(0, skip);
        plan.add(failureOf(1 + (skip % 2), skip + 7));
        const run = await CrashRun.create(shape, SIZE_BYTES, plan);
        await run.run(drawSteps(12, 14, SIZE_BYTES));
        await run.step({ kind: "sync" });
        expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
        const point = { moment: run.moments.length - 1, seed: skip, lost: [] };
        expect(await run.refute({ ...point, crash: "power" })).toBeUndefined();
      }
    });
  }
});

test("with more failures than the level survives the volume has failed, and still reads", async () => {
  for (const shape of smallShapes) {
    const plan = new FaultPlan();
    const run = await CrashRun.create(shape, SIZE_BYTES, plan);
    await run.step({ kind: "write", at: 0, length: 900, value: 3, isDurable: true });
    await run.array.checkpoint();
    const losses = new Geometry({ ...shape, layout: "left-symmetric" }).lossesMax;
    for (let member = 0; member <= losses; member++) plan.add(failureOf(member, 0));
    const outcome: unknown = await run.array
      .writeDurable(0, pattern(SIZE_BYTES, 9))
      .then(async () => await run.array.checkpoint())
      .catch((error: unknown) => error);
    expect(isFault(outcome, "ERR_IO")).toBe(true);
    expect(run.array.failure).toBe(outcome);
    expect(await run.array.sync().catch((error: unknown) => error)).toBe(outcome);
    expect(run.array.status().health).toBe("failed");
    // What cannot be read is there once the members are back: that is told, not that it is lost.
    for (let at = 0; at < SIZE_BYTES; at += 64) {
      const read: unknown = await run.array.read(at, new Uint8Array(64)).catch((e: unknown) => e);
      expect([undefined, outcome]).toContain(read);
    }
  }
});

test("once too many have failed nothing more is written to those that are left", async () => {
  for (const shape of smallShapes) {
    for (let skip = 0; skip < 12; skip += 3) {
      const plan = new FaultPlan();
      const run = await CrashRun.create(shape, SIZE_BYTES, plan);
      const late: string[] = [];
      const strike = plan.strike.bind(plan);
      plan.strike = (operation) => {
        const hasFailed = run.array.failure !== undefined;
        if (hasFailed && operation.operation !== "read") late.push(operation.path);
        return strike(operation);
      };
      const losses = new Geometry({ ...shape, layout: "left-symmetric" }).lossesMax;
      for (let member = 0; member <= losses; member++) plan.add(failureOf(member, skip));
      const writes = Array.from({ length: 40 }, async (_, index) => {
        const source = pattern(60, index);
        await run.array.write(index * 50, source);
        if (index % 4 === 0) await run.array.sync();
      });
      await Promise.allSettled(writes);
      await new Promise((resolve) => setImmediate(resolve));
      expect(late).toEqual([]);
    }
  }
});

describe("what a member returns wrong", () => {
  for (const shape of redundant) {
    test(`${shapeName(shape)} names the member, answers right, and puts it right`, async () => {
      for (const kind of ["rot", "unreadable", "misdirected", "lost"] as const) {
        for (let member = 0; member < shape.memberCount; member++) {
          await expectRepair(shape, member, kind);
        }
      }
    });
  }
});

test("with more wrong than parity can make up for, the block is named and the rest is read", async () => {
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 } as const;
  const { members, world } = await filled(shape);
  const { array } = await damaged(members, [0, 1], world);
  const bytes = new Uint8Array(64);
  const expected = pattern(SIZE_BYTES, 1);
  const outcomes: string[] = [];
  for (let at = 0; at < SIZE_BYTES; at += 64) {
    const outcome: unknown = await array.read(at, bytes).catch((error: unknown) => error);
    if (isFault(outcome, "ERR_CORRUPT")) outcomes.push(outcome.message);
    else expect([outcome, bytes]).toEqual([undefined, expected.slice(at, at + 64)]);
  }
  expect(outcomes.length).toBeGreaterThan(0);
  expect(outcomes[0]).toContain('"disk0"');
  await array.write(0, pattern(SIZE_BYTES, 2));
  const again = new Uint8Array(SIZE_BYTES);
  await array.read(0, again);
  expect(again).toEqual(pattern(SIZE_BYTES, 2));
});

test("a member that stalls is out after its time", async () => {
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 } as const;
  const plan = new FaultPlan();
  const run = await CrashRun.create(shape, SIZE_BYTES, plan);
  const images = run.recordings.map(({ before }) => before.copy());
  const options = { ...smallAssembly, stallMs: 100 };
  const stalling = await CrashRun.over(shape, testWorld(), images, { plan, options });
  plan.add({ ...failureOf(1, 0), fault: { kind: "stalled" } });
  const writing = stalling.step({
    kind: "write",
    at: 0,
    length: 500,
    value: 1,
    isDurable: true,
  });
  await passTime(stalling.world, 100);
  await writing;
  expect(stalling.array.status().members[1]?.state).toBe("missing");
  expect(stalling.model.refute(await stalling.content(), stalling.moments.length)).toBeUndefined();
});

test("a read that stalls is answered by the others, and what comes of it later is nobody's", async () => {
  const mirror = { level: 1, memberCount: 2, blockBytes: 64, chunkBlocks: 1 } as const;
  const striped = { level: 5, memberCount: 4, blockBytes: 64, chunkBlocks: 2 } as const;
  await expectLateReadUnseen(mirror, 64);
  await expectLateReadUnseen(striped, 64);
  await expectLateReadUnseen(striped, SIZE_BYTES);
});

test.each(["sync", "read"] as const)(
  "an array is assembled without a member whose %s stalls",
  async (operation) => {
    const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 } as const;
    const plan = new FaultPlan();
    const world = testWorld();
    const images = (await CrashRun.create(shape, SIZE_BYTES)).recordings.map(({ before }) =>
      before.copy(),
    );
    const stall = { operations: [operation], fault: { kind: "stalled" } } as const;
    plan.add({ ...failureOf(2, 0), ...stall });
    const options = { ...smallAssembly, stallMs: 100 };
    const assembling = CrashRun.over(shape, world, images, { plan, options });
    for (let round = 0; round < 20; round++) await passTime(world, 100);
    const { array } = await assembling;
    expect(array.status().members[2]?.state).toBe("missing");
  },
);

test("the last member that holds the data stays in, though a read of it stalls", async () => {
  const shape = { level: 1, memberCount: 2, blockBytes: 64, chunkBlocks: 1 } as const;
  const plan = new FaultPlan();
  const run = await CrashRun.create(shape, SIZE_BYTES);
  const images = run.recordings.map(({ before }) => before.copy());
  const options = { ...smallAssembly, stallMs: 100 };
  const { array, world } = await CrashRun.over(shape, testWorld(), images, { plan, options });
  await array.writeDurable(0, new Uint8Array(64).fill(3));
  await array.checkpoint();
  await array.fail(1);
  plan.add({ ...failureOf(0, 0), operations: ["read"], count: 1, fault: { kind: "stalled" } });
  const reading = array.read(0, new Uint8Array(64)).catch(() => undefined);
  for (let round = 0; round < 20; round++) await passTime(world, 100);
  await reading;
  expect(array.status().members[0]?.state).toBe("active");
  const found = new Uint8Array(64);
  await array.read(0, found);
  expect(found).toEqual(new Uint8Array(64).fill(3));
});

test("members are not out because the process itself stood still", async () => {
  const shape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 } as const;
  const plan = new FaultPlan();
  const world = testWorld();
  const images = (await CrashRun.create(shape, SIZE_BYTES)).recordings.map(({ before }) =>
    before.copy(),
  );
  const options = { ...smallAssembly, stallMs: 100 };
  const { array } = await CrashRun.over(shape, world, images, { plan, options });
  for (let member = 0; member < 3; member++) {
    plan.add({ ...failureOf(member, 0), fault: { kind: "stalled" } });
  }
  const writing = array.writeDurable(0, pattern(500, 1));
  await turns();
  world.clock.advance(1_000_000);
  plan.clear();
  await writing;
  expect(array.status().health).toBe("whole");
});

async function expectLateReadUnseen(shape: SmallShape, length: number): Promise<void> {
  const plan = new FaultPlan();
  const run = await CrashRun.create(shape, SIZE_BYTES);
  await run.step({ kind: "write", at: 0, length: SIZE_BYTES, value: 1, isDurable: true });
  const expected = await run.content();
  await run.array.close();
  const images = run.recordings.map((one) => new CrashImages(one, "process").after(one.point, 1));
  const options = { ...smallAssembly, stallMs: 100 };
  const { array, world } = await CrashRun.over(shape, testWorld(), images, { plan, options });
  plan.add({ ...failureOf(0, 0), operations: ["read"], fault: { kind: "stalled" } });

  const target = new Uint8Array(length);
  const reading = array.read(0, target);
  await passTime(world, 100);
  await reading;
  expect(target).toEqual(expected.subarray(0, length));
  expect(array.status().members[0]?.state).toBe("missing");

  // Neither where it was wanted, nor where others are read to now.
  target.fill(9);
  const later = array.read(0, new Uint8Array(length));
  plan.clear();
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  await later;
  expect(target).toEqual(new Uint8Array(length).fill(9));
}

/** Time passes bit by bit, and there is time for everything that comes due. */
async function passTime({ clock }: ReturnType<typeof testWorld>, ms: number): Promise<void> {
  const parts = 8;
  // What begins within a part has until the end of the eighth after it.
  for (let part = 0; part <= parts; part++) {
    await turns();
    clock.advance(ms / parts);
  }
  await turns();
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

function failing(member: number, skip: number): FaultPlan {
  return new FaultPlan([failureOf(member, skip)]);
}

function failureOf(member: number, skip: number): FaultRule {
  return {
    operations: ["write", "durable", "sync"],
    path: `disk${member}`,
    skip,
    count: "forever",
    fault: { kind: "error" },
  };
}

/** A closed array with something in every block. */
async function filled(shape: SmallShape): Promise<{
  readonly members: ReturnType<typeof memoryMember>[];
  readonly world: ReturnType<typeof testWorld>;
}> {
  const members = Array.from({ length: shape.memberCount }, (_, index) => memoryMember(index, 0));
  const array = await createArray(testWorld(), members, smallOptions(shape, SIZE_BYTES));
  await array.write(0, pattern(SIZE_BYTES, 1));
  await array.close();
  return { members, world: testWorld(5) };
}

/** The array over copies of the members, some of which have their rows inverted. */
async function damaged(
  members: readonly ReturnType<typeof memoryMember>[],
  wrong: readonly number[],
  world: ReturnType<typeof testWorld>,
): Promise<{ readonly array: Awaited<ReturnType<typeof assembleArray>> }> {
  const images: Volume[] = members.map(({ image }, index) => {
    const copy = image.copy();
    if (wrong.includes(index)) invertTail(copy);
    return memoryMember(index, copy);
  });
  return { array: await assembleArray(world, images, smallAssembly) };
}

function invertTail(image: ReturnType<typeof memoryMember>["image"]): void {
  const bytes = new Uint8Array(256);
  const at = image.sizeBytes - bytes.length;
  image.read(at, bytes);
  image.write(
    at,
    bytes.map((byte) => byte ^ 0xff),
  );
}

async function expectRepair(
  shape: SmallShape,
  member: number,
  kind: "rot" | "unreadable" | "misdirected" | "lost",
): Promise<void> {
  const plan = new FaultPlan();
  const sizeBytes = 12_288;
  const run = await CrashRun.create(shape, sizeBytes, plan);
  const path = `disk${member}`;
  const dataAt = (run.recordings[member]?.sizeBytes ?? 0) - 200;
  const range = { at: dataAt, length: 128 };
  const once = { path, range, skip: 0, count: 1 } as const;
  if (kind === "lost" || kind === "misdirected") {
    const fault = kind === "lost" ? { kind } : ({ kind, byBytes: 128 } as const);
    plan.add({ ...once, operations: ["write"], fault });
  }
  await run.step({ kind: "write", at: 0, length: sizeBytes, value: 1, isDurable: true });
  await run.array.checkpoint();
  if (kind === "rot") {
    plan.add({ ...once, operations: ["read"], fault: { kind: "rot", bitCount: 5 } });
  }
  if (kind === "unreadable") {
    plan.add({ ...once, operations: ["read"], count: "forever", fault: { kind } });
  }
  const report = await run.array.scrub();
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
  const repaired = run.world.events.filter(({ name }) => name === "raid.block-repaired");
  expect(repaired.length).toBeGreaterThan(0);
  for (const { fields } of repaired) expect(fields["member"]).toBe(path);
  expect(report?.repaired).toBe(repaired.length);
  expect(report?.lostAt).toEqual([]);
  expect(report?.parityRepaired).toBe(0);
  expect((await run.array.scrub())?.repaired).toBe(0);
}
