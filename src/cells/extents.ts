/**
 * Extents: values too long for a page, each in a run of pages of its own.
 *
 * A new extent stays in memory until a checkpoint has written it; then, and when it was read, it
 * may be forgotten, the least recently used first. The reference in the leaf holds its checksum.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { Slab } from "../base/slab.ts";
import type { Volume } from "../volume/volume.ts";
import type { Checksums } from "../world/world.ts";
import { type Load, Loads } from "./loads.ts";
import { EXTENT_REFERENCE_BYTES, PAGE_BYTES } from "./page.ts";

/** Where an extent is and what its bytes must be. */
export interface ExtentReference {
  readonly first: number;
  readonly lengthBytes: number;
  readonly generation: number;
  readonly sumLow: number;
  readonly sumHigh: number;
}

/** The share of what may stay in memory that is asked for at once. */
const AHEAD_SHARE = 4;

interface Held {
  readonly bytes: Uint8Array;
  readonly generation: number;
  dirty: boolean;
  /** How many leases keep it in memory. */
  leaseCount: number;
}

export interface ExtentsOptions {
  readonly volume: Volume;
  readonly pagesAt: number;
  readonly checksums: Checksums;
  readonly checksumSeed: number;
  /** How many bytes of extents that are also on the volume, and not leased, may stay in memory. */
  readonly cacheBytes: number;
}

export class Extents {
  readonly #options: ExtentsOptions;
  /** By first page, the least recently used first. */
  readonly #held = new Map<number, Held>();
  readonly #loads = new Loads();
  #cleanBytes = 0;
  /** Of those, what leases keep. */
  #leasedBytes = 0;
  #dirtyBytes = 0;

  constructor(options: ExtentsOptions) {
    this.#options = options;
  }

  get dirtyBytes(): number {
    return this.#dirtyBytes;
  }

  /** In memory and on the volume. */
  get cleanBytes(): number {
    return this.#cleanBytes;
  }

  /** Of values that are loaded together, so that none takes the place of another. */
  get aheadBytesMax(): number {
    return this.#options.cacheBytes / AHEAD_SHARE;
  }

  /** Takes a copy of the value and writes its reference to `slab` at `referenceAt`. */
  add(
    first: number,
    generation: number,
    source: Uint8Array,
    at: number,
    length: number,
    slab: Slab,
    referenceAt: number,
  ): void {
    const bytes = source.slice(at, at + length);
    this.#held.set(first, { bytes, generation, dirty: true, leaseCount: 0 });
    this.#dirtyBytes += length;
    this.#sum(first, bytes);
    const { xxh64Low: sumLow, xxh64High: sumHigh } = this.#options.checksums;
    const reference = { first, lengthBytes: length, generation, sumLow, sumHigh };
    writeReference(slab, referenceAt, reference);
  }

  /** The value that begins at page `first`, if it is in memory. */
  find(first: number): Uint8Array | undefined {
    const held = this.#held.get(first);
    if (held === undefined) return undefined;
    if (!held.dirty) {
      this.#held.delete(first);
      this.#held.set(first, held);
    }
    return held.bytes;
  }

  /** As `find`, but does not keep it in memory for longer. */
  has(first: number): boolean {
    return this.#held.has(first);
  }

  /**
   * Brings the extent into memory, unless it is let go meanwhile. `ERR_CORRUPT` if it is not what
   * was written there.
   */
  load(reference: ExtentReference): Promise<void> {
    return this.#loads.join(reference.first, (load) => this.#load(reference, load));
  }

  /** Keeps the extent in memory until `unlease`; false if it is not there. */
  lease(first: number): boolean {
    const held = this.#held.get(first);
    if (held === undefined) return false;
    if (held.leaseCount++ === 0 && !held.dirty) this.#leasedBytes += held.bytes.length;
    return true;
  }

  unlease(first: number): void {
    const held = this.#held.get(first);
    if (held === undefined || held.leaseCount === 0) return;
    if (--held.leaseCount === 0 && !held.dirty) this.#leasedBytes -= held.bytes.length;
  }

