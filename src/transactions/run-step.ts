/**
 * The step that bodies run with, over the tree as it is now or as a snapshot sees it.
 *
 * A body that runs to its end in one turn sees the state after the newest entry of the log and
 * appends the next, so it needs no locks of its own: it stands between two entries. It only must
 * not write what another transaction has locked. A body within an interactive transaction takes a
 * lock for everything it reads and writes, through `StepLocks`, and keeps them.
 *
 * What cannot go on is abandoned by throwing `ABANDONED`, with the reason in `blocked`.
 */

import { assert } from "../base/assert.ts";
import { compareRanges, hashBytes, prefixEnd } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { TreeRoot } from "../cells/tree.ts";
import { ABSENT, FOUND, MISS } from "../cells/tree.ts";
import { SCANNED } from "../cells/scan.ts";
import type { LockMode } from "../locks/lock-mode.ts";
import type { Census } from "../store/census.ts";
import type { Store } from "../store/store.ts";
import { WAIT_PAGE } from "../store/store.ts";
import { WRITE_HEADER_BYTES } from "../store/write-set.ts";
import type { PendingWrites } from "./pending-writes.ts";
import type { ScanEntry, ScanRange, Step } from "./step.ts";

/** Thrown through a body whose run cannot go on. Made once: it has no use for a stack. */
export const ABANDONED: Error = new Error("The run was abandoned; a body must not catch this");
/** The reason is a lock; other reasons are those of the store. */
export const WAIT_LOCK: number = -7;

/** How a run gets the locks it needs: true if it may go on. */
export interface StepLocks {
  lockKey(hash: number, key: Uint8Array, at: number, length: number, mode: LockMode): boolean;
  lockRange(start: Uint8Array, end: Uint8Array | undefined, mode: LockMode): boolean;
}

export interface StepSettings {
  readonly wallMs: () => number;
  readonly transactionBytesMax: number;
  /** Whether it is the size of the log that allows no more. */
  readonly isBoundByLog: boolean;
}

const ZERO = lsn(0);
const NOTHING: Iterable<Uint8Array> = [];

export class RunStep implements Step {
  readonly #store: Store;
  readonly #settings: StepSettings;
  /** Undefined: the tree as it is now. */
  readonly #root: TreeRoot | undefined;
  readonly #census: Census;
  writes: PendingWrites;
  locks: StepLocks;
  /** Why the run was abandoned. */
  blocked = 0;
  /** The position that must be settled before the result may be told. */
  answer: Lsn = ZERO;
  valueBytes: Uint8Array;
  valueAt = 0;
  valueLength = 0;
  version: Lsn = ZERO;
  #nowMs = 0;
  #isScanning = false;
  /** What is looked up from here on, as far as it was told. */
  #coming: Iterable<Uint8Array> = NOTHING;

  constructor(
    store: Store,
    settings: StepSettings,
    writes: PendingWrites,
    locks: StepLocks,
    snapshot?: { readonly root: TreeRoot; readonly census: Census },
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#root = snapshot?.root;
    this.#census = snapshot?.census ?? store.census;
    this.writes = writes;
    this.locks = locks;
    this.valueBytes = store.cells.cache.slab.bytes;
  }

  /** Begins a run. */
  begin(): void {
    this.#nowMs = 0;
    this.#isScanning = false;
    this.#coming = NOTHING;
  }

