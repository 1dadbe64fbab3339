/**
 * Small arrays one of whose members lies, or two of RAID 6: bits that flip, sectors that become
 * zero or what another sector holds, wherever something is on the member; writes that are lost or
 * land elsewhere; syncs that do nothing; an old copy of the member put back in its place. After a
 * clean end, and after a crash.
 *
 * Whoever reads gets the right bytes; only members that lied are named; a scrub puts right what
 * it can, so that the next finds nothing, and the members that lied can be relied on again.
 */

import assert from "node:assert/strict";
import { SeededRandom } from "../../src/base/random.ts";
import { assembleArray } from "../../src/raid/array.ts";
import { contentOf, CrashRun } from "../../src/raid/crash-run.suite.ts";
import {
  memoryMember,
  shapeName,
  smallAssembly,
  type SmallShape,
  testWorld,
} from "../../src/raid/test-array.suite.ts";
import { FaultPlan, type FaultRule, type StorageFault } from "../../src/volume/fault-plan.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { drawWrites, geometryOf, redundantShapes, sizeOf } from "./raid-workload.ts";

export interface RaidRotScope {
  readonly shapes: readonly SmallShape[];
  readonly stepCount: number;
  /** Every so many-th sector of each member is damaged, each in its own run. */
  readonly sectorStep: number;
  /** Every so many-th write of each member goes wrong, each in its own run. */
  readonly writeStep: number;
  /** Each member is put back as it was at every so many-th moment. */
  readonly momentStep: number;
}

export const wholeRaidRotScope: RaidRotScope = {
  shapes: redundantShapes,
  stepCount: 16,
  sectorStep: 1,
  writeStep: 1,
  momentStep: 1,
};

export interface RaidRotReport {
  damaged: number;
  misplaced: number;
  rolledBack: number;
  /** Blocks that were put right. */
  repaired: number;
}

/** Members as they are found, and which of them lied. */
interface Scene {
  readonly where: string;
  readonly run: CrashRun;
  readonly images: readonly (PagedImage | undefined)[];
  readonly liars: readonly number[];
  readonly moment: number;
}

type Damage = "bit" | "zero" | "other";

const DAMAGES: readonly Damage[] = ["bit", "zero", "other"];
const SECTOR_BYTES = 512;

export async function raidRotCampaign(seed: number, scope: RaidRotScope): Promise<RaidRotReport> {
  const report: RaidRotReport = { damaged: 0, misplaced: 0, rolledBack: 0, repaired: 0 };
  for (const shape of scope.shapes) {
    await damageSectors(seed, shape, scope, report);
    await misplaceWrites(seed, shape, scope, report);
  }
  return report;
}

async function damageSectors(
  seed: number,
  shape: SmallShape,
  scope: RaidRotScope,
  report: RaidRotReport,
): Promise<void> {
  const random = new SeededRandom(seed).stream("damage");
  for (const isClean of [false, true]) {
    const run = await CrashRun.create(shape, sizeOf(shape));
    await run.run(drawWrites(seed, scope.stepCount, shape));
    if (isClean) await run.array.close();
    const moment = run.moments.length - 1;
    const images = run.images({ moment, seed, crash: isClean ? "process" : "power", lost: [] });
    const where = `seed ${seed}, ${shapeName(shape)}, ${isClean ? "closed" : "crashed"}`;
    const scene = { run, moment, images };
    const twice = geometryOf(shape).lossesMax > 1;
    for (let liar = 0; liar < shape.memberCount; liar++) {
      const sectors = (images[liar]?.sizeBytes ?? 0) / SECTOR_BYTES;
      for (let sector = seed % scope.sectorStep; sector < sectors; sector += scope.sectorStep) {
        const damage = DAMAGES[(sector + liar + seed) % DAMAGES.length] ?? "bit";
        const other = (liar + 1 + random.below(shape.memberCount - 1)) % shape.memberCount;
        const liars = twice && sector % 2 === 0 ? [liar, other] : [liar];
        const found = images.map((image, index) => {
          const copy = image?.copy();
          if (copy !== undefined && liars.includes(index)) spoil(copy, sector, damage, random);
          return copy;
        });
        const what = `${where}, ${damage} in sector ${sector} of ${liars.join(" and ")}`;
        await look({ ...scene, where: what, images: found, liars }, report);
        report.damaged++;
      }
    }
    for (let old = seed % scope.momentStep; old < moment; old += scope.momentStep) {
      await rollBack({ ...scene, where, liars: [] }, old, report);
    }
  }
}

