/**
 * The transaction that a body is given. It sees everything as of one moment and what it wrote
 * itself. What it writes is kept here and made, all or nothing, when the body returns.
 */

import { Fault } from "../base/fault.ts";
import { type AbortSource, makeAbortSource } from "../base/abort.ts";
import { checkDelta } from "./atomic.ts";
import type { RowValues, SetOptions } from "./row-values.ts";
import { Scan, type ScanOptions, type ScanSource } from "./scan.ts";
import type { RowReader, SessionTransaction } from "./session.ts";
import { formatTransactionId } from "./transaction-id.ts";
import type { Key } from "./tuple.ts";
import type { Version } from "./version.ts";
import { counterIn, sumOf, type Write, type WriteSet } from "./write-set.ts";

/** Called with the version that a commit gave to all that it wrote. */
export type AfterCommit = (version: Version) => unknown;

/** What a body works with. It is of no use after the body has ended. */
export class Transaction {
  readonly #inner: SessionTransaction;
  readonly #values: RowValues;
  #writes: WriteSet;
  readonly #afterCommit: AfterCommit[] = [];
  #earliestDeadlineMs = Number.POSITIVE_INFINITY;
  #abortSource: AbortSource | undefined;
  #hasFlushed = false;
  /** Resolves when what was handed on so far is where it belongs, or lost. */
  #flushing: Promise<void> | undefined;
  /** Why a part of what was written could not be made. */
  #lost: { readonly error: unknown } | undefined;
  #hasLetGo = false;
  #isEnded = false;
  /** Why it was ended before its body, if it was. */
  #endReason: Error | undefined;
  #id: string | undefined;

  /** @internal */
  constructor(inner: SessionTransaction, values: RowValues) {
    this.#inner = inner;
    this.#values = values;
    this.#writes = values.takeWrites();
  }

