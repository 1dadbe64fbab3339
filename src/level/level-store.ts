/**
 * What a Level database needs of whatever keeps its data: plain bytes under plain bytes, in order.
 * Whoever implements it decides where in a larger set of keys these lie.
 */

/** What single keys are read from. */
export interface LevelReader {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** As `get` for each key, all of one moment. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>;
}

export interface LevelStore extends LevelReader {
  /** Does all or none of it. Resolves when it is durable. */
  write(operations: readonly LevelOperation[]): Promise<void>;
  /** Removes all of a range, in one step if that is not too large. Resolves when it is durable. */
  clear(range: LevelRange): Promise<void>;
  /**
   * Fixes what it shows before it returns: everything whose write has resolved, and nothing that
   * is asked for later.
   */
  snapshot(): LevelSnapshot;
  close(): Promise<void>;
}

/** A view that stays as it is. */
export interface LevelSnapshot extends LevelReader {
  /** The first entries of a range; none if there are none. */
  read(range: LevelRange, limits: LevelLimits): Promise<readonly LevelEntry[]>;
  /** Lets go of what only this snapshot needs. */
  release(): Promise<void>;
}

/** The keys from `start` up to, not including, `end`; undefined: to the end. */
export interface LevelRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
  /** From the last key to the first. */
  readonly reverse: boolean;
}

/** A read ends when either is reached, but gives one entry at least if there is one. */
export interface LevelLimits {
  readonly countMax: number;
  /** Of keys and values together. */
  readonly bytesMax: number;
}

export interface LevelEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type LevelOperation =
  | { readonly kind: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: "remove"; readonly key: Uint8Array };

/** What `open` was asked for. */
export interface LevelOpenOptions {
  readonly createIfMissing: boolean;
  readonly errorIfExists: boolean;
}
