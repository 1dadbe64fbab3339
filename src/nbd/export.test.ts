import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRandom } from "../base/random.ts";
import { FaultPlan } from "../volume/fault-plan.ts";
import { FaultyVolume } from "../volume/faulty-volume.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { Volume } from "../volume/volume.ts";
import { NbdExport } from "./export.ts";
import { ERROR } from "./protocol.ts";
import { FRAME_ROOM_BYTES, type NbdRequest, type Outcome, roundDown, roundUp } from "./request.ts";
import { SlowSparseVolume } from "./slow-sparse-volume.suite.ts";
import { SparseMemoryVolume } from "./sparse-memory-volume.suite.ts";

const UNIT = 64;
/** Its last unit is cut short. */
const SIZE = 5 * UNIT + 13;

function exportOf(volume: Volume): NbdExport {
  return new NbdExport(volume, { name: "disk", description: "", readOnly: false });
}

/** A write as a session makes it. */
function write(at: number, bytes: Uint8Array, durable = false, sizeBytes = SIZE): NbdRequest {
  const frameAt = roundDown(at, UNIT);
  const frameEnd = Math.min(roundUp(at + bytes.length, UNIT), sizeBytes);
  const frame = new Uint8Array(frameEnd - frameAt);
  frame.set(bytes, at - frameAt);
  return { kind: "write", at, byteCount: bytes.length, durable, frameAt, frame };
}

function zero(at: number, byteCount: number, flags: Partial<NbdRequest> = {}): NbdRequest {
  const usual = { kind: "zero", at, byteCount, durable: false, mayTrim: true, onlyIfFast: false };
  return { ...usual, ...flags } as NbdRequest;
}

function bytesOf(outcome: Outcome): Uint8Array {
  if (outcome.kind === "hole") return new Uint8Array(outcome.byteCount);
  if (outcome.kind === "data") return outcome.frame.subarray(FRAME_ROOM_BYTES);
  throw new Error(`${outcome.kind} is no content`);
}

async function contentOf(disk: NbdExport): Promise<Uint8Array> {
  return bytesOf(await disk.perform({ kind: "read", at: 0, byteCount: disk.sizeBytes }));
}

/** Lets what can happen happen. */
async function settle(): Promise<void> {
  for (let count = 0; count < 20; count++) await Promise.resolve();
}

interface Step {
  readonly kind: "write" | "zero" | "keep" | "trim" | "read" | "flush" | "status" | "let go";
  readonly at: number;
  readonly byteCount: number;
  readonly durable: boolean;
}

const position = fc.nat(SIZE - 1);
const step: fc.Arbitrary<Step> = fc
  .record({
    kind: fc.constantFrom(
      ...(["write", "zero", "keep", "trim", "read", "flush", "status"] as const),
      ...(["write", "let go", "let go", "let go"] as const),
    ),
    at: position,
    // Mostly short, so that several meet in one unit, and now and then everything.
    byteCount: fc.oneof(fc.integer({ min: 1, max: UNIT }), fc.integer({ min: 1, max: SIZE })),
    durable: fc.boolean(),
  })
  .map((drawn) => ({ ...drawn, byteCount: Math.min(drawn.byteCount, SIZE - drawn.at) }));

/** What each byte may be. Changes that overlap happen in the order in which they were asked for. */
class Model {
  /** By byte: the changes asked for, as their number and the value they leave. */
  readonly #changes: (readonly [number, number])[][];
  /** By byte: the last change that has certainly happened. */
  readonly #floor = Array.from({ length: SIZE }, () => 0);
  #count = 0;

  constructor() {
    this.#changes = Array.from({ length: SIZE }, () => [[0, 0] as const]);
  }

  begin({ at, byteCount }: Step, value: number): number {
    const number = ++this.#count;
    for (let index = at; index < at + byteCount; index++) {
      this.#changes[index]?.push([number, value]);
    }
    return number;
  }

  answered({ at, byteCount }: Step, number: number): void {
    for (let index = at; index < at + byteCount; index++) {
      this.#floor[index] = Math.max(this.#floor[index] ?? 0, number);
    }
  }

