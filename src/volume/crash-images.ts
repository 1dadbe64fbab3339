/**
 * The images that a crash may leave on a volume, after any number of events of a recorded run.
 *
 *  - `process`: the process was killed. What it had written by then is there; of a write under
 *    way there is some first part.
 *  - `power`: the power was lost. What was made durable is there. Of every other write that had
 *    begun, each sector of 512 bytes is old or new by itself, whatever the order of the writes
 *    was; but a sector that holds a write holds what was written to it before as well.
 *
 * A cut that is under way has been made or has not; nothing is written there until it has ended.
 *
 * Which of the legal images it is, the seed decides. Images share their pages with each other, so
 * that making one costs a table of pages and the sectors in doubt. Points that are asked for in
 * ascending order cost least.
 */

import { assert } from "../base/assert.ts";
import { SeededRandom } from "../base/random.ts";
import type { PagedImage } from "./paged-image.ts";
import type { RecordedWrite, RecordingVolume } from "./recording-volume.ts";

export type Crash = "process" | "power";

const SECTOR_BYTES = 512;

export class CrashImages {
  readonly #recording: RecordingVolume;
  #image: PagedImage;
  /** For each sector, one more than the index of the last write whose bytes are in the image. */
  #floors: Uint32Array;
  #point = 0;
  /** The point up to which writes are being put into the image. */
  #settlingPoint = 0;
  /** Begun by now and not yet in the image, by their indexes in `writes`, ascending. */
  #pending: number[] = [];
  #begunCount = 0;
  readonly #crash: Crash;

  constructor(recording: RecordingVolume, crash: Crash) {
    this.#recording = recording;
    this.#crash = crash;
    this.#image = recording.before.copy();
    this.#floors = new Uint32Array(sectorCount(this.#image.sizeBytes));
  }

  /** What no crash can undo when `point` events had happened, and nothing else. */
  without(point: number): PagedImage {
    assert(0 <= point && point <= this.#recording.point, "the point lies within the run");
    if (point < this.#point) this.#restart();
    this.#advance(point);
    return this.#image.copy();
  }

  /** The image after a crash when `point` events had happened. It is the caller's own. */
  after(point: number, seed: number): PagedImage {
    const image = this.without(point);
    const random = new SeededRandom(seed).stream(`${this.#crash} ${point}`);
    if (this.#crash === "process") this.#keepBeginnings(image, random);
    else this.#keepSectors(image, random);
    this.#cut(image, random);
    return image;
  }

  #cut(image: PagedImage, random: SeededRandom): void {
    for (const index of this.#pending) {
      const { kind, sizeBytes } = this.#write(index);
      if (kind === "shrink" && random.chance(50)) image.resize(sizeBytes);
    }
  }

  #restart(): void {
    this.#image = this.#recording.before.copy();
    this.#floors = new Uint32Array(sectorCount(this.#image.sizeBytes));
    this.#point = 0;
    this.#pending = [];
    this.#begunCount = 0;
  }

  #advance(point: number): void {
    const writes = this.#recording.writes;
    while (this.#begunCount < writes.length && this.#write(this.#begunCount).begun <= point) {
      this.#pending.push(this.#begunCount++);
    }
    this.#settlingPoint = point;
    const settled = (index: number): boolean => this.#settledAt(this.#write(index)) <= point;
    for (const index of this.#pending.filter(settled)) this.#settle(index);
    this.#pending = this.#pending.filter((index) => !settled(index));
    this.#point = point;
  }

  #settledAt(write: RecordedWrite): number {
    return this.#crash === "process" ? write.ended : write.durable;
  }

  /** Puts the write into the image, under those that began later and are there already. */
  #settle(index: number): void {
    const write = this.#write(index);
    if (write.kind === "shrink") this.#image.resize(write.sizeBytes);
    else this.#makeRoom(this.#image, write);
    if (sectorCount(this.#image.sizeBytes) > this.#floors.length) {
      const floors = new Uint32Array(sectorCount(this.#image.sizeBytes));
      floors.set(this.#floors);
      this.#floors = floors;
    }
    for (const sector of sectorsOf(write)) {
      copySector(write, sector, this.#image);
      if (index < (this.#floors[sector] as number)) this.#settleAgain(index, sector);
      else this.#floors[sector] = index + 1;
    }
  }

  /** Puts the later writes of the sector that are in the image there once more. */
  #settleAgain(index: number, sector: number): void {
    const [from, to] = [sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES];
    for (let later = index + 1; later < (this.#floors[sector] as number); later++) {
      const write = this.#write(later);
      const isThere = write.at < to && from < write.at + write.bytes.length;
      if (isThere && this.#settledAt(write) <= this.#settlingPoint) {
        copySector(write, sector, this.#image);
      }
    }
  }

  #keepBeginnings(image: PagedImage, random: SeededRandom): void {
    for (const index of this.#pending) {
      const write = this.#write(index);
      if (random.chance(50)) this.#makeRoom(image, write);
      const sectors = sectorsOf(write).filter((sector) => this.#isOpen(image, sector, index));
      const kept = random.below(sectors.length + 1);
      for (const sector of sectors.slice(0, kept)) copySector(write, sector, image);
    }
  }

  #keepSectors(image: PagedImage, random: SeededRandom): void {
    const versions = new Map<number, number[]>();
    for (const index of this.#pending) {
      const write = this.#write(index);
      if (random.chance(50)) this.#makeRoom(image, write);
      for (const sector of sectorsOf(write)) {
        if (!this.#isOpen(image, sector, index)) continue;
        const present = versions.get(sector);
        if (present === undefined) versions.set(sector, [index]);
        else present.push(index);
      }
    }
    const fates = new Map(this.#pending.map((index) => [index, random.below(3)]));
    for (const [sector, indexes] of versions) {
      const newest = indexes.findLastIndex((index) => survives(fates.get(index), random));
      for (const index of indexes.slice(0, newest + 1)) {
        copySector(this.#write(index), sector, image);
      }
    }
  }

  /** Whether the write may still reach the sector: it is there, and holds no later write. */
  #isOpen(image: PagedImage, sector: number, index: number): boolean {
    const { at, bytes } = this.#write(index);
    const end = Math.min(at + bytes.length, (sector + 1) * SECTOR_BYTES);
    return end <= image.sizeBytes && (this.#floors[sector] ?? 0) <= index;
  }

  #makeRoom(image: PagedImage, write: RecordedWrite): void {
    if (write.kind === "grow" && image.sizeBytes < write.sizeBytes) image.resize(write.sizeBytes);
  }

  #write(index: number): RecordedWrite {
    return this.#recording.writes[index] as RecordedWrite;
  }
}

/** A third of the writes is kept whole, a third is lost whole, and a third is torn. */
function survives(fate: number | undefined, random: SeededRandom): boolean {
  return fate === 0 || (fate === 1 && random.chance(50));
}

function sectorsOf(write: RecordedWrite): number[] {
  if (write.bytes.length === 0) return [];
  const first = Math.floor(write.at / SECTOR_BYTES);
  const end = sectorCount(write.at + write.bytes.length);
  return Array.from({ length: end - first }, (_, index) => first + index);
}

/** Copies what the write has for the sector. */
function copySector(write: RecordedWrite, sector: number, image: PagedImage): void {
  const from = Math.max(write.at, sector * SECTOR_BYTES);
  const to = Math.min(write.at + write.bytes.length, (sector + 1) * SECTOR_BYTES);
  image.write(from, write.bytes.subarray(from - write.at, to - write.at));
}

function sectorCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SECTOR_BYTES);
}
