/**
 * A run of random transactions on a disk whose N-th operation fails, for every N, once and for
 * ever: with an error, for want of room, or halfway through. On an array it is each disk in turn,
 * and with level 6 a second one besides.
 *
 * Every promise settles, with an answer or a fault that says what to do; a store that stopped
 * stays stopped; and what anybody was told of is there when the volume is opened again. Whoever
 * uses a store on an array that survives the failure hears of nothing but of a want of room.
 */

import assert from "node:assert/strict";
import { type FaultCode, isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { RaidArray } from "../../src/raid/array.ts";
import { type Ground, type Images, memoryDisks, plainGround } from "../support/ground.ts";
import { RecordedDisks } from "../support/recorded-disks.ts";
import { inWorld, openOn, type Shape, smallShape, unhurried } from "../support/small-store.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import {
  FaultPlan,
  type FaultRule,
  type StorageFault,
  type StorageOperation,
} from "../../src/volume/fault-plan.ts";
import { FaultyVolume } from "../../src/volume/faulty-volume.ts";
import type { Volume } from "../../src/volume/volume.ts";
import type { World } from "../../src/world/world.ts";
import { checkStore } from "./check-store.ts";
import { Ledger } from "./ledger.ts";
import { defaultWorkload, runWorkload } from "./workload.ts";

export interface FailureScope {
  /** What the store is made with; without it, a small one. */
  readonly shape?: Shape;
  /** What the store lies on. */
  readonly ground: Ground;
  readonly transactionCount: number;
  /** Every so many-th operation fails, each in its own run. */
  readonly operationStep: number;
  /** Hears how far it is, as often as may be. */
  readonly tell?: (what: string) => void;
}

export const wholeFailureScope: FailureScope = {
  ground: plainGround,
  transactionCount: 60,
  operationStep: 1,
};

/** An array has several disks, each with more operations; what a seed leaves out another takes. */
export const wholeArrayFailureScope: FailureScope = {
  ...wholeFailureScope,
  transactionCount: 40,
  operationStep: 9,
};

export interface FailureReport {
  runCount: number;
  /** In how many the store stopped, and in how many it went on. */
  stoppedCount: number;
  wentOnCount: number;
  /** In how many an array was without a disk in the end. */
  degradedCount: number;
  codes: Set<FaultCode>;
}

/** What may be told of a disk that fails. */
const CLEAR_CODES: ReadonlySet<FaultCode> = new Set([
  "ERR_UNAVAILABLE",
  "ERR_COMMIT_UNKNOWN",
  "ERR_FULL",
  "ERR_IO",
  "ERR_ABORTED",
]);

const CHANGES: readonly StorageOperation[] = ["write", "durable", "sync", "grow", "truncate"];

const FAULTS: readonly StorageFault[] = [
  { kind: "error" },
  { kind: "full" },
  { kind: "short", keptBytes: 700 },
];

export async function failureCampaign(seed: number, scope: FailureScope): Promise<FailureReport> {
  const report: FailureReport = {
    runCount: 0,
    stoppedCount: 0,
    wentOnCount: 0,
    degradedCount: 0,
    codes: new Set(),
  };
  const { ground, operationStep } = scope;
  const images = await ground.format(scope.shape ?? smallShape);
  let first = seed % operationStep;
  for (const disk of ground.disks.keys()) {
    for (const count of [1, "forever"] as const) {
      for (const fault of FAULTS) {
        for (let skip = first; ; skip += operationStep) {
          scope.tell?.(`disk ${disk} of ${ground.disks.length}, ${fault.kind} at ${skip}`);
          const rules = rulesOf(ground, { disk, skip, count, fault });
          const where = `seed ${seed}, ${ground.name}, ${JSON.stringify(rules)}`;
          try {
            const found = images.map((image) => image.copy());
            const wasStruck = await failOnce(seed, scope, found, rules, report);
            if (!wasStruck) break;
          } catch (error) {
            throw new Error(`${where}: ${String(error)}`, { cause: error });
          }
        }
        first = (first + 1) % operationStep;
      }
    }
  }
  return report;
}

interface Failure {
  readonly disk: number;
  readonly skip: number;
  readonly count: number | "forever";
  readonly fault: StorageFault;
}

/** The disk fails, and in every other run, where two may, another does a little later. */
function rulesOf({ disks, lossesMax }: Ground, failure: Failure): readonly FaultRule[] {
  const { disk, skip, count, fault } = failure;
  const rule = { operations: CHANGES, path: disks[disk], skip, count, fault };
  if (lossesMax < 2 || skip % 2 === 0) return [rule];
  const other = (disk + 1 + (skip % (disks.length - 1))) % disks.length;
  const second: StorageFault = { kind: "error" };
  return [rule, { ...rule, path: disks[other], skip: skip + (skip % 11), fault: second }];
}