  /** Its name: what to ask `outcome` for if it is not known whether it was committed. */
  get id(): string {
    return (this.#id ??= formatTransactionId(this.#inner.id));
  }

  /** Aborts at once when the transaction can no longer be committed, with the reason. */
  get signal(): AbortSignal {
    this.#abortSource ??= makeAbortSource();
    if (this.#isEnded || this.#inner.aborted !== undefined) {
      this.#abortSource.abort(this.#refusal());
    }
    return this.#abortSource.signal;
  }

  /**
   * The value of the key, or undefined if it is absent. Nobody changes it before the end, or what
   * was read is forgotten and the body is run again.
   */
  get<T = unknown>(key: Key): Promise<T | undefined> {
    return this.#get<T>(key, "shared");
  }

  /** As `get`, for a value that is about to be written: others wait before they read it so. */
  getForUpdate<T = unknown>(key: Key): Promise<T | undefined> {
    return this.#get<T>(key, "exclusive");
  }

  /** The values of the keys, in their order. */
  async getMany<T = unknown>(keys: readonly Key[]): Promise<(T | undefined)[]> {
    this.#check();
    if (0 < this.#writes.count) return await this.#getEach<T>(keys);
    const copies = this.#values.keys.copies(keys);
    const values = await this.#inner.getMany(copies, this.#values.readValue as RowReader<T>);
    return [...values];
  }

  /**
   * The rows of a range, in order. Nobody adds a row to what was scanned before the end. What the
   * transaction itself writes during the scan may be in it or not.
   */
  scan<T = unknown>(options: ScanOptions = {}): Scan<T> {
    this.#check();
    const source: ScanSource = {
      scan: async (request, read, waiting) => {
        this.#check();
        await this.#flush();
        return await this.#inner.scan(request, read, waiting);
      },
    };
    return new Scan<T>(this.#values, options, () => source);
  }

  /** Writes the value when the transaction commits; reads here see it at once. */
  set(key: Key, value: unknown, options?: SetOptions): void {
    this.#check();
    const values = this.#values;
    const deadlineMs = values.deadline(options);
    values.encode(key, value, deadlineMs);
    const { keys, keyLength, row, rowLength } = values;
    this.#writes.put(keys.bytes, keyLength, row, rowLength, deadlineMs);
  }

  /** Removes the key, present or not, when the transaction commits. */
  delete(key: Key): void {
    this.#check();
    const { keys } = this.#values;
    this.#writes.remove(keys.bytes, keys.encode(key));
  }

  /** Adds to the counter, a bigint of 64 bits, which is zero where there is none. */
  add(key: Key, delta: bigint): void {
    this.#check();
    checkDelta(delta);
    const { keys } = this.#values;
    this.#writes.add(keys.bytes, keys.encode(key), delta);
  }

  /** Calls `run` once, after the transaction was committed and is durable. */
  afterCommit(run: AfterCommit): void {
    this.#check();
    this.#afterCommit.push(run);
  }

  /**
   * Whatever is asked of it from here on is refused: with `reason`, or because its body has ended.
   * @internal
   */
  end(reason?: Error): void {
    this.#refuseAll(reason);
    this.#abortSource?.abort(this.#refusal());
  }

  /**
   * As `end`, in the midst of what another does, whose keys and rows are in the buffers of all:
   * who listens to the signal hears of it after that.
   * @internal
   */
  endWithin(reason: Error): void {
    this.#refuseAll(reason);
    void Promise.resolve().then(() => this.#abortSource?.abort(this.#refusal()));
  }

  /**
   * Its writes are where they belong, or nowhere: nobody asks for them any more.
   * @internal
   */
  letGo(): void {
    if (this.#hasLetGo) return;
    this.#hasLetGo = true;
    this.#values.giveBack(this.#writes);
  }

  /**
   * Throws why some of what was written is missing, if it is, whatever the body made of that.
   * @internal
   */
  get writes(): WriteSet {
    if (this.#lost !== undefined) throw this.#lost.error;
    return this.#writes;
  }

  /**
   * What a scan that nobody awaited has still to hand on, if there is any: `writes` is not to be
   * asked for before.
   * @internal
   */
  get flushing(): Promise<void> | undefined {
    return this.#flushing;
  }

  /** @internal */
  get hasWritten(): boolean {
    return 0 < this.#writes.count || this.#hasFlushed;
  }

  /** @internal */
  get earliestDeadlineMs(): number {
    return Math.min(this.#earliestDeadlineMs, this.#writes.earliestDeadlineMs);
  }

  /** @internal */
  get afterCommits(): readonly AfterCommit[] {
    return this.#afterCommit;
  }

  #get<T>(key: Key, mode: "shared" | "exclusive"): Promise<T | undefined> {
    try {
      this.#check();
      const { keys } = this.#values;
      const length = keys.encode(key);
      const written = this.#writes.find(keys.bytes, length);
      if (written !== undefined) return this.#readWritten(written) as Promise<T | undefined>;
      const read = this.#values.readValue as RowReader<T>;
      return mode === "shared"
        ? this.#inner.get(keys.bytes, length, read)
        : this.#inner.getForUpdate(keys.bytes, length, read);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #readWritten(write: Write): Promise<unknown> {
    if (write.kind === "put") return this.#values.decode(write.row);
    if (write.kind === "remove") return undefined;
    const { key, delta } = write;
    const read: RowReader<bigint> = (bytes, at, length) => counterIn(key, bytes, at, length);
    const value = await this.#inner.getForUpdate(key, key.length, read);
    return sumOf(key, value ?? 0n, delta);
  }

  async #getEach<T>(keys: readonly Key[]): Promise<(T | undefined)[]> {
    const values: (T | undefined)[] = [];
    for (const key of keys) values.push(await this.#get<T>(key, "shared"));
    return values;
  }

  #refuseAll(reason: Error | undefined): void {
    if (!this.#isEnded) this.#endReason = reason;
    this.#isEnded = true;
  }

  /** Makes what was written so far part of what scans of the store see. */
  async #flush(): Promise<void> {
    if (this.#writes.count === 0) return;
    const writes = this.#writes;
    this.#hasFlushed = true;
    this.#earliestDeadlineMs = this.earliestDeadlineMs;
    this.#writes = writes.successor();
    const applied = this.#apply(writes);
    const before = this.#flushing;
    const flushing = Promise.allSettled([before, applied]).then(() => {
      if (this.#flushing === flushing) this.#flushing = undefined;
    });
    this.#flushing = flushing;
    await applied;
  }

  async #apply(writes: WriteSet): Promise<void> {
    try {
      await this.#inner.apply(writes);
    } catch (error) {
      this.#lost ??= { error };
      throw error;
    }
  }

  #check(): void {
    if (this.#isEnded || this.#inner.aborted !== undefined) throw this.#refusal();
  }

  #refusal(): Error {
    const reason = this.#isEnded ? this.#endReason : this.#inner.aborted;
    if (reason !== undefined) return reason;
    const message = "this transaction has ended; await all that its body does with it";
    return new Fault("ERR_CLOSED", message);
  }
}
