/**
 * A file of a simulated disk, without its name: what the page cache holds, what the medium holds,
 * and which writes are in the one and not yet in the other.
 *
 * What is not yet durable is kept by sectors of 512 bytes, each with its versions in the order of
 * the writes. When the power goes, each sector becomes one of them or stays as it was. The size
 * is in doubt by itself, so that a file may come back longer and full of zeroes.
 */

import type { SeededRandom } from "../base/random.ts";
import { PagedImage } from "../volume/paged-image.ts";

const SECTOR_BYTES = 512;

interface Version {
  readonly order: number;
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** What a sync that begins now will have made durable when it ends. */
export interface SyncPoint {
  readonly order: number;
  readonly sizeBytes: number;
}

export class SimulatedInode {
  cache: PagedImage = new PagedImage(0);
  durable: PagedImage = new PagedImage(0);
  #versions = new Map<number, Version[]>();
  #order = 0;
  /** The cuts that are not durable yet. */
  #cuts: { readonly order: number; readonly sizeBytes: number }[] = [];

  get sizeBytes(): number {
    return this.cache.sizeBytes;
  }

  /** Takes the bytes into the page cache. */
  write(at: number, source: Uint8Array): void {
    if (source.length === 0) return;
    if (this.cache.sizeBytes < at + source.length) this.cache.resize(at + source.length);
    this.cache.write(at, source);
    const version = { order: ++this.#order, at, bytes: source.slice() };
    for (const sector of sectors(at, source.length)) {
      const versions = this.#versions.get(sector);
      if (versions === undefined) this.#versions.set(sector, [version]);
      else versions.push(version);
    }
  }

  truncate(sizeBytes: number): void {
    const before = this.sizeBytes;
    this.cache.resize(sizeBytes);
    if (before <= sizeBytes) return;
    this.#cuts.push({ order: ++this.#order, sizeBytes });
    // What was written past the cut must not come back when the file grows again.
    const last = Math.floor(sizeBytes / SECTOR_BYTES);
    for (const sector of this.#versions.keys()) if (last < sector) this.#versions.delete(sector);
    const zeroes = new Uint8Array((last + 1) * SECTOR_BYTES - sizeBytes);
    const versions = this.#versions.get(last);
    versions?.push({ order: this.#order, at: sizeBytes, bytes: zeroes });
  }

  syncPoint(): SyncPoint {
    return { order: this.#order, sizeBytes: this.sizeBytes };
  }

  /** Makes durable what was in the page cache then. */
  settle(point: SyncPoint): void {
    this.#settleSize(point);
    for (const sector of this.#versions.keys()) this.#settleSector(sector, point.order);
  }

  /** Makes durable what the page cache holds of these bytes. */
  settleRange(at: number, length: number): void {
    this.#settleSize(this.syncPoint());
    for (const sector of sectors(at, length)) this.#settleSector(sector, this.#order);
  }

  /** Counts what was in the page cache then as durable, though it is not. */
  forgetUnsynced(point: SyncPoint): void {
    for (const sector of this.#versions.keys()) this.#take(sector, point.order);
  }

  /** Changes bytes where they are stored, behind everybody's back. */
  rot(at: number, length: number, change: (bytes: Uint8Array) => void): void {
    const bytes = new Uint8Array(Math.min(length, Math.max(0, this.sizeBytes - at)));
    this.cache.read(at, bytes);
    change(bytes);
    this.cache.write(at, bytes);
    const durableBytes = Math.max(0, Math.min(bytes.length, this.durable.sizeBytes - at));
    this.durable.write(at, bytes.subarray(0, durableBytes));
  }

  /** What is left when the power has gone. */
  losePower(random: SeededRandom): void {
    if (random.chance(50)) this.#settleSize(this.syncPoint());
    const fates = new Map<Version, number>();
    for (const [sector, versions] of this.#versions) {
      const newest = versions.findLastIndex((version) => survives(version, fates, random));
      for (const version of versions.slice(0, newest + 1)) this.#apply(version, sector);
    }
    this.#versions = new Map();
    this.cache = this.durable.copy();
    this.#cuts = [];
  }

  #settleSize(point: SyncPoint): void {
    for (const cut of this.#cuts) {
      const isDue = cut.order <= point.order && cut.sizeBytes < this.durable.sizeBytes;
      if (isDue) this.durable.resize(cut.sizeBytes);
    }
    this.#cuts = this.#cuts.filter((cut) => point.order < cut.order);
    const sizeBytes = Math.min(point.sizeBytes, this.sizeBytes);
    if (this.durable.sizeBytes < sizeBytes) this.durable.resize(sizeBytes);
  }

  #settleSector(sector: number, order: number): void {
    for (const version of this.#take(sector, order)) this.#apply(version, sector);
  }

  /** Takes out the versions of a sector up to that write. */
  #take(sector: number, order: number): readonly Version[] {
    const versions = this.#versions.get(sector) ?? [];
    const count = versions.findLastIndex((version) => version.order <= order) + 1;
    if (count === versions.length) this.#versions.delete(sector);
    return versions.splice(0, count);
  }

  /** Puts on the medium what the version has for the sector, as far as the file reaches. */
  #apply({ at, bytes }: Version, sector: number): void {
    const from = Math.max(at, sector * SECTOR_BYTES);
    const end = Math.min(at + bytes.length, (sector + 1) * SECTOR_BYTES, this.durable.sizeBytes);
    if (from < end) this.durable.write(from, bytes.subarray(from - at, end - at));
  }
}

/** A third of the writes is kept whole, a third is lost whole, and a third is torn. */
function survives(version: Version, fates: Map<Version, number>, random: SeededRandom): boolean {
  let fate = fates.get(version);
  if (fate === undefined) {
    fate = random.below(3);
    fates.set(version, fate);
  }
  return fate === 0 || (fate === 1 && random.chance(50));
}

function sectors(at: number, length: number): readonly number[] {
  const first = Math.floor(at / SECTOR_BYTES);
  const end = Math.ceil((at + length) / SECTOR_BYTES);
  return Array.from({ length: end - first }, (_, index) => first + index);
}
