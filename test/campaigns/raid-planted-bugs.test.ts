/**
 * Bugs that are planted in arrays on purpose, each of which the campaigns must catch; and the write
 * hole, which is there when the journal isn't replayed.
 */

import { afterEach, describe, expect, test, vi } from "vitest";
import { perform, works } from "../../src/raid/background-work.suite.ts";
import { BlockReader } from "../../src/raid/block-reader.ts";
import { choices, CrashRun } from "../../src/raid/crash-run.suite.ts";
import type { Geometry } from "../../src/raid/geometry.ts";
import { JournalReader } from "../../src/raid/journal-reader.ts";
import { JournalWriter } from "../../src/raid/journal-writer.ts";
import { Members } from "../../src/raid/members.ts";
import { PendingRows } from "../../src/raid/pending-rows.ts";
import { StripeLocks } from "../../src/raid/stripe-locks.ts";
import type { SmallShape } from "../../src/raid/test-array.suite.ts";
import type { inIndexOrder, isWholeRow } from "../../src/raid/whole-rows.ts";
import { raidCrashCampaign, wholeRaidCrashScope } from "./raid-crash-campaign.ts";
import { raidFailureCampaign, wholeRaidFailureScope } from "./raid-failure-campaign.ts";
import { raidRotCampaign, wholeRaidRotScope } from "./raid-rot-campaign.ts";
import { drawWrites, redundantShapes, sizeOf } from "./raid-workload.ts";

const planted = vi.hoisted(() => ({
  acceptsStale: false,
  keepsOldParity: false,
  /** How whole rows are told, and put in order, and what of them parity is computed of. */
  wholeRow: undefined as typeof isWholeRow | undefined,
  order: undefined as typeof inIndexOrder | undefined,
  computedOf: (data: readonly Uint8Array[]) => data,
}));

vi.mock(import("../../src/raid/assembly.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    judgeAssembly: (members, wishes) => {
      const verdict = original.judgeAssembly(members, wishes);
      if (!planted.acceptsStale || verdict.kind === "refuse") return verdict;
      const seats = verdict.seats.map((seat) => ({
        ...seat,
        member: seat.member ?? seat.returned?.member,
        returned: undefined,
      }));
      return { ...verdict, seats };
    },
  };
});

vi.mock(import("../../src/raid/journal-batch.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    decodeRecords: (outline, bytes, blockBytes, compute) => {
      const computed = new Set<Uint8Array | undefined>();
      const records = original.decodeRecords(outline, bytes, blockBytes, (data, parity) => {
        for (const block of parity) computed.add(block);
        compute(planted.computedOf(data), parity);
      });
      return planted.keepsOldParity ? records.filter((one) => !computed.has(one.bytes)) : records;
    },
  };
});

vi.mock(import("../../src/raid/whole-rows.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    isWholeRow: (blocks, geometry): geometry is Geometry =>
      (planted.wholeRow ?? original.isWholeRow)(blocks, geometry),
    inIndexOrder: (blocks, geometry) => (planted.order ?? original.inIndexOrder)(blocks, geometry),
  };
});

const five: SmallShape = { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 };
const six: SmallShape = { level: 6, memberCount: 4, blockBytes: 64, chunkBlocks: 1 };
const wideSix: SmallShape = { level: 6, memberCount: 5, blockBytes: 128, chunkBlocks: 2 };

/** The journal begins behind the superblocks. */
const JOURNAL_AT = 8192;

afterEach(() => {
  planted.acceptsStale = false;
  planted.keepsOldParity = false;
  planted.wholeRow = undefined;
  planted.order = undefined;
  planted.computedOf = (data) => data;
  vi.restoreAllMocks();
});

async function crash(shapes: readonly SmallShape[], recoveryStep = 1_000_000): Promise<void> {
  for (const seed of [1, 2, 3]) {
    const slice = { shapes, lossCount: 2, recoveryStep, recoveryMomentStep: 2 };
    await raidCrashCampaign(seed, { ...wholeRaidCrashScope, ...slice });
  }
}

async function fail(shapes: readonly SmallShape[]): Promise<void> {
  const slice = { shapes, operationStep: 3, secondStep: 19, crashCount: 8 };
  await raidFailureCampaign(2, { ...wholeRaidFailureScope, ...slice });
}

