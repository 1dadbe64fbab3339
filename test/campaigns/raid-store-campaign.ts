/**
 * A store on an array of each level: random transactions, and a crash at operations of the
 * members, with members lost besides; and with members that fail while it works, of which nobody
 * who uses the store hears. After each the store holds what anybody was told of, and nothing by
 * half.
 */

import assert from "node:assert/strict";
import { SeededRandom } from "../../src/base/random.ts";
import { assembleArray, createArray } from "../../src/raid/array.ts";
import { type AssembleOptions, defaultCreateOptions } from "../../src/raid/options.ts";
import { memoryMember, smallAssembly, type SmallShape } from "../../src/raid/test-array.suite.ts";
import { CrashImages } from "../../src/volume/crash-images.ts";
import { FaultPlan } from "../../src/volume/fault-plan.ts";
import { FaultyVolume } from "../../src/volume/faulty-volume.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { RecordingVolume } from "../../src/volume/recording-volume.ts";
import { formattedImage, inWorld, openOn } from "../support/small-store.ts";
import { checkStore } from "./check-store.ts";
import { Ledger } from "./ledger.ts";
import { lossesOf } from "./raid-workload.ts";
import { defaultWorkload, runWorkload } from "./workload.ts";

export interface RaidStoreScope {
  readonly shapes: readonly SmallShape[];
  readonly transactionCount: number;
  /** A crash comes at so many moments of each run, spread over it. */
  readonly crashCount: number;
  /** In so many runs members fail, at operations spread over them. */
  readonly failureCount: number;
}

const block = { blockBytes: 4096, chunkBlocks: 2 } as const;

export const wholeRaidStoreScope: RaidStoreScope = {
  shapes: [
    { level: 1, memberCount: 2, ...block },
    { level: 4, memberCount: 3, ...block },
    { level: 5, memberCount: 3, ...block },
    { level: 6, memberCount: 4, ...block },
  ],
  transactionCount: 60,
  crashCount: 200,
  failureCount: 40,
};

export interface RaidStoreReport {
  crashes: number;
  failures: number;
  membersLost: number;
}

interface StoreRun {
  readonly recordings: readonly RecordingVolume[];
  readonly moments: readonly (readonly number[])[];
  readonly ledger: Ledger;
  readonly missing: number;
}

export async function raidStoreCampaign(
  seed: number,
  scope: RaidStoreScope,
): Promise<RaidStoreReport> {
  const report: RaidStoreReport = { crashes: 0, failures: 0, membersLost: 0 };
  for (const shape of scope.shapes) {
    const where = `seed ${seed}, RAID ${shape.level}`;
    const images = await storeOn(shape);
    const run = await record(seed, images, scope, new FaultPlan());
    const losses = lossesOf(shape);
    const step = Math.max(1, Math.floor(run.moments.length / scope.crashCount));
    for (let moment = seed % step; moment < run.moments.length; moment += step) {
      const lost = losses[report.crashes % losses.length] ?? [];
      await recover(run, moment, lost, `${where}, moment ${moment} without ${lost.join()}`);
      report.crashes++;
    }
    const operations = Math.floor(run.moments.length / shape.memberCount);
    for (let count = 0; count < scope.failureCount; count++) {
      const lost = losses[1 + (count % (losses.length - 1))] ?? [];
      const skip = Math.floor((operations * count) / scope.failureCount);
      const plan = failing(lost, skip);
      const failed = await record(seed, images, scope, plan);
      const last = failed.moments.length - 1;
      await recover(failed, last, lost, `${where}, ${lost.join()} failed at ${skip}`);
      report.failures++;
      report.membersLost += failed.missing;
    }
  }
  return report;
}

function failing(members: readonly number[], skip: number): FaultPlan {
  const operations = ["write", "durable", "sync"] as const;
  const fault = { kind: "error" } as const;
  return new FaultPlan(
    members.map((member, index) => ({
      operations,
      path: `disk${member}`,
      skip: skip + 7 * index,
      count: "forever",
      fault,
    })),
  );
}

