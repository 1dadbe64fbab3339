/** Those who wait for positions to be settled; all are told in the order in which they asked. */

import type { Lsn } from "../base/ids.ts";

interface Waiter {
  readonly position: Lsn;
  readonly resolve: () => void;
  readonly reject: (failure: Error) => void;
}

export class SettledWaiters {
  #waiters: Waiter[] = [];

  /** Resolves when `position` is settled; rejects if that fails before. */
  wait(position: Lsn): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  /** Everything up to `position` is. Most who wait do so for the batch that is under way. */
  settled(position: Lsn): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) return;
    this.#waiters = waiters.filter((waiter) => position < waiter.position);
    for (const waiter of waiters) if (waiter.position <= position) waiter.resolve();
  }

  failed(failure: Error): void {
    for (const { reject } of this.#waiters.splice(0)) reject(failure);
  }
}
