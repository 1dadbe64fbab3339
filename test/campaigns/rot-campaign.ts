/**
 * A store whose disk lies: bits that flip and sectors that become zero wherever something lies,
 * and writes that are lost or land elsewhere, each in a run of its own.
 *
 * Nobody is ever told anything wrong. Either all is there, or a fault says `ERR_CORRUPT` and names
 * the place. The one exception: the very last batch of the log after an unclean stop cannot be
 * told from one that the stop tore, and may be missing.
 */

import assert from "node:assert/strict";
import { compareBytes, fromLatin1 } from "../../src/base/bytes.ts";
import { bestChecksums } from "../../src/base/checksums.ts";
import { isFault } from "../../src/base/fault.ts";
import { SeededRandom } from "../../src/base/random.ts";
import {
  COUNT_AT,
  EXTENT_FLAG,
  HEADER_BYTES,
  LEAF_CELL_BYTES,
  PAGE_BYTES,
  SLOT_BYTES,
} from "../../src/cells/page.ts";
import { SuperblockZone } from "../../src/store/superblock.ts";
import type { Superblock } from "../../src/store/superblock-format.ts";
import type { Transactions } from "../../src/transactions/transactions.ts";
import { FaultPlan, type StorageFault } from "../../src/volume/fault-plan.ts";
import { FaultyVolume } from "../../src/volume/faulty-volume.ts";
import { MemoryVolume } from "../../src/volume/memory-volume.ts";
import type { PagedImage } from "../../src/volume/paged-image.ts";
import { formattedImage, inWorld, openOn } from "../support/small-store.ts";
import { checkRunner } from "./check-store.ts";
import { Ledger, type Rows } from "./ledger.ts";
import { defaultWorkload, runWorkload } from "./workload.ts";

export type Zone = "superblock" | "log" | "root" | "inner" | "leaf" | "extent" | "map" | "write";

export interface RotScope {
  readonly transactionCount: number;
  /** Every so many-th place rots, each in a run of its own. */
  readonly placeStep: number;
  /** Every so many-th write goes wrong, each in a run of its own. */
  readonly writeStep: number;
}

export const wholeRotScope: RotScope = { transactionCount: 120, placeStep: 1, writeStep: 1 };

export interface RotReport {
  /** How often a fault named the place, by what was damaged. */
  readonly named: Map<Zone, number>;
  /** How often the damage touched nothing that anybody needs. */
  readonly harmless: Map<Zone, number>;
}

/** A store at the end of a run, and what is known of it. */
interface Scene {
  readonly image: PagedImage;
  readonly rows: (lsn: number) => Rows;
  readonly lastLsn: number;
  /** What must be there, and what must be there if the last batch is lost. */
  readonly promisedLsn: number;
  readonly promisedBeforeLast: number;
}

interface Place {
  readonly zone: Zone;
  readonly at: number;
  readonly length: number;
}

export async function rotCampaign(seed: number, scope: RotScope): Promise<RotReport> {
  const report: RotReport = { named: new Map(), harmless: new Map() };
  const random = new SeededRandom(seed).stream("rot campaign");
  for (const isClean of [false, true]) {
    const scene = await makeScene(seed, scope, isClean, undefined);
    const places = await placesOf(scene.image);
    for (let index = 0; index < places.length; index += 1) {
      const place = places[index] as Place;
      const isCommon = place.zone === "log" || place.zone === "leaf" || place.zone === "extent";
      if (isCommon && (index + seed) % scope.placeStep !== 0) continue;
      for (const damage of [flipBit, zeroSector]) {
        const image = scene.image.copy();
        const at = damage(image, place, random);
        await within(`seed ${seed}, ${damage.name} of the ${place.zone} at ${at}`, async () => {
          const isNamed = await look({ ...scene, image });
          assert(!(place.zone === "superblock" && isNamed), "one copy of four is not missed");
          if (isClean && damage === flipBit && isOfCheckpoint(place)) {
            assert(isNamed, "damage of the checkpoint is noticed");
          }
          count(isNamed ? report.named : report.harmless, place.zone);
        });
      }
    }
  }
  await misplaceWrites(seed, scope, report);
  return report;
}

