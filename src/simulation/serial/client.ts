/**
 * A client of the store within its process, as unreliable as real ones are: it gives up waiting
 * now and then, thinks within its transactions, and does nothing twice that was not refused.
 */

import { makeAbortSource } from "../../base/abort.ts";
import { isFault } from "../../base/fault.ts";
import type { SeededRandom } from "../../base/random.ts";
import type { Engine } from "../../transactions/engine.ts";
import {
  type InteractiveTransaction,
  MUST_WAIT,
  type RunOptions,
  type Step,
} from "../../transactions/step.ts";
import type { Clock } from "../../world/world.ts";
import { type ClientTransaction, RolledBack, type SerialClient } from "./workload.ts";

export interface ClientParts {
  readonly name: string;
  readonly store: Engine;
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** How often of a hundred it has little patience. */
  readonly impatiencePercent: number;
  /** The longest it waits where it has patience; undefined: what the store allows. */
  readonly timeoutMs?: number;
  readonly violated: (what: string) => void;
  readonly see: (sight: ClientSight) => void;
}

export type ClientSight = "timeout" | "stopped-by-signal" | "retried" | "snapshot" | "rolled-back";

const RETRY_MS_MAX = 5;
const PATIENCE_MS_MAX = 12;

export class StoreClient implements SerialClient {
  readonly name: string;
  readonly random: SeededRandom;
  readonly #parts: ClientParts;
  readonly #options: RunOptions | undefined;
  readonly #brevity: SeededRandom;
  #count = 0;

  constructor(parts: ClientParts) {
    const { timeoutMs } = parts;
    this.#options = timeoutMs === undefined ? undefined : { timeoutMs };
    this.name = parts.name;
    this.random = parts.random;
    this.#brevity = parts.random.stream("brevity");
    this.#parts = parts;
  }

  async run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    const { store } = this.#parts;
    const patience = this.#patience();
    try {
      return await store.run(body, options ?? patience?.options ?? this.#options);
    } catch (error) {
      const isStopped = isFault(error, "ERR_TIMEOUT") || isFault(error, "ERR_ABORTED");
      if (isStopped) this.#parts.see(patience?.sight ?? "timeout");
      throw error;
    } finally {
      patience?.stop();
    }
  }

  async transact<T>(script: (transaction: ClientTransaction) => Promise<T>): Promise<T> {
    const { store, see } = this.#parts;
    let age: number | undefined;
    for (let attempts = 0; ; attempts++) {
      const isBrief = attempts === 0 && this.#brevity.chance(50);
      const transaction = store.begin({ age, attempts, isBrief });
      ({ age } = transaction);
      try {
        const result = await script(isBrief ? atOnce(transaction) : transaction);
        const position = isBrief ? transaction.tryCommit(() => undefined) : MUST_WAIT;
        await store.whenSettled(position === MUST_WAIT ? await transaction.commit() : position);
        return result;
      } catch (error) {
        transaction.rollback();
        if (!isFault(transaction.aborted, "ERR_ABORTED")) {
          return await this.#refuse(transaction, error);
        }
      }
      see("retried");
      await this.think(RETRY_MS_MAX);
    }
  }

  async snapshot<T>(work: (view: ClientTransaction) => Promise<T>): Promise<T> {
    const { store, see } = this.#parts;
    see("snapshot");
    const view = await store.snapshot();
    try {
      return await work(view);
    } finally {
      view.release();
    }
  }

  async think(msMax: number): Promise<void> {
    const { clock } = this.#parts;
    const thousandths = this.random.below(Math.max(1, Math.round(msMax * 1000)));
    await new Promise<void>((resolve) => clock.after(thousandths / 1000, resolve));
  }

  violated(what: string): void {
    this.#parts.violated(`${this.name}: ${what}`);
  }

  unique(): string {
    return `${this.name}.${++this.#count}`;
  }

  async #refuse(transaction: InteractiveTransaction, error: unknown): Promise<never> {
    const { store, see } = this.#parts;
    if (error instanceof RolledBack) see("rolled-back");
    await store.whenSettled(transaction.answerLsn);
    throw error;
  }

  #patience(): Patience | undefined {
    if (!this.random.chance(this.#parts.impatiencePercent)) return undefined;
    const ms = this.random.below(PATIENCE_MS_MAX * 1000) / 1000;
    if (this.random.chance(50)) {
      return { options: { timeoutMs: ms }, sight: "timeout", stop: () => undefined };
    }
    const source = makeAbortSource();
    const stop = this.#parts.clock.after(ms, () => source.abort(new Error("not needed any more")));
    return { options: { signal: source.signal }, sight: "stopped-by-signal", stop };
  }
}

/** Runs bodies without waiting where that can be. */
function atOnce(transaction: InteractiveTransaction): ClientTransaction {
  return {
    run: async (body) => {
      const result = transaction.tryRun(body);
      return result === MUST_WAIT ? await transaction.run(body) : result;
    },
  };
}

interface Patience {
  readonly options: RunOptions;
  readonly sight: ClientSight;
  readonly stop: () => void;
}
