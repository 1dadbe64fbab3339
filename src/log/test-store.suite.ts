/**
 * The smallest store that a log can be tested in: a superblock, a log, and entries whose bodies
 * tell their LSN. Its checkpoint holds nothing but the position up to which it trusts the log.
 */

import { assert } from "../base/assert.ts";
import { plainChecksums } from "../base/checksums.ts";
import { batchNumber, generation, type Lsn, lsn, pageNumber, viewNumber } from "../base/ids.ts";
import { RingPlaces } from "../store/ring-places.ts";
import { SuperblockZone } from "../store/superblock.ts";
import type { Superblock } from "../store/superblock-format.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums, Clock } from "../world/world.ts";
import { BATCH_MAGIC } from "./batch-format.ts";
import type { BatchIndex } from "./batch-index.ts";
import type { LogEntry } from "./entry.ts";
import { currentGeneration, forgetGenerations, raiseGeneration } from "./generations.ts";
import { Log } from "./log.ts";
import type { LogAnchor, LogZone } from "./log-zone.ts";
import { recoverLog } from "./recovery.ts";

const RING_AT = 65536;
export const checksums: Checksums = plainChecksums();
export const volumeId: Uint8Array = new Uint8Array(16).map((_, index) => 0xa0 + index);

/** Time that stands still; what is due soon happens when the test says so. */
export class TestClock implements Clock {
  #due: (() => void)[] = [];

  wallMs(): number {
    return 0;
  }

  startFrom(): void {
    assert(false, "a log knows nothing of the time");
  }

  monotonicMs(): number {
    return 0;
  }

  after(): () => void {
    return () => undefined;
  }

  soon(fire: () => void): void {
    this.#due.push(fire);
  }

  /** Whether something was due. */
  turn(): boolean {
    const due = this.#due;
    this.#due = [];
    for (const fire of due) fire();
    return due.length > 0;
  }
}

export interface Geometry {
  readonly unitBytes: number;
  readonly ringUnits: number;
  readonly arenaBytes: number;
  /** Without it the ring lies in one row, all of it. */
  readonly segments?: {
    readonly units: number;
    /** For how many the volume has places, and how many of them the ring has at first. */
    readonly placeCount: number;
    readonly firstCount: number;
  };
}

export const smallGeometry: Geometry = { unitBytes: 512, ringUnits: 64, arenaBytes: 8192 };
/** Its places are few, and all over the volume. */
export const segmentedGeometry: Geometry = {
  ...smallGeometry,
  segments: { units: 4, placeCount: 11, firstCount: 7 },
};

export function zoneOf(geometry: Geometry): LogZone {
  const { unitBytes, ringUnits, segments } = geometry;
  const ringBytes = ringUnits * unitBytes;
  if (segments === undefined) return wholeZone(RING_AT, ringBytes, unitBytes);
  const first = placesOf(geometry).slice(0, segments.firstCount);
  const places = Array.from(
    { length: ringUnits / segments.units },
    (_, index) => first[index] ?? 0,
  );
  return { ringBytes, unitBytes, segmentBytes: segments.units * unitBytes, places };
}

/** Some of them follow each other as their segments do, some lie apart. */
function placesOf({ unitBytes, segments }: Geometry): readonly number[] {
  if (segments === undefined) return [RING_AT];
  const { units, placeCount } = segments;
  const order = Array.from({ length: placeCount }, (_, index) => index);
  const mixed = [...order.slice(5), ...order.slice(2, 5), ...order.slice(0, 2)];
  return mixed.map((index) => RING_AT + index * units * unitBytes);
}

/** A ring that lies in one row, all of it. */
export function wholeZone(at: number, ringBytes: number, unitBytes: number): LogZone {
  return { ringBytes, unitBytes, segmentBytes: ringBytes, places: [at] };
}

export function volumeBytesOf(geometry: Geometry): number {
  return Math.max(...placesOf(geometry)) + zoneOf(geometry).segmentBytes;
}

export async function freshVolume(geometry: Geometry = smallGeometry): Promise<MemoryVolume> {
  const volume = volumeOver(volumeBytesOf(geometry), geometry);
  await formatStore(volume, geometry);
  return volume;
}

export function volumeOver(
  content: PagedImage | number,
  { unitBytes }: Geometry = smallGeometry,
): MemoryVolume {
  return new MemoryVolume(content, { name: "memory", writeUnitBytes: unitBytes });
}

export async function formatStore(volume: Volume, geometry: Geometry): Promise<void> {
  await SuperblockZone.erase(volume);
  await zeroRing(volume, geometry);
  await SuperblockZone.format(volume, checksums, firstSuperblock(geometry));
}

async function zeroRing(volume: Volume, geometry: Geometry): Promise<void> {
  const volumeBytes = volumeBytesOf(geometry);
  await volume.grow(volumeBytes);
  await volume.write(RING_AT, new Uint8Array(volumeBytes - RING_AT));
  await volume.sync();
}