  /** What judges a read that begins now, when it ends. */
  judge({ at }: Step): (bytes: Uint8Array) => boolean {
    const floor = this.#floor.slice();
    const mayBe = (byte: number, index: number): boolean =>
      this.#changes[index]?.some(
        ([number, value]) => (floor[index] ?? 0) <= number && value === byte,
      ) === true;
    return (bytes) => bytes.every((byte, index) => mayBe(byte, at + index));
  }
}

describe("requests that overlap, of several connections", () => {
  test("lose nothing, and what is answered is there", async () => {
    const seen = { overlapped: 0, holes: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.nat(0xffff),
        async (steps, seed) => {
          const slow = new SlowSparseVolume(
            new SparseMemoryVolume(SIZE, UNIT),
            new SeededRandom(seed),
          );
          const disk = exportOf(slow);
          const model = new Model();
          const expected = new Uint8Array(SIZE);
          // Trimmed bytes that were not written since: what they hold is left open.
          const open = new Uint8Array(SIZE);
          const running = new Set<Promise<void>>();
          const start = (work: Promise<Outcome>, check: (outcome: Outcome) => void): void => {
            if (running.size > 0) seen.overlapped++;
            const done = work.then(check).finally(() => running.delete(done));
            running.add(done);
          };
          const change = (one: Step, left: number, request: NbdRequest): void => {
            const number = model.begin(one, left);
            start(disk.perform(request), (outcome) => {
              expect(outcome).toEqual({ kind: "done" });
              model.answered(one, number);
            });
          };
          let value = 0;
          for (const one of steps) {
            const { kind, at, byteCount, durable } = one;
            value = 1 + (value % 255);
            switch (kind) {
              case "write":
                expected.fill(value, at, at + byteCount);
                open.fill(0, at, at + byteCount);
                change(one, value, write(at, new Uint8Array(byteCount).fill(value), durable));
                break;
              case "zero":
              case "keep":
                expected.fill(0, at, at + byteCount);
                open.fill(0, at, at + byteCount);
                change(one, 0, zero(at, byteCount, { mayTrim: kind === "zero", durable }));
                break;
              case "trim":
                model.begin(one, 0);
                open.fill(1, at, at + byteCount);
                start(disk.perform({ kind: "trim", at, byteCount, durable }), (outcome) =>
                  expect(outcome).toEqual({ kind: "done" }),
                );
                break;
              case "read": {
                const isRight = model.judge(one);
                start(disk.perform({ kind: "read", at, byteCount }), (outcome) => {
                  if (outcome.kind === "hole") seen.holes++;
                  expect(isRight(bytesOf(outcome))).toBe(true);
                });
                break;
              }
              case "status":
                start(
                  disk.perform({ kind: "status", at, byteCount, onlyOne: durable }),
                  (outcome) => checkExtents(outcome, byteCount, durable),
                );
                break;
              case "flush":
                start(disk.perform({ kind: "flush" }), (outcome) =>
                  expect(outcome).toEqual({ kind: "done" }),
                );
                break;
              case "let go":
                slow.letOneGo();
                await settle();
                break;
            }
          }
          while (running.size > 0) {
            await settle();
            if (!slow.letOneGo()) await Promise.all(running);
          }
          const reading = contentOf(disk);
          while (slow.letOneGo()) await settle();
          const content = await reading;
          for (let index = 0; index < SIZE; index++) {
            const allowed = [expected[index], ...(open[index] === 1 ? [0] : [])];
            expect(allowed, `byte ${index}`).toContain(content[index]);
          }
        },
      ),
      { numRuns: 150, seed: 20 },
    );
    expect(seen.overlapped).toBeGreaterThan(500);
    expect(seen.holes).toBeGreaterThan(10);
  });
});

function checkExtents(outcome: Outcome, byteCount: number, onlyOne: boolean): void {
  if (outcome.kind !== "extents") throw new Error(`extents, not ${outcome.kind}`);
  const told = outcome.extents.reduce((sum, extent) => sum + extent.byteCount, 0);
  if (onlyOne) expect(outcome.extents).toHaveLength(1);
  else expect(told).toBe(byteCount);
  expect(told).toBeLessThanOrEqual(byteCount);
}

