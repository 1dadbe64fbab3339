/**
 * A store in memory for the tests of the door: what it does is right, one transaction at a time,
 * and it can be told to settle late, to abandon bodies in their middle, and to fail.
 *
 * An interactive transaction holds the whole store from its first body to its end.
 */

import { assert } from "../base/assert.ts";
import { latin1, ownBytes } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type ScanEntry,
  type ScanRange,
  type Step,
  type TransactionStore,
} from "../transactions/step.ts";

interface Row {
  readonly bytes: Uint8Array;
  readonly version: Lsn;
}

/** Passes through a body that must be run again. */
class Abandoned extends Error {}

export class MemoryStore implements TransactionStore {
  settledLsn: Lsn = lsn(0);
  answerLsn: Lsn = lsn(0);
  failure: Error | undefined;
  /** Settles every commit at once, unless told not to. */
  settlesAtOnce = true;
  /** Says at each call of a step whether the body is abandoned there. */
  stumbles: () => boolean = () => false;
  /** Called when a commit has been appended, before anybody hears of it. */
  appended: () => void = () => undefined;
  nowMs: () => number = () => 1_700_000_000_000;
  /** Whether nobody waits for a lock any longer. */
  locksTimeOut = false;
  readonly rows: Map<string, Row> = new Map();
  /** The transaction that holds the store. */
  holder: MemoryTransaction | undefined;
  readonly #step = new MemoryStep(this);
  readonly #settledListeners = new Set<() => void>();
  readonly #failureListeners = new Set<(failure: Error) => void>();
  #waiters: (() => void)[] = [];
  #last = 0;
  #sorted: string[] | undefined;

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    if (this.failure !== undefined) throw this.#unavailable();
    if (this.holder !== undefined) return MUST_WAIT;
    const outcome = this.attempt(this.#step, body);
    if (outcome !== MUST_WAIT) this.append(this.#step);
    return outcome;
  }

  async run<T>(body: (step: Step) => T): Promise<T> {
    for (;;) {
      await Promise.resolve();
      const outcome = this.tryRun(body);
      if (outcome !== MUST_WAIT) return outcome;
      if (this.locksTimeOut) throw new Fault("ERR_TIMEOUT", "the lock was held for too long");
      if (this.holder !== undefined) await this.whenFree();
    }
  }

  /** Runs the body on the step, and forgets what it wrote if it does not come to its end. */
  attempt<T>(step: MemoryStep, body: (step: Step) => T): T | typeof MUST_WAIT {
    step.begin();
    try {
      const result = body(step);
      step.finish();
      return result;
    } catch (error) {
      step.forget();
      if (error instanceof Abandoned) return MUST_WAIT;
      throw error;
    }
  }

  append(step: MemoryStep): Lsn {
    if (step.written.size > 0) {
      const at = lsn(++this.#last);
      for (const [key, bytes] of step.written) this.#apply(key, bytes, at);
      step.written.clear();
      this.appended();
    }
    this.answerLsn = lsn(this.#last);
    if (this.settlesAtOnce) this.settledLsn = this.answerLsn;
    return this.answerLsn;
  }

  settle(): void {
    this.settledLsn = lsn(this.#last);
    for (const listener of this.#settledListeners) listener();
  }

  fail(): void {
    this.failure = new Error("the disk is gone");
    for (const listener of this.#failureListeners) listener(this.failure);
  }

  onSettled(listener: () => void): () => void {
    this.#settledListeners.add(listener);
    return () => this.#settledListeners.delete(listener);
  }

  async whenSettled(position: Lsn): Promise<void> {
    while (this.settledLsn < position) {
      await new Promise<void>((resolve) => {
        const stop = this.onSettled(() => {
          stop();
          resolve();
        });
      });
    }
  }

  onFailure(listener: (failure: Error) => void): () => void {
    this.#failureListeners.add(listener);
    return () => this.#failureListeners.delete(listener);
  }

  begin(options: BeginOptions = {}): MemoryTransaction {
    if (this.failure !== undefined) throw this.#unavailable();
    return new MemoryTransaction(this, options);
  }

  async whenFree(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  free(): void {
    this.holder = undefined;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  sortedKeys(): readonly string[] {
    this.#sorted ??= [...this.rows.keys()].toSorted((a, b) => (a < b ? -1 : 1));
    return this.#sorted;
  }

  #apply(key: string, bytes: Uint8Array | undefined, at: Lsn): void {
    if (bytes === undefined) {
      if (this.rows.delete(key)) this.#sorted = undefined;
    } else {
      if (!this.rows.has(key)) this.#sorted = undefined;
      this.rows.set(key, { bytes, version: at });
    }
  }

  #unavailable(): Fault {
    return new Fault("ERR_UNAVAILABLE", "the store failed", {}, this.failure);
  }
}

export class MemoryStep implements Step {
  nowMs = 0;
  valueBytes: Uint8Array = new Uint8Array(0);
  valueAt = 0;
  valueLength = 0;
  version: Lsn = lsn(0);
  buffer: Uint8Array = new Uint8Array(1 << 16);
  /** By key; undefined: removed. */
  written: Map<string, Uint8Array | undefined> = new Map();
  readonly #store: MemoryStore;
  #writtenBefore = new Map<string, Uint8Array | undefined>();
  #pending: { key: string; length: number } | undefined;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  begin(): void {
    this.nowMs = this.#store.nowMs();
    this.#writtenBefore = new Map(this.written);
  }

  forget(): void {
    this.#pending = undefined;
    this.written = this.#writtenBefore;
  }

  finish(): void {
    if (this.#pending === undefined) return;
    const { key, length } = this.#pending;
    this.#pending = undefined;
    this.written.set(key, ownBytes(this.buffer, 0, length));
  }

  find(source: Uint8Array, at: number, length: number): boolean {
    this.#enter();
    const key = latin1(source, at, length);
    const bytes = this.written.has(key) ? this.written.get(key) : this.#store.rows.get(key)?.bytes;
    if (bytes === undefined) return false;
    this.version = this.written.has(key) ? lsn(0) : (this.#store.rows.get(key)?.version ?? lsn(0));
    // Other bytes at each call, so that nobody gets away with reading an old view.
    this.valueAt = length % 7;
    this.valueBytes = new Uint8Array(this.valueAt + bytes.length);
    this.valueBytes.set(bytes, this.valueAt);
    this.valueLength = bytes.length;
    return true;
  }

  willFind(): void {}

  findForUpdate(source: Uint8Array, at: number, length: number): boolean {
    return this.find(source, at, length);
  }

  put(source: Uint8Array, at: number, length: number, valueLength: number): number {
    this.#enter();
    if (this.buffer.length < valueLength) this.buffer = new Uint8Array(2 * valueLength);
    this.buffer.fill(0xee, 0, valueLength);
    this.#pending = { key: latin1(source, at, length), length: valueLength };
    return 0;
  }

  remove(source: Uint8Array, at: number, length: number): void {
    this.#enter();
    this.written.set(latin1(source, at, length), undefined);
  }

  removeRange(start: Uint8Array, end: Uint8Array): void {
    this.#enter();
    for (const key of this.#keysOf({ start, end })) this.written.set(key, undefined);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (!this.find(key, 0, key.length)) return undefined;
    return ownBytes(this.valueBytes, this.valueAt, this.valueLength);
  }

  getForUpdate(key: Uint8Array): Uint8Array | undefined {
    return this.get(key);
  }

  set(key: Uint8Array, value: Uint8Array): void {
    this.#enter();
    this.written.set(latin1(key), ownBytes(value));
  }

  delete(key: Uint8Array): void {
    this.remove(key, 0, key.length);
  }

  scan(range: ScanRange, visit: (entry: ScanEntry) => boolean): void {
    this.#enter();
    const keys = this.#keysOf(range);
    if (range.reverse === true) keys.reverse();
    for (const key of keys) {
      const keyBytes = Uint8Array.from(key, (character) => character.charCodeAt(0));
      assert(this.find(keyBytes, 0, keyBytes.length), "what is scanned is there");
      const { valueBytes, valueAt, valueLength, version } = this;
      const entry = { keyBytes, keyLength: keyBytes.length, valueBytes, valueAt, valueLength };
      if (!visit({ ...entry, version })) return;
    }
  }

  count(prefix: Uint8Array): number {
    this.#enter();
    return this.#keysOf({ start: prefix, end: undefined }).filter((key) =>
      key.startsWith(latin1(prefix)),
    ).length;
  }

  #enter(): void {
    this.finish();
    if (this.#store.stumbles()) throw new Abandoned();
  }

  #keysOf({ start, end }: ScanRange): string[] {
    const first = latin1(start);
    const last = end === undefined ? undefined : latin1(end);
    const added = [...this.written.keys()].filter((key) => !this.#store.rows.has(key));
    const all =
      added.length === 0
        ? this.#store.sortedKeys()
        : [...this.#store.sortedKeys(), ...added].toSorted((a, b) => (a < b ? -1 : 1));
    return all.filter(
      (key) =>
        first <= key &&
        (last === undefined || key < last) &&
        !(this.written.has(key) && this.written.get(key) === undefined),
    );
  }
}

export class MemoryTransaction implements InteractiveTransaction {
  readonly age: number;
  readonly attempts: number;
  aborted: Error | undefined;
  readonly #store: MemoryStore;
  readonly #step: MemoryStep;
  readonly #listeners: ((reason: Error) => void)[] = [];
  static #nextAge = 1;

  constructor(store: MemoryStore, options: BeginOptions) {
    this.#store = store;
    this.#step = new MemoryStep(store);
    this.age = options.age ?? MemoryTransaction.#nextAge++;
    this.attempts = options.attempts ?? 0;
  }

  get answerLsn(): Lsn {
    return this.#store.answerLsn;
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    if (this.aborted !== undefined) throw this.aborted;
    const { holder } = this.#store;
    if (holder !== undefined && holder !== this) return MUST_WAIT;
    this.#store.holder = this;
    return this.#store.attempt(this.#step, body);
  }

  async run<T>(body: (step: Step) => T): Promise<T> {
    for (;;) {
      await Promise.resolve();
      const outcome = this.tryRun(body);
      if (outcome !== MUST_WAIT) return outcome;
      if (this.#store.holder !== this) await this.#store.whenFree();
    }
  }

  onAbort(listener: (reason: Error) => void): void {
    this.#listeners.push(listener);
  }

  /** As if an older transaction had wanted what this one holds. */
  wound(): void {
    this.abort(new Fault("ERR_ABORTED", 'an older transaction needed the key "k": run it again'));
  }

  abort(reason: Error): void {
    this.aborted = reason;
    this.#release();
    for (const listener of this.#listeners) listener(reason);
  }

  async commit(): Promise<Lsn> {
    await Promise.resolve();
    if (this.aborted !== undefined) throw this.aborted;
    const at = this.#store.append(this.#step);
    this.#release();
    return at;
  }

  tryCommit(body: (step: Step) => void): Lsn | typeof MUST_WAIT {
    if (this.tryRun(body) === MUST_WAIT) return MUST_WAIT;
    const at = this.#store.append(this.#step);
    this.#release();
    return at;
  }

  rollback(): void {
    this.aborted ??= new Fault("ERR_CLOSED", "the transaction was rolled back");
    this.#release();
  }

  #release(): void {
    if (this.#store.holder === this) this.#store.free();
  }
}
