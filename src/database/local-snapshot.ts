/**
 * A view of the past of the store of this process. What it sees was settled before it was handed
 * out, so that no answer of it waits. Rows that had expired and were not removed yet are in it.
 */

import type { Lsn } from "../base/ids.ts";
import type { SnapshotView } from "../transactions/engine.ts";
import type { RunOptions, Step } from "../transactions/step.ts";
import { findPresent, getRow, getRows, type RowOperations, scanRows } from "./row-operations.ts";
import type {
  Chunk,
  ChunkRequest,
  EntryReader,
  RowReader,
  SessionSnapshot,
  WaitOptions,
} from "./session.ts";
import type { DatabaseSettings } from "./settings.ts";

export class LocalSnapshot implements SessionSnapshot {
  readonly #view: SnapshotView;
  readonly #operations: RowOperations;
  readonly #settings: DatabaseSettings;

  constructor(view: SnapshotView, operations: RowOperations, settings: DatabaseSettings) {
    this.#view = view;
    this.#operations = operations;
    this.#settings = settings;
  }

  get position(): Lsn {
    return this.#view.position;
  }

  async get<T>(source: Uint8Array, length: number, read: RowReader<T>): Promise<T | undefined> {
    const found = this.#operations.tryGet(this.#view, findPresent, source, length, read);
    if (typeof found !== "symbol") return found;
    return await getRow(this.#view, findPresent, source.slice(0, length), read, this.#waiting({}));
  }

  async getMany<T>(
    keys: readonly Uint8Array[],
    read: RowReader<T>,
  ): Promise<readonly (T | undefined)[]> {
    return await this.#run(getRows(findPresent, keys, read), {});
  }

  async scan<T>(
    request: ChunkRequest,
    read: EntryReader<T>,
    options: WaitOptions = {},
  ): Promise<Chunk<T>> {
    return await this.#run(scanRows(this.#settings, "past", request, read), options);
  }

  release(): void {
    this.#view.release();
  }

  async #run<T extends object>(body: (step: Step) => T, options: WaitOptions): Promise<T> {
    const result = this.#view.tryRun(body);
    return typeof result === "symbol" ? await this.#view.run(body, this.#waiting(options)) : result;
  }

  #waiting({ signal }: WaitOptions): RunOptions {
    return { signal, timeoutMs: this.#settings.timeoutMs };
  }
}