test("a part of a unit keeps the rest of it, at the volume's cut end too", async () => {
  const disk = exportOf(new MemoryVolume(SIZE, { name: "memory", writeUnitBytes: UNIT }));
  await disk.perform(write(0, new Uint8Array(SIZE).fill(1)));
  await disk.perform(write(10, Uint8Array.of(7, 7)));
  await disk.perform(write(SIZE - 2, Uint8Array.of(8)));
  await disk.perform(zero(UNIT - 1, UNIT + 2));
  const expected = new Uint8Array(SIZE).fill(1);
  expected.set([7, 7], 10);
  expected[SIZE - 2] = 8;
  expected.fill(0, UNIT - 1, 2 * UNIT + 1);
  expect(await contentOf(disk)).toEqual(expected);
});

describe("a sparse volume", () => {
  function written(outcome: Outcome): string {
    if (outcome.kind !== "extents") return outcome.kind;
    return outcome.extents.map((one) => `${one.written ? "+" : "-"}${one.byteCount}`).join(" ");
  }
  const ask = { kind: "status", at: 0, byteCount: SIZE, onlyOne: false } as const;

  test("zeroes become holes where they may, and stay written where they may not", async () => {
    const disk = exportOf(new SparseMemoryVolume(SIZE, UNIT));
    expect(written(await disk.perform(ask))).toBe(`-${SIZE}`);
    await disk.perform(write(0, new Uint8Array(SIZE).fill(1)));
    await disk.perform(zero(UNIT, UNIT, { mayTrim: false }));
    expect(written(await disk.perform(ask))).toBe(`+${SIZE}`);
    await disk.perform(zero(UNIT - 5, SIZE - UNIT + 5, { onlyIfFast: true }));
    expect(written(await disk.perform(ask))).toBe(`+${UNIT} -${SIZE - UNIT}`);
    expect(written(await disk.perform({ ...ask, onlyOne: true }))).toBe(`+${UNIT}`);
    expect(bytesOf(await disk.perform({ kind: "read", at: UNIT - 6, byteCount: 7 }))).toEqual(
      Uint8Array.of(1, 0, 0, 0, 0, 0, 0),
    );
  });

  test("a trim of less than a unit does nothing; one of more takes the whole units", async () => {
    const disk = exportOf(new SparseMemoryVolume(SIZE, UNIT));
    await disk.perform(write(0, new Uint8Array(SIZE).fill(1)));
    await disk.perform({ kind: "trim", at: 1, byteCount: UNIT, durable: false });
    expect(written(await disk.perform(ask))).toBe(`+${SIZE}`);
    await disk.perform({ kind: "trim", at: 1, byteCount: 2 * UNIT, durable: false });
    expect(written(await disk.perform(ask))).toBe(`+${UNIT} -${UNIT} +${SIZE - 2 * UNIT}`);
    await disk.perform({ kind: "trim", at: 4 * UNIT, byteCount: UNIT + 13, durable: false });
    expect(written(await disk.perform(ask))).toBe(`+${UNIT} -${UNIT} +${2 * UNIT} -${UNIT + 13}`);
  });
});

test("a plain volume is all written, and zeroes it slowly", async () => {
  const disk = exportOf(new MemoryVolume(SIZE));
  expect(await disk.perform({ kind: "status", at: 5, byteCount: 9, onlyOne: false })).toEqual({
    kind: "extents",
    extents: [{ byteCount: 9, written: true }],
  });
  expect(await disk.perform(zero(0, 9, { onlyIfFast: true }))).toMatchObject({
    kind: "refused",
    error: ERROR.notSupported,
  });
});

