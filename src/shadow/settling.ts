/**
 * How far a store has become durable, and who waits for it. The position only rises; once the
 * store has failed it rises no more, and all who wait are told why.
 */

import { assert } from "../base/assert.ts";
import type { Lsn } from "../base/ids.ts";

export class Settling {
  readonly #onSettled = new Set<() => void>();
  readonly #onFailure = new Set<(failure: Error) => void>();
  #waiting: readonly Waiter[] = [];
  #settledLsn: Lsn;
  #failure: Error | undefined;

  constructor(settledLsn: Lsn) {
    this.#settledLsn = settledLsn;
  }

  get settledLsn(): Lsn {
    return this.#settledLsn;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  onSettled(listener: () => void): () => void {
    this.#onSettled.add(listener);
    return () => this.#onSettled.delete(listener);
  }

  onFailure(listener: (failure: Error) => void): () => void {
    this.#onFailure.add(listener);
    return () => this.#onFailure.delete(listener);
  }

  async whenSettled(position: Lsn): Promise<void> {
    if (position <= this.#settledLsn) return;
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      this.#waiting = [...this.#waiting, { position, resolve, reject }];
    });
  }

  settle(position: Lsn): void {
    assert(this.#settledLsn <= position, "what is durable stays so");
    this.#settledLsn = position;
    const reached = this.#waiting.filter((waiter) => waiter.position <= position);
    this.#waiting = this.#waiting.filter((waiter) => position < waiter.position);
    for (const waiter of reached) waiter.resolve();
    this.#onSettled.forEach((listener) => listener());
  }

  fail(failure: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.reject(failure);
    this.#onFailure.forEach((listener) => listener(failure));
  }
}

interface Waiter {
  readonly position: Lsn;
  readonly resolve: () => void;
  readonly reject: (failure: Error) => void;
}
