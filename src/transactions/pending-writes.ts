/**
 * What a transaction has written and nobody else can see yet: the bytes of its log entry, growing,
 * and a way to find the newest write of a key in them.
 */

import { compareRanges, hashBytes } from "../base/bytes.ts";
import { encodeWrite, PUT, REMOVE, WRITE_HEADER_BYTES } from "../store/write-set.ts";

/** Up to here, looking through all writes is faster than a table of them. */
const SCANNED_MAX = 16;

/** A region where the writes begin to gather, usually in the slab. */
export interface Region {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly lengthBytes: number;
}

/** The newest write of a key; the value is `bytes[valueAt, valueAt + valueBytes)`. */
export interface PendingWrite {
  readonly isPut: boolean;
  readonly key: Uint8Array;
  readonly valueAt: number;
  readonly valueBytes: number;
}

export class PendingWrites {
  readonly #region: Region;
  bytes: Uint8Array;
  /** Where the writes begin in `bytes`. */
  at: number;
  lengthBytes = 0;
  count = 0;
  /** Of the write that `find` found. */
  foundValueAt = 0;
  foundValueBytes = 0;
  #hashes: Int32Array = new Int32Array(SCANNED_MAX);
  #offsets: Int32Array = new Int32Array(SCANNED_MAX);
  /**
   * The newest write with a hash, and for each the one before it: of the first `#indexedCount`.
   * Made when something is looked for in a large set, so never for a row of mere writes.
   */
  #newest: Map<number, number> | undefined;
  #before: Int32Array = new Int32Array(0);
  #indexedCount = 0;

  constructor(region: Region) {
    this.#region = region;
    this.bytes = region.bytes;
    this.at = region.at;
  }

  clear(): void {
    this.bytes = this.#region.bytes;
    this.at = this.#region.at;
    this.lengthBytes = 0;
    this.count = 0;
    this.#forgetIndex();
  }

  /** Forgets the writes after the first `count`, which took `lengthBytes`. */
  rollBackTo(count: number, lengthBytes: number): void {
    if (count === this.count) return;
    this.count = count;
    this.lengthBytes = lengthBytes;
    this.#forgetIndex();
  }

  /** Adds a put, and returns where in `bytes` its value of `valueBytes` belongs. */
  addPut(
    hash: number,
    key: Uint8Array,
    keyAt: number,
    keyBytes: number,
    valueBytes: number,
  ): number {
    return this.#add(PUT, hash, key, keyAt, keyBytes, valueBytes);
  }

  addRemove(hash: number, key: Uint8Array, keyAt: number, keyBytes: number): void {
    this.#add(REMOVE, hash, key, keyAt, keyBytes, 0);
  }

