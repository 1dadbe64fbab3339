/**
 * Consecutive stripes that are written from their beginning on: what was taken of them so far, as
 * columns, so that what lies together on a member lies together here. Their locks are held.
 *
 * Parity and checksums of a stripe are computed when the last of it is taken, while all of it is in
 * the processor's cache.
 */

import type { Lease } from "./lease.ts";
import type { Shaped } from "./shape.ts";
import type { StripeChecksums } from "./stripe-checksums.ts";
import type { StripeLock } from "./stripe-locks.ts";

export class GatheredRun {
  readonly shaped: Shaped;
  readonly lock: StripeLock;
  /** By slot; where the parity belongs there is anything. */
  readonly columns: readonly Uint8Array[];
  /** On the columns. */
  readonly lease: Lease;
  /** Of each whole stripe: those of its blocks, slot after slot. */
  readonly checksums: Uint32Array[] = [];
  readonly #stripeChecksums: StripeChecksums;
  #filledBytes = 0;

  constructor(
    shaped: Shaped,
    lock: StripeLock,
    columns: readonly Uint8Array[],
    lease: Lease,
    stripeChecksums: StripeChecksums,
  ) {
    this.shaped = shaped;
    this.lock = lock;
    this.columns = columns;
    this.lease = lease;
    this.#stripeChecksums = stripeChecksums;
  }

  /** The byte of the array at which it begins. */
  get at(): number {
    return this.lock.first * this.shaped.geometry.stripeBytes;
  }

  /** The byte of the array after the last that was taken. */
  get end(): number {
    return this.at + this.#filledBytes;
  }

  get isFull(): boolean {
    return this.end === this.lock.end * this.shaped.geometry.stripeBytes;
  }

  /** How many stripes were taken whole. */
  get wholeStripes(): number {
    return this.checksums.length;
  }

  get stripeCount(): number {
    return this.lock.end - this.lock.first;
  }

  overlaps(at: number, byteCount: number): boolean {
    return this.at < at + byteCount && at < this.end;
  }

  /** Takes as much as there is room for of whole blocks that follow, and says how much. */
  take(source: Uint8Array): number {
    const { chunkBytes, stripeBytes } = this.shaped.geometry;
    const room = this.stripeCount * stripeBytes - this.#filledBytes;
    const length = Math.min(room, source.length);
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, chunkBytes - (this.#filledBytes % chunkBytes));
      this.#placeOf(this.#filledBytes, part).set(source.subarray(done, done + part));
      this.#filledBytes += part;
      if (this.#filledBytes % stripeBytes === 0) this.#completeStripe();
      done += part;
    }
    return length;
  }

  /** What was taken of the stripe after the whole ones. */
  tail(): Uint8Array {
    const { chunkBytes, stripeBytes } = this.shaped.geometry;
    const first = this.wholeStripes * stripeBytes;
    const bytes = new Uint8Array(this.#filledBytes - first);
    for (let done = 0; done < bytes.length; done += chunkBytes) {
      const part = Math.min(chunkBytes, bytes.length - done);
      bytes.set(this.#placeOf(first + done, part), done);
    }
    return bytes;
  }

  #completeStripe(): void {
    const { geometry, math } = this.shaped;
    const { chunkBytes, dataCount, slotCount } = geometry;
    const turn = this.wholeStripes;
    const stripe = this.lock.first + turn;
    if (math !== undefined) {
      const chunks = Array.from({ length: slotCount }, (_, index) => {
        const column = this.columns[geometry.slotOfIndex(stripe, index)] as Uint8Array;
        return column.subarray(turn * chunkBytes, (turn + 1) * chunkBytes);
      });
      math.compute(chunks.slice(0, dataCount), chunks.slice(dataCount));
    }
    this.checksums.push(this.#stripeChecksums.of(this.shaped, stripe, this.columns, turn));
  }

  /** Where bytes of one chunk are. */
  #placeOf(at: number, byteCount: number): Uint8Array {
    const { geometry } = this.shaped;
    const { chunkBytes, dataCount } = geometry;
    const chunk = Math.floor(at / chunkBytes);
    const turn = Math.floor(chunk / dataCount);
    const slot = geometry.dataSlot(this.lock.first + turn, chunk % dataCount);
    const from = turn * chunkBytes + (at % chunkBytes);
    return (this.columns[slot] as Uint8Array).subarray(from, from + byteCount);
  }
}
