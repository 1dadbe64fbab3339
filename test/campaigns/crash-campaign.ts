/**
 * A run of random transactions, and a crash at every operation of its volume: by the death of the
 * process, and by several of the ways in which a loss of power can leave the disk.
 *
 * After each the store must open, hold all that anybody was told of and nothing by half, which is
 * to say just what it held after some position of its log; and it must go on from there. At some
 * points the recovery crashes, too, at every operation of its own.
 */

import assert from "node:assert/strict";
import { SeededRandom } from "../../src/base/random.ts";
import { type Crash, CrashImages } from "../../src/volume/crash-images.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { RecordingVolume } from "../../src/volume/recording-volume.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { checkStore } from "./check-store.ts";
import { Ledger } from "./ledger.ts";
import {
  formattedImage,
  inWorld,
  openOn,
  smallShape,
  unhurriedRecording,
} from "../support/small-store.ts";
import { defaultWorkload, runWorkload, type WorkloadOptions } from "./workload.ts";

export interface CrashScope {
  /** Of the workload, at least; the opening and the end come on top. */
  readonly operationCount: number;
  /** A crash comes after every so many-th event; 1: after each. */
  readonly eventStep: number;
  readonly powerVariants: number;
  /** After every so many-th crash the store is written to, closed and opened again. */
  readonly continueStep: number;
  /** At every so many-th crash the recovery crashes, too, at each of its events. */
  readonly recoveryStep: number;
  /** Breaks the engine of the run, for a test of the campaign itself. */
  readonly plant?: (engine: Transactions) => void;
}

export const wholeScope: CrashScope = {
  operationCount: 250,
  eventStep: 1,
  powerVariants: 3,
  continueStep: 3,
  recoveryStep: 17,
};

/** What was done, so that a campaign that tests nothing does not pass unnoticed. */
export interface CrashReport {
  operationCount: number;
  transactionCount: number;
  crashCount: number;
  recoveryCrashCount: number;
  /** How many openings found a batch that the crash had torn. */
  tornTailCount: number;
  checkpointCount: number;
  ringRounds: number;
}

/** Where a crash comes, for messages. */
interface Place {
  readonly crash: Crash;
  readonly point: number;
  readonly variant: number;
}

/** A run that is over, and all that is needed to crash it anywhere. */
interface RecordedRun {
  readonly volume: RecordingVolume;
  readonly ledger: Ledger;
  /** What was promised before the run, of which there may be more on the volume. */
  readonly before: Ledger;
  readonly beforeLsn: number;
  /** The event with which the opening was done. */
  readonly openedPoint: number;
}

export async function crashCampaign(seed: number, scope: CrashScope): Promise<CrashReport> {
  const random = new SeededRandom(seed).stream("crash campaign");
  const report: CrashReport = {
    operationCount: 0,
    transactionCount: 0,
    crashCount: 0,
    recoveryCrashCount: 0,
    tornTailCount: 0,
    checkpointCount: 0,
    ringRounds: 0,
  };
  const run = await recordRun(seed, random, scope, report);
  let count = random.below(100);
  for (const crash of ["process", "power"] as const) {
    const images = new CrashImages(run.volume, crash);
    const variants = crash === "process" ? 1 : scope.powerVariants;
    for (let point = 0; point <= run.volume.point; point += scope.eventStep) {
      for (let variant = 0; variant < variants; variant++) {
        const place = { crash, point, variant };
        count++;
        await within(`seed ${seed}, ${describe(place)}`, async () => {
          const image = images.after(point, variant);
          if (count % scope.recoveryStep === 0)
            await crashRecoveries(run, place, image.copy(), report);
          await recover(run, place, image, count % scope.continueStep === 0, report);
          report.crashCount++;
        });
      }
    }
  }
  return report;
}

/** A run of its own, after a few lives before it. */
async function recordRun(
  seed: number,
  random: SeededRandom,
  scope: CrashScope,
  report: CrashReport,
): Promise<RecordedRun> {
  const workload: WorkloadOptions = {
    ...defaultWorkload,
    clientCount: 1 + random.below(4),
    keyCount: random.chance(50) ? 20 : 120,
    checkpointPercent: random.below(3) * 4,
  };
  let image = await formattedImage(
    random.chance(50) ? smallShape : { ringBytes: 256 << 10, pagesBytes: 1 << 20 },
  );
  let ledger = new Ledger();
  let required = 0;
  for (let life = random.below(3); life > 0; life--) {
    const lived = await live(seed + life, random, image, ledger, required, {
      workload,
      operationCount: 100,
    });
    const crash = random.chance(50) ? "process" : "power";
    const point = random.chance(30) ? lived.volume.point : random.below(lived.volume.point + 1);
    image = new CrashImages(lived.volume, crash).after(point, life);
    required = promisedAt(lived, point);
    ledger = point < lived.openedPoint ? lived.before : lived.ledger;
  }
  const { operationCount } = scope;
  const options = { workload, operationCount, report, plant: scope.plant };
  const run = await live(seed, random, image, ledger, required, options);
  report.operationCount += run.volume.point / 2;
  return run;
}

interface LifeOptions {
  readonly workload: WorkloadOptions;
  readonly operationCount: number;
  readonly report?: CrashReport;
  readonly plant?: ((engine: Transactions) => void) | undefined;
}

