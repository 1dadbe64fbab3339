/**
 * A log against a list of entries: crashes of process and power at every operation of the volume,
 * recoveries that crash themselves, rot, and writes that fail.
 *
 * After a crash the log must hold every entry whose durability was announced before, and nothing
 * but a beginning of what was appended after them.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { must, unreachable } from "../base/assert.ts";
import { Fault, isFault } from "../base/fault.ts";
import { lsn } from "../base/ids.ts";
import { type Crash, CrashImages } from "../volume/crash-images.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import { RecordingVolume } from "../volume/recording-volume.ts";
import { HookedVolume } from "./hooked-volume.suite.ts";
import { naiveRecoverLog } from "./naive-recovery.suite.ts";
import { recoverLog } from "./recovery.ts";
import {
  bodyOf,
  freshVolume,
  type Geometry,
  hex,
  segmentedGeometry,
  type Seen,
  smallGeometry,
  TestStore,
  volumeOver,
} from "./test-store.suite.ts";

type Step =
  | { readonly kind: "append"; readonly count: number; readonly length: number }
  /** What is due happens, and what it asked of the volume stays under way. */
  | { readonly kind: "turn" }
  | { readonly kind: "settle" }
  | { readonly kind: "checkpoint"; readonly back: number }
  /** The ring gets a place more, where its segments have some. */
  | { readonly kind: "place" }
  | { readonly kind: "close" };

interface Round {
  readonly steps: readonly Step[];
  readonly crash: Crash;
  /** Of the events of the round, the part after which the crash comes. */
  readonly crashAt: number;
  readonly seed: number;
  /** Where one byte changes during the crash, if one does. */
  readonly rot: Rot | undefined;
}

interface Rot {
  readonly zone: "superblocks" | "ring";
  readonly part: number;
  readonly bit: number;
}

/** What a log may hold: a beginning of `sequence`, and at least so much of it. */
interface Expected {
  readonly sequence: readonly Seen[];
  readonly certainCount: number;
  /** The same if the last batch has rotted. */
  readonly certainCountIfRotten: number;
}

const nothing: Expected = { sequence: [], certainCount: 0, certainCountIfRotten: 0 };

const geometries: readonly (readonly [string, Geometry])[] = [
  ["in one row", smallGeometry],
  ["in segments", segmentedGeometry],
];

test.each(geometries)("crashes lose nothing that was durable, %s", async (_, geometry) => {
  const property = fc.asyncProperty(
    fc.array(arbitraryRound(fc.constant(undefined)), { maxLength: 5, size: "max" }),
    async (rounds) => {
      await runRounds(rounds, recoverLog, geometry);
    },
  );
  await fc.assert(property, { seed: 11, numRuns: 300 });
});

test.each(geometries)(
  "rot during a crash is refused, or costs the last batch of an unclean stop, %s",
  async (_, geometry) => {
    await fc.assert(rotProperty(recoverLog, geometry), { seed: 12, numRuns: 500 });
  },
);

test("the rule that the first bad batch ends the log is caught", async () => {
  const details = await fc.check(rotProperty(naiveRecoverLog), { seed: 12, numRuns: 250 });
  expect(details.failed).toBe(true);
});

test.each([
  { crash: "process", where: "in one row", geometry: smallGeometry },
  { crash: "power", where: "in one row", geometry: smallGeometry },
  { crash: "process", where: "in segments", geometry: segmentedGeometry },
  { crash: "power", where: "in segments", geometry: segmentedGeometry },
] as const)("a $crash crash at every operation, $where", async ({ crash, geometry }) => {
  const volume = recordingOver((await freshVolume(geometry)).image);
  const run = new Run(volume, nothing, geometry);
  await run.open(recoverLog);
  for (let step = 0; step < 60; step++) {
    const length = step % 9 === 8 ? 5000 : 4 + ((step * 37) % 600);
    await run.perform({ kind: "append", count: 1 + (step % 3), length });
    await run.perform({ kind: step % 4 === 0 ? "turn" : "settle" });
    if (step % 5 === 4) await run.perform({ kind: "checkpoint", back: step % 3 });
    for (let count = step % 3; count > 0; count--) await run.perform({ kind: "place" });
  }
  expect(run.lapCount).toBeGreaterThan(2);
  await run.perform({ kind: "close" });
  const images = new CrashImages(volume, crash);
  for (let point = 0; point <= volume.point; point++) {
    const image = images.after(point, point);
    const again = new Run(recordingOver(image), run.expectedAfter(point), geometry);
    await again.open(recoverLog);
  }
});