  /** 1 if the key was put last, with the value in `found...`; -1 if removed; 0 if not written. */
  find(hash: number, key: Uint8Array, keyAt: number, keyBytes: number): 1 | -1 | 0 {
    if (this.count <= SCANNED_MAX) {
      for (let index = this.count - 1; index >= 0; index--) {
        if (this.#hashes[index] === (hash | 0) && this.#isKey(index, key, keyAt, keyBytes)) {
          return this.#found(index);
        }
      }
      return 0;
    }
    for (let index = this.#index().get(hash | 0) ?? -1; index >= 0;) {
      if (this.#isKey(index, key, keyAt, keyBytes)) return this.#found(index);
      index = this.#before[index] as number;
    }
    return 0;
  }

  /** The newest writes of all keys in `[start, end)`, in key order. */
  inRange(start: Uint8Array, end: Uint8Array | undefined): readonly PendingWrite[] {
    const found: PendingWrite[] = [];
    for (let index = 0; index < this.count; index++) {
      const { keyAt, keyBytes } = this.#keyOf(index);
      const key = this.bytes.subarray(keyAt, keyAt + keyBytes);
      const isBefore = compareRanges(key, 0, keyBytes, start, 0, start.length) < 0;
      if (isBefore) continue;
      if (end !== undefined && compareRanges(key, 0, keyBytes, end, 0, end.length) >= 0) continue;
      if (!this.#isNewest(index, key)) continue;
      const isPut = this.#found(index) === 1;
      const { foundValueAt: valueAt, foundValueBytes: valueBytes } = this;
      found.push({ isPut, key, valueAt, valueBytes });
    }
    return found.toSorted((left, right) =>
      compareRanges(left.key, 0, left.key.length, right.key, 0, right.key.length),
    );
  }

  #isNewest(index: number, key: Uint8Array): boolean {
    const offset = this.#offsets[index] as number;
    this.find(hashBytes(key, 0, key.length), key, 0, key.length);
    return this.foundValueAt === this.at + offset + WRITE_HEADER_BYTES + key.length;
  }

  #add(
    kind: number,
    hash: number,
    key: Uint8Array,
    keyAt: number,
    keyBytes: number,
    valueBytes: number,
  ): number {
    const offset = this.lengthBytes;
    const length = WRITE_HEADER_BYTES + keyBytes + valueBytes;
    this.#makeRoom(offset + length);
    const { bytes, at, count } = this;
    if (count === this.#hashes.length) this.#growTable();
    this.#hashes[count] = hash;
    this.#offsets[count] = offset;
    this.lengthBytes = offset + length;
    this.count = count + 1;
    return encodeWrite(bytes, at + offset, kind, key, keyAt, keyBytes, valueBytes);
  }

  #makeRoom(lengthBytes: number): void {
    const limit = this.bytes === this.#region.bytes ? this.#region.lengthBytes : this.bytes.length;
    if (lengthBytes <= limit) return;
    const larger = new Uint8Array(Math.max(lengthBytes * 2, 4096));
    larger.set(this.bytes.subarray(this.at, this.at + this.lengthBytes));
    this.bytes = larger;
    this.at = 0;
  }

  #growTable(): void {
    const hashes = new Int32Array(this.count * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const offsets = new Int32Array(this.count * 2);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
  }

  /** The newest write with each hash, of all of them. */
  #index(): Map<number, number> {
    const newest = (this.#newest ??= new Map<number, number>());
    if (this.#before.length < this.#hashes.length) {
      const before = new Int32Array(this.#hashes.length);
      before.set(this.#before);
      this.#before = before;
    }
    for (; this.#indexedCount < this.count; this.#indexedCount++) {
      const index = this.#indexedCount;
      const hash = this.#hashes[index] as number;
      this.#before[index] = newest.get(hash) ?? -1;
      newest.set(hash, index);
    }
    return newest;
  }

  #forgetIndex(): void {
    this.#newest = undefined;
    this.#indexedCount = 0;
  }

  #keyOf(index: number): { keyAt: number; keyBytes: number } {
    const at = this.at + (this.#offsets[index] as number);
    const keyBytes = (this.bytes[at + 2] as number) | ((this.bytes[at + 3] as number) << 8);
    return { keyAt: at + WRITE_HEADER_BYTES, keyBytes };
  }

  #isKey(index: number, key: Uint8Array, keyAt: number, keyBytes: number): boolean {
    const own = this.#keyOf(index);
    if (own.keyBytes !== keyBytes) return false;
    return compareRanges(this.bytes, own.keyAt, keyBytes, key, keyAt, keyBytes) === 0;
  }

  #found(index: number): 1 | -1 {
    const at = this.at + (this.#offsets[index] as number);
    const { keyAt, keyBytes } = this.#keyOf(index);
    const end = index + 1 < this.count ? (this.#offsets[index + 1] as number) : this.lengthBytes;
    this.foundValueAt = keyAt + keyBytes;
    this.foundValueBytes = this.at + end - this.foundValueAt;
    return this.bytes[at] === PUT ? 1 : -1;
  }
}
