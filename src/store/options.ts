/** The settings of a store, with their defaults in one place. */

import { Fault } from "../base/fault.ts";
import { RING_BYTES_MAX, RING_BYTES_MIN } from "../log/log-zone.ts";

/** How a store is made and kept. Sizes are in bytes, times in milliseconds. */
export interface StoreOptions {
  /** Memory for pages; 0: a quarter of the memory, 1 GiB at most. Data may be any larger. */
  readonly cacheBytes: number;
  /**
   * Size of the log's ring, in whole segments (`ring-shape.ts`); only the format of a new store
   * heeds it. On disk the ring has the room that it needs.
   */
  readonly logBytes: number;
  /** Room for pages that a new store begins with, and that is not given back. */
  readonly pagesBytes: number;
  /** Of one value, in bytes; also bounded by the transaction. */
  readonly valueBytesMax: number;
  /** Of the encoded key, in bytes; at most 8192. */
  readonly keyBytesMax: number;
  /** Of all that one transaction writes; at most, and with 0, an eighth of the log. */
  readonly transactionBytesMax: number;
  /** How many keys and ranges one transaction may lock. */
  readonly locksPerTransactionMax: number;
  /** The longest a transaction may wait and run, unless it says otherwise. */
  readonly transactionTimeoutMs: number;
  /** The longest a snapshot may be held. */
  readonly snapshotAgeMsMax: number;
  /** A checkpoint begins when this share of the ring is in use. */
  readonly checkpointLogShare: number;
  /** A checkpoint begins when this share of the cache is dirty. */
  readonly checkpointDirtyShare: number;
  /** The file gets shorter where at least so much of its room for pages is free, and a quarter. */
  readonly shrinkBytesMin: number;
  /** So much is moved at most when the store is closed, so that the file can get shorter. */
  readonly closeMovesBytesMax: number;
  /** The process was stopped if it did nothing for so long: it looks whether it is replaced. */
  readonly stallMs: number;
}

/** What is in force when nobody says anything. */
export const defaultStoreOptions: StoreOptions = {
  cacheBytes: 0,
  logBytes: 256 << 20,
  pagesBytes: 16 << 20,
  valueBytesMax: 16 << 20,
  keyBytesMax: 8192,
  transactionBytesMax: 0,
  locksPerTransactionMax: 100_000,
  transactionTimeoutMs: 60_000,
  snapshotAgeMsMax: 3_600_000,
  checkpointLogShare: 0.5,
  checkpointDirtyShare: 0.4,
  shrinkBytesMin: 16 << 20,
  closeMovesBytesMax: 256 << 20,
  stallMs: 2_000,
};

/** By default the cache takes this share of the memory, within limits. */
const CACHE_SHARE = 4;
const CACHE_BYTES_DEFAULT_MIN: number = 16 << 20;
const CACHE_BYTES_DEFAULT_MAX: number = 1 << 30;
const CACHE_BYTES_MIN: number = 4 << 20;
const CACHE_BYTES_MAX: number = 2 ** 31 - (64 << 20);
const PAGES_BYTES_MIN: number = 1 << 20;
const UNLIMITED: number = Number.POSITIVE_INFINITY;

/** Refuses what no store can work with. */
export function checkOptions(options: StoreOptions): void {
  if (options.cacheBytes !== 0) {
    requireRange("cacheBytes", options.cacheBytes, CACHE_BYTES_MIN, CACHE_BYTES_MAX);
  }
  requireRange("logBytes", options.logBytes, RING_BYTES_MIN, RING_BYTES_MAX);
  requireRange("pagesBytes", options.pagesBytes, PAGES_BYTES_MIN, Number.MAX_SAFE_INTEGER);
  requireRange("keyBytesMax", options.keyBytesMax, 16, 8192);
  requireRange("valueBytesMax", options.valueBytesMax, 1, 1 << 30);
  requireRange("checkpointLogShare", options.checkpointLogShare, 0.01, 0.9);
  requireRange("checkpointDirtyShare", options.checkpointDirtyShare, 0.01, 0.7);
  requireRange("transactionBytesMax", options.transactionBytesMax, 0, Number.MAX_SAFE_INTEGER);
  requireRange("locksPerTransactionMax", options.locksPerTransactionMax, 1, UNLIMITED);
  requireRange("transactionTimeoutMs", options.transactionTimeoutMs, 1, UNLIMITED);
  requireRange("snapshotAgeMsMax", options.snapshotAgeMsMax, 1, UNLIMITED);
  requireRange("shrinkBytesMin", options.shrinkBytesMin, 1 << 16, UNLIMITED);
  requireRange("closeMovesBytesMax", options.closeMovesBytesMax, 0, UNLIMITED);
  requireRange("stallMs", options.stallMs, 1, UNLIMITED);
}

/** The options as they hold in a process that may use so much memory. */
export function settleOptions(options: StoreOptions, memoryBytes: number): StoreOptions {
  checkOptions(options);
  if (options.cacheBytes !== 0) return options;
  const share = Math.floor(memoryBytes / CACHE_SHARE);
  const cacheBytes = Math.max(CACHE_BYTES_DEFAULT_MIN, Math.min(CACHE_BYTES_DEFAULT_MAX, share));
  return { ...options, cacheBytes };
}

function requireRange(name: string, value: number, min: number, max: number): void {
  if (min <= value && value <= max) return;
  throw new Fault("ERR_ARGUMENT", `"${name}" is ${value}, and must be from ${min} to ${max}`, {
    name,
    value,
  });
}