/** The members of a closed array with an empty store on it. */
async function storeOn(shape: SmallShape): Promise<readonly PagedImage[]> {
  const store = await formattedImage();
  const members = Array.from({ length: shape.memberCount }, (_, index) =>
    memoryMember(index, 0, 4096),
  );
  await inWorld(1, async (world) => {
    const array = await createArray(world, members, {
      ...defaultCreateOptions,
      ...assembly,
      level: shape.level,
      blockBytes: shape.blockBytes,
      chunkBytes: shape.blockBytes * shape.chunkBlocks,
      journalBytes: 1 << 20,
      sizeBytes: store.sizeBytes,
    });
    const bytes = new Uint8Array(65_536);
    for (let at = 0; at < store.sizeBytes; at += bytes.length) {
      const part = bytes.subarray(0, Math.min(bytes.length, store.sizeBytes - at));
      store.read(at, part);
      if (part.some((byte) => byte !== 0)) await array.write(at, part);
    }
    await array.close();
  });
  return members.map(({ image }) => image);
}

const assembly: AssembleOptions = { ...smallAssembly, inPlaceBytesMin: 16_384 };

async function record(
  seed: number,
  images: readonly PagedImage[],
  scope: RaidStoreScope,
  plan: FaultPlan,
): Promise<StoreRun> {
  return await inWorld(seed, async (world) => {
    const moments: number[][] = [];
    const recordings: RecordingVolume[] = [];
    for (const [index, image] of images.entries()) {
      const options = { name: `disk${index}`, writeUnitBytes: 4096 };
      const holdUp = async (): Promise<void> => {
        moments.push(recordings.map(({ point }) => point));
        await Promise.resolve();
      };
      recordings.push(new RecordingVolume(image.copy(), options, holdUp));
    }
    const random = new SeededRandom(seed);
    const faulty = { plan, random, clock: world.clock, crash: () => undefined };
    const members = recordings.map((recording) => new FaultyVolume(recording, faulty));
    const array = await assembleArray(world, members, assembly);
    const engine = await openOn(world, array);
    const ledger = new Ledger();
    ledger.follow(engine);
    const point = (): number => moments.length;
    const isOver = (): boolean => ledger.lastLsn >= scope.transactionCount;
    const workload = { ...defaultWorkload, checkpointPercent: 10 };
    await runWorkload({ world, engine, ledger, random, point, isOver }, workload);
    await checkStore(engine, ledger.lastRows);
    const missing = array.status().members.filter(({ state }) => state === "missing").length;
    await engine.store.abandon();
    moments.push(recordings.map((recording) => recording.point));
    return { recordings, moments, ledger, missing };
  });
}

async function recover(
  { recordings, moments, ledger }: StoreRun,
  moment: number,
  lost: readonly number[],
  where: string,
): Promise<void> {
  try {
    await inWorld(moment, async (world) => {
      const members = recordings.flatMap((recording, index) => {
        const point = moments[moment]?.[index] ?? 0;
        if (lost.includes(index)) return [];
        const image = new CrashImages(recording, "power").after(point, moment);
        return [new MemoryVolume(image, { name: recording.name, writeUnitBytes: 4096 })];
      });
      const force = recordings.length - lost.length <= lost.length;
      const array = await assembleArray(world, members, { ...assembly, force });
      const engine = await openOn(world, array);
      const lsn = engine.appendedLsn;
      const promised = ledger.promisedAt(moment);
      assert.ok(promised <= lsn, `all up to ${promised} was promised, and ${lsn} is the last`);
      await checkStore(engine, ledger.rowsAt(lsn));
      await engine.store.abandon();
    });
  } catch (error) {
    throw new Error(`${where}: ${String(error)}`, { cause: error });
  }
}