test("without any planted bug nothing is caught", async () => {
  await crash([five], 101);
  const slice = { shapes: [five], operationStep: 9, secondStep: 19 };
  await raidFailureCampaign(2, { ...wholeRaidFailureScope, ...slice });
});

describe("the write hole", () => {
  /** Blocks that nobody has written since long before the crash, and can't be had any more. */
  async function holes(): Promise<number> {
    const run = await CrashRun.create(five, 2048);
    await run.step({ kind: "write", at: 0, length: 2048, value: 1, isDurable: true });
    await run.array.checkpoint();
    const before = run.moments.length;
    for (let at = 0; at < 2048; at += 256) {
      await run.step({ kind: "write", at, length: 64, value: 2, isDurable: true });
      await run.array.checkpoint();
    }
    let count = 0;
    for (let moment = before; moment < run.moments.length; moment++) {
      for (const lost of choices(3, 1)) {
        const refuted = await run.refute({ moment, seed: moment, crash: "power", lost });
        if (refuted !== undefined) count++;
      }
    }
    return count;
  }

  test("is there when the journal is not replayed, and not when it is", async () => {
    expect(await holes()).toBe(0);
    vi.spyOn(JournalReader.prototype, "readAll").mockResolvedValue([]);
    vi.spyOn(JournalReader.prototype, "refuseGap").mockResolvedValue();
    expect(await holes()).toBeGreaterThan(20);
  });
});

test("a journal that moves on before what it held is flushed is caught", async () => {
  vi.spyOn(Members.prototype, "syncAll").mockResolvedValue();
  await expect(crash([five])).rejects.toThrow(/seed \d/u);
});

test("an answer before the journal is durable is caught", async () => {
  const waitFor = Reflect.get(JournalWriter.prototype, "waitFor");
  vi.spyOn(JournalWriter.prototype, "waitFor").mockImplementation(async function (
    this: JournalWriter,
    ticket: number,
  ) {
    void waitFor.call(this, ticket).catch(() => undefined);
    await Promise.resolve();
  });
  await expect(crash([five])).rejects.toThrow(/should hold/u);
});

test("an answer before the loss of a member is recorded is caught", async () => {
  const settled = Reflect.get(Members.prototype, "settled");
  vi.spyOn(Members.prototype, "settled").mockImplementation(async function (this: Members) {
    const isWhole = this.record.roles.every(({ state }) => state === "active");
    const settling = settled.call(this);
    if (isWhole) return await settling;
    settling.catch(() => undefined);
    this.check();
  });
  await expect(fail(redundantShapes.slice(2))).rejects.toThrow(/seed \d/u);
});

test("the loss of a member that is recorded nowhere is caught", async () => {
  vi.spyOn(Members.prototype, "lose").mockImplementation(function (this: Members, member) {
    member.isOut = true;
    for (const seat of this.seats) if (seat.member === member) seat.member = undefined;
  });
  await expect(fail([five])).rejects.toThrow(/seed \d/u);
});

test("parity that is put in place apart from its data's batch is caught", async () => {
  const takeStaged = Reflect.get(PendingRows.prototype, "takeStaged");
  vi.spyOn(PendingRows.prototype, "takeStaged").mockImplementation(function (
    this: PendingRows,
    pending,
    batch,
  ) {
    const taken = takeStaged.call(this, pending, batch);
    return taken.length < 2 ? taken : taken.slice(0, -1);
  });
  await expect(crash([five])).rejects.toThrow(/seed \d/u);
});

test("blocks written in place that count as durable without a sync are caught", async () => {
  const stage = Reflect.get(PendingRows.prototype, "stage");
  vi.spyOn(PendingRows.prototype, "stage").mockImplementation(function (
    this: PendingRows,
    ...change
  ) {
    stage.call(this, ...change);
    for (const row of this.staged()) row.isUnsynced = false;
  });
  await expect(crash(redundantShapes)).rejects.toThrow(/seed \d/u);
});

test("a journal on one member only is caught", async () => {
  const writeDurable = Reflect.get(Members.prototype, "writeDurable");
  let last: Uint8Array | undefined;
  vi.spyOn(Members.prototype, "writeDurable").mockImplementation(async function (
    this: Members,
    member,
    at,
    source,
  ) {
    if (JOURNAL_AT <= at && last === source) return true;
    last = source;
    return await writeDurable.call(this, member, at, source);
  });
  await expect(crash([five, six])).rejects.toThrow(/seed \d/u);
});

