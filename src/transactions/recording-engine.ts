/**
 * An engine that records a sample of what runs on another one, so that `holdfast check` can judge
 * real traffic. What is not in the sample runs as it would without.
 *
 * A record is handed out when its outcome may be told: when all that it depends on is settled. So
 * a transaction that is recorded as ended before another began really had been answered before.
 * What had not settled when the store failed is recorded as of unknown outcome.
 *
 * Bodies that throw, and snapshots, are not recorded.
 */

import type { Lsn } from "../base/ids.ts";
import type { RecordedOperation, RecordedTransaction } from "../base/recorded-events.ts";
import { DelegatingEngine, DelegatingTransaction } from "./delegation.ts";
import type { Engine, SnapshotView } from "./engine.ts";
import { RecordingStep } from "./recording-step.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type RunOptions,
  type Step,
} from "./step.ts";

export interface RecordingOptions {
  /** One transaction in so many is recorded; 1 is all. */
  readonly oneIn: number;
  /** A natural number less than `limit`. */
  readonly below: (limit: number) => number;
  readonly record: (transaction: RecordedTransaction) => void;
}

/** A transaction that may be told of once a position is settled. */
interface Unsettled {
  readonly transaction: Omit<RecordedTransaction, "ended">;
  readonly answerLsn: Lsn;
}

export class RecordingEngine extends DelegatingEngine implements Engine {
  protected readonly engine: Engine;
  readonly #options: RecordingOptions;
  readonly #unsettled: Unsettled[] = [];
  #moment = 0;
  #count = 0;

  constructor(engine: Engine, options: RecordingOptions) {
    super();
    this.engine = engine;
    this.#options = options;
    engine.onSettled(() => this.#tell());
    engine.onFailure(() => this.#giveUp());
  }

  snapshot(): Promise<SnapshotView> {
    return this.engine.snapshot();
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    if (!this.#isChosen()) return this.engine.tryRun(body);
    const recording = new Recording(this.engine, this.#moment++, this.#count++);
    const result = this.engine.tryRun((step) => recording.run(step, body));
    if (result !== MUST_WAIT) this.#committed(recording, this.engine.answerLsn);
    return result;
  }

  async run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    if (!this.#isChosen()) return await this.engine.run(body, options);
    const recording = new Recording(this.engine, this.#moment++, this.#count++);
    const answered = (position: Lsn): void => {
      this.#committed(recording, position);
      options?.answered?.(position);
    };
    return await this.engine.run((step) => recording.runAnew(step, body), { ...options, answered });
  }

  begin(options?: BeginOptions): InteractiveTransaction {
    const transaction = this.engine.begin(options);
    if (!this.#isChosen()) return transaction;
    const recording = new Recording(this.engine, this.#moment++, this.#count++);
    return new RecordingTransaction(transaction, recording, (answerLsn) =>
      this.#committed(recording, answerLsn),
    );
  }

  #isChosen(): boolean {
    return this.#options.oneIn === 1 || this.#options.below(this.#options.oneIn) === 0;
  }

  #committed(recording: Recording, answerLsn: Lsn): void {
    this.#unsettled.push({ transaction: recording.finish(answerLsn), answerLsn });
    this.#tell();
  }

  /** In the order of their positions, which is not that of their ends. */
  #tell(): void {
    const { settledLsn } = this.engine;
    const left = this.#unsettled.filter(({ transaction, answerLsn }) => {
      if (settledLsn < answerLsn) return true;
      this.#options.record({ ...transaction, ended: this.#moment++ });
      return false;
    });
    this.#unsettled.splice(0, this.#unsettled.length, ...left);
  }

  #giveUp(): void {
    for (const { transaction } of this.#unsettled.splice(0)) {
      this.#options.record({ ...transaction, ended: undefined, status: "info" });
    }
  }
}

/** What one transaction has done so far. */
class Recording {
  readonly operations: RecordedOperation[] = [];
  readonly #engine: Engine;
  readonly #began: number;
  readonly #id: string;

  constructor(engine: Engine, began: number, number: number) {
    this.#engine = engine;
    this.#began = began;
    this.#id = `T${number}`;
  }

  /** Runs the body once; what an abandoned run did is forgotten. */
  run<T>(step: Step, body: (step: Step) => T): T {
    const recorder = new RecordingStep(step, () => this.#engine.appendedLsn);
    const result = body(recorder);
    this.operations.push(...recorder.operations);
    return result;
  }

  /** As `run`, of a transaction of one body, which may run to its end more than once. */
  runAnew<T>(step: Step, body: (step: Step) => T): T {
    this.operations.length = 0;
    return this.run(step, body);
  }

  /** Forgets what a body did that came to its end in vain. */
  keepIf<T>(attempt: () => T | typeof MUST_WAIT): T | typeof MUST_WAIT {
    const { length } = this.operations;
    const result = attempt();
    if (result === MUST_WAIT) this.operations.length = length;
    return result;
  }

  finish(answerLsn: Lsn): Omit<RecordedTransaction, "ended"> {
    const wrote = this.operations.some(({ kind }) => kind !== "read" && kind !== "scan");
    return {
      id: this.#id,
      // Nobody knows here whose it is; real time orders it among the others.
      session: this.#id,
      began: this.#began,
      status: "ok",
      lsn: wrote ? answerLsn : undefined,
      operations: this.operations,
    };
  }
}

class RecordingTransaction extends DelegatingTransaction implements InteractiveTransaction {
  protected readonly transaction: InteractiveTransaction;
  readonly #recording: Recording;
  readonly #committed: (answerLsn: Lsn) => void;

  constructor(
    transaction: InteractiveTransaction,
    recording: Recording,
    committed: (answerLsn: Lsn) => void,
  ) {
    super();
    this.transaction = transaction;
    this.#recording = recording;
    this.#committed = committed;
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    return this.#recording.keepIf(() =>
      this.transaction.tryRun((step) => this.#recording.run(step, body)),
    );
  }

  run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    return this.transaction.run((step) => this.#recording.run(step, body), options);
  }

  async commit(): Promise<Lsn> {
    const position = await this.transaction.commit();
    this.#committed(position);
    return position;
  }

  tryCommit(body: (step: Step) => void): Lsn | typeof MUST_WAIT {
    const position = this.#recording.keepIf(() =>
      this.transaction.tryCommit((step) => this.#recording.run(step, body)),
    );
    if (position !== MUST_WAIT) this.#committed(position);
    return position;
  }
}