/** Whether the first rule struck anything. */
async function failOnce(
  seed: number,
  scope: FailureScope,
  images: Images,
  rules: readonly FaultRule[],
  report: FailureReport,
): Promise<boolean> {
  const { ground } = scope;
  const ledger = new Ledger();
  const heard = new Set<FaultCode>();
  let wasStruck = false;
  await inWorld(seed, async (world, simulation) => {
    const random = new SeededRandom(seed).stream("delays");
    const { recordings } = new RecordedDisks(ground, images, unhurried(simulation, random));
    const plan = watched(new FaultPlan(rules), rules[0]?.path, () => (wasStruck = true));
    const faulty = { plan, random: new SeededRandom(seed), clock: world.clock };
    const disks = recordings.map(
      (disk) => new FaultyVolume(disk, { ...faulty, crash: () => undefined }),
    );
    const opening = await settled(openStore(world, ground, disks));
    if ("error" in opening) {
      tell(opening.error, heard);
      return;
    }
    const { engine, volume } = opening.value;
    ledger.follow(engine);
    await useStore(seed, scope, world, engine, ledger, heard);
    await checkWhatIsLeft(engine, ledger, report);
    assert(engine.failure === undefined || ground.lossesMax === 0, "an array outlives its disks");
    if (volume instanceof RaidArray && volume.status().health === "degraded") {
      report.degradedCount++;
    }
    const closing = await settled(engine.close());
    if ("error" in closing) tell(closing.error, heard);
  });
  if (0 < ground.lossesMax) assert(isRoomOnly(rules, heard), `they hear of ${[...heard].join()}`);
  for (const code of heard) report.codes.add(code);
  await inWorld(seed, async (world) => {
    const { engine } = await openStore(world, ground, memoryDisks(ground, images));
    const lsn = engine.appendedLsn;
    const promised = ledger.promisedAt(0);
    assert(promised <= lsn, `all up to ${promised} was promised, and ${lsn} is the last`);
    await checkStore(engine, ledger.rowsAt(lsn));
  });
  report.runCount++;
  return wasStruck;
}

/** Of a disk that is merely full whoever wants to grow hears. */
function isRoomOnly(rules: readonly FaultRule[], heard: ReadonlySet<FaultCode>): boolean {
  const isFull = rules.some(({ fault }) => fault.kind === "full");
  return [...heard].every((code) => isFull && code === "ERR_FULL");
}

async function openStore(
  world: World,
  ground: Ground,
  disks: readonly Volume[],
): Promise<{ readonly engine: Transactions; readonly volume: Volume }> {
  const volume = await ground.open(world, disks);
  return { engine: await openOn(world, volume), volume };
}

async function useStore(
  seed: number,
  { transactionCount }: FailureScope,
  world: World,
  engine: Transactions,
  ledger: Ledger,
  heard: Set<FaultCode>,
): Promise<void> {
  let faults = 0;
  await runWorkload(
    {
      world,
      engine,
      ledger,
      random: new SeededRandom(seed),
      point: () => 0,
      // Some go on after a failure, to see that it stays one.
      isOver: () => ledger.lastLsn >= transactionCount || faults > 12,
      onFault: (fault) => {
        faults++;
        tell(fault, heard);
      },
    },
    { ...defaultWorkload, checkpointPercent: 12 },
  );
}

/** A store that stopped refuses everything; one that did not is as it was. */
async function checkWhatIsLeft(
  engine: Transactions,
  ledger: Ledger,
  report: FailureReport,
): Promise<void> {
  if (engine.failure === undefined) {
    report.wentOnCount++;
    await checkStore(engine, ledger.lastRows);
    return;
  }
  report.stoppedCount++;
  const { settledLsn } = engine;
  const key = Uint8Array.of(1);
  const refused = [
    await settled(engine.run((step) => step.get(key))),
    await settled(engine.run((step) => step.set(key, key))),
    await settled(engine.snapshot()),
    await settled(engine.store.checkpoint()),
    await settled(engine.whenSettled(engine.appendedLsn)),
  ];
  for (const outcome of refused.slice(0, 4)) {
    assert("error" in outcome && isFault(outcome.error, "ERR_UNAVAILABLE"), "it stays stopped");
  }
  assert.equal(engine.settledLsn, settledLsn, "nothing settles any more");
}

function tell(error: unknown, heard: Set<FaultCode>): void {
  assert(isFault(error), `what went wrong is a fault: ${String(error)}`);
  assert(CLEAR_CODES.has(error.code), `${error.code} says nothing of the disk: ${error.message}`);
  heard.add(error.code);
}

type Settled<T> = { readonly value: T } | { readonly error: unknown };

export async function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  return await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** The plan, and word of it when it strikes the disk. */
function watched(plan: FaultPlan, disk: string | undefined, struck: () => void): FaultPlan {
  const strike = plan.strike.bind(plan);
  plan.strike = (operation) => {
    const found = strike(operation);
    if (found !== undefined && operation.path === disk) struck();
    return found;
  };
  return plan;
}
