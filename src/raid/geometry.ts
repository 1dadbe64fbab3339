/**
 * Where a block of an array lies: on which member, in which row, and where the parity of the row
 * is.
 *
 * A *row* is the block of one number on every member. `chunkBlocks` rows make a *stripe*, whose
 * part on one member is a chunk; consecutive chunks of data lie on different members. A *slot* is a
 * column of rows: slot and member are the same, except in a mirror, where the one slot is on every
 * member.
 *
 *     level  slots  data   parity   may lose
 *     0      n      n      0        0
 *     1      1      1      0        n - 1
 *     4      n      n - 1  1        1          P on the last slot
 *     5      n      n - 1  1        1          P rotates as the layout says
 *     6      n      n - 2  2        2          P rotates, Q is on the slot after it
 *
 * In the *left* layouts P begins on the last slot and moves to the one before with every stripe; in
 * the *right* ones it begins on the first and moves to the next. In the *symmetric* ones the data
 * begins on the slot after the parity and wraps around; in the others it goes upwards and passes
 * over the parity. The numbers of the layouts are those that Linux MD gave them.
 */

import { Fault } from "../base/fault.ts";

/** 0 stripes, 1 mirrors, 4 and 5 bear the loss of a member, 6 of two. */
export type RaidLevel = 0 | 1 | 4 | 5 | 6;

const LEVELS: readonly unknown[] = [0, 1, 4, 5, 6] satisfies readonly RaidLevel[];

/** Where the parity of each row lies, and the data after it. */
export type RaidLayout =
  | "left-asymmetric"
  | "right-asymmetric"
  | "left-symmetric"
  | "right-symmetric";

/** A layout's index is its number on disk. */
export const raidLayouts: readonly RaidLayout[] = [
  "left-asymmetric",
  "right-asymmetric",
  "left-symmetric",
  "right-symmetric",
];

export const MEMBER_COUNT_MAX = 32;

export interface GeometryOptions {
  readonly level: RaidLevel;
  readonly layout: RaidLayout;
  readonly memberCount: number;
  readonly blockBytes: number;
  readonly chunkBlocks: number;
}

export class Geometry implements GeometryOptions {
  readonly level: RaidLevel;
  readonly layout: RaidLayout;
  readonly memberCount: number;
  readonly blockBytes: number;
  readonly chunkBlocks: number;
  /** How many different blocks a row has. */
  readonly slotCount: number;
  readonly dataCount: number;
  readonly parityCount: number;
  /** How many members may be missing at once. */
  readonly lossesMax: number;

  constructor(options: GeometryOptions) {
    checkGeometry(options);
    this.level = options.level;
    this.layout = options.layout;
    this.memberCount = options.memberCount;
    this.blockBytes = options.blockBytes;
    this.chunkBlocks = options.chunkBlocks;
    this.parityCount = parityCountOf(options.level);
    this.slotCount = options.level === 1 ? 1 : options.memberCount;
    this.dataCount = this.slotCount - this.parityCount;
    this.lossesMax = options.level === 1 ? options.memberCount - 1 : this.parityCount;
  }

  get options(): GeometryOptions {
    const { level, layout, memberCount, blockBytes, chunkBlocks } = this;
    return { level, layout, memberCount, blockBytes, chunkBlocks };
  }

  get isMirror(): boolean {
    return this.level === 1;
  }

  get chunkBytes(): number {
    return this.blockBytes * this.chunkBlocks;
  }

  /** The bytes of data in a row. */
  get rowBytes(): number {
    return this.dataCount * this.blockBytes;
  }

  /** The bytes of data in a stripe. */
  get stripeBytes(): number {
    return this.rowBytes * this.chunkBlocks;
  }

  stripeOfRow(row: number): number {
    return Math.floor(row / this.chunkBlocks);
  }

  /** The stripe in which a block of the array lies. */
  stripeOfBlock(block: number): number {
    return Math.floor(block / (this.chunkBlocks * this.dataCount));
  }

  rowOfBlock(block: number): number {
    return this.stripeOfBlock(block) * this.chunkBlocks + (block % this.chunkBlocks);
  }

  slotOfBlock(block: number): number {
    const chunk = Math.floor(block / this.chunkBlocks);
    return this.dataSlot(Math.floor(chunk / this.dataCount), chunk % this.dataCount);
  }

