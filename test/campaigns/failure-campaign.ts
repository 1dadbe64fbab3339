/**
 * A run of random transactions on a disk whose N-th operation fails, for every N, once and for
 * ever: with an error, for want of room, or halfway through.
 *
 * Every promise settles, with an answer or a fault that says what to do; a store that stopped
 * stays stopped; and what anybody was told of is there when the volume is opened again.
 */

import assert from "node:assert/strict";
import { type FaultCode, isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import {
  formattedImage,
  inWorld,
  openOn,
  smallShape,
  unhurriedRecording,
} from "../support/small-store.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import {
  FaultPlan,
  type StorageFault,
  type StorageOperation,
} from "../../src/volume/fault-plan.ts";
import { FaultyVolume } from "../../src/volume/faulty-volume.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { checkStore } from "./check-store.ts";
import { Ledger } from "./ledger.ts";
import { defaultWorkload, runWorkload } from "./workload.ts";

export interface FailureScope {
  readonly transactionCount: number;
  /** Every so many-th operation fails, each in its own run. */
  readonly operationStep: number;
}

export const wholeFailureScope: FailureScope = { transactionCount: 60, operationStep: 1 };

export interface FailureReport {
  runCount: number;
  /** In how many the store stopped, and in how many it went on. */
  stoppedCount: number;
  wentOnCount: number;
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

const CHANGES: readonly StorageOperation[] = ["write", "durable", "sync", "grow"];

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
    codes: new Set(),
  };
  const image = await formattedImage(smallShape);
  let first = seed % scope.operationStep;
  for (const count of [1, "forever"] as const) {
    for (const fault of FAULTS) {
      for (let skip = first; ; skip += scope.operationStep) {
        const where = `seed ${seed}, ${fault.kind} at change ${skip}, ${count}`;
        const plan = new FaultPlan([{ operations: CHANGES, skip, count, fault }]);
        try {
          const wasStruck = await failOnce(seed, scope, image.copy(), plan, report);
          if (!wasStruck) break;
        } catch (error) {
          throw new Error(`${where}: ${String(error)}`, { cause: error });
        }
      }
      first = (first + 1) % scope.operationStep;
    }
  }
  return report;
}

/** Whether the plan struck anything. */
async function failOnce(
  seed: number,
  scope: FailureScope,
  image: PagedImage,
  plan: FaultPlan,
  report: FailureReport,
): Promise<boolean> {
  const ledger = new Ledger();
  let wasStruck = false;
  await inWorld(seed, async (world, simulation) => {
    const random = new SeededRandom(seed).stream("delays");
    const volume = new FaultyVolume(unhurriedRecording(image, simulation, random), {
      plan: watched(plan, () => (wasStruck = true)),
      random: new SeededRandom(seed),
      clock: world.clock,
      crash: () => undefined,
    });
    const opening = await settled(openOn(world, volume));
    if ("error" in opening) {
      tell(opening.error, report);
      return;
    }
    const engine = opening.value;
    ledger.follow(engine);
    await useStore(seed, scope, world, engine, ledger, report);
    await checkWhatIsLeft(engine, ledger, report);
    const closing = await settled(engine.close());
    if ("error" in closing) tell(closing.error, report);
  });
  await inWorld(seed, async (world) => {
    const engine = await openOn(world, new MemoryVolume(image));
    const lsn = engine.appendedLsn;
    const promised = ledger.promisedAt(0);
    assert(promised <= lsn, `all up to ${promised} was promised, and ${lsn} is the last`);
    await checkStore(engine, ledger.rowsAt(lsn));
  });
  report.runCount++;
  return wasStruck;
}

async function useStore(
  seed: number,
  { transactionCount }: FailureScope,
  world: Parameters<typeof openOn>[0],
  engine: Transactions,
  ledger: Ledger,
  report: FailureReport,
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
        tell(fault, report);
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

function tell(error: unknown, report: FailureReport): void {
  assert(isFault(error), `what went wrong is a fault: ${String(error)}`);
  assert(CLEAR_CODES.has(error.code), `${error.code} says nothing of the disk: ${error.message}`);
  report.codes.add(error.code);
}

type Settled<T> = { readonly value: T } | { readonly error: unknown };

export async function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  return await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** The plan, and word of it when it strikes. */
function watched(plan: FaultPlan, struck: () => void): FaultPlan {
  const strike = plan.strike.bind(plan);
  plan.strike = (operation) => {
    const found = strike(operation);
    if (found !== undefined) struck();
    return found;
  };
  return plan;
}