test("a crash at every operation of a recovery, after a torn write", async () => {
  const first = recordingOver((await freshVolume()).image);
  const run = new Run(first, nothing);
  await run.open(recoverLog);
  for (let step = 0; step < 6; step++) {
    await run.perform({ kind: "append", count: 2, length: 300 });
    await run.perform({ kind: "settle" });
  }
  await run.perform({ kind: "append", count: 3, length: 800 });
  await run.perform({ kind: "turn" });
  for (let seed = 0; seed < 12; seed++) {
    const torn = new CrashImages(first, "power").after(first.point, seed);
    const expected = run.expectedAfter(first.point);
    const recovery = recordingOver(torn);
    const recovering = new Run(recovery, expected);
    await recovering.open(recoverLog);
    await recovering.perform({ kind: "append", count: 1, length: 100 });
    await recovering.perform({ kind: "settle" });
    for (const crash of ["process", "power"] as const) {
      for (let point = 0; point <= recovery.point; point++) {
        const image = new CrashImages(recovery, crash).after(point, seed);
        const again = new Run(recordingOver(image), recovering.expectedAfter(point));
        await again.open(recoverLog);
      }
    }
  }
});

test.each([
  ["ERR_IO", "once"],
  ["ERR_IO", "for ever"],
  ["ERR_FULL", "once"],
  ["ERR_FULL", "for ever"],
] as const)("%s at any operation, %s: nothing is tried again or announced", async (code, how) => {
  for (let failing = 0; ; failing++) {
    const memory = await freshVolume();
    let operations = 0;
    let hasLogFailed = false;
    let writesAfterwards = 0;
    const hooked = new HookedVolume(memory, (operation, at) => {
      if (operation === "read") return;
      const isOfLog = operation === "write" && 65_536 <= at;
      if (isOfLog && hasLogFailed) writesAfterwards++;
      const isFailing = how === "once" ? operations === failing : operations >= failing;
      operations++;
      if (isFailing && isOfLog) hasLogFailed = true;
      if (isFailing) throw new Fault(code, "the disk refused");
    });
    const { durable, bodies, failed } = await runOnFailingVolume(hooked);
    if (!failed) {
      expect(failing).toBeGreaterThan(20);
      return;
    }
    expect(writesAfterwards).toBe(0);
    const again = await TestStore.open(volumeOver(memory.image), smallGeometry);
    expect(again.log.appendedLsn).toBeGreaterThanOrEqual(durable);
    expect(again.recovered.map(({ body }) => body)).toEqual(
      bodies.slice(again.log.truncatedLsn, again.log.appendedLsn),
    );
  }
});

/** Appends, checkpoints and closes until something fails. */
async function runOnFailingVolume(
  volume: HookedVolume,
): Promise<{ durable: number; bodies: string[]; failed: boolean }> {
  const bodies: string[] = [];
  let durable = 0;
  let store: TestStore | undefined;
  try {
    store = await TestStore.open(volume, smallGeometry);
    store.log.onDurable((position) => (durable = position));
    for (let tag = 1; tag <= 40; tag++) {
      const body = bodyOf(tag, 4 + ((tag * 53) % 700));
      if (store.append(1, body) === undefined) break;
      bodies.push(hex(body));
      if (tag % 3 !== 0) await store.settle();
      if (tag % 7 === 0) await store.checkpoint(store.log.durableLsn);
    }
    await store.close();
    return { durable, bodies, failed: false };
  } catch (error) {
    if (!isFault(error)) throw error;
  }
  const log = store?.log;
  if (log?.failure !== undefined) {
    expect(log.room(1, true)).toBe(false);
    const before = log.durableLsn;
    await store?.settle();
    expect(log.durableLsn).toBe(before);
    await expect(log.close()).rejects.toBe(log.failure);
  } else {
    await store?.settle();
  }
  return { durable, bodies, failed: true };
}

