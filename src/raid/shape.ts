/**
 * Which geometry is in force where: one for the whole array, except while it is grown by a member.
 * Then the stripes below a position have the new one, and so have the blocks of the array that lie
 * in them; the others are where they were.
 */

import { must } from "../base/assert.ts";
import { Geometry, type GeometryOptions } from "./geometry.ts";
import { ParityMath, sharedParityBench } from "./parity-math.ts";
import type { ArrayRecord } from "./superblock.ts";

/** A geometry, and the arithmetic of its parity. */
export interface Shaped {
  readonly geometry: Geometry;
  /** Undefined where there is no parity. */
  readonly math: ParityMath | undefined;
}

export class Shape {
  #now: Shaped;
  /** The geometry of what isn't moved yet. */
  #old: Shaped | undefined;
  /** How many stripes have the new geometry. */
  #stripes = 0;

  constructor(record: ArrayRecord) {
    this.#now = shaped(record);
    const { reshape } = record;
    if (reshape === undefined) return;
    this.#old = shaped({ ...record, memberCount: reshape.oldMemberCount });
    this.#stripes = reshape.stripes;
  }

  /** The newest one, which has the most slots. */
  get geometry(): Geometry {
    return this.#now.geometry;
  }

  get now(): Shaped {
    return this.#now;
  }

  get isReshaping(): boolean {
    return this.#old !== undefined;
  }

  /** How many stripes have the new geometry, while the array is reshaped. */
  get stripes(): number {
    return this.#stripes;
  }

  /** The geometry of what isn't moved yet. */
  get oldGeometry(): Geometry {
    return must(this.#old, "the array is being reshaped").geometry;
  }

  atRow(row: number): Shaped {
    if (this.#old === undefined) return this.#now;
    return this.geometry.stripeOfRow(row) < this.#stripes ? this.#now : this.#old;
  }

  /** For a block of the array. */
  atBlock(block: number): Shaped {
    if (this.#old === undefined) return this.#now;
    return block < this.movedBlocks ? this.#now : this.#old;
  }

  /** How many blocks of the array have the new geometry. */
  get movedBlocks(): number {
    return this.#stripes * this.geometry.chunkBlocks * this.geometry.dataCount;
  }

  /** For where nothing lies elsewhere than before. */
  replace(options: GeometryOptions): void {
    this.#now = shaped(options);
  }

  begin(options: GeometryOptions): void {
    this.#old = this.#now;
    this.#now = shaped(options);
    this.#stripes = 0;
  }

  advance(stripes: number): void {
    this.#stripes = stripes;
  }

  end(): void {
    this.#old = undefined;
  }
}

function shaped(options: GeometryOptions): Shaped {
  const geometry = new Geometry(options);
  if (geometry.parityCount === 0) return { geometry, math: undefined };
  const bench = sharedParityBench();
  return { geometry, math: new ParityMath(bench, geometry.dataCount, geometry.parityCount) };
}