/** Opens the store of an image and works on it; at times it is closed at the end. */
async function live(
  seed: number,
  random: SeededRandom,
  image: PagedImage,
  before: Ledger,
  beforeLsn: number,
  options: LifeOptions,
): Promise<RecordedRun> {
  const { workload, operationCount, report, plant } = options;
  return await inWorld(seed, async (world, simulation) => {
    const volume = unhurriedRecording(image, simulation, random.stream("delays"));
    const engine = await openOn(world, volume);
    const openedPoint = volume.point;
    const { appendedLsn } = engine;
    checkPosition(appendedLsn, beforeLsn, before);
    const ledger = before.after(appendedLsn);
    ledger.follow(engine);
    plant?.(engine);
    await runWorkload(
      {
        world,
        engine,
        ledger,
        random: random.stream("workload"),
        point: () => volume.point,
        isOver: () => volume.point >= operationCount * 2,
      },
      workload,
    );
    await checkStore(engine, ledger.lastRows);
    if (report !== undefined) {
      report.transactionCount += ledger.lastLsn - appendedLsn;
      report.checkpointCount += engine.store.checkpointCount;
      const { log } = engine.store;
      report.ringRounds += Math.floor((log.durablePosition * 4096) / log.ringBytes);
    }
    if (random.chance(50)) await engine.close();
    return { volume, ledger, before, beforeLsn, openedPoint };
  });
}

function promisedAt(run: RecordedRun, point: number): number {
  return point < run.openedPoint ? run.beforeLsn : run.ledger.promisedAt(point);
}

function ledgerAt(run: RecordedRun, point: number): Ledger {
  return point < run.openedPoint ? run.before : run.ledger;
}

/** Opens what a crash left and looks at all of it; then, if asked to, goes on with it. */
async function recover(
  run: RecordedRun,
  { point }: Place,
  image: PagedImage,
  goesOn: boolean,
  report: CrashReport,
): Promise<void> {
  const ledger = ledgerAt(run, point);
  await inWorld(point, async (world, { trace }) => {
    trace.listener = ({ name, fields }) => {
      if (name === "log-recovered" && fields?.["cutTornBatch"] === true) report.tornTailCount++;
    };
    const engine = await openOn(world, new MemoryVolume(image));
    const lsn = engine.appendedLsn;
    checkPosition(lsn, promisedAt(run, point), ledger);
    await checkStore(engine, ledger.rowsAt(lsn));
    if (!goesOn) return;
    const after = await goOn(world, engine, ledger.after(lsn), point);
    await engine.close();
    const again = await openOn(world, new MemoryVolume(image));
    assert.equal(again.appendedLsn, after.lastLsn, "a clean shutdown leaves everything");
    await checkStore(again, after.lastRows);
  });
}

/** Crashes the recovery from a crash at each of its events. */
async function crashRecoveries(
  run: RecordedRun,
  { crash, point, variant }: Place,
  image: PagedImage,
  report: CrashReport,
): Promise<void> {
  const ledger = ledgerAt(run, point);
  const beforeLsn = promisedAt(run, point);
  const recovery = await inWorld(point, async (world) => {
    const volume =
      crash === "power" ? new RecordingVolume(image) : await inPageCache(run, point, image);
    const engine = await openOn(world, volume);
    const openedPoint = volume.point;
    const after = ledger.after(engine.appendedLsn);
    after.follow(engine);
    await engine.run((step) => step.set(Uint8Array.of(1, 2, 3), new Uint8Array(100)));
    await engine.whenSettled(engine.answerLsn);
    after.promise(volume.point, engine.appendedLsn);
    return { volume, ledger: after, before: ledger, beforeLsn, openedPoint };
  });
  for (const again of ["process", "power"] as const) {
    const images = new CrashImages(recovery.volume, again);
    for (let second = 0; second <= recovery.volume.point; second++) {
      const place = { crash: again, point: second, variant };
      await within(`then in the recovery ${describe(place)}`, async () => {
        await recover(recovery, place, images.after(second, variant), second % 5 === 0, report);
      });
      report.recoveryCrashCount++;
    }
  }
}

/**
 * The volume of a killed process: what it wrote and no sync has covered is in memory only, and a
 * loss of power during the recovery may still take it.
 */
async function inPageCache(
  run: RecordedRun,
  point: number,
  image: PagedImage,
): Promise<RecordingVolume> {
  const medium = new CrashImages(run.volume, "power").after(point, point);
  const volume = new RecordingVolume(medium.copy());
  await volume.grow(image.sizeBytes);
  const sector = 512;
  const old = new Uint8Array(sector);
  const seen = new Uint8Array(sector);
  for (let at = 0; at < image.sizeBytes; at += sector) {
    old.fill(0);
    medium.read(at, old);
    image.read(at, seen);
    if (!old.every((byte, index) => byte === seen[index])) await volume.write(at, seen);
  }
  return volume;
}

async function goOn(
  world: Parameters<typeof openOn>[0],
  engine: Awaited<ReturnType<typeof openOn>>,
  ledger: Ledger,
  seed: number,
): Promise<Ledger> {
  ledger.follow(engine);
  const endLsn = ledger.lastLsn + 8;
  await runWorkload(
    {
      world,
      engine,
      ledger,
      random: new SeededRandom(seed),
      point: () => 0,
      isOver: () => ledger.lastLsn >= endLsn,
    },
    { ...defaultWorkload, clientCount: 2, checkpointPercent: 10 },
  );
  return ledger;
}

function checkPosition(found: number, promised: number, ledger: Ledger): void {
  assert(promised <= found, `all up to ${promised} was promised, and ${found} is the last`);
  assert(found <= ledger.lastLsn, `${found} is the last, and nothing was after ${ledger.lastLsn}`);
}

function describe({ crash, point, variant }: Place): string {
  return `crash of the ${crash} after event ${point}, variant ${variant}`;
}

/** Adds to an error where it came about. */
async function within(where: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