function rotProperty(
  recover: typeof recoverLog,
  geometry: Geometry = smallGeometry,
): fc.IAsyncProperty<[Round[]]> {
  const rounds = fc.array(arbitraryRound(arbitraryRot), {
    minLength: 1,
    maxLength: 4,
    size: "max",
  });
  return fc.asyncProperty(rounds, async (value) => {
    await runRounds(value, recover, geometry);
  });
}

async function runRounds(
  rounds: readonly Round[],
  recover: typeof recoverLog,
  geometry: Geometry,
): Promise<void> {
  let image: PagedImage = (await freshVolume(geometry)).image;
  let expected = nothing;
  let isRotten = false;
  for (const round of rounds) {
    const run = new Run(recordingOver(image), expected, geometry);
    try {
      await run.open(recover);
    } catch (error) {
      if (isRotten && isFault(error, "ERR_CORRUPT")) return;
      throw error;
    }
    for (const step of round.steps) await run.perform(step);
    const point = Math.floor(round.crashAt * (run.volume.point + 1));
    // Rot that was not noticed yet, and more of it, would be two faults.
    if (isRotten && point < run.openedPoint) return;
    image = new CrashImages(run.volume, round.crash).after(point, round.seed);
    expected = run.expectedAfter(point);
    isRotten = round.rot !== undefined;
    if (round.rot === undefined) continue;
    flip(image, round.rot);
    expected = { ...expected, certainCount: expected.certainCountIfRotten };
  }
  const last = new Run(recordingOver(image), expected, geometry);
  try {
    await last.open(recover);
  } catch (error) {
    if (!isRotten || !isFault(error, "ERR_CORRUPT")) throw error;
  }
}

/** From an opening to a crash. */
class Run {
  readonly volume: RecordingVolume;
  readonly #before: Expected;
  readonly #geometry: Geometry;
  readonly #acknowledged: { readonly point: number; readonly count: number }[] = [];
  #sequence: Seen[] = [];
  #store: TestStore | undefined;
  /** The event with which the opening was done. */
  openedPoint = Number.POSITIVE_INFINITY;
  #closedPoint = Number.POSITIVE_INFINITY;

  constructor(volume: RecordingVolume, before: Expected, geometry: Geometry = smallGeometry) {
    this.volume = volume;
    this.#before = before;
    this.#geometry = geometry;
  }