/** After a clean shutdown everything that lies in the checkpoint is looked at. */
function isOfCheckpoint({ zone }: Place): boolean {
  return zone !== "superblock" && zone !== "log";
}

/** Loses or misdirects each of the writes of a run in turn. */
async function misplaceWrites(seed: number, scope: RotScope, report: RotReport): Promise<void> {
  const faults: readonly StorageFault[] = [
    { kind: "lost" },
    { kind: "misdirected", byBytes: 4096 },
    { kind: "misdirected", byBytes: 3 * PAGE_BYTES },
  ];
  for (const [index, fault] of faults.entries()) {
    let skip = (seed + index) % scope.writeStep;
    for (;;) {
      const plan = new FaultPlan([{ operations: ["write", "durable"], skip, count: 1, fault }]);
      await within(`seed ${seed}, write ${skip} ${fault.kind}`, async () => {
        const scene = await makeScene(seed, scope, skip % 2 === 0, plan);
        const isNamed = await look(scene);
        count(isNamed ? report.named : report.harmless, "write");
      });
      // The last one found no write left that it could strike.
      if (plan.operationCount <= skip) break;
      skip += scope.writeStep;
    }
  }
}

async function makeScene(
  seed: number,
  scope: RotScope,
  isClean: boolean,
  plan: FaultPlan | undefined,
): Promise<Scene> {
  const image = await formattedImage();
  const ledger = new Ledger();
  const settled: number[] = [0];
  await inWorld(seed, async (world) => {
    const random = new SeededRandom(seed);
    const faulty = { random, clock: world.clock, crash: () => undefined };
    const memory = new MemoryVolume(image);
    const volume = plan === undefined ? memory : new FaultyVolume(memory, { ...faulty, plan });
    const opening = openOn(world, volume);
    const engine = await opening.catch((error: unknown) => named(error));
    if (engine === undefined) return;
    ledger.follow(engine);
    engine.onSettled(() => settled.push(engine.settledLsn));
    await writeLongKeys(engine);
    await engine.store.checkpoint();
    await runWorkload(
      {
        world,
        engine,
        ledger,
        random,
        point: () => 0,
        isOver: () => ledger.lastLsn >= scope.transactionCount || engine.failure !== undefined,
        ...(plan === undefined ? {} : { onFault: named }),
      },
      { ...defaultWorkload, checkpointPercent: 3 },
    );
    if (isClean) await engine.close().catch((error: unknown) => named(error));
    else if (engine.failure === undefined) await engine.whenSettled(engine.appendedLsn);
  });
  const promisedLsn = ledger.promisedAt(0);
  const beforeLast = settled.findLast((lsn) => lsn < ledger.lastLsn) ?? 0;
  return {
    image,
    rows: (lsn) => ledger.rowsAt(lsn),
    lastLsn: ledger.lastLsn,
    promisedLsn,
    promisedBeforeLast: isClean ? promisedLsn : Math.min(promisedLsn, beforeLast),
  };
}

/** Keys that are alike for long, so that separators are long and the tree is a few levels high. */
async function writeLongKeys(engine: Transactions): Promise<void> {
  for (let index = 0; index < 32; index++) {
    const key = new Uint8Array(5000).fill(index >>> 2);
    key[0] = 3;
    key[key.length - 1] = index;
    await engine.run((step) => step.set(key, Uint8Array.of(index)));
  }
}

/** Opens the store and asks for everything; whether a fault named a place. */
async function look(scene: Scene): Promise<boolean> {
  return await inWorld(1, async (world) => {
    const opening = openOn(world, new MemoryVolume(scene.image));
    const engine = await opening.catch((error: unknown) => named(error));
    if (engine === undefined) return true;
    const lsn = engine.appendedLsn;
    const { promisedLsn, promisedBeforeLast, lastLsn } = scene;
    assert(promisedBeforeLast <= lsn, `${promisedLsn} was promised, and ${lsn} is the last`);
    assert(lsn <= lastLsn, `${lsn} is the last, and nothing was after ${lastLsn}`);
    const rows = scene.rows(lsn);
    let isNamed = false;
    for (const [key, value] of rows) {
      const bytes = fromLatin1(key);
      const found = await engine
        .run((step) => step.get(bytes))
        .catch((error: unknown) => {
          named(error);
          isNamed = true;
          return value;
        });
      assert(found !== undefined && compareBytes(found, value) === 0, "nothing wrong is told");
    }
    try {
      await checkRunner(engine, rows, "the store");
    } catch (error) {
      named(error);
      isNamed = true;
    }
    return isNamed;
  });
}

