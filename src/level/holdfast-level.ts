/**
 * An `abstract-level` database over Holdfast, so that what is built on Level runs on it.
 *
 * It guarantees more than Level asks for: every batch is one transaction, durable when its promise
 * resolves, and every read that follows sees it. Keys and values are bytes in the store; Level's
 * own encodings turn everything else into them.
 */

import { type AbstractDatabaseOptions, AbstractLevel } from "abstract-level";
import { must } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { HoldfastIterator, type IteratorOptions } from "./level-iterator.ts";
import { LevelPages } from "./level-pages.ts";
import { type LevelBounds, rangeOf } from "./level-range.ts";
import { HoldfastSnapshot } from "./level-snapshot.ts";
import type {
  LevelOpenOptions,
  LevelOperation,
  LevelReader,
  LevelSnapshot,
  LevelStore,
} from "./level-store.ts";

/** Opens the store beneath, each time that the database is opened. */
export type OpenLevelStore = (options: LevelOpenOptions) => Promise<LevelStore>;

/** Whether `createIfMissing` and `errorIfExists` mean something to who opens the store. */
export interface LevelSupport {
  readonly creation: boolean;
}

type Bytes = Uint8Array;

interface ReadOptions {
  readonly snapshot?: unknown;
}

type ClearOptions = ReadOptions & LevelBounds & { readonly limit: number };

type BatchOperation =
  | { readonly type: "put"; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: "del"; readonly key: Bytes };

/** How many are removed together, where not simply all of a range is. */
const CLEARED_TOGETHER = 1000;

export class HoldfastLevel<K = string, V = string> extends AbstractLevel<Bytes, K, V> {
  readonly #openStore: OpenLevelStore;
  #store: LevelStore | undefined;

  constructor(
    openStore: OpenLevelStore,
    options: AbstractDatabaseOptions<K, V>,
    support: LevelSupport,
  ) {
    super(
      {
        encodings: { view: true },
        seek: true,
        has: true,
        permanence: true,
        implicitSnapshots: true,
        explicitSnapshots: true,
        createIfMissing: support.creation,
        errorIfExists: support.creation,
      },
      options,
    );
    this.#openStore = openStore;
  }

  async _open(options: LevelOpenOptions): Promise<void> {
    this.#store = await this.#openStore(options);
  }

  async _close(): Promise<void> {
    const store = this.#opened();
    this.#store = undefined;
    await store.close();
  }

  async _get(key: Bytes, options: ReadOptions): Promise<Bytes | undefined> {
    return await this.#reader(options).get(key);
  }

  async _getMany(
    keys: readonly Bytes[],
    options: ReadOptions,
  ): Promise<readonly (Bytes | undefined)[]> {
    // A copy, because the caller decodes the values in place.
    return [...(await this.#reader(options).getMany(keys))];
  }

  async _has(key: Bytes, options: ReadOptions): Promise<boolean> {
    return (await this.#reader(options).get(key)) !== undefined;
  }

  async _hasMany(keys: readonly Bytes[], options: ReadOptions): Promise<boolean[]> {
    const values = await this.#reader(options).getMany(keys);
    return values.map((value) => value !== undefined);
  }

  async _put(key: Bytes, value: Bytes): Promise<void> {
    await this.#opened().write([{ kind: "put", key, value }]);
  }

  async _del(key: Bytes): Promise<void> {
    await this.#opened().write([{ kind: "remove", key }]);
  }

  async _batch(operations: readonly BatchOperation[]): Promise<void> {
    await this.#opened().write(operations.map(operationOf));
  }

  async _clear(options: ClearOptions): Promise<void> {
    const { limit, snapshot } = options;
    if (limit === -1 && snapshot === undefined) {
      await this.#opened().clear(rangeOf(options));
    } else {
      await this.#clearSome(options);
    }
  }

  _iterator(options: IteratorOptions & ReadOptions): HoldfastIterator {
    const level = this as unknown as AbstractLevel<Bytes, Bytes, Bytes>;
    const given = givenSnapshot(options);
    return given === undefined
      ? new HoldfastIterator(level, options, this.#opened().snapshot(), "iterator")
      : new HoldfastIterator(level, options, given, "user");
  }

  _snapshot(options: object): HoldfastSnapshot {
    return new HoldfastSnapshot(this.#opened().snapshot(), options);
  }

  /** Removes the first entries of a range, or those that a snapshot has. */
  async #clearSome(options: ClearOptions): Promise<void> {
    const given = givenSnapshot(options);
    const snapshot = given ?? this.#opened().snapshot();
    const pages = new LevelPages(snapshot, rangeOf(options));
    try {
      let left = options.limit === -1 ? Number.POSITIVE_INFINITY : options.limit;
      for (;;) {
        const entries = await pages.take(Math.min(left, CLEARED_TOGETHER));
        if (entries.length === 0) return;
        await this.#opened().write(entries.map(({ key }) => ({ kind: "remove", key })));
        left -= entries.length;
      }
    } finally {
      if (given === undefined) await snapshot.release();
    }
  }

  #opened(): LevelStore {
    return must(this.#store, "Level calls these only while the database is open");
  }

  #reader(options: ReadOptions): LevelReader {
    return givenSnapshot(options) ?? this.#opened();
  }
}

/** The snapshot that the user passed, if any. */
function givenSnapshot({ snapshot }: ReadOptions): LevelSnapshot | undefined {
  if (snapshot === undefined) return undefined;
  if (snapshot instanceof HoldfastSnapshot) return snapshot.snapshot;
  throw new Fault("ERR_ARGUMENT", "this snapshot is of another kind of database; make one here");
}

function operationOf(operation: BatchOperation): LevelOperation {
  const { type, key } = operation;
  return type === "put" ? { kind: "put", key, value: operation.value } : { kind: "remove", key };
}
