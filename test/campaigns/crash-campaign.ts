/**
 * A run of random transactions, and a crash at every operation of its disks: by the death of the
 * process, and by several of the ways in which a loss of power can leave them; with disks of an
 * array lost besides.
 *
 * After each the store must open, hold all that anybody was told of and nothing by half, which is
 * to say just what it held after some position of its log; and it must go on from there. At some
 * points the recovery crashes, too, at every operation of its own.
 */

import assert from "node:assert/strict";
import { SeededRandom } from "../../src/base/random.ts";
import type { Crash } from "../../src/volume/crash-images.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { copies, type Ground, type Images, memoryDisks, plainGround } from "../support/ground.ts";
import { inPageCaches, RecordedDisks } from "../support/recorded-disks.ts";
import { inWorld, openOn, type Shape, smallShape, unhurried } from "../support/small-store.ts";
import type { SimulatedWorld } from "../../src/simulation/simulated-world.ts";
import { checkStore } from "./check-store.ts";
import { Ledger } from "./ledger.ts";
import { defaultWorkload, runWorkload, type WorkloadOptions } from "./workload.ts";

export interface CrashScope {
  /** What the store lies on. */
  readonly ground: Ground;
  /** What the store is made with; without it, one of two small ones. */
  readonly shape?: Shape;
  /** Of the workload, at least; the opening and the end come on top. */
  readonly operationCount: number;
  /** A crash comes after every so many-th event; 1: after each. */
  readonly eventStep: number;
  readonly powerVariants: number;
  /** After every so many-th crash the store is written to, closed and opened again. */
  readonly continueStep: number;
  /** At every so many-th crash the recovery crashes, too, at each of its events. */
  readonly recoveryStep: number;
  /** Of the events of a recovery, every so many-th. */
  readonly recoveryEventStep: number;
  /** Hears how far it is, as often as may be. */
  readonly tell?: (what: string) => void;
  /** Breaks the engine of the run, for a test of the campaign itself. */
  readonly plant?: (engine: Transactions) => void;
}

export const wholeScope: CrashScope = {
  ground: plainGround,
  operationCount: 250,
  eventStep: 1,
  powerVariants: 3,
  continueStep: 3,
  recoveryStep: 17,
  recoveryEventStep: 1,
};

/** An array has several times the operations of one disk. */
export const wholeArrayScope: CrashScope = {
  ...wholeScope,
  operationCount: 600,
  powerVariants: 2,
  recoveryStep: 47,
  recoveryEventStep: 3,
};

/** What was done, so that a campaign that tests nothing does not pass unnoticed. */
export interface CrashReport {
  operationCount: number;
  transactionCount: number;
  crashCount: number;
  recoveryCrashCount: number;
  /** How many came with a loss of disks. */
  lossCount: number;
  /** How many openings found a batch that the crash had torn. */
  tornTailCount: number;
  checkpointCount: number;
  ringRounds: number;
  /** How often segments of the ring got places, or lost them at a close. */
  placedCount: number;
  movedCount: number;
  givenBackCount: number;
}

/** Where a crash comes, for messages. */
interface Place {
  readonly crash: Crash;
  readonly point: number;
  readonly variant: number;
  /** The disks that aren't there any more. */
  readonly lost: readonly number[];
}