/** Puts one member back as it was at an earlier moment; or two, each at a moment of its own. */
async function rollBack(scene: Scene, old: number, report: RaidRotReport): Promise<void> {
  const { run } = scene;
  const { lossesMax, memberCount } = geometryOf(run.shape);
  const liars = Array.from(
    { length: 1 + (old % lossesMax) },
    (_, one) => (old + one) % memberCount,
  );
  const images = scene.images.map((image) => image?.copy());
  for (const [index, liar] of liars.entries()) {
    const moment = Math.max(0, old - 5 * index);
    images[liar] = run.images({ moment, seed: old, crash: "power", lost: [] })[liar];
  }
  const where = `${scene.where}, ${liars.join(" and ")} as of ${old}`;
  // Those that fail with them are named by nobody: they are merely behind.
  await look({ ...scene, where, images, liars }, report);
  report.rolledBack++;
}

async function misplaceWrites(
  seed: number,
  shape: SmallShape,
  scope: RaidRotScope,
  report: RaidRotReport,
): Promise<void> {
  const faults: readonly StorageFault[] = [
    { kind: "lost" },
    { kind: "misdirected", byBytes: shape.blockBytes },
    { kind: "misdirected", byBytes: 4096 },
  ];
  for (let liar = 0; liar < shape.memberCount; liar++) {
    const operations = ["write", "durable"] as const;
    for (let skip = (seed + liar) % scope.writeStep; ; skip += scope.writeStep) {
      const fault = faults[(skip + liar + seed) % faults.length] ?? { kind: "lost" };
      const rule = { operations, path: `disk${liar}`, skip, count: 1, fault } as const;
      if (!(await misplace(seed, shape, scope, rule, liar, report))) break;
    }
    const path = `disk${liar}`;
    const lying = { operations: ["sync"], path, skip: 0, count: "forever" } as const;
    await misplace(seed, shape, scope, { ...lying, fault: { kind: "lost" } }, liar, report);
  }
}

/** Whether the rule struck. */
async function misplace(
  seed: number,
  shape: SmallShape,
  scope: RaidRotScope,
  rule: FaultRule,
  liar: number,
  report: RaidRotReport,
): Promise<boolean> {
  const plan = new FaultPlan();
  const run = await CrashRun.create(shape, sizeOf(shape), plan);
  plan.add(rule);
  const where = `seed ${seed}, ${shapeName(shape)}, ${JSON.stringify(rule)}`;
  await run.run(drawWrites(seed, scope.stepCount, shape));
  const refuted = run.model.refute(await run.content(), run.moments.length);
  assert.equal(refuted, undefined, where);
  const moment = run.moments.length - 1;
  const images = run.images({ moment, seed, crash: "power", lost: [] });
  await look({ where, run, images, liars: [liar], moment }, report);
  report.misplaced++;
  return 0 < plan.struckCount;
}

async function look(scene: Scene, report: RaidRotReport): Promise<void> {
  const { where, run, images, liars, moment } = scene;
  const world = testWorld();
  const members = images.flatMap((image, index) =>
    image === undefined ? [] : [memoryMember(index, image)],
  );
  // Of two mirrors the one whose superblock is gone might have gone on alone.
  const isHalf = run.shape.memberCount - geometryOf(run.shape).lossesMax <= liars.length;
  const array = await assembleArray(world, members, smallAssembly).catch(async (error: unknown) => {
    if (!isHalf || !String(error).includes("could have gone on")) throw within(where, error);
    return await assembleArray(world, members, { ...smallAssembly, force: true });
  });
  try {
    assert.equal(run.model.refute(await contentOf(array), moment), undefined, where);
    const first = await array.scrub();
    assert.deepEqual([first?.lostAt, first?.parityRepaired], [[], 0], where);
    const second = await array.scrub();
    assert.deepEqual([second?.repaired, second?.lostAt], [0, []], where);
    assert.equal(run.model.refute(await contentOf(array), moment), undefined, where);
    report.repaired += array.status().counters.blocksRepaired;
  } catch (error) {
    throw within(where, error);
  }
  const named = world.events.filter(({ name }) => name === "raid.block-repaired");
  for (const { fields } of named) {
    const isLiar = liars.some((liar) => fields["member"] === `disk${liar}`);
    assert.ok(isLiar, `${where}: ${String(fields["member"])} is named`);
  }
}

function within(where: string, error: unknown): Error {
  return new Error(`${where}: ${String(error)}`, { cause: error });
}

function spoil(image: PagedImage, sector: number, damage: Damage, random: SeededRandom): void {
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
