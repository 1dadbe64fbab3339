/**
 * The record of a run: every transaction with what it read and wrote, in the form that checkers
 * read. Moments are numbers of a counter, so that what ended before another began is known even
 * where both happened in one turn.
 */

import type { RecordedOperation, RecordedTransaction } from "../../base/recorded-events.ts";

export class RunRecord {
  readonly transactions: OpenRecord[] = [];
  /** What the recorder itself found wrong. */
  readonly troubles: string[] = [];
  /** For each life of the store: the position up to which the next one found its commits. */
  readonly #foundLsn: number[] = [];
  #life = 0;
  #moment = 0;

  /** A store was opened again, and found the log up to `lastLsn`. */
  openedAgain(lastLsn: number): void {
    this.#foundLsn[this.#life++] = lastLsn;
  }

  moment(): number {
    return ++this.#moment;
  }

  /** A transaction of a session, or without a name one of a session of its own, begins. */
  begin(session: string | undefined): OpenRecord {
    const id = `T${this.transactions.length + 1}`;
    const record = new OpenRecord(id, session ?? id, this.#life, this.moment());
    this.transactions.push(record);
    return record;
  }

  /** Its caller may know how it ended. */
  told(record: OpenRecord): void {
    if (record.status !== undefined) return;
    record.status = "ok";
    record.ended = this.moment();
  }

  failed(record: OpenRecord): void {
    if (record.status !== undefined) return;
    record.status = "fail";
    record.ended = this.moment();
  }

  /** Whether what it wrote is in the store. */
  isThere({ lsn, life }: OpenRecord): boolean {
    return lsn !== undefined && lsn <= (this.#foundLsn[life] ?? Number.POSITIVE_INFINITY);
  }

  /** Those that were told of their commit, which the next opening did not find. */
  lost(): readonly OpenRecord[] {
    return this.transactions.filter(
      (record) => record.status === "ok" && record.lsn !== undefined && !this.isThere(record),
    );
  }

  /** All that was recorded. Who never heard of its end was committed if it was found later. */
  finished(): readonly RecordedTransaction[] {
    return this.transactions.map((record) => {
      const { id, session, began, ended, lsn } = record;
      const operations = record.operations.map((one) => this.#within(one, record.life));
      const status = record.status ?? (this.isThere(record) ? "ok" : "fail");
      return { id, session, began, ended, status, lsn, operations };
    });
  }

  /**
   * What was read when the log went on to a position that was lost: that is another's in the next
   * life, and whoever was told of the read must not have depended on it.
   */
  #within(operation: RecordedOperation, life: number): RecordedOperation {
    const foundLsn = this.#foundLsn[life];
    const isRead = operation.kind === "read" || operation.kind === "scan";
    if (!isRead || operation.position === undefined || foundLsn === undefined) return operation;
    return { ...operation, position: Math.min(operation.position, foundLsn) };
  }
}

export class OpenRecord {
  readonly id: string;
  readonly session: string;
  /** Of the store, from one opening to the next, in which it began. */
  readonly life: number;
  readonly began: number;
  ended: number | undefined;
  status: "ok" | "fail" | undefined;
  /** The position of its commit. */
  lsn: number | undefined;
  /** The position it was said to depend on. */
  answer: number | undefined;
  operations: readonly RecordedOperation[] = [];
  /** What its body threw in its last run, if it did. */
  thrown: unknown;

  constructor(id: string, session: string, life: number, began: number) {
    this.id = id;
    this.session = session;
    this.life = life;
    this.began = began;
  }
}