/** Nothing, if the fault says that stored bytes are damaged, and which. */
function named(error: unknown): undefined {
  const isClear =
    isFault(error) &&
    (error.code === "ERR_CORRUPT" || isFault(error.cause, "ERR_CORRUPT")) &&
    /byte \d+|superblock/u.test(error.message);
  if (!isClear) throw error;
}

async function placesOf(image: PagedImage): Promise<readonly Place[]> {
  const copies = [0, 1, 2, 3].map((copy): Place => ({
    zone: "superblock",
    at: copy * PAGE_BYTES,
    length: 1752,
  }));
  const volume = new MemoryVolume(image.copy());
  const always = (): Promise<boolean> => Promise.resolve(true);
  const { current } = await SuperblockZone.open(volume, bestChecksums(), always);
  const places = [...copies];
  const { zone } = current;
  for (const place of zone.places.filter((segmentAt) => segmentAt !== 0)) {
    for (let at = place; at < place + zone.segmentBytes; at += zone.unitBytes) {
      places.push({ zone: "log", at, length: zone.unitBytes });
    }
  }
  places.push(...placesUnder(image, current, current.root.page, current.root.level));
  const { map, pages } = current;
  places.push({ zone: "map", at: pages.at + map.firstPage * PAGE_BYTES, length: PAGE_BYTES });
  return places;
}

/** The page, and all that it refers to. */
function placesUnder(
  image: PagedImage,
  superblock: Superblock,
  page: number,
  level: number,
): readonly Place[] {
  const { pages, root } = superblock;
  const at = pages.at + page * PAGE_BYTES;
  const bytes = new Uint8Array(PAGE_BYTES);
  image.read(at, bytes);
  const view = new DataView(bytes.buffer);
  const zone = page === root.page ? "root" : level > 0 ? "inner" : "leaf";
  const places: Place[] = [{ zone, at, length: PAGE_BYTES }];
  for (let slot = 0; slot < view.getUint16(COUNT_AT, true); slot++) {
    const packed = view.getUint32(HEADER_BYTES + slot * SLOT_BYTES + 4, true);
    const cell = packed & 0xffff;
    if (level > 0) {
      const child = Number(view.getBigUint64(cell, true));
      places.push(...placesUnder(image, superblock, child, level - 1));
    } else if (view.getUint16(cell + 6, true) === EXTENT_FLAG) {
      const reference = cell + LEAF_CELL_BYTES + (packed >>> 16);
      const first = Number(view.getBigUint64(reference, true));
      const length = Number(view.getBigUint64(reference + 8, true));
      places.push({ zone: "extent", at: pages.at + first * PAGE_BYTES, length });
    }
  }
  return places;
}

function flipBit(image: PagedImage, { at, length }: Place, random: SeededRandom): number {
  const byte = new Uint8Array(1);
  const place = at + random.below(length);
  image.read(place, byte);
  image.write(place, Uint8Array.of((byte[0] as number) ^ (1 << random.below(8))));
  return place;
}

function zeroSector(image: PagedImage, { at, length }: Place, random: SeededRandom): number {
  const sector = at + 512 * random.below(Math.ceil(length / 512));
  image.write(sector, new Uint8Array(Math.min(512, at + length - sector)));
  return sector;
}

function count(counts: Map<Zone, number>, zone: Zone): void {
  counts.set(zone, (counts.get(zone) ?? 0) + 1);
}

async function within(where: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(`${where}: ${String(error)}`, { cause: error });
  }
}
