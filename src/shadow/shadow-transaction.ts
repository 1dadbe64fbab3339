/**
 * A transaction of many steps on a shadow store. It has the store to itself from its first step to
 * its end, so what it reads stays true, and nobody sees what it wrote before it commits.
 */

import { Fault } from "../base/fault.ts";
import type { Lsn } from "../base/ids.ts";
import type {
  BeginOptions,
  InteractiveTransaction,
  RunOptions,
  Step,
} from "../transactions/step.ts";
import { MUST_WAIT } from "../transactions/step.ts";
import type { RowTree } from "./row-tree.ts";
import type { ShadowStep } from "./shadow-step.ts";
import { abandoned, type Turns } from "./turns.ts";

/** What a transaction needs of its store. */
export interface ShadowParent {
  readonly turns: Turns;
  readonly rows: RowTree;
  readonly answerLsn: Lsn;
  /** Makes what the step wrote the state of the store; returns its position. */
  commit(step: ShadowStep): Lsn;
  /** The transaction is over. */
  forget(transaction: ShadowTransaction): void;
}

export class ShadowTransaction implements InteractiveTransaction {
  readonly age: number;
  readonly #parent: ShadowParent;
  readonly #step: ShadowStep;
  readonly #options: BeginOptions;
  readonly #onSignal: () => void;
  #state: "new" | "entering" | "in" | "over" = "new";
  #entering: Promise<void> | undefined;
  #aborted: Error | undefined;
  #listeners: ((reason: Error) => void)[] = [];
  #answerLsn: Lsn;

  constructor(parent: ShadowParent, step: ShadowStep, age: number, options: BeginOptions) {
    this.age = age;
    this.#parent = parent;
    this.#step = step;
    this.#options = options;
    this.#answerLsn = parent.answerLsn;
    const { signal } = options;
    this.#onSignal = () => {
      if (signal !== undefined) this.abort(abandoned(signal));
    };
    signal?.addEventListener("abort", this.#onSignal);
    if (signal?.aborted === true) this.#onSignal();
  }

  get aborted(): Error | undefined {
    return this.#aborted;
  }

  get answerLsn(): Lsn {
    return this.#answerLsn;
  }

  onAbort(listener: (reason: Error) => void): void {
    this.#listeners.push(listener);
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    this.#check();
    if (this.#state === "entering") return MUST_WAIT;
    if (this.#state === "new") {
      if (!this.#parent.turns.tryEnter()) return MUST_WAIT;
      this.#begin();
    }
    return this.#step.run(body);
  }

  async run<T>(body: (step: Step) => T, options: RunOptions = {}): Promise<T> {
    this.#check();
    if (this.#state !== "in") {
      this.#entering ??= this.#enter(options);
      await this.#entering;
      this.#check();
    }
    return this.#step.run(body);
  }

  async commit(): Promise<Lsn> {
    this.#check();
    if (this.#state === "in") this.#answerLsn = this.#parent.commit(this.#step);
    this.#end();
    return this.#answerLsn;
  }

  tryCommit(body: (step: Step) => void): Lsn | typeof MUST_WAIT {
    if (this.tryRun(body) === MUST_WAIT) return MUST_WAIT;
    this.#answerLsn = this.#parent.commit(this.#step);
    this.#end();
    return this.#answerLsn;
  }

  rollback(): void {
    if (this.#state !== "over") this.#end();
  }

  /** Rolls it back for a reason that is not its owner's. */
  abort(reason: Error): void {
    if (this.#state === "over") return;
    this.#aborted = reason;
    this.#end();
    for (const listener of this.#listeners) listener(reason);
  }

  async #enter(options: RunOptions): Promise<void> {
    this.#state = "entering";
    try {
      await this.#parent.turns.enter({
        signal: options.signal ?? this.#options.signal,
        timeoutMs: options.timeoutMs ?? this.#options.timeoutMs,
      });
    } catch (error) {
      if (error instanceof Error) this.abort(error);
      throw error;
    }
    // It may have ended while it waited, and then has no use for its turn.
    if (this.#isOver()) this.#parent.turns.leave();
    else this.#begin();
  }

  #isOver(): boolean {
    return this.#state === "over";
  }

  #begin(): void {
    this.#state = "in";
    this.#answerLsn = this.#parent.answerLsn;
    this.#step.begin(this.#parent.rows);
  }

  #end(): void {
    const wasIn = this.#state === "in";
    this.#state = "over";
    this.#options.signal?.removeEventListener("abort", this.#onSignal);
    this.#parent.forget(this);
    if (wasIn) this.#parent.turns.leave();
  }

  #check(): void {
    if (this.#aborted !== undefined) throw this.#aborted;
    if (this.#state === "over") {
      throw new Fault("ERR_CLOSED", "this transaction has ended; begin another");
    }
  }
}
