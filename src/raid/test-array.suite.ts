/**
 * Small arrays in memory, for tests: a world without time, and options that make all sizes tiny.
 */

import { plainChecksums } from "../base/checksums.ts";
import { SeededRandom } from "../base/random.ts";
import { MemoryVolume } from "../volume/memory-volume.ts";
import type { PagedImage } from "../volume/paged-image.ts";
import type { Clock } from "../world/world.ts";
import { type RaidLayout, raidLayouts, type RaidLevel } from "./geometry.ts";
import { batchBytesFor } from "./journal-batch.ts";
import { unitBytesOf } from "./member-layout.ts";
import {
  type AssembleOptions,
  type BackgroundOptions,
  type CreateOptions,
  defaultRaidOptions,
} from "./options.ts";
import type { RaidWorld } from "./raid-world.ts";

export interface TracedEvent {
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface TestWorld extends RaidWorld {
  readonly events: TracedEvent[];
  readonly clock: SteppedClock;
}

const checksums = plainChecksums();

/** Timers fire when time is moved by hand; what is due soon comes as a microtask. */
export class SteppedClock implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly fire: () => void }[] = [];

  wallMs(): number {
    return this.#nowMs;
  }

  startFrom(wallMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, wallMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, fire };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  soon(fire: () => void): void {
    void Promise.resolve().then(fire);
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => this.#nowMs < atMs);
    for (const { fire } of due) fire();
  }
}

export function testWorld(seed = 1): TestWorld {
  const events: TracedEvent[] = [];
  return {
    clock: new SteppedClock(),
    random: new SeededRandom(seed),
    checksums,
    trace: { event: (name, fields = {}) => events.push({ name, fields }) },
    events,
  };
}

export interface SmallShape {
  readonly level: RaidLevel;
  readonly memberCount: number;
  readonly blockBytes: number;
  readonly chunkBlocks: number;
  /** By default where most have it. */
  readonly layout?: RaidLayout;
}

/** Never waits, since time stands still; saves its position every few rows. */
const smallBackground: BackgroundOptions = {
  bytesPerSecondMin: Number.POSITIVE_INFINITY,
  bytesPerSecondMax: 0,
  windowBytes: 128,
  saveEveryBytes: 256,
  takesSpares: true,
};

/** Blocks of a few bytes and a journal of a few batches, so that everything comes round soon. */
export function smallOptions(
  { level, memberCount, blockBytes, chunkBlocks, layout = "left-symmetric" }: SmallShape,
  sizeBytes: number,
): CreateOptions {
  const blocks = (memberCount + 1) * chunkBlocks;
  const unit = unitBytesOf(blockBytes);
  const { batchBytes } = batchBytesFor(blocks, blocks * blockBytes, unit);
  return {
    ...defaultRaidOptions,
    level,
    layout,
    blockBytes,
    chunkBytes: chunkBlocks * blockBytes,
    journalBytes: 8 * batchBytes,
    groupTableBlocks: 1,
    sizeBytes,
    stallMs: 0,
    inPlaceBytesMin: 2 * blockBytes,
    syncEveryBytes: 2048,
    background: smallBackground,
  };
}

export const smallAssembly: AssembleOptions = {
  ...defaultRaidOptions,
  stallMs: 0,
  inPlaceBytesMin: 128,
  syncEveryBytes: 2048,
  background: smallBackground,
  force: false,
};

export function memoryMember(index: number, content: PagedImage | number, unit = 64): MemoryVolume {
  return new MemoryVolume(content, { name: `disk${index}`, writeUnitBytes: unit });
}

/** Every level with the least members, and some with more. */
export const smallShapes: readonly SmallShape[] = [
  { level: 0, memberCount: 2, blockBytes: 64, chunkBlocks: 2 },
  { level: 1, memberCount: 2, blockBytes: 128, chunkBlocks: 1 },
  { level: 1, memberCount: 3, blockBytes: 64, chunkBlocks: 2 },
  { level: 4, memberCount: 3, blockBytes: 64, chunkBlocks: 2 },
  { level: 5, memberCount: 3, blockBytes: 64, chunkBlocks: 1 },
  { level: 5, memberCount: 4, blockBytes: 512, chunkBlocks: 2 },
  { level: 6, memberCount: 4, blockBytes: 64, chunkBlocks: 1 },
  { level: 6, memberCount: 5, blockBytes: 128, chunkBlocks: 2 },
];

/** Where parity lies elsewhere than in the others. */
export const layoutShapes: readonly SmallShape[] = raidLayouts
  .filter((layout) => layout !== "left-symmetric")
  .flatMap((layout): readonly SmallShape[] => [
    { level: 5, memberCount: 4, blockBytes: 64, chunkBlocks: 2, layout },
    { level: 6, memberCount: 5, blockBytes: 64, chunkBlocks: 1, layout },
  ]);

export function shapeName(shape: SmallShape): string {
  const { level, memberCount, blockBytes, chunkBlocks, layout } = shape;
  const where = layout === undefined ? "" : `, ${layout}`;
  return `RAID ${level} of ${memberCount}, ${chunkBlocks} x ${blockBytes} bytes${where}`;
}
