/** How an array is made and run, with the defaults. */

import type { RaidLayout, RaidLevel } from "./geometry.ts";

/** What may be another at every assembly. */
export interface RaidOptions {
  /**
   * How long an operation of a member may take before the member counts as failed; 0: for ever. A
   * disk that tries to read a bad sector may take half a minute.
   */
  readonly stallMs: number;
  /**
   * Writes of at least this size in one stripe go in place at once where nothing was written
   * before; shorter ones are journalled, which answers sooner.
   */
  readonly inPlaceBytesMin: number;
  /**
   * A member that would not read more often than this, halved with every hour, is out, unless the
   * array needs it; 0: never. What it would not read has been put right each time.
   */
  readonly readErrorsMax: number;
  /**
   * A member to which so much was written is synced even if nobody waits for it yet, so that it is
   * at work while the next is computed.
   */
  readonly syncEveryBytes: number;
  readonly background: BackgroundOptions;
}

/** The pace of rebuild, scrub, replacement and growth. */
export interface BackgroundOptions {
  /** The rate that is kept to even under load, in bytes of each member a second; 0: none. */
  readonly bytesPerSecondMin: number;
  /** The rate that is not passed even when there is nothing else to do; 0: no limit. */
  readonly bytesPerSecondMax: number;
  /** How much of each member is done under one lock. */
  readonly windowBytes: number;
  /** After this much of each member the position is made durable, from where it resumes. */
  readonly saveEveryBytes: number;
  /** Whether a spare takes the place of a member that fails by itself. */
  readonly takesSpares: boolean;
}

/** What is decided once, when the array is created. */
export interface CreateOptions extends RaidOptions {
  readonly level: RaidLevel;
  readonly layout: RaidLayout;
  readonly blockBytes: number;
  /** What lies together on one member; a power of two of blocks. */
  readonly chunkBytes: number;
  /** On each member. */
  readonly journalBytes: number;
  /** How many table blocks lie together before the rows that they are for. */
  readonly groupTableBlocks: number;
  /** Of the array; undefined: as much as the smallest member has room for. */
  readonly sizeBytes: number | undefined;
}

/** How an array is assembled. */
export interface AssembleOptions extends RaidOptions {
  /** Assembles what is refused otherwise; `RaidArray.risks` says what may be lost by it. */
  readonly force: boolean;
}

export const defaultRaidOptions: RaidOptions = {
  stallMs: 30_000,
  inPlaceBytesMin: 65_536,
  readErrorsMax: 20,
  syncEveryBytes: 8 << 20,
  background: {
    bytesPerSecondMin: 1 << 20,
    bytesPerSecondMax: 0,
    windowBytes: 1 << 20,
    saveEveryBytes: 64 << 20,
    takesSpares: true,
  },
};

export const defaultCreateOptions: Omit<CreateOptions, "level"> = {
  ...defaultRaidOptions,
  layout: "left-symmetric",
  blockBytes: 4096,
  chunkBytes: 65_536,
  journalBytes: 32 << 20,
  groupTableBlocks: 16,
  sizeBytes: undefined,
};

export const defaultAssembleOptions: AssembleOptions = { ...defaultRaidOptions, force: false };
