/**
 * The ring: positions of the log as places on a volume. A run of units that passes the ring's end
 * goes on at its beginning, in two reads or writes; it is durable when both are.
 */

import { assert } from "../base/assert.ts";
import type { Volume } from "../volume/volume.ts";
import type { LogZone } from "./log-zone.ts";

const ZERO_BYTES = 1 << 20;

export class Ring {
  readonly volume: Volume;
  readonly unitBytes: number;
  readonly unitCount: number;
  readonly #at: number;

  constructor(volume: Volume, zone: LogZone) {
    this.volume = volume;
    this.unitBytes = zone.unitBytes;
    this.unitCount = zone.ringBytes / zone.unitBytes;
    this.#at = zone.at;
  }

  /** How many units hold so many bytes. */
  unitsOf(sizeBytes: number): number {
    return Math.ceil(sizeBytes / this.unitBytes);
  }

  /** Where on the volume the unit at `position` lies. */
  byteAt(position: number): number {
    return this.#at + (position % this.unitCount) * this.unitBytes;
  }

  async read(position: number, target: Uint8Array): Promise<void> {
    const split = this.#split(position, target.length);
    await this.volume.read(this.byteAt(position), target.subarray(0, split));
    if (split === target.length) return;
    await this.volume.read(this.#at, target.subarray(split));
  }

  async writeDurable(position: number, source: Uint8Array): Promise<void> {
    const split = this.#split(position, source.length);
    await this.volume.writeDurable(this.byteAt(position), source.subarray(0, split));
    if (split === source.length) return;
    await this.volume.writeDurable(this.#at, source.subarray(split));
  }

  /** As `writeDurable`, blocking; false where the volume cannot, and then it must be used. */
  writeDurableNow(position: number, source: Uint8Array): boolean {
    const split = this.#split(position, source.length);
    const first = source.subarray(0, split);
    if (!this.volume.writeDurableNow(this.byteAt(position), first)) return false;
    if (split === source.length) return true;
    return this.volume.writeDurableNow(this.#at, source.subarray(split));
  }

  /** How many of so many bytes lie before the ring's end. */
  #split(position: number, sizeBytes: number): number {
    const ringBytes = this.unitCount * this.unitBytes;
    assert(sizeBytes <= ringBytes, "no run of units meets itself");
    return Math.min(sizeBytes, ringBytes - (position % this.unitCount) * this.unitBytes);
  }
}

/**
 * Makes the whole ring zero, durably, growing the volume where it is shorter. Nothing in it is then
 * part of a log, and a write into it does not make the file system allocate, which would double the
 * time of every commit.
 */
export async function zeroRing(volume: Volume, zone: LogZone): Promise<void> {
  const end = zone.at + zone.ringBytes;
  const oldEnd = Math.min(volume.sizeBytes, end);
  await volume.grow(end);
  const zeroes = new Uint8Array(ZERO_BYTES);
  for (let at = zone.at; at < oldEnd; at += ZERO_BYTES) {
    await volume.write(at, zeroes.subarray(0, Math.min(ZERO_BYTES, oldEnd - at)));
  }
  await volume.sync();
}