  get nowMs(): number {
    if (this.#nowMs === 0) this.#nowMs = this.#settings.wallMs();
    return this.#nowMs;
  }

  get buffer(): Uint8Array {
    return this.writes.bytes;
  }

  willFind(keys: Iterable<Uint8Array>): void {
    this.#coming = keys;
  }

  find(source: Uint8Array, at: number, length: number): boolean {
    return this.#find(source, at, length, "shared");
  }

  findForUpdate(source: Uint8Array, at: number, length: number): boolean {
    return this.#find(source, at, length, "exclusive");
  }

  put(source: Uint8Array, at: number, length: number, valueLength: number): number {
    const hash = this.#beginWrite(source, at, length, valueLength);
    return this.writes.addPut(hash, source, at, length, valueLength);
  }

  remove(source: Uint8Array, at: number, length: number): void {
    const hash = this.#beginWrite(source, at, length, 0);
    this.writes.addRemove(hash, source, at, length);
  }

  removeRange(start: Uint8Array, end: Uint8Array): void {
    if (compareRanges(start, 0, start.length, end, 0, end.length) >= 0) return;
    if (!this.locks.lockRange(start, end, "exclusive")) this.#abandon(WAIT_LOCK);
    const keys: Uint8Array[] = [];
    this.#visit({ start, end }, (entry) => {
      keys.push(entry.keyBytes.slice(0, entry.keyLength));
      return true;
    });
    for (const key of keys) this.remove(key, 0, key.length);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.find(key, 0, key.length) ? this.#copyValue() : undefined;
  }

  getForUpdate(key: Uint8Array): Uint8Array | undefined {
    return this.findForUpdate(key, 0, key.length) ? this.#copyValue() : undefined;
  }

  set(key: Uint8Array, value: Uint8Array): void {
    const at = this.put(key, 0, key.length, value.length);
    this.buffer.set(value, at);
  }

  delete(key: Uint8Array): void {
    this.remove(key, 0, key.length);
  }

  scan(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    const { start, end } = range;
    if (end !== undefined && compareRanges(start, 0, start.length, end, 0, end.length) >= 0) return;
    let last: Uint8Array | undefined;
    this.#visit(range, (entry) => {
      if (visit(entry)) return true;
      last = entry.keyBytes.slice(0, entry.keyLength);
      return false;
    });
    // What was read within this turn holds once the lock on it is there, in this turn too.
    const locked = passedOver(range, last);
    if (!this.locks.lockRange(locked.start, locked.end, "shared")) this.#abandon(WAIT_LOCK);
  }

  count(censusPrefix: Uint8Array): number {
    const end = prefixEnd(censusPrefix);
    if (!this.locks.lockRange(censusPrefix, end, "shared")) this.#abandon(WAIT_LOCK);
    this.#dependOnAll();
    let count = this.#census.count(censusPrefix);
    for (const { key, isPut } of this.writes.inRange(censusPrefix, end)) {
      const hash = hashBytes(key, 0, key.length);
      const isThere = this.#lookUp(hash, key, 0, key.length);
      if (isPut && !isThere) count++;
      else if (!isPut && isThere) count--;
    }
    return count;
  }

  #find(source: Uint8Array, at: number, length: number, mode: LockMode): boolean {
    assert(!this.#isScanning, "a visitor of a scan does not call the step");
    const hash = hashBytes(source, at, length);
    const { writes } = this;
    if (writes.count > 0) {
      const written = writes.find(hash, source, at, length);
      if (written !== 0) return this.#findWritten(written === 1);
    }
    if (!this.locks.lockKey(hash, source, at, length, mode)) this.#abandon(WAIT_LOCK);
    if (this.#root === undefined) this.#depend(this.#store.dependencies.of(hash));
    return this.#lookUp(hash, source, at, length);
  }

  #findWritten(isPut: boolean): boolean {
    if (!isPut) return false;
    const { writes } = this;
    this.valueBytes = writes.bytes;
    this.valueAt = writes.foundValueAt;
    this.valueLength = writes.foundValueBytes;
    this.version = ZERO;
    return true;
  }

  #lookUp(hash: number, source: Uint8Array, at: number, length: number): boolean {
    const { tree } = this.#store.cells;
    const root = this.#root;
    const found =
      root === undefined
        ? tree.find(hash, source, at, length)
        : tree.findFrom(root.page, root.level, source, at, length);
    if (found === ABSENT) return false;
    if (found !== FOUND) {
      tree.missWith(root?.page ?? tree.rootPage, root?.level ?? tree.rootLevel, this.#coming);
      this.#abandon(WAIT_PAGE);
    }
    this.valueBytes = tree.valueBytes;
    this.valueAt = tree.valueAt;
    this.valueLength = tree.valueLength;
    this.version = tree.version as Lsn;
    return true;
  }

  #beginWrite(source: Uint8Array, at: number, length: number, valueLength: number): number {
    assert(this.#root === undefined, "a snapshot is not written to");
    assert(!this.#isScanning, "a visitor of a scan does not call the step");
    const { keyBytesMax, valueBytesMax } = this.#store.options;
    if (length > keyBytesMax) throw tooLong("key", length, "keyBytesMax", keyBytesMax);
    if (valueLength > valueBytesMax) {
      throw tooLong("value", valueLength, "valueBytesMax", valueBytesMax);
    }
    const bytes = this.writes.lengthBytes + WRITE_HEADER_BYTES + length + valueLength;
    const { transactionBytesMax, isBoundByLog } = this.#settings;
    if (bytes > transactionBytesMax) {
      if (isBoundByLog) throw tooLongForLog(bytes, transactionBytesMax);
      throw tooLong("transaction", bytes, "transactionBytesMax", transactionBytesMax);
    }
    const hash = hashBytes(source, at, length);
    if (!this.locks.lockKey(hash, source, at, length, "exclusive")) this.#abandon(WAIT_LOCK);
    return hash;
  }

  /** Visits the rows of the range as this transaction sees them. */
  #visit(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    assert(!this.#isScanning, "a visitor of a scan does not call the step");
    this.#dependOnAll();
    this.#isScanning = true;
    try {
      const own = this.writes.count === 0 ? [] : this.writes.inRange(range.start, range.end);
      if (own.length === 0) this.#scanTree(range, visit);
      else this.#scanMerged(range, own, visit);
    } finally {
      this.#isScanning = false;
    }
  }

  #scanTree(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    const { tree, scanner } = this.#store.cells;
    const { start, end } = range;
    const page = this.#root?.page ?? tree.rootPage;
    const level = this.#root?.level ?? tree.rootLevel;
    const scanned =
      range.reverse === true
        ? scanner.backward(page, level, { start, end }, visit)
        : scanner.forward(page, level, { start, end }, visit);
    if (scanned === SCANNED) return;
    assert(scanned === MISS, "a scan ends or misses");
    this.#abandon(WAIT_PAGE);
  }

  /** Visits rows and own writes in one order; an own write hides the row of its key. */
  #scanMerged(
    range: ScanRange,
    own: readonly OwnWrite[],
    visit: (entry: ScanEntry) => boolean,
  ): void {
    const ordered = range.reverse === true ? own.toReversed() : own;
    const sign = range.reverse === true ? -1 : 1;
    let next = 0;
    let isEnough = false;
    const visitOwn = (write: OwnWrite): boolean => !write.isPut || visit(this.#entryOf(write));
    this.#scanTree(range, (row) => {
      for (; next < ordered.length; next++) {
        const write = ordered[next] as OwnWrite;
        const { key } = write;
        const order = compareRanges(key, 0, key.length, row.keyBytes, 0, row.keyLength) * sign;
        if (order > 0) break;
        if (order === 0) {
          next++;
          isEnough = !visitOwn(write);
          return !isEnough;
        }
        isEnough = !visitOwn(write);
        if (isEnough) return false;
      }
      isEnough = !visit(row);
      return !isEnough;
    });
    for (; next < ordered.length && !isEnough; next++) {
      isEnough = !visitOwn(ordered[next] as OwnWrite);
    }
  }

  #entryOf({ key, valueAt, valueBytes }: OwnWrite): ScanEntry {
    return {
      keyBytes: key,
      keyLength: key.length,
      valueBytes: this.writes.bytes,
      valueAt,
      valueLength: valueBytes,
      version: ZERO,
    };
  }

  #copyValue(): Uint8Array {
    return this.valueBytes.slice(this.valueAt, this.valueAt + this.valueLength);
  }

  /** An answer that depends on a range depends on everything that was appended. */
  #dependOnAll(): void {
    if (this.#root === undefined) this.#depend(this.#store.appendedLsn);
  }

  #depend(position: number): void {
    if (position > this.answer) this.answer = position as Lsn;
  }

  #abandon(reason: number): never {
    this.blocked = reason;
    throw ABANDONED;
  }
}

type OwnWrite = ReturnType<PendingWrites["inRange"]>[number];

/** The part of the range that a scan has passed over when it stopped at the key `last`. */
function passedOver(
  { start, end, reverse }: ScanRange,
  last: Uint8Array | undefined,
): { start: Uint8Array; end: Uint8Array | undefined } {
  if (last === undefined) return { start, end };
  if (reverse === true) return { start: last, end };
  const after = new Uint8Array(last.length + 1);
  after.set(last);
  return { start, end: after };
}

function tooLong(what: string, bytes: number, setting: string, max: number): Fault {
  return new Fault(
    "ERR_LIMIT",
    `The ${what} has ${bytes} bytes, and "${setting}" allows ${max}: make it smaller, or raise ` +
      "the setting",
    { setting, max, bytes },
  );
}

function tooLongForLog(bytes: number, max: number): Fault {
  return new Fault(
    "ERR_LIMIT",
    `The transaction has ${bytes} bytes, and the log of this store has room for ${max}: split ` +
      'it, or copy the data to a store that is made with a larger "logBytes"',
    { setting: "logBytes", max, bytes },
  );
}
