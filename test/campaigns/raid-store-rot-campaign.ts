/**
 * A store on an array one of whose disks lies, or two of level 6: bits that flip and sectors that
 * become zero or what another sector holds, wherever something lies; writes that are lost or land
 * elsewhere while the store works.
 *
 * Whoever uses the store is told the truth and hears of nothing, and only disks that lied are
 * named. Without redundancy (level 0) either all is there or a fault says `ERR_CORRUPT`; but the
 * very last batch before an unclean stop cannot be told from one that the stop tore.
 */

import assert from "node:assert/strict";
import { isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import { RaidArray } from "../../src/raid/array.ts";
import type { World } from "../../src/world/world.ts";
import { FaultPlan, type FaultRule, type StorageFault } from "../../src/volume/fault-plan.ts";
import { FaultyVolume } from "../../src/volume/faulty-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { arrayGrounds, copies, type Ground, type Images, memoryDisks } from "../support/ground.ts";
import { inWorld, openOn, smallShape } from "../support/small-store.ts";
import { checkStore } from "./check-store.ts";
import { Ledger } from "./ledger.ts";
import { defaultWorkload, runWorkload } from "./workload.ts";

export interface RaidStoreRotScope {
  readonly grounds: readonly Ground[];
  readonly transactionCount: number;
  /** Every so many-th sector that holds something is damaged, each in its own run. */
  readonly sectorStep: number;
  /** Every so many-th write of each disk goes wrong, each in its own run. */
  readonly writeStep: number;
  /** Hears how far it is, as often as may be. */
  readonly tell?: (what: string) => void;
}

export const wholeRaidStoreRotScope: RaidStoreRotScope = {
  grounds: arrayGrounds,
  transactionCount: 60,
  sectorStep: 7,
  writeStep: 3,
};

export interface RaidStoreRotReport {
  damaged: number;
  misplaced: number;
  /** Blocks that were put right. */
  repaired: number;
  /** How often a fault named the damage; on arrays without redundancy only. */
  named: number;
}

type Damage = "bit" | "zero" | "other";

const DAMAGES: readonly Damage[] = ["bit", "zero", "other"];
const SECTOR_BYTES = 512;

/** What the disks hold at the end of a run, and what may be asked of it. */
interface Scene {
  readonly where: string;
  readonly ground: Ground;
  readonly images: Images;
  readonly ledger: Ledger;
  /** Up to where all must be there. */
  readonly promisedLsn: number;
  readonly liars: readonly number[];
}

export async function raidStoreRotCampaign(
  seed: number,
  scope: RaidStoreRotScope,
): Promise<RaidStoreRotReport> {
  const report: RaidStoreRotReport = { damaged: 0, misplaced: 0, repaired: 0, named: 0 };
  for (const ground of scope.grounds) {
    await damageSectors(seed, ground, scope, report);
    await misplaceWrites(seed, ground, scope, report);
  }
  return report;
}

async function damageSectors(
  seed: number,
  ground: Ground,
  scope: RaidStoreRotScope,
  report: RaidStoreRotReport,
): Promise<void> {
  const random = new SeededRandom(seed).stream("damage");
  for (const isClean of [false, true]) {
    const scene = await makeScene(seed, ground, scope, isClean, new FaultPlan());
    const count = ground.disks.length;
    let turn = seed;
    for (let liar = 0; liar < count; liar++) {
      const sectors = usedSectors(scene.images[liar]);
      for (let index = turn % scope.sectorStep; index < sectors.length;) {
        const sector = sectors[index] ?? 0;
        scope.tell?.(`${ground.name}, sector ${index} of ${sectors.length} of disk ${liar}`);
        const damage = DAMAGES[turn++ % DAMAGES.length] ?? "bit";
        const other = (liar + 1 + random.below(count - 1)) % count;
        const liars = 1 < ground.lossesMax && turn % 2 === 0 ? [liar, other] : [liar];
        const images = copies(scene.images);
        for (const one of liars) spoil(images[one], sector, damage, random);
        const state = isClean ? "closed" : "killed";
        const what = `${state}, ${damage} in sector ${sector} of disk ${liars.join(" and ")}`;
        await look({ ...scene, where: `${scene.where}, ${what}`, images, liars }, report);
        report.damaged++;
        index += scope.sectorStep;
      }
    }
  }
}

function usedSectors(image: PagedImage | undefined): readonly number[] {
  const used: number[] = [];
  const bytes = new Uint8Array(SECTOR_BYTES);
  for (let sector = 0; sector * SECTOR_BYTES < (image?.sizeBytes ?? 0); sector++) {
    image?.read(sector * SECTOR_BYTES, bytes);
    if (bytes.some((byte) => byte !== 0)) used.push(sector);
  }
  return used;
}

async function misplaceWrites(
  seed: number,
  ground: Ground,
  scope: RaidStoreRotScope,
  report: RaidStoreRotReport,
): Promise<void> {
  const faults: readonly StorageFault[] = [
    { kind: "lost" },
    { kind: "misdirected", byBytes: 4096 },
    { kind: "misdirected", byBytes: 65_536 },
  ];
  // Without redundancy a write that goes wrong in the journal may be missed by nobody in time.
  if (ground.lossesMax === 0) return;
  for (const [liar, path] of ground.disks.entries()) {
    const operations = ["write", "durable"] as const;
    for (let skip = (seed + liar) % scope.writeStep; ; skip += scope.writeStep) {
      const fault = faults[(skip + liar) % faults.length] ?? { kind: "lost" };
      const rule: FaultRule = { operations, path, skip, count: 1, fault };
      const plan = new FaultPlan([rule]);
      const scene = await makeScene(seed, ground, scope, skip % 2 === 0, plan);
      const where = `${scene.where}, ${JSON.stringify(rule)}`;
      await look({ ...scene, where, liars: [liar] }, report);
      if (plan.struckCount === 0) break;
      report.misplaced++;
    }
  }
}

/** A run on disks of which one may lie meanwhile; it is closed, or the process is killed. */
async function makeScene(
  seed: number,
  ground: Ground,
  scope: RaidStoreRotScope,
  isClean: boolean,
  plan: FaultPlan,
): Promise<Scene> {
  const where = `seed ${seed}, ${ground.name}`;
  const ledger = new Ledger();
  const settled: number[] = [0];
  const images = await ground.format(smallShape);
  const left = await inWorld(seed, async (world) => {
    const random = new SeededRandom(seed);
    const faulty = { plan, random, clock: world.clock, crash: () => undefined };
    const disks = memoryDisks(ground, images).map((disk) => new FaultyVolume(disk, faulty));
    const engine = await openOn(world, await ground.open(world, disks));
    ledger.follow(engine);
    engine.onSettled(() => settled.push(engine.settledLsn));
    const isOver = (): boolean => ledger.lastLsn >= scope.transactionCount;
    const run = { world, engine, ledger, random, point: () => 0, isOver };
    await runWorkload(run, { ...defaultWorkload, checkpointPercent: 8 });
    await checkStore(engine, ledger.lastRows);
    const killed = copies(images);
    await engine.close();
    return isClean ? images : killed;
  });
  const beforeLast = settled.findLast((lsn) => lsn < ledger.lastLsn) ?? 0;
  const isLastInDoubt = !isClean && ground.lossesMax === 0;
  const promisedLsn = Math.min(ledger.promisedAt(0), isLastInDoubt ? beforeLast : Infinity);
  return { where, ground, images: left, ledger, promisedLsn, liars: [] };
}

async function look(scene: Scene, report: RaidStoreRotReport): Promise<void> {
  const { where, ground, liars } = scene;
  try {
    await inWorld(1, async (world, { trace }) => {
      trace.listener = ({ name, fields }) => {
        if (name !== "raid.block-repaired") return;
        const member = String(fields?.["member"]);
        assert.ok(
          liars.some((liar) => ground.disks[liar] === member),
          `${member} is named`,
        );
      };
      await lookAt(world, scene, report);
    });
  } catch (error) {
    const isTold = ground.lossesMax === 0 && isCorruption(error);
    if (!isTold) throw new Error(`${where}: ${String(error)}`, { cause: error });
    report.named++;
  }
}

async function lookAt(
  world: World,
  { ground, images, ledger, promisedLsn }: Scene,
  report: RaidStoreRotReport,
): Promise<void> {
  const volume = await ground.open(world, memoryDisks(ground, images));
  const engine = await openOn(world, volume);
  const lsn = engine.appendedLsn;
  assert.ok(promisedLsn <= lsn, `all up to ${promisedLsn} was promised, and ${lsn} is the last`);
  await checkStore(engine, ledger.rowsAt(lsn));
  if (volume instanceof RaidArray && 0 < ground.lossesMax) {
    const first = await volume.scrub();
    assert.deepEqual([first?.lostAt, first?.parityRepaired], [[], 0]);
    const second = await volume.scrub();
    assert.deepEqual([second?.repaired, second?.lostAt], [0, []]);
    report.repaired += volume.status().counters.blocksRepaired;
  }
  await engine.store.abandon();
}

function isCorruption(error: unknown): boolean {
  return isFault(error, "ERR_CORRUPT") || (isFault(error) && isFault(error.cause, "ERR_CORRUPT"));
}

function spoil(
  image: PagedImage | undefined,
  sector: number,
  damage: Damage,
  random: SeededRandom,
): void {
  if (image === undefined) return;
  const at = sector * SECTOR_BYTES;
  const bytes = new Uint8Array(Math.min(SECTOR_BYTES, image.sizeBytes - at));
  if (damage === "other") image.read(random.below(image.sizeBytes - bytes.length), bytes);
  if (damage === "bit") {
    image.read(at, bytes);
    const bit = random.below(bytes.length * 8);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  }
  image.write(at, bytes);
}