/** A run that is over, and all that is needed to crash it anywhere. */
interface RecordedRun {
  readonly ground: Ground;
  readonly disks: RecordedDisks;
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
    lossCount: 0,
    tornTailCount: 0,
    checkpointCount: 0,
    ringRounds: 0,
    placedCount: 0,
    movedCount: 0,
    givenBackCount: 0,
  };
  const run = await recordRun(seed, random, scope, report);
  const { losses, name } = scope.ground;
  let count = random.below(100);
  for (const crash of ["process", "power"] as const) {
    const images = run.disks.crashes(crash);
    const variants = crash === "process" ? 1 : scope.powerVariants;
    for (let point = 0; point <= run.disks.point; point += scope.eventStep) {
      scope.tell?.(`crash of the ${crash} at ${point} of ${run.disks.point}`);
      for (let variant = 0; variant < variants; variant++) {
        const place = { crash, point, variant, lost: losses[count % losses.length] ?? [] };
        count++;
        await within(`seed ${seed}, ${name}, ${describe(place)}`, async () => {
          const found = images.after(point, variant);
          if (count % scope.recoveryStep === 0)
            await crashRecoveries(run, place, copies(found), scope, report);
          await recover(run, place, found, count % scope.continueStep === 0, report);
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
  const { ground } = scope;
  const small = random.chance(50) ? smallShape : { ringBytes: 256 << 10, pagesBytes: 1 << 20 };
  let images = await ground.format(scope.shape ?? small);
  let ledger = new Ledger();
  let required = 0;
  for (let life = random.below(3); life > 0; life--) {
    const lived = await live(ground, seed + life, random, images, ledger, required, {
      workload,
      operationCount: 100,
    });
    const crash = random.chance(50) ? "process" : "power";
    const last = lived.disks.point;
    const point = random.chance(30) ? last : random.below(last + 1);
    images = lived.disks.crashes(crash).after(point, life);
    required = promisedAt(lived, point);
    ledger = point < lived.openedPoint ? lived.before : lived.ledger;
  }
  const { operationCount } = scope;
  const options = { workload, operationCount, report, plant: scope.plant };
  const run = await live(ground, seed, random, images, ledger, required, options);
  report.operationCount += run.disks.operationCount;
  return run;
}

interface LifeOptions {
  readonly workload: WorkloadOptions;
  readonly operationCount: number;
  readonly report?: CrashReport;
  readonly plant?: ((engine: Transactions) => void) | undefined;
}

/** Opens the store of the images and works on it; at times it is closed at the end. */
async function live(
  ground: Ground,
  seed: number,
  random: SeededRandom,
  images: Images,
  before: Ledger,
  beforeLsn: number,
  options: LifeOptions,
): Promise<RecordedRun> {
  const { workload, operationCount, report, plant } = options;
  return await inWorld(seed, async (world, simulation) => {
    if (report !== undefined) countPlaces(simulation, report);
    const holdUp = unhurried(simulation, random.stream("delays"));
    const disks = new RecordedDisks(ground, images, holdUp);
    const engine = await openOn(world, await ground.open(world, disks.recordings));
    const openedPoint = disks.point;
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
        point: () => disks.point,
        isOver: () => disks.operationCount >= operationCount,
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
    return { ground, disks, ledger, before, beforeLsn, openedPoint };
  });
}

/** Of segments whose places lay elsewhere in the ring before no more pages are taken. */
function countPlaces({ trace }: SimulatedWorld, report: CrashReport): void {
  trace.listener = ({ name, fields }) => {
    if (name === "ring-given-back") report.givenBackCount++;
    if (name !== "ring-placed") return;
    if (fields?.["before"] === fields?.["now"]) report.movedCount++;
    else report.placedCount++;
  };
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
  { point, lost }: Place,
  images: Images,
  goesOn: boolean,
  report: CrashReport,
): Promise<void> {
  const { ground } = run;
  const ledger = ledgerAt(run, point);
  if (lost.length > 0) report.lossCount++;
  await inWorld(point, async (world, { trace }) => {
    trace.listener = ({ name, fields }) => {
      if (name === "log-recovered" && fields?.["cutTornBatch"] === true) report.tornTailCount++;
    };
    const disks = memoryDisks(ground, images, lost);
    const engine = await openOn(world, await ground.open(world, disks));
    const lsn = engine.appendedLsn;
    checkPosition(lsn, promisedAt(run, point), ledger);
    await checkStore(engine, ledger.rowsAt(lsn));
    if (!goesOn) return;
    const after = await goOn(world, engine, ledger.after(lsn), point);
    await engine.close();
    const left = memoryDisks(ground, images, lost);
    const again = await openOn(world, await ground.open(world, left));
    assert.equal(again.appendedLsn, after.lastLsn, "a clean shutdown leaves everything");
    await checkStore(again, after.lastRows);
  });
}

/** Crashes the recovery from a crash at each of its events; disks are lost only then. */
async function crashRecoveries(
  run: RecordedRun,
  { crash, point, variant }: Place,
  images: Images,
  { recoveryEventStep }: CrashScope,
  report: CrashReport,
): Promise<void> {
  const { ground } = run;
  const ledger = ledgerAt(run, point);
  const beforeLsn = promisedAt(run, point);
  const recovery = await inWorld(point, async (world) => {
    const mediums = crash === "power" ? images : run.disks.crashes("power").after(point, point);
    const disks = await inPageCaches(ground, mediums, images);
    const engine = await openOn(world, await ground.open(world, disks.recordings));
    const openedPoint = disks.point;
    const after = ledger.after(engine.appendedLsn);
    after.follow(engine);
    await engine.run((step) => step.set(Uint8Array.of(1, 2, 3), new Uint8Array(100)));
    await engine.whenSettled(engine.answerLsn);
    after.promise(disks.point, engine.appendedLsn);
    return { ground, disks, ledger: after, before: ledger, beforeLsn, openedPoint };
  });
  const { losses } = ground;
  for (const again of ["process", "power"] as const) {
    const left = recovery.disks.crashes(again);
    for (let second = 0; second <= recovery.disks.point; second += recoveryEventStep) {
      const lost = losses[report.recoveryCrashCount % losses.length] ?? [];
      const place = { crash: again, point: second, variant, lost };
      await within(`then in the recovery ${describe(place)}`, async () => {
        await recover(recovery, place, left.after(second, variant), second % 5 === 0, report);
      });
      report.recoveryCrashCount++;
    }
  }
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

function describe({ crash, point, variant, lost }: Place): string {
  const without = lost.length === 0 ? "" : `, without disk ${lost.join(" and ")}`;
  return `crash of the ${crash} after event ${point}, variant ${variant}${without}`;
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