describe("durability", () => {
  test("flushes at once share a sync that began after they were asked for", async () => {
    const slow = new SlowSparseVolume(new SparseMemoryVolume(SIZE, UNIT), new SeededRandom(1));
    const disk = exportOf(slow);
    const first = disk.perform({ kind: "flush" });
    await settle();
    expect(slow.syncCount).toBe(1);
    const others = [1, 2, 3].map(() => disk.perform({ kind: "flush" }));
    await settle();
    expect(slow.syncCount).toBe(1);
    slow.letOneGo();
    await first;
    await settle();
    expect(slow.syncCount).toBe(2);
    slow.letOneGo();
    await Promise.all(others);
    const last = disk.perform({ kind: "flush" });
    await settle();
    expect(slow.syncCount).toBe(3);
    slow.letOneGo();
    await last;
  });

  test("zeroes and trims that are to be durable are synced", async () => {
    const slow = new SlowSparseVolume(new SparseMemoryVolume(SIZE, UNIT), new SeededRandom(1));
    const disk = exportOf(slow);
    for (const request of [
      zero(0, UNIT, { durable: true }),
      { kind: "trim", at: 0, byteCount: UNIT, durable: true } as const,
    ]) {
      const before = slow.syncCount;
      const work = disk.perform(request);
      do await settle();
      while (slow.letOneGo());
      await work;
      expect(slow.syncCount).toBe(before + 1);
    }
  });
});

describe("faults of the volume", () => {
  function faulty(plan: FaultPlan): NbdExport {
    const inner = new MemoryVolume(SIZE, { name: "memory", writeUnitBytes: UNIT });
    const clock = {
      wallMs: never,
      startFrom: never,
      monotonicMs: never,
      after: never,
      soon: never,
    };
    const random = new SeededRandom(1);
    return exportOf(new FaultyVolume(inner, { plan, random, clock, crash: never }));
  }
  function never(): never {
    throw new Error("not in this test");
  }

  test("a full disk is told from a broken one, and hurts the one request alone", async () => {
    const plan = new FaultPlan([
      { operations: ["write"], fault: { kind: "full" }, skip: 0, count: 1 },
    ]);
    const disk = faulty(plan);
    const outcome = await disk.perform(write(0, Uint8Array.of(1)));
    expect(outcome).toMatchObject({ kind: "refused", error: ERROR.noSpace });
    expect(await disk.perform(write(0, Uint8Array.of(1)))).toEqual({ kind: "done" });
  });

  test("a block that can't be read fails the writes of part of it, and heals when it is written", async () => {
    const fault = { kind: "unreadable" } as const;
    const range = { at: 0, length: UNIT };
    const plan = new FaultPlan([{ operations: ["read"], range, fault, skip: 0, count: "forever" }]);
    const disk = faulty(plan);
    const failed = { kind: "refused", error: ERROR.io };
    expect(await disk.perform(write(1, Uint8Array.of(1)))).toMatchObject(failed);
    expect(await disk.perform({ kind: "read", at: 0, byteCount: 1 })).toMatchObject(failed);
    expect(await disk.perform({ kind: "read", at: UNIT, byteCount: 1 })).toMatchObject({
      kind: "data",
    });
    expect(await disk.perform(write(0, new Uint8Array(UNIT)))).toEqual({ kind: "done" });
    expect(await disk.perform(write(1, Uint8Array.of(1)))).toEqual({ kind: "done" });
  });

  test("after a failed sync every flush and every write fails", async () => {
    const plan = new FaultPlan([
      { operations: ["sync"], fault: { kind: "error" }, skip: 0, count: 1 },
    ]);
    const disk = faulty(plan);
    const failed = { kind: "refused", error: ERROR.io };
    expect(await disk.perform({ kind: "flush" })).toMatchObject(failed);
    expect(await disk.perform({ kind: "flush" })).toMatchObject(failed);
    expect(await disk.perform(write(0, new Uint8Array(UNIT)))).toMatchObject(failed);
    expect((await disk.perform({ kind: "read", at: 0, byteCount: 1 })).kind).toBe("data");
  });

  test("a bug is not answered: it is thrown", async () => {
    const broken = exportOf(
      Object.assign(new MemoryVolume(SIZE), {
        read: async (): Promise<void> => {
          throw new TypeError("oops");
        },
      }),
    );
    await expect(broken.perform({ kind: "read", at: 0, byteCount: 1 })).rejects.toThrow("oops");
  });
});