test("a checksum that is not compared is caught", async () => {
  vi.spyOn(BlockReader.prototype, "isCurrent").mockReturnValue(true);
  const slice = { shapes: [five], writeStep: 3, momentStep: 9, sectorStep: 1 };
  await expect(raidRotCampaign(1, { ...wholeRaidRotScope, ...slice })).rejects.toThrow(/seed \d/u);
});

test("rows that are changed without their stripe's lock are caught", async () => {
  vi.spyOn(StripeLocks.prototype, "acquire").mockImplementation(async (first, end) => {
    await Promise.resolve();
    return { first, end, onWanted: () => undefined };
  });
  vi.spyOn(StripeLocks.prototype, "release").mockReturnValue();
  await expect(crash([five, six])).rejects.toThrow(/seed \d/u);
});

describe("of the parity of whole rows, which is computed when the journal is read,", () => {
  test.each([five, six])(
    "RAID $level: the old one that is kept instead is caught",
    async (shape) => {
      planted.keepsOldParity = true;
      await expect(crash([shape])).rejects.toThrow(/seed \d/u);
    },
  );

  test.each([five, six])("RAID $level: one that lacks a column is caught", async (shape) => {
    planted.computedOf = (data) => data.slice(1);
    await expect(crash([shape])).rejects.toThrow(/seed \d/u);
  });

  test("one of a row with a block trimmed is caught", async () => {
    planted.wholeRow = (blocks, geometry): geometry is Geometry =>
      geometry !== undefined && geometry.parityCount > 0 && blocks.length === geometry.slotCount;
    await expect(crash([five])).rejects.toThrow(/seed \d/u);
  });

  test("a Q with the coefficients of other columns is caught", async () => {
    planted.computedOf = (data) => data.toReversed();
    await expect(crash([six])).rejects.toThrow(/seed \d/u);
    await expect(crash([wideSix])).rejects.toThrow(/seed \d/u);
  });

  test("columns in the order of their members are caught", async () => {
    planted.order = (blocks) => blocks;
    await expect(crash([six])).rejects.toThrow(/seed \d/u);
  });
});

test("a position of growth that is recorded apart from its rows is caught", async () => {
  const bind = Reflect.get(PendingRows.prototype, "bind");
  vi.spyOn(PendingRows.prototype, "bind").mockImplementation(function (
    this: PendingRows,
    rows,
    movedStripes,
  ) {
    // With the first of them, and the others whenever there is room.
    bind.call(this, rows.slice(0, 1), movedStripes);
  });
  const growth = works.filter(({ title }) => title === "growing by a member");
  await expect(crashWork(growth, { ...five, chunkBlocks: 4 })).rejects.toThrow(/moment/u);
});

async function crashWork(planned: typeof works, shape: SmallShape): Promise<void> {
  for (const work of planned) {
    for (const seed of [10, 20, 30]) {
      const { run, ended } = await perform(work, shape, seed);
      for (let moment = 0; moment < Math.min(ended, run.moments.length); moment++) {
        const refuted = await run.refute({ moment, seed: moment, crash: "power", lost: [] });
        if (refuted !== undefined) throw new Error(refuted);
      }
    }
  }
}

test("a member that is behind and is taken for current is caught", async () => {
  expect(await readWithStale()).toEqual([]);
  planted.acceptsStale = true;
  expect((await readWithStale()).length).toBeGreaterThan(0);
});

/**
 * What is wrong when the first member is put back as it was when it left, at every loss besides.
 */
async function readWithStale(): Promise<readonly string[]> {
  const run = await CrashRun.create(six, sizeOf(six));
  await run.run(drawWrites(1, 10, six));
  await run.array.fail(0);
  await run.run(drawWrites(2, 20, six));
  await run.array.checkpoint();
  const wrong: string[] = [];
  for (const lost of choices(six.memberCount, 1)) {
    if (lost.includes(0)) continue;
    const moment = run.moments.length - 1;
    const refuted = await run.refute({ moment, seed: 1, crash: "power", lost });
    if (refuted !== undefined) wrong.push(refuted);
  }
  return wrong;
}
