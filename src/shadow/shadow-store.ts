/**
 * A small set of data in one readable file, with the same transactions as the log-structured
 * store: shadow copies instead of a log, one lock instead of many.
 *
 * It guarantees that
 *
 *  1. bodies and transactions take effect one at a time, in the order of their positions;
 *  2. the file holds, at every moment, exactly the transactions up to some position; a settled
 *     position is one that a crash and a loss of power leave in it;
 *  3. a file that was damaged is refused, with the line.
 *
 * Every commit replaces the whole file, and those that gather while a replacement is under way
 * share the next one. That is what the log-structured store avoids, and the measure of what it
 * gains; and since there is so little here that can be wrong, it is what that one is tested
 * against. Whoever opens a file sees to it that nobody else has it open.
 */

import { Fault, isFault, messageOf } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { CommittedTransaction, Engine, SnapshotView } from "../transactions/engine.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type RunOptions,
  type Step,
} from "../transactions/step.ts";
import type { World } from "../world/world.ts";
import { ChangeFeed } from "./change-feed.ts";
import { readReplacedFile, replaceFile } from "./replace-file.ts";
import { Settling } from "./settling.ts";
import { decodeShadow, encodeShadow, type ShadowState } from "./shadow-format.ts";
import { type ShadowLimits, ShadowStep } from "./shadow-step.ts";
import { type ShadowParent, ShadowTransaction } from "./shadow-transaction.ts";
import { ShadowView } from "./shadow-view.ts";
import { Turns } from "./turns.ts";

/** The parts of the world that a shadow store touches. */
export type ShadowWorld = Pick<World, "files" | "clock" | "checksums">;

export interface ShadowOptions extends ShadowLimits {
  /** For how many transactions, at least, their changes can still be followed. */
  readonly changesKeptCount: number;
}

export const defaultShadowOptions: ShadowOptions = {
  keyBytesMax: 8 << 10,
  valueBytesMax: 16 << 20,
  changesKeptCount: 10_000,
};

/** Makes the file of an empty store. `ERR_FORMAT` if there is a file already. */
export async function createShadowStore(
  world: ShadowWorld,
  path: string,
  options: ShadowOptions = defaultShadowOptions,
): Promise<ShadowStore> {
  if ((await world.files.kind(path)) !== undefined) {
    throw new Fault("ERR_FORMAT", `"${path}" exists already; open it instead`, { path });
  }
  const state = { rows: undefined, lsn: lsn(0) };
  await replaceFile(world.files, path, encodeShadow(state, world.checksums));
  return new ShadowStore(world, path, state, options);
}

/** Opens the file of a store. `ERR_FORMAT` if there is none. */
export async function openShadowStore(
  world: ShadowWorld,
  path: string,
  options: ShadowOptions = defaultShadowOptions,
): Promise<ShadowStore> {
  const bytes = await readReplacedFile(world.files, path);
  if (bytes === undefined) {
    throw new Fault("ERR_FORMAT", `there is no store at "${path}"; create one`, { path });
  }
  return new ShadowStore(world, path, decodeShadow(bytes, path, world.checksums), options);
}

export class ShadowStore implements Engine {
  readonly #world: ShadowWorld;
  readonly #path: string;
  readonly #options: ShadowOptions;
  readonly #turns: Turns;
  readonly #settling: Settling;
  readonly #feed: ChangeFeed;
  readonly #step: ShadowStep;
  readonly #parent: ShadowParent;
  readonly #transactions = new Set<ShadowTransaction>();
  #state: ShadowState;
  #isReplacing = false;
  #lastAge = 0;

  constructor(world: ShadowWorld, path: string, state: ShadowState, options: ShadowOptions) {
    this.#world = world;
    this.#path = path;
    this.#options = options;
    this.#state = state;
    this.#turns = new Turns(world.clock);
    this.#settling = new Settling(state.lsn);
    this.#feed = new ChangeFeed(this.#settling, options.changesKeptCount);
    this.#step = this.#makeStep();
    this.#parent = this.#makeParent();
  }

  /** The newest position: whatever is read now may depend on it. */
  get answerLsn(): Lsn {
    return this.#state.lsn;
  }

  get appendedLsn(): Lsn {
    return this.#state.lsn;
  }

  get settledLsn(): Lsn {
    return this.#settling.settledLsn;
  }