  /** The block of the array that is the data of this index in the row. */
  blockAt(row: number, dataIndex: number): number {
    const stripe = this.stripeOfRow(row);
    const chunk = stripe * this.dataCount + dataIndex;
    return chunk * this.chunkBlocks + (row % this.chunkBlocks);
  }

  /** The slot of the stripe's P; only where there is parity. */
  pSlot(stripe: number): number {
    if (this.level === 4) return this.memberCount - 1;
    const turn = stripe % this.memberCount;
    return this.layout.startsWith("left") ? this.memberCount - 1 - turn : turn;
  }

  /** The slot of the stripe's Q; only where there are two parities. */
  qSlot(stripe: number): number {
    return (this.pSlot(stripe) + 1) % this.memberCount;
  }

  /** The slot of the stripe's data of this index. */
  dataSlot(stripe: number, dataIndex: number): number {
    if (this.parityCount === 0 || this.level === 4) return dataIndex;
    const p = this.pSlot(stripe);
    if (this.layout.endsWith("-symmetric")) {
      return (p + this.parityCount + dataIndex) % this.memberCount;
    }
    return passOver(dataIndex, p, this.parityCount === 2 ? this.qSlot(stripe) : -1);
  }

  /**
   * What the slot holds in the stripe: the index of its data, `dataCount` for P, one more for Q.
   */
  indexOfSlot(stripe: number, slot: number): number {
    if (this.parityCount === 0) return slot;
    const p = this.pSlot(stripe);
    if (slot === p) return this.dataCount;
    if (this.parityCount === 2 && slot === this.qSlot(stripe)) return this.dataCount + 1;
    if (this.level === 4) return slot;
    if (this.layout.endsWith("-symmetric")) {
      return (slot - p - this.parityCount + 2 * this.memberCount) % this.memberCount;
    }
    const q = this.parityCount === 2 ? this.qSlot(stripe) : -1;
    return slot - (p < slot ? 1 : 0) - (0 <= q && q < slot ? 1 : 0);
  }

  /** The inverse of `indexOfSlot`. */
  slotOfIndex(stripe: number, index: number): number {
    if (index < this.dataCount) return this.dataSlot(stripe, index);
    return index === this.dataCount ? this.pSlot(stripe) : this.qSlot(stripe);
  }
}

/** The slot of the data of this index, where the two slots, of which one may be -1, hold none. */
function passOver(dataIndex: number, p: number, q: number): number {
  const [first, second] = q < p ? [q, p] : [p, q];
  let slot = dataIndex;
  if (0 <= first && first <= slot) slot++;
  if (0 <= second && second <= slot) slot++;
  return slot;
}

export function parityCountOf(level: RaidLevel): number {
  if (level === 6) return 2;
  return level === 4 || level === 5 ? 1 : 0;
}

export function memberCountMin(level: RaidLevel): number {
  return level < 2 ? 2 : 2 + parityCountOf(level);
}

function checkGeometry(options: GeometryOptions): void {
  const { level, layout, memberCount, blockBytes, chunkBlocks } = options;
  // Programs without types ask for anything.
  if (!LEVELS.includes(level)) {
    throw refused(`There is no RAID level ${JSON.stringify(level)}: give 0, 1, 4, 5 or 6`, {});
  }
  if (!raidLayouts.includes(layout)) {
    const message = `There is no layout ${JSON.stringify(layout)}: give ${raidLayouts.join(", ")}`;
    throw refused(message, {});
  }
  const least = memberCountMin(level);
  if (memberCount < least || MEMBER_COUNT_MAX < memberCount) {
    const range = `${least} to ${MEMBER_COUNT_MAX}`;
    throw refused(`RAID ${level} takes ${range} members, not ${memberCount}`, { memberCount });
  }
  if (!isPowerOfTwo(blockBytes) || blockBytes < 64) {
    throw refused(`A block has a power of two of bytes, at least 64, not ${blockBytes}`, {
      blockBytes,
    });
  }
  if (!isPowerOfTwo(chunkBlocks)) {
    const given = `not ${chunkBlocks * blockBytes} bytes`;
    const message = `A chunk has a power of two of blocks of ${blockBytes} bytes, ${given}`;
    throw refused(message, { chunkBlocks });
  }
}

export function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && 0 < value && Math.log2(value) % 1 === 0;
}

function refused(message: string, details: Readonly<Record<string, unknown>>): Fault {
  return new Fault("ERR_ARGUMENT", message, details);
}