export function firstSuperblock(geometry: Geometry): Superblock {
  return {
    volumeId,
    view: viewNumber(1),
    wallMs: 0,
    cleanBatch: undefined,
    zone: zoneOf(geometry),
    pages: { at: volumeBytesOf(geometry), pageBytes: 16384, pageCount: 0 },
    anchor: {
      batch: batchNumber(1),
      position: 0,
      firstLsn: lsn(1),
      replayFrom: lsn(1),
      previousChecksum: 0,
    },
    root: { page: pageNumber(0), level: 0, generation: 0, checksumLow: 0, checksumHigh: 0 },
    map: {
      firstPage: pageNumber(0),
      pageCount: 0,
      lengthBytes: 0,
      checksumLow: 0,
      checksumHigh: 0,
    },
    generations: [{ generation: generation(1), firstBatch: batchNumber(1) }],
  };
}

/** An entry as a test compares it. */
export interface Seen {
  readonly lsn: number;
  readonly kind: number;
  readonly body: string;
}

export function seenOf(entry: LogEntry): Seen {
  const body = entry.bytes.subarray(entry.bodyAt, entry.bodyAt + entry.bodyBytes);
  return { lsn: entry.lsn, kind: entry.kind, body: hex(body) };
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Long enough for everything that a memory volume was asked to do. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

export class TestStore {
  readonly log: Log;
  readonly clock: TestClock;
  readonly superblocks: SuperblockZone;
  readonly recovered: readonly Seen[];
  readonly index: BatchIndex;
  readonly #arena: Uint8Array;
  readonly #geometry: Geometry;

  private constructor(
    log: Log,
    clock: TestClock,
    superblocks: SuperblockZone,
    recovered: readonly Seen[],
    index: BatchIndex,
    arena: Uint8Array,
    geometry: Geometry,
  ) {
    this.log = log;
    this.clock = clock;
    this.superblocks = superblocks;
    this.recovered = recovered;
    this.index = index;
    this.#arena = arena;
    this.#geometry = geometry;
  }

  static async open(
    volume: Volume,
    geometry: Geometry,
    recover: typeof recoverLog = recoverLog,
  ): Promise<TestStore> {
    const superblocks = await SuperblockZone.open(volume, checksums, async () => true);
    await superblocks.heal();
    const entries: Seen[] = [];
    const recovered = await recover(volume, checksums, superblocks.current, (entry) => {
      entries.push(seenOf(entry));
      return undefined;
    });
    const generations = raiseGeneration(superblocks.current.generations, recovered.end.batch);
    await superblocks.write({ ...superblocks.current, cleanBatch: undefined, generations });
    const arena = new Uint8Array(geometry.arenaBytes + 64).fill(0xee);
    const clock = new TestClock();
    const log = new Log({
      volume,
      clock,
      checksums,
      volumeId,
      generation: currentGeneration(generations).generation,
      view: viewNumber(7),
      arena: { bytes: arena, at: 64, lengthBytes: geometry.arenaBytes },
      recovered,
      reserveBytes: 4 * geometry.unitBytes,
    });
    return new TestStore(log, clock, superblocks, entries, recovered.index, arena, geometry);
  }

  /** Appends if there is room. */
  append(kind: number, body: Uint8Array, useReserve = false): Lsn | undefined {
    if (!this.log.room(body.length, useReserve)) return undefined;
    if (body.length > this.log.stagedBodyBytesMax) return this.log.appendLarge(kind, body);
    this.#arena.set(body, this.log.bodyAt);
    return this.log.append(kind, body.length);
  }

  /** Lets everything that is due happen. */
  async settle(): Promise<void> {
    const log = this.log;
    while (log.durableLsn < log.appendedLsn && log.failure === undefined) {
      this.clock.turn();
      await idle();
    }
  }

  async checkpoint(position: Lsn): Promise<LogAnchor> {
    const anchor = this.log.anchorAfter(position);
    const { current } = this.superblocks;
    const generations = forgetGenerations(current.generations, anchor.batch);
    await this.superblocks.write({ ...current, anchor, generations });
    this.log.truncate(anchor);
    return anchor;
  }

  /**
   * Gives the first segment without a place one: a spare one's, or one that the ring never had.
   * False if there is neither.
   */
  async place(): Promise<boolean> {
    const { log, superblocks } = this;
    const { firstUnplaced, places: before } = log;
    if (firstUnplaced === Number.POSITIVE_INFINITY) return false;
    const plan = new RingPlaces(before, log.headSegment, log.segmentBytes);
    if (!plan.moveSpare(firstUnplaced, firstUnplaced + 1)) {
      const place = placesOf(this.#geometry).find((at) => !before.includes(at));
      if (place === undefined) return false;
      plan.put(firstUnplaced, place);
    }
    const { places } = plan;
    await superblocks.change((current) => ({ ...current, zone: { ...current.zone, places } }));
    log.place(places);
    return true;
  }

  async close(): Promise<void> {
    const closed = this.log.close();
    await Promise.all([closed, this.settle()]);
    const cleanBatch = this.log.lastBatch;
    await this.superblocks.write({ ...this.superblocks.current, cleanBatch });
  }
}

/** Some bytes that no other entry has; every third body imitates headers of batches. */
export function bodyOf(tag: number, length: number): Uint8Array {
  const body = new Uint8Array(length);
  const view = new DataView(body.buffer);
  for (let index = 0; index < length; index++) body[index] = (tag * 31 + index * 7) & 0xff;
  if (tag % 3 === 0) {
    for (let at = 0; at + 4 <= length; at += 4) view.setUint32(at, BATCH_MAGIC, true);
  }
  view.setUint32(0, tag, true);
  return body;
}
