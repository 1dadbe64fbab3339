import { describe, expect, test } from "vitest";
import { SeededRandom } from "../base/random.ts";
import { choices, CrashRun, type RunStep } from "./crash-run.suite.ts";
import type { RecordedWrite } from "../volume/recording-volume.ts";
import { Geometry } from "./geometry.ts";
import { sharedParityBench } from "./parity-math.ts";
import { shapeName, type SmallShape } from "./test-array.suite.ts";

const BLOCK_BYTES = 64;
const five: SmallShape = { level: 5, memberCount: 4, blockBytes: BLOCK_BYTES, chunkBlocks: 2 };
const STRIPE_BYTES: number = 3 * 2 * BLOCK_BYTES;
const RUN_BYTES: number = 16 * STRIPE_BYTES;
const SIZE_BYTES: number = 2 * RUN_BYTES;

const shapes: readonly SmallShape[] = [
  { level: 0, memberCount: 3, blockBytes: BLOCK_BYTES, chunkBlocks: 2 },
  { level: 1, memberCount: 2, blockBytes: BLOCK_BYTES, chunkBlocks: 4 },
  five,
  { level: 5, memberCount: 3, blockBytes: BLOCK_BYTES, chunkBlocks: 1 },
  { level: 6, memberCount: 5, blockBytes: BLOCK_BYTES, chunkBlocks: 2 },
];

test("writes that follow each other become one write for each member", async () => {
  const run = await CrashRun.create(five, SIZE_BYTES);
  await run.run(inOrder(0, RUN_BYTES, 3 * BLOCK_BYTES));
  // The last of it completes the run, and is all that is waited for.
  await run.array.read(0, new Uint8Array(RUN_BYTES));
  expect(columnCount(run)).toBe(five.memberCount);
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
});

test("what was gathered is read, told as written, and written over", async () => {
  const run = await CrashRun.create(five, SIZE_BYTES);
  await run.run(inOrder(0, 2 * STRIPE_BYTES + BLOCK_BYTES, BLOCK_BYTES));
  const gathered = 2 * STRIPE_BYTES + BLOCK_BYTES;
  expect(run.array.isWritten(0, SIZE_BYTES)).toEqual({ written: true, byteCount: gathered });
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();

  await run.step(write(gathered, BLOCK_BYTES, 90));
  await run.step(write(STRIPE_BYTES, 3 * BLOCK_BYTES, 91));
  await run.step({ kind: "trim", at: 0, length: BLOCK_BYTES });
  expect(run.array.isWritten(0, SIZE_BYTES)).toEqual({ written: false, byteCount: BLOCK_BYTES });
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
});

test("whoever wants a stripe of it need not ask for it to be settled", async () => {
  const run = await CrashRun.create(five, SIZE_BYTES);
  await run.step(write(0, STRIPE_BYTES + BLOCK_BYTES, 1));
  await run.step({ ...write(5 * STRIPE_BYTES, BLOCK_BYTES, 2), isDurable: true });
  await run.step(write(RUN_BYTES, BLOCK_BYTES, 3));
  await run.array.scrub();
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
  await run.array.close();
});

describe("blocks of the default size, in the memory of the parity kernel", () => {
  const { arena } = sharedParityBench().kernel;
  for (const level of [5, 6] as const) {
    test(`level ${level}`, async () => {
      const shape = { level, memberCount: 5, blockBytes: 4096, chunkBlocks: 2 };
      const runBytes = 16 * 2 * 4096 * (level === 5 ? 4 : 3);
      const run = await CrashRun.create(shape, 3 * runBytes);
      const usedBefore = arena.usedBytes;
      await run.step(write(0, runBytes - 4096, 1));
      expect(arena.usedBytes).toBeGreaterThan(usedBefore);
      await run.run([...inOrder(runBytes, 3 * runBytes, 3 * 4096), { kind: "sync" }]);
      expect(arena.usedBytes).toBe(usedBefore);
      // What is written over lies there until a checkpoint, and again until the next.
      for (const from of [runBytes - 8192, 0, 4096]) {
        await run.run([...inOrder(from, 2 * runBytes, 5 * 4096), { kind: "sync" }]);
        expect(arena.usedBytes).toBeGreaterThan(usedBefore);
        expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
      }
      await run.array.checkpoint();
      expect(arena.usedBytes).toBe(usedBefore);
      expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
      expect(await run.array.scrub()).toMatchObject({ repaired: 0, parityRepaired: 0, lostAt: [] });
      expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
      await run.array.close();
    });
  }
});

