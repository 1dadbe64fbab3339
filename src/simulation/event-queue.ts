/**
 * What is to happen, in the order in which it will: by virtual time, and at the same time in the
 * order in which it was put in.
 */

import { assert, must } from "../base/assert.ts";

export interface QueuedEvent {
  readonly atUs: number;
  readonly order: number;
}

/** A binary heap. */
export class EventQueue<T extends QueuedEvent> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  push(event: T): void {
    let index = this.#heap.length;
    this.#heap.push(event);
    while (0 < index) {
      const parent = (index - 1) >> 1;
      const above = this.#heap[parent] as T;
      if (!comesBefore(event, above)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = event;
  }

  peek(): T | undefined {
    return this.#heap[0];
  }

  pop(): T {
    assert(0 < this.#heap.length, "nothing is taken out of an empty queue");
    const first = this.#heap[0] as T;
    const last = must(this.#heap.pop(), "the queue is not empty");
    if (0 < this.#heap.length) this.#sink(last);
    return first;
  }

  #sink(event: T): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (heap.length <= child) break;
      const right = child + 1;
      if (right < heap.length && comesBefore(heap[right] as T, heap[child] as T)) child = right;
      if (!comesBefore(heap[child] as T, event)) break;
      heap[index] = heap[child] as T;
      index = child;
    }
    heap[index] = event;
  }
}

function comesBefore(left: QueuedEvent, right: QueuedEvent): boolean {
  return left.atUs < right.atUs || (left.atUs === right.atUs && left.order < right.order);
}
