/**
 * The changes of the last transactions, kept in memory for those who follow them. Whoever falls
 * further behind than what is kept is told so, and never misses one unawares.
 */

import { assert } from "../base/assert.ts";
import { Fault } from "../base/fault.ts";
import { type Lsn, lsn } from "../base/ids.ts";
import type { Change, CommittedTransaction } from "../transactions/engine.ts";
import type { Settling } from "./settling.ts";

export class ChangeFeed {
  readonly #settling: Settling;
  readonly #keptCount: number;
  readonly #onClose = new Set<() => void>();
  #kept: CommittedTransaction[] = [];
  #oldestLsn: Lsn;
  #isClosed = false;

  constructor(settling: Settling, keptCount: number) {
    this.#settling = settling;
    this.#keptCount = keptCount;
    this.#oldestLsn = settling.settledLsn;
  }

  /** The position after which the changes are still known. */
  get oldestLsn(): Lsn {
    return this.#oldestLsn;
  }

  add(position: Lsn, changes: readonly Change[]): void {
    assert(position === this.#oldestLsn + this.#kept.length + 1, "positions have no gaps");
    this.#kept.push({ lsn: position, changes });
    // Half at a time, so that the cost of moving the others is spread.
    if (this.#kept.length <= 2 * this.#keptCount) return;
    const droppedCount = this.#kept.length - this.#keptCount;
    this.#kept = this.#kept.slice(droppedCount);
    this.#oldestLsn = lsn(this.#oldestLsn + droppedCount);
  }

  /** Ends all who follow. */
  close(): void {
    this.#isClosed = true;
    for (const wake of this.#onClose) wake();
  }

  async *follow(after: Lsn, signal?: AbortSignal): AsyncIterable<CommittedTransaction> {
    let position = after;
    for (;;) {
      if (signal?.aborted === true) return;
      const next = this.#next(position);
      if (next !== undefined) {
        position = next.lsn;
        yield next;
      } else {
        const { failure } = this.#settling;
        if (failure !== undefined) throw failure;
        if (this.#isClosed) return;
        await this.#whenMore(signal);
      }
    }
  }

  /** The transaction after `position`, once it is settled. */
  #next(position: Lsn): CommittedTransaction | undefined {
    if (position < this.#oldestLsn) {
      const message = `the changes after ${position} are gone; take a snapshot and follow from it`;
      throw new Fault("ERR_VERSION_GONE", message, { oldest: this.#oldestLsn });
    }
    const next = this.#kept[position - this.#oldestLsn];
    return next !== undefined && next.lsn <= this.#settling.settledLsn ? next : undefined;
  }

  async #whenMore(signal: AbortSignal | undefined): Promise<void> {
    const stops: (() => void)[] = [];
    await new Promise<void>((resolve) => {
      stops.push(
        this.#settling.onSettled(resolve),
        this.#settling.onFailure(() => resolve()),
      );
      this.#onClose.add(resolve);
      stops.push(() => this.#onClose.delete(resolve));
      signal?.addEventListener("abort", resolve);
      stops.push(() => signal?.removeEventListener("abort", resolve));
    });
    for (const stop of stops) stop();
  }
}