  /** Nobody can ask for extents that begin on these pages any more. */
  drop(first: number, count: number): void {
    this.#loads.drop(first, count);
    if (this.#held.size === 0) return;
    for (let page = first; page < first + count; page++) this.#forget(page);
  }

  /** The first pages of all extents of at most this generation that are not written yet. */
  dirtyExtents(generation: number): number[] {
    return [...this.#held]
      .filter(([, held]) => held.dirty && held.generation <= generation)
      .map(([first]) => first);
  }

  async write(first: number): Promise<void> {
    const held = this.#held.get(first);
    if (held === undefined) return;
    const padded = new Uint8Array(extentPages(held.bytes.length) * PAGE_BYTES);
    padded.set(held.bytes);
    await this.#options.volume.write(this.#options.pagesAt + first * PAGE_BYTES, padded);
    if (this.#held.get(first) !== held) return;
    held.dirty = false;
    this.#dirtyBytes -= held.bytes.length;
    this.#cleanBytes += held.bytes.length;
    if (held.leaseCount > 0) this.#leasedBytes += held.bytes.length;
    this.#evict(first);
  }

  async #load(reference: ExtentReference, load: Load): Promise<void> {
    const { volume, pagesAt, checksums } = this.#options;
    const bytes = new Uint8Array(reference.lengthBytes);
    try {
      await volume.read(pagesAt + reference.first * PAGE_BYTES, bytes);
    } catch (error) {
      // The place of what was let go may not even be there any more.
      if (load.isWanted) throw error;
    }
    if (!load.isWanted) return;
    this.#sum(reference.first, bytes);
    if (checksums.xxh64Low !== reference.sumLow || checksums.xxh64High !== reference.sumHigh) {
      const position = pagesAt + reference.first * PAGE_BYTES;
      throw new Fault(
        "ERR_CORRUPT",
        `The value of ${reference.lengthBytes} bytes on page ${reference.first} of ` +
          `${volume.name}, at byte ${position}, is not what was written there: its checksum ` +
          "differs from the one its row holds. Write the value again, or restore a backup",
        { page: reference.first, position, volume: volume.name },
      );
    }
    if (this.#held.has(reference.first)) return;
    const { generation } = reference;
    this.#held.set(reference.first, { bytes, generation, dirty: false, leaseCount: 0 });
    this.#cleanBytes += bytes.length;
    this.#evict(reference.first);
  }

  /** Forgets clean extents until they are within the budget; the one asked for last stays. */
  #evict(keep: number): void {
    for (const [first, held] of this.#held) {
      if (this.#cleanBytes - this.#leasedBytes <= this.#options.cacheBytes) return;
      if (!held.dirty && held.leaseCount === 0 && first !== keep) this.#forget(first);
    }
  }

  #forget(first: number): void {
    const held = this.#held.get(first);
    if (held === undefined) return;
    this.#held.delete(first);
    if (held.dirty) this.#dirtyBytes -= held.bytes.length;
    else {
      this.#cleanBytes -= held.bytes.length;
      if (held.leaseCount > 0) this.#leasedBytes -= held.bytes.length;
    }
    assert(this.#leasedBytes >= 0 && this.#dirtyBytes >= 0, "extents are counted once");
    assert(this.#leasedBytes <= this.#cleanBytes, "extents are counted once");
  }

  #sum(first: number, bytes: Uint8Array): void {
    this.#options.checksums.xxh64(bytes, first, this.#options.checksumSeed);
  }
}

/** References lie where a suffix ends, on no word's boundary. */
export function readReference(slab: Slab, at: number): ExtentReference {
  const view = new DataView(slab.bytes.buffer, at, EXTENT_REFERENCE_BYTES);
  return {
    first: Number(view.getBigUint64(0, true)),
    lengthBytes: Number(view.getBigUint64(8, true)),
    generation: Number(view.getBigUint64(16, true)),
    sumLow: view.getUint32(24, true),
    sumHigh: view.getUint32(28, true),
  };
}

function writeReference(slab: Slab, at: number, reference: ExtentReference): void {
  const view = new DataView(slab.bytes.buffer, at, EXTENT_REFERENCE_BYTES);
  view.setBigUint64(0, BigInt(reference.first), true);
  view.setBigUint64(8, BigInt(reference.lengthBytes), true);
  view.setBigUint64(16, BigInt(reference.generation), true);
  view.setUint32(24, reference.sumLow, true);
  view.setUint32(28, reference.sumHigh, true);
}

/** How many pages a value of `lengthBytes` takes. */
export function extentPages(lengthBytes: number): number {
  return Math.ceil(lengthBytes / PAGE_BYTES);
}
