/**
 * A store whose transactions are recorded. To its callers it is the store that it stands before.
 */

import type { Lsn } from "../../base/ids.ts";
import type { RecordedOperation } from "../../base/recorded-events.ts";
import { DelegatingEngine, DelegatingTransaction } from "../../transactions/delegation.ts";
import type { Engine, SnapshotView } from "../../transactions/engine.ts";
import {
  type BeginOptions,
  type InteractiveTransaction,
  MUST_WAIT,
  type RunOptions,
  type Step,
} from "../../transactions/step.ts";
import type { Recorder } from "./recorder.ts";
import type { OpenRecord } from "./run-record.ts";

export class RecordingStore extends DelegatingEngine implements Engine {
  readonly #recorder: Recorder;
  readonly #session: string | undefined;

  /** Transactions of one session follow each other; without a name each is a session. */
  constructor(recorder: Recorder, session?: string) {
    super();
    this.#recorder = recorder;
    this.#session = session;
  }

  protected get engine(): Engine {
    return this.#recorder.engine;
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    const recorder = this.#recorder;
    const record = recorder.begin(this.#session);
    let result: T | typeof MUST_WAIT;
    try {
      result = this.engine.tryRun(this.#noting(record, body));
    } catch (error) {
      if (record.thrown === error) recorder.ended(record, this.answerLsn);
      else recorder.refused(record);
      throw error;
    }
    if (result === MUST_WAIT) recorder.refused(record);
    else recorder.ended(record, this.answerLsn);
    return result;
  }

  run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    const record = this.#recorder.begin(this.#session);
    const result = this.engine.run(this.#noting(record, body), options);
    void result.then(
      () => this.#recorder.told(record),
      (error: unknown) => {
        if (record.thrown === error) this.#recorder.told(record);
        else this.#recorder.refused(record);
      },
    );
    return result;
  }

  begin(options?: BeginOptions): InteractiveTransaction {
    const inner = this.engine.begin(options);
    return new RecordingTransaction(this.#recorder, this.#recorder.begin(this.#session), inner);
  }

  async snapshot(): Promise<SnapshotView> {
    const record = this.#recorder.begin(this.#session);
    try {
      return recordingSnapshot(this.#recorder, record, await this.engine.snapshot());
    } catch (error) {
      this.#recorder.refused(record);
      throw error;
    }
  }

  #noting<T>(record: OpenRecord, body: (step: Step) => T): (step: Step) => T {
    return this.#recorder.noting(record, body, (operations) => {
      record.operations = operations;
    });
  }
}

class RecordingTransaction extends DelegatingTransaction implements InteractiveTransaction {
  readonly #recorder: Recorder;
  readonly #record: OpenRecord;
  protected readonly transaction: InteractiveTransaction;

  constructor(recorder: Recorder, record: OpenRecord, inner: InteractiveTransaction) {
    super();
    this.#recorder = recorder;
    this.#record = record;
    this.transaction = inner;
    inner.onAbort(() => recorder.refused(record));
  }

  tryRun<T>(body: (step: Step) => T): T | typeof MUST_WAIT {
    return this.#keepIf(() => this.transaction.tryRun(this.#noting(body)));
  }

  run<T>(body: (step: Step) => T, options?: RunOptions): Promise<T> {
    return this.transaction.run(this.#noting(body), options);
  }

  commit(): Promise<Lsn> {
    const committed = this.transaction.commit();
    void committed.then(
      (position) => this.#recorder.ended(this.#record, position),
      () => this.#recorder.refused(this.#record),
    );
    return committed;
  }

  tryCommit(body: (step: Step) => void): Lsn | typeof MUST_WAIT {
    try {
      const position = this.#keepIf(() => this.transaction.tryCommit(this.#noting(body)));
      if (position !== MUST_WAIT) this.#recorder.ended(this.#record, position);
      return position;
    } catch (error) {
      this.#recorder.refused(this.#record);
      throw error;
    }
  }

  /** What it read is told to whoever decided to roll it back. */
  override rollback(): void {
    super.rollback();
    const record = this.#record;
    if (record.status !== undefined || record.answer !== undefined) return;
    record.operations = record.operations.filter(isRead);
    this.#recorder.ended(record, this.transaction.answerLsn);
  }

  /** Forgets what a body did that came to its end in vain. */
  #keepIf<T>(attempt: () => T | typeof MUST_WAIT): T | typeof MUST_WAIT {
    const { operations } = this.#record;
    const result = attempt();
    if (result === MUST_WAIT) this.#record.operations = operations;
    return result;
  }

  #noting<T>(body: (step: Step) => T): (step: Step) => T {
    const record = this.#record;
    return this.#recorder.noting(record, body, (operations) => {
      record.operations = [...record.operations, ...operations];
    });
  }
}

/** One transaction, from when the view was asked for to when it is released. */
function recordingSnapshot(
  recorder: Recorder,
  record: OpenRecord,
  view: SnapshotView,
): SnapshotView {
  const noting = <T>(body: (step: Step) => T): ((step: Step) => T) =>
    recorder.noting(
      record,
      body,
      (operations) => {
        record.operations = [...record.operations, ...operations];
      },
      view.position,
    );
  return {
    position: view.position,
    tryRun: (body) => view.tryRun(noting(body)),
    run: (body, options) => view.run(noting(body), options),
    release: () => {
      view.release();
      if (record.status === undefined) recorder.ended(record, view.position);
    },
  };
}

function isRead(operation: RecordedOperation): boolean {
  return operation.kind === "read" || operation.kind === "scan";
}
