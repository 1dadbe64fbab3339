/**
 * A volume in memory that remembers every change made to it, so that after one run the image can
 * be had that a crash at any point of the run would have left (`crash-images.ts`).
 *
 * A point is a count of events: each operation has one when it begins and one when it ends. The
 * operations end in the order in which they began, one microtask later, so that several can be
 * under way at once; or whenever it was asked to hold them up to. What is written must not change
 * before the write has ended, which is asserted.
 */

import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import {
  defaultMemoryVolumeOptions,
  MemoryVolume,
  type MemoryVolumeOptions,
} from "./memory-volume.ts";
import type { PagedImage } from "./paged-image.ts";
import type { Volume } from "./volume.ts";

/** A write as it was recorded; a change of size is one without bytes. */
export interface RecordedWrite {
  readonly kind: "write" | "grow" | "shrink";
  readonly at: number;
  readonly bytes: Uint8Array;
  /** The size of the volume after it. */
  readonly sizeBytes: number;
  /** The event that began it. */
  readonly begun: number;
  /** The event that ended it: from then on a killed process cannot undo it. */
  ended: number;
  /** The event from which on a loss of power cannot undo it. */
  durable: number;
}

/** Resolves when an operation that has begun may end. */
export type HoldUp = () => Promise<void>;

const aMicrotask = Promise.resolve();

export class RecordingVolume implements Volume {
  /** The bytes as they were before the first event. */
  readonly before: PagedImage;
  readonly writes: RecordedWrite[] = [];
  readonly #memory: MemoryVolume;
  readonly #holdUp: HoldUp;
  /** Those of `writes` that no sync has covered yet. */
  #unsynced: RecordedWrite[] = [];
  #point = 0;

  constructor(
    content: PagedImage | number,
    options: MemoryVolumeOptions = defaultMemoryVolumeOptions,
    holdUp: HoldUp = () => aMicrotask,
  ) {
    this.#memory = new MemoryVolume(content, options);
    this.#holdUp = holdUp;
    this.before = this.#memory.image.copy();
  }

  get name(): string {
    return this.#memory.name;
  }

  get writeUnitBytes(): number {
    return this.#memory.writeUnitBytes;
  }

  get sizeBytes(): number {
    return this.#memory.sizeBytes;
  }

  get canShrink(): boolean {
    return this.#memory.canShrink;
  }

  get failure(): Error | undefined {
    return this.#memory.failure;
  }

  /** How many events there have been. To be noted at an acknowledgement: it must outlive these. */
  get point(): number {
    return this.#point;
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    await this.#memory.read(at, target);
  }

  async write(at: number, source: Uint8Array): Promise<void> {
    const write = this.#begin(at, source);
    this.#unsynced.push(write);
    await this.#end(write, source);
  }

  async writeDurable(at: number, source: Uint8Array): Promise<void> {
    const write = this.#begin(at, source);
    await this.#end(write, source);
    write.durable = write.ended;
  }

  writeDurableNow(at: number, source: Uint8Array): boolean {
    const write = this.#begin(at, source);
    write.ended = ++this.#point;
    write.durable = write.ended;
    return true;
  }

  async sync(): Promise<void> {
    const begun = ++this.#point;
    await this.#memory.sync();
    await this.#holdUp();
    const ended = ++this.#point;
    const covered = (write: RecordedWrite): boolean => write.ended < begun;
    for (const write of this.#unsynced.filter(covered)) write.durable = ended;
    this.#unsynced = this.#unsynced.filter((write) => !covered(write));
  }

  async grow(sizeBytes: number): Promise<void> {
    if (sizeBytes <= this.sizeBytes) return;
    // Grown before it is recorded, so that a refusal leaves no record.
    const growing = this.#memory.grow(sizeBytes);
    const growth = this.#record("grow", 0, new Uint8Array(0));
    await growing;
    await this.#holdUp();
    growth.ended = ++this.#point;
    growth.durable = growth.ended;
  }

  async shrink(sizeBytes: number): Promise<void> {
    const before = this.sizeBytes;
    const shrinking = this.#memory.shrink(sizeBytes);
    if (this.sizeBytes === before) {
      await shrinking;
      return;
    }
    const isUnderWay = ({ kind, at, bytes, ended }: RecordedWrite): boolean =>
      ended === Number.POSITIVE_INFINITY && (kind !== "write" || sizeBytes < at + bytes.length);
    assert(!this.writes.some(isUnderWay), "nobody writes where the volume is cut");
    const cut = this.#record("shrink", 0, new Uint8Array(0));
    await shrinking;
    await this.#holdUp();
    cut.ended = ++this.#point;
    cut.durable = cut.ended;
    // What had not been synced there is gone for good.
    const isCut = ({ at }: RecordedWrite): boolean => sizeBytes <= at;
    for (const write of this.#unsynced.filter(isCut)) write.durable = cut.ended;
    this.#unsynced = this.#unsynced.filter((write) => !isCut(write));
  }

  async close(): Promise<void> {
    await this.#memory.close();
  }

  async #end(write: RecordedWrite, source: Uint8Array): Promise<void> {
    await this.#holdUp();
    assert(equalBytes(source, write.bytes), "what is being written stays as it is until the end");
    write.ended = ++this.#point;
  }

  #begin(at: number, source: Uint8Array): RecordedWrite {
    this.#memory.writeDurableNow(at, source);
    return this.#record("write", at, source.slice());
  }

  #record(kind: RecordedWrite["kind"], at: number, bytes: Uint8Array): RecordedWrite {
    const write: RecordedWrite = {
      kind,
      at,
      bytes,
      sizeBytes: this.sizeBytes,
      begun: ++this.#point,
      ended: Number.POSITIVE_INFINITY,
      durable: Number.POSITIVE_INFINITY,
    };
    this.writes.push(write);
    return write;
  }
}
