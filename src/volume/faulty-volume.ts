/**
 * Any volume, with the faults of a plan. It keeps the rules of `Volume` as a real one does: after
 * a write or sync that failed it is failed for ever; what it answers wrongly it does not notice.
 */

import { unreachable } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import type { SeededRandom } from "../base/random.ts";
import type { Clock } from "../world/world.ts";
import type { FaultPlan, Strike, StorageOperation } from "./fault-plan.ts";
import type { Volume } from "./volume.ts";
import { assertWithin, checkReadable, VolumeState } from "./volume-state.ts";

export interface FaultyVolumeOptions {
  readonly plan: FaultPlan;
  /** Chooses the bits that rot. */
  readonly random: SeededRandom;
  /** Slow operations wait by it. */
  readonly clock: Clock;
  /** Told of a crash that the plan ordered; from then on no operation ends. */
  readonly crash: (how: "process" | "power") => void;
}

/** Where an operation takes place in the end; undefined where it does not. */
type Place = number | undefined;

const forever = new Promise<never>(() => undefined);

export class FaultyVolume implements Volume {
  readonly #inner: Volume;
  readonly #options: FaultyVolumeOptions;
  readonly #state: VolumeState;
  #crashed = false;

  constructor(inner: Volume, options: FaultyVolumeOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#state = new VolumeState(inner.name);
  }

  get name(): string {
    return this.#inner.name;
  }

  get writeUnitBytes(): number {
    return this.#inner.writeUnitBytes;
  }

  get sizeBytes(): number {
    return this.#inner.sizeBytes;
  }

  get canShrink(): boolean {
    return this.#inner.canShrink;
  }

  get failure(): Error | undefined {
    return this.#state.failure ?? this.#inner.failure;
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    this.#state.checkOpen();
    checkReadable(this.name, this.sizeBytes, at, target.length);
    const place = await this.#meet("read", at, target.length, undefined);
    if (place !== undefined) await this.#inner.read(place, target);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    await this.#change("write", at, source, async (place, bytes) => {
      await this.#inner.write(place, bytes);
    });
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    await this.#change("durable", at, source, async (place, bytes) => {
      await this.#inner.writeDurable(place, bytes);
    });
  }

  /** Never can: a fault may need time. */
  writeDurableNow(_at: number, _source: Uint8Array): boolean {
    this.#state.checkWritable();
    return false;
  }

  async sync(): Promise<void> {
    this.#state.checkWritable();
    const sync = async (): Promise<void> => {
      const place = await this.#meet("sync", 0, this.sizeBytes, undefined);
      if (place !== undefined) await this.#inner.sync();
    };
    await this.#keep(sync, (error) => this.#state.syncFailed(error));
  }

  async grow(sizeBytes: number): Promise<void> {
    this.#state.checkWritable();
    if (sizeBytes <= this.sizeBytes) return;
    await this.#keep(async () => {
      await this.#meet("grow", this.sizeBytes, sizeBytes - this.sizeBytes, undefined);
      await this.#inner.grow(sizeBytes);
    });
  }

  async shrink(sizeBytes: number): Promise<void> {
    this.#state.checkWritable();
    if (this.sizeBytes <= sizeBytes) return;
    await this.#keep(async () => {
      const place = await this.#meet("truncate", sizeBytes, this.sizeBytes - sizeBytes, undefined);
      if (place !== undefined) await this.#inner.shrink(sizeBytes);
    });
  }

  async close(): Promise<void> {
    if (this.#state.closed) return;
    this.#state.close();
    await this.#inner.close();
  }

  async #change(
    operation: "write" | "durable",
    at: number,
    source: Uint8Array,
    write: (place: number, bytes: Uint8Array) => Promise<void>,
  ): Promise<void> {
    this.#state.checkWritable();
    assertWithin(this.sizeBytes, at, source.length);
    await this.#keep(async () => {
      const place = await this.#meet(operation, at, source.length, source);
      if (place === undefined) return;
      await write(place, source);
      this.#options.plan.written(this.name, place, source.length);
    });
  }

  /** Meets what the plan has for the operation, and returns where it is to take place. */
  async #meet(
    operation: StorageOperation,
    at: number,
    length: number,
    source: Uint8Array | undefined,
  ): Promise<Place> {
    if (this.#isDead()) return await forever;
    const strike = this.#options.plan.strike({ operation, path: this.name, at, length });
    if (strike === undefined) return at;
    const place = await this.#suffer(strike, operation, at, length, source);
    // Another operation may have met its crash meanwhile.
    if (this.#isDead()) return await forever;
    return place;
  }

  #isDead(): boolean {
    return this.#crashed;
  }

  async #suffer(
    { fault, range }: Strike,
    operation: StorageOperation,
    at: number,
    length: number,
    source: Uint8Array | undefined,
  ): Promise<Place> {
    switch (fault.kind) {
      case "error":
      case "unreadable":
        throw this.#fault("ERR_IO", operation, at, length);
      case "full":
        throw this.#fault("ERR_FULL", operation, at, length);
      case "short":
        if (source !== undefined) await this.#inner.write(at, source.subarray(0, fault.keptBytes));
        throw this.#fault("ERR_IO", operation, at, length);
      case "lost":
        return undefined;
      case "misdirected":
        return misplaced(at, length, fault.byBytes, this.sizeBytes);
      case "rot":
        await this.#rot(range.at, Math.min(range.length, this.sizeBytes), fault.bitCount);
        return at;
      case "slow":
        await new Promise<void>((resolve) => this.#options.clock.after(fault.delayMs, resolve));
        return at;
      case "stalled":
        await new Promise<void>((resolve) => {
          this.#options.plan.onRelease(resolve);
        });
        return at;
      case "crash":
        this.#crashed = true;
        this.#options.crash(fault.how);
        return undefined;
      default:
        return unreachable(fault);
    }
  }

  async #rot(at: number, length: number, bitCount: number): Promise<void> {
    const bytes = new Uint8Array(length);
    await this.#inner.read(at, bytes);
    flipBits(bytes, bitCount, this.#options.random);
    await this.#inner.write(at, bytes);
  }

  async #keep(
    run: () => Promise<void>,
    failed: (error: unknown) => Fault = (error) => this.#state.failed(error),
  ): Promise<void> {
    try {
      await run();
    } catch (error) {
      throw failed(error);
    }
    if (this.#state.failure !== undefined) throw this.#state.failure;
  }

  #fault(code: "ERR_IO" | "ERR_FULL", operation: string, at: number, length: number): Fault {
    const advice = code === "ERR_FULL" ? "free some space" : "replace the device";
    const message = `Cannot ${operation} ${length} bytes at ${at} of "${this.name}": ${advice}`;
    return new Fault(code, message, { volume: this.name, at, length });
  }
}

/** Where an operation lands that was led astray; it stays within what there is. */
export function misplaced(at: number, length: number, byBytes: number, sizeBytes: number): number {
  if (at + byBytes + length <= sizeBytes) return at + byBytes;
  return Math.max(0, at - byBytes);
}

/** Flips that many bits, each another one. */
export function flipBits(bytes: Uint8Array, bitCount: number, random: SeededRandom): void {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(bitCount, bytes.length * 8)) {
    chosen.add(random.below(bytes.length * 8));
  }
  for (const bit of chosen) {
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  }
}