  get oldestChangeLsn(): Lsn {
    return this.#feed.oldestLsn;
  }

  get failure(): Error | undefined {
    return this.#settling.failure;
  }

  onSettled(listener: () => void): () => void {
    return this.#settling.onSettled(listener);
  }

  onFailure(listener: (failure: Error) => void): () => void {
    return this.#settling.onFailure(listener);
  }

  async whenSettled(position: Lsn): Promise<void> {
    await this.#settling.whenSettled(position);
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    return this.#turns.tryEnter() ? this.#runInTurn(body) : MUST_WAIT;
  }

  async run<T>(body: (step: Step) => T, options: RunOptions = {}): Promise<T> {
    await this.#turns.enter(options);
    try {
      const result = this.#runInTurn(body);
      options.answered?.(this.#state.lsn);
      return result;
    } finally {
      // What was read or refused depends on the newest position, as `answerLsn` says.
      await this.whenSettled(this.#state.lsn);
    }
  }

  begin(options: BeginOptions = {}): InteractiveTransaction {
    this.#checkOpen();
    const age = options.age ?? ++this.#lastAge;
    const transaction = new ShadowTransaction(this.#parent, this.#makeStep(), age, options);
    if (transaction.aborted === undefined) this.#transactions.add(transaction);
    return transaction;
  }

  async snapshot(): Promise<SnapshotView> {
    this.#checkOpen();
    const { rows, lsn: position } = this.#state;
    await this.#settling.whenSettled(position);
    return new ShadowView(position, rows, this.#makeStep());
  }

  changes(after: Lsn, signal?: AbortSignal): AsyncIterable<CommittedTransaction> {
    return this.#feed.follow(after, signal);
  }

  async close(): Promise<void> {
    const closed = new Fault("ERR_CLOSED", `"${this.#path}" is closed; open it again`);
    this.#end(closed);
    if (this.failure === undefined) await this.#settling.whenSettled(this.#state.lsn);
    this.#feed.close();
  }

  #runInTurn<T>(body: (step: Step) => T): T {
    try {
      this.#step.begin(this.#state.rows);
      const result = this.#step.run(body);
      this.#commit(this.#step);
      return result;
    } finally {
      this.#turns.leave();
    }
  }

  /** Replaces the root by that of the step, and has the file follow. */
  #commit(step: ShadowStep): Lsn {
    if (step.changes.length === 0) return this.#state.lsn;
    const position = lsn(this.#state.lsn + 1);
    step.stamp(position);
    this.#state = { rows: step.rows, lsn: position };
    this.#feed.add(position, step.changes);
    if (!this.#isReplacing) {
      this.#isReplacing = true;
      this.#world.clock.soon(() => void this.#replaceUntilSettled());
    }
    return position;
  }

  async #replaceUntilSettled(): Promise<void> {
    const { files, checksums } = this.#world;
    while (this.settledLsn < this.#state.lsn) {
      const state = this.#state;
      try {
        await replaceFile(files, this.#path, encodeShadow(state, checksums));
      } catch (error) {
        this.#fail(error);
        return;
      }
      this.#settling.settle(state.lsn);
    }
    this.#isReplacing = false;
  }

  /** What the file holds is not known now, so nothing may follow: see who opens it next. */
  #fail(error: unknown): void {
    const message = `"${this.#path}" could not be replaced: ${messageOf(error)}; open it again`;
    const details = isFault(error) ? error.details : {};
    const failure = new Fault("ERR_UNAVAILABLE", message, details, error);
    this.#settling.fail(failure);
    this.#end(failure);
  }

  /** Refuses all that comes, and rolls back all that has not committed. */
  #end(reason: Error): void {
    this.#turns.close(reason);
    for (const transaction of this.#transactions) transaction.abort(reason);
  }

  #checkOpen(): void {
    const { closed } = this.#turns;
    if (closed !== undefined) throw closed;
  }

  #makeStep(): ShadowStep {
    return new ShadowStep(this.#options, () => this.#world.clock.wallMs());
  }

  #makeParent(): ShadowParent {
    const state = (): ShadowState => this.#state;
    return {
      turns: this.#turns,
      get rows() {
        return state().rows;
      },
      get answerLsn() {
        return state().lsn;
      },
      commit: (step) => this.#commit(step),
      forget: (transaction) => {
        this.#transactions.delete(transaction);
      },
    };
  }
}