test("memory that a lost member may still write from is used again only after the close", async () => {
  const { arena } = sharedParityBench().kernel;
  const usedBefore = arena.usedBytes;
  const run = await CrashRun.create(five, SIZE_BYTES);
  await run.run([...inOrder(0, RUN_BYTES, 6 * BLOCK_BYTES), { kind: "sync" }]);
  await run.run([...inOrder(0, RUN_BYTES, 6 * BLOCK_BYTES), { kind: "sync" }]);
  const usedByPending = arena.usedBytes;
  expect(usedByPending).toBeGreaterThan(usedBefore);
  await run.array.fail(2);
  await run.array.checkpoint();
  expect(arena.usedBytes).toBe(usedByPending);
  await run.run([...inOrder(0, RUN_BYTES, 6 * BLOCK_BYTES), { kind: "sync" }]);
  await run.array.checkpoint();
  expect(arena.usedBytes).toBe(usedByPending);
  expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
  await run.array.close();
  expect(arena.usedBytes).toBe(usedBefore);
});

test("members are synced while more is written, though nobody waits for it", async () => {
  const run = await CrashRun.create(five, SIZE_BYTES);
  await run.run(inOrder(0, RUN_BYTES, 3 * BLOCK_BYTES));
  await run.array.read(0, new Uint8Array(RUN_BYTES));
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  const columns = run.recordings.flatMap(({ writes }) => writes.filter(isColumn));
  expect(columns.map(({ durable }) => Number.isFinite(durable))).toEqual(columns.map(() => true));
  await run.array.close();
});

describe("what is gathered and synced survives a loss of power", () => {
  for (const shape of shapes) {
    test(shapeName(shape), async () => {
      const { lossesMax } = new Geometry({ ...shape, layout: "left-symmetric" });
      const losses = choices(shape.memberCount, lossesMax);
      for (const seed of [3, 8]) {
        const run = await CrashRun.create(shape, SIZE_BYTES);
        await run.run(streams(seed));
        expect(run.model.refute(await run.content(), run.moments.length)).toBeUndefined();
        for (let moment = seed; moment < run.moments.length; moment += 23) {
          const lost = losses[(moment * 7 + seed) % losses.length] ?? [];
          const crash = { moment, seed: moment + seed, crash: "power", lost } as const;
          expect(await run.refute(crash)).toBeUndefined();
        }
      }
    });
  }
});

/** Two that write in order, with syncs, and now and then a write or trim somewhere. */
function streams(seed: number): readonly RunStep[] {
  const random = new SeededRandom(seed);
  const steps: RunStep[] = [];
  const heads = [0, RUN_BYTES];
  for (let value = 1; value < 40; value++) {
    const which = random.below(2);
    const head = heads[which] ?? 0;
    const length = Math.min(SIZE_BYTES - head, BLOCK_BYTES * (1 + random.below(20)));
    if (0 < length) steps.push({ ...write(head, length, value), isDurable: random.below(8) === 0 });
    heads[which] = head + length;
    const at = BLOCK_BYTES * random.below(SIZE_BYTES / BLOCK_BYTES - 4);
    const other = random.below(12);
    if (other === 0) steps.push(write(at + random.below(BLOCK_BYTES), 100, value + 40));
    if (other === 1) steps.push({ kind: "trim", at, length: 2 * BLOCK_BYTES });
    if (other < 4) steps.push({ kind: "sync" });
  }
  return [...steps, { kind: "sync" }];
}

/** From the one byte to the other, in pieces. */
function inOrder(from: number, to: number, pieceBytes: number): readonly RunStep[] {
  const steps: RunStep[] = [];
  for (let at = from; at < to; at += pieceBytes) {
    steps.push(write(at, Math.min(pieceBytes, to - at), steps.length + 1));
  }
  return steps;
}

function write(at: number, length: number, value: number): RunStep & { readonly kind: "write" } {
  return { kind: "write", at, length, value, isDurable: false };
}

/** How many writes of members were what a whole run has on one of them. */
function columnCount(run: CrashRun): number {
  const writes = run.recordings.flatMap((recording) => recording.writes);
  return writes.filter(isColumn).length;
}

function isColumn({ bytes }: RecordedWrite): boolean {
  return bytes.length === RUN_BYTES / 3;
}

test("a run whose stripes somebody wants as it begins still takes its write, where it belongs", async () => {
  const shape: SmallShape = { level: 5, memberCount: 3, blockBytes: BLOCK_BYTES, chunkBlocks: 1 };
  const size = 48 * BLOCK_BYTES;
  const expected = new Uint8Array(size);
  expected.fill(1, 31 * BLOCK_BYTES, 35 * BLOCK_BYTES).fill(2, 12 * BLOCK_BYTES, 19 * BLOCK_BYTES);
  for (let turns = 0; turns < 60; turns++) {
    const { array } = await CrashRun.create(shape, size);
    const bytes = (count: number, value: number): Uint8Array =>
      new Uint8Array(count * BLOCK_BYTES).fill(value);
    const first = array.writeDurable(31 * BLOCK_BYTES, bytes(4, 1));
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    await Promise.all([first, array.write(12 * BLOCK_BYTES, bytes(7, 2))]);
    const found = new Uint8Array(size);
    await array.read(0, found);
    expect(found, `begun ${turns} turns later`).toEqual(expected);
    await array.close();
  }
});
