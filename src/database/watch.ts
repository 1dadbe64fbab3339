/** Watches: what was committed, in the order of the commits, from some version on, for ever. */

import { type AbortSource, makeAbortSource } from "../base/abort.ts";
import { Fault, isFault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import { decodeLibraryKey } from "./key-space.ts";
import { requireOptions } from "./option-names.ts";
import type { RowValues } from "./row-values.ts";
import { rangeOf } from "./scan.ts";
import type { Beginning, ChangeSet, RowChange, Session } from "./session.ts";
import type { Key, KeyPart, KeyRange } from "./tuple.ts";
import { positionOf, type Version, versionOf } from "./version.ts";

/** What to watch: one key, all keys that begin with the parts of a prefix, or all keys. */
export interface WatchTarget {
  /** Changes of this key alone. */
  readonly key?: Key | undefined;
  /** Changes of all keys that begin with these parts. */
  readonly prefix?: Key | undefined;
}

/** Where a watch begins and how it ends. */
export interface WatchOptions {
  /**
   * The changes after this version; those after the call if it is left out. `ERR_VERSION_GONE` if
   * they are no longer in the log: take a snapshot, and watch from its version.
   */
  readonly from?: Version | undefined;
  /** Ends the watch, without an error, when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

const WATCH_TARGETS: readonly string[] = ["key", "prefix"];
const WATCH_OPTIONS: readonly string[] = ["from", "signal"];

/** One key of one commit. */
export interface WatchedChange<T = unknown> {
  /** All parts of the key; one that was a string or bytes is the tuple of that one part. */
  readonly key: readonly KeyPart[];
  /** Undefined where the key was deleted. */
  readonly value: T | undefined;
  /** The commit. Changes of one transaction have the same one, and follow each other. */
  readonly version: Version;
}

/** A change after the other, as `for await` takes them. It ends when it is left or told to. */
export class Watch<T = unknown> implements AsyncIterableIterator<WatchedChange<T>> {
  readonly #session: Session;
  readonly #values: RowValues;
  readonly #range: KeyRange;
  #from: Promise<Beginning>;
  readonly #abortSource: AbortSource = makeAbortSource();
  readonly #signal: AbortSignal | undefined;
  readonly #stop: () => void;
  readonly #onEnd: (watch: Watch<T>) => void;
  #inner: AsyncIterator<ChangeSet> | undefined;
  #version: Lsn | undefined;
  #changes: readonly RowChange[] = [];
  #at = 0;
  #isEnded = false;

  /** @internal */
  constructor(
    session: Session,
    values: RowValues,
    target: WatchTarget,
    options: WatchOptions,
    onEnd: (watch: Watch<T>) => void,
  ) {
    requireOptions(target, WATCH_TARGETS, "watch's first argument");
    requireOptions(options, WATCH_OPTIONS, "watch's second argument");
    const { from, signal } = options;
    this.#session = session;
    this.#values = values;
    this.#range = watchedRange(values, target);
    this.#from =
      from === undefined ? beginningNow(session) : Promise.resolve({ after: positionOf(from) });
    this.#signal = signal;
    this.#onEnd = onEnd;
    this.#stop = () => {
      this.stop();
    };
    signal?.addEventListener("abort", this.#stop);
    if (signal?.aborted === true) this.stop();
  }

  /** The next change, as soon as there is one. Do not ask for another before it is there. */
  async next(): Promise<IteratorResult<WatchedChange<T>, undefined>> {
    while (this.#at === this.#changes.length) {
      if (this.#isEnded) return { value: undefined, done: true };
      await this.#nextSet();
    }
    const { key, row } = this.#changes[this.#at++] as RowChange;
    const value = row === undefined ? undefined : (this.#values.decode(row) as T);
    const version = versionOf(this.#version as Lsn);
    return { value: { key: decodeLibraryKey(key), value, version }, done: false };
  }

  /** Ends the watch. */
  async return(): Promise<IteratorResult<WatchedChange<T>, undefined>> {
    this.stop();
    return await Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As `return`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** @internal */
  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#changes = [];
    this.#at = 0;
    this.#signal?.removeEventListener("abort", this.#stop);
    this.#abortSource.abort(new Fault("ERR_CLOSED", "the watch was ended"));
    this.#onEnd(this);
  }

  async #nextSet(): Promise<void> {
    try {
      const result = await this.#nextResult();
      if (this.#isEnded) return;
      if (result.done === true) {
        this.stop();
        return;
      }
      this.#version = result.value.version;
      this.#changes = result.value.changes;
      this.#at = 0;
    } catch (error) {
      const wasEnded = this.#isEnded;
      this.stop();
      if (!wasEnded) throw error;
    }
  }

  async #nextResult(): Promise<IteratorResult<ChangeSet>> {
    const { after, otherwise } = await this.#from;
    this.#inner ??= this.#open(after);
    try {
      return await this.#inner.next();
    } catch (error) {
      if (otherwise === undefined || !isFault(error, "ERR_VERSION_GONE")) throw error;
      this.#from = Promise.resolve({ after: otherwise });
      this.#inner = this.#open(otherwise);
      return await this.#inner.next();
    }
  }

  #open(after: Lsn): AsyncIterator<ChangeSet> {
    const changes = this.#session.changes(this.#range, after, this.#abortSource.signal);
    return changes[Symbol.asyncIterator]();
  }
}

/** Whether it can be had is found out by who asks for the first change. */
function beginningNow(session: Session): Promise<Beginning> {
  const beginning = session.beginning();
  beginning.catch(() => undefined);
  return beginning;
}

function watchedRange(values: RowValues, { key, prefix }: WatchTarget): KeyRange {
  if (key === undefined) return rangeOf(values, { prefix });
  if (prefix !== undefined) {
    throw new Fault("ERR_ARGUMENT", "a watch is of a `key` or of a `prefix`, not of both");
  }
  const start = values.keys.copy(key);
  const end = new Uint8Array(start.length + 1);
  end.set(start);
  return { start, end };
}
