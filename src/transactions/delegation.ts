/**
 * Engines, transactions and steps that stand before others and hand everything on, for those that
 * do something beside a part of it.
 */

import { latin1 } from "../base/bytes.ts";
import type { Lsn } from "../base/ids.ts";
import type { CommittedTransaction, Engine } from "./engine.ts";
import type { InteractiveTransaction, ScanRange, Step } from "./step.ts";

/** What an engine says of itself, said by the one behind. */
export abstract class DelegatingEngine {
  protected abstract readonly engine: Engine;

  get answerLsn(): Lsn {
    return this.engine.answerLsn;
  }

  get settledLsn(): Lsn {
    return this.engine.settledLsn;
  }

  get appendedLsn(): Lsn {
    return this.engine.appendedLsn;
  }

  get oldestChangeLsn(): Lsn {
    return this.engine.oldestChangeLsn;
  }

  get failure(): Error | undefined {
    return this.engine.failure;
  }

  onSettled(listener: () => void): () => void {
    return this.engine.onSettled(listener);
  }

  whenSettled(position: Lsn): Promise<void> {
    return this.engine.whenSettled(position);
  }

  onFailure(listener: (failure: Error) => void): () => void {
    return this.engine.onFailure(listener);
  }

  changes(after: Lsn, signal?: AbortSignal): AsyncIterable<CommittedTransaction> {
    return this.engine.changes(after, signal);
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}

/** What a transaction says of itself, said by the one behind. */
export abstract class DelegatingTransaction {
  protected abstract readonly transaction: InteractiveTransaction;

  get age(): number {
    return this.transaction.age;
  }

  get aborted(): Error | undefined {
    return this.transaction.aborted;
  }

  get answerLsn(): Lsn {
    return this.transaction.answerLsn;
  }

  get waitsFor(): string | undefined {
    return this.transaction.waitsFor;
  }

  onAbort(listener: (reason: Error) => void): void {
    this.transaction.onAbort(listener);
  }

  rollback(): void {
    this.transaction.rollback();
  }
}

/** What a step found, and where writes are filled in. */
export abstract class DelegatingStep {
  protected abstract readonly step: Step;

  get nowMs(): number {
    return this.step.nowMs;
  }

  get valueBytes(): Uint8Array {
    return this.step.valueBytes;
  }

  get valueAt(): number {
    return this.step.valueAt;
  }

  get valueLength(): number {
    return this.step.valueLength;
  }

  get version(): Lsn {
    return this.step.version;
  }

  get buffer(): Uint8Array {
    return this.step.buffer;
  }

  willFind(keys: Iterable<Uint8Array>): void {
    this.step.willFind(keys);
  }
}

/** What a scan has passed over, as a record has it: to `last`, if its visitor ended it there. */
export function rangePassedOver(
  { start, end, reverse }: ScanRange,
  last: string | undefined,
): { readonly start: string; readonly end: string | undefined } {
  const whole = { start: latin1(start), end: end === undefined ? undefined : latin1(end) };
  if (last === undefined) return whole;
  return reverse === true ? { ...whole, start: last } : { ...whole, end: `${last}\0` };
}