  /** How often the log went round the ring. */
  get lapCount(): number {
    const { durablePosition } = must(this.#store, "it was opened").log;
    return durablePosition / this.#geometry.ringUnits;
  }

  /** Opens the store, and checks what it recovers. */
  async open(recover: typeof recoverLog): Promise<void> {
    const store = await TestStore.open(this.volume, this.#geometry, recover);
    const { log, recovered } = store;
    const { sequence, certainCount } = this.#before;
    expect(log.appendedLsn).toBeGreaterThanOrEqual(certainCount);
    expect(recovered).toEqual(sequence.slice(log.truncatedLsn, log.appendedLsn));
    expect(log.appendedLsn).toBe(log.truncatedLsn + recovered.length);
    this.#sequence = sequence.slice(0, log.appendedLsn);
    this.#store = store;
    this.openedPoint = this.volume.point;
    this.#acknowledged.push({ point: this.openedPoint, count: log.appendedLsn });
    log.onDurable((count) => this.#acknowledged.push({ point: this.volume.point, count }));
  }

  async perform(step: Step): Promise<void> {
    const store = must(this.#store, "it was opened");
    if (this.#closedPoint <= this.volume.point) return;
    switch (step.kind) {
      case "append":
        for (let index = 0; index < step.count; index++) this.#append(store, step.length);
        return;
      case "turn":
        store.clock.turn();
        return;
      case "settle":
        await store.settle();
        return;
      case "checkpoint": {
        const { durableLsn, truncatedLsn } = store.log;
        await store.checkpoint(lsn(Math.max(truncatedLsn, durableLsn - step.back)));
        return;
      }
      case "place":
        await store.place();
        return;
      case "close":
        await store.close();
        this.#closedPoint = this.volume.point;
        return;
      default:
        unreachable(step);
    }
  }

  /** What must be found after a crash at that event. */
  expectedAfter(point: number): Expected {
    if (point < this.openedPoint) return this.#before;
    const counts = this.#acknowledged
      .filter((each) => each.point <= point)
      .map(({ count }) => count);
    const certainCount = must(counts.at(-1), "the opening acknowledged what it found");
    const isClean = this.#closedPoint <= point;
    const certainCountIfRotten = isClean ? certainCount : (counts.at(-2) ?? certainCount);
    return { sequence: this.#sequence, certainCount, certainCountIfRotten };
  }

  #append(store: TestStore, length: number): void {
    const kind = this.#sequence.length % 7;
    const body = bodyOf(this.volume.point * 1000 + this.#sequence.length, length);
    const position = store.append(kind, body);
    if (position === undefined) return;
    expect(position).toBe(this.#sequence.length + 1);
    this.#sequence.push({ lsn: position, kind, body: hex(body) });
  }
}

function recordingOver(image: PagedImage): RecordingVolume {
  return new RecordingVolume(image, { name: "recording", writeUnitBytes: 512 });
}

function flip(image: PagedImage, { zone, part, bit }: Rot): void {
  const [from, to] = zone === "ring" ? [65_536, image.sizeBytes] : [0, 65_536];
  // Of the superblocks' zone, only the copies.
  const at = zone === "ring" ? from + Math.floor(part * (to - from)) : superblockByte(part);
  const byte = new Uint8Array(1);
  image.read(at, byte);
  image.write(
    at,
    byte.map((value) => value ^ (1 << bit)),
  );
}

/** As many bytes of each copy are in use. */
const COPY_BYTES = 1752;

function superblockByte(part: number): number {
  const inCopies = Math.floor(part * 4 * COPY_BYTES);
  return Math.floor(inCopies / COPY_BYTES) * 16_384 + (inCopies % COPY_BYTES);
}

const arbitraryPart = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const arbitraryRot: fc.Arbitrary<Rot> = fc.record({
  zone: fc.constantFrom("ring", "ring", "ring", "superblocks"),
  part: arbitraryPart,
  bit: fc.nat(7),
});

function arbitraryRound(rot: fc.Arbitrary<Rot | undefined>): fc.Arbitrary<Round> {
  const append = fc.record({
    kind: fc.constant("append" as const),
    count: fc.integer({ min: 1, max: 4 }),
    length: fc.oneof(fc.integer({ min: 4, max: 700 }), fc.integer({ min: 4000, max: 8000 })),
  });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { arbitrary: append, weight: 5 },
    { arbitrary: fc.constant({ kind: "turn" } as const), weight: 2 },
    { arbitrary: fc.constant({ kind: "settle" } as const), weight: 4 },
    {
      arbitrary: fc.record({ kind: fc.constant("checkpoint" as const), back: fc.nat(5) }),
      weight: 1,
    },
    { arbitrary: fc.constant({ kind: "place" } as const), weight: 2 },
    { arbitrary: fc.constant({ kind: "close" } as const), weight: 1 },
  );
  return fc.record({
    steps: fc.array(step, { maxLength: 30, size: "max" }),
    crash: fc.constantFrom("process", "power"),
    // Often at the very end, which is a stop rather than a crash in the middle.
    crashAt: fc.oneof(arbitraryPart, fc.constant(0.9999)),
    seed: fc.nat(1_000_000),
    rot,
  });
}
