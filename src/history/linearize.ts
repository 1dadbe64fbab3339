/**
 * Says whether a history of operations is linearizable: whether each operation can be given one
 * moment between its call and its return, so that one after the other they return what they did.
 *
 * The search is complete. It is that of Wing and Gong with the memory of Lowe: operations are put
 * first one by one, a configuration (which operations are placed, and the state after them) is
 * never tried twice, and an operation that returned before all that are placed could be must be
 * placed in time. Its length is bounded by a number of steps; beyond it the answer is unknown.
 *
 * An operation that never returned may take effect at any later time, or not at all.
 */

import type { Model } from "./model.ts";
import type { Operation } from "./operation-history.ts";

export type Linearization =
  | { readonly kind: "valid"; readonly order: readonly Operation[] }
  | {
      readonly kind: "invalid";
      /** The longest beginning that could be put in order. */
      readonly order: readonly Operation[];
      /** The operation that had to come next and could not. */
      readonly stuck: Operation;
    }
  | { readonly kind: "unknown"; readonly steps: number };

export interface Budget {
  /** Steps that are left to all searches that share it. */
  stepsLeft: number;
}

export function linearize(
  operations: readonly Operation[],
  model: Model,
  budget: Budget,
): Linearization {
  return new Search(operations, model).run(budget);
}

/** A call or a return in the doubly linked list of those that are not yet placed. */
interface Entry {
  readonly operation: Operation;
  readonly isCall: boolean;
  /** The number of the operation in order of returns. */
  readonly rank: number;
  previous: Entry;
  next: Entry;
  /** Of a call: its return. */
  match: Entry;
}

class Search {
  readonly #model: Model;
  readonly #head: Entry;
  readonly #placed: Uint8Array;
  readonly #mustCount: number;
  readonly #seen = new Set<string>();
  readonly #stack: { readonly entry: Entry; readonly state: string }[] = [];
  readonly #longest: Operation[] = [];
  /** So much of `#longest` is still the beginning of the stack. */
  #sharedLength = 0;
  #stuck: Operation | undefined;
  /** All operations of a lower rank are placed. */
  #firstOpen = 0;
  /** No operation that returned, of this rank or a higher one, is placed. */
  #highest = 0;
  #mustLeft: number;
  /** The ranks of placed operations that never returned, and a number for their set. */
  readonly #late: number[] = [];
  #lateNumber = 0;
  readonly #lateNumbers: number[] = [];
  readonly #lateSets = new Map<string, number>();
  readonly #lateSteps = new Map<string, number>();

  constructor(operations: readonly Operation[], model: Model) {
    this.#model = model;
    const byReturn = operations.toSorted(
      (left, right) => compare(left.returned, right.returned) || left.called - right.called,
    );
    this.#placed = new Uint8Array(byReturn.length);
    this.#mustCount = byReturn.filter(({ returned }) => returned !== Infinity).length;
    this.#mustLeft = this.#mustCount;
    this.#head = linked(byReturn);
  }

  run(budget: Budget): Linearization {
    let state = this.#model.initial;
    let entry = this.#head.next;
    let steps = 0;
    while (this.#mustLeft > 0) {
      if (budget.stepsLeft-- <= 0) return { kind: "unknown", steps };
      steps++;
      if (entry.isCall) {
        const next = this.#model.step(state, entry.operation);
        if (next !== undefined && this.#isNew(entry, next)) {
          this.#stack.push({ entry, state });
          this.#place(entry);
          state = next;
          entry = this.#head.next;
        } else entry = entry.next;
        continue;
      }
      this.#remember(entry);
      const last = this.#stack.pop();
      if (last === undefined) return this.#failure();
      this.#sharedLength = Math.min(this.#sharedLength, this.#stack.length);
      this.#unplace(last.entry);
      state = last.state;
      entry = last.entry.next;
    }
    return { kind: "valid", order: this.#order() };
  }

  #failure(): Linearization {
    const stuck = this.#stuck ?? this.#head.next.operation;
    return { kind: "invalid", order: this.#longest, stuck };
  }

  #order(): readonly Operation[] {
    return this.#stack.map(({ entry }) => entry.operation);
  }

  /** Keeps the furthest the search came: it stands before a return that cannot be passed. */
  #remember(entry: Entry): void {
    if (this.#stuck !== undefined && this.#stack.length <= this.#longest.length) return;
    this.#longest.length = this.#sharedLength;
    for (let at = this.#sharedLength; at < this.#stack.length; at++) {
      this.#longest.push((this.#stack[at] as { readonly entry: Entry }).entry.operation);
    }
    this.#sharedLength = this.#stack.length;
    this.#stuck = entry.operation;
  }

  #isNew(entry: Entry, state: string): boolean {
    const key = this.#configuration(entry, state);
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  /**
   * The operations that would be placed, and the state. Ranks are those of returns, so all placed
   * but a few form a beginning, which one number stands for; those that never returned come last.
   */
  #configuration(entry: Entry, state: string): string {
    this.#placed[entry.rank] = 1;
    let first = this.#firstOpen;
    while (this.#placed[first] === 1) first++;
    let key = `${first}`;
    const end =
      entry.rank < this.#mustCount ? Math.max(this.#highest, entry.rank + 1) : this.#highest;
    for (let rank = first + 1; rank < end; rank++) if (this.#placed[rank] === 1) key += `,${rank}`;
    key += `;${this.#lateNumberWith(entry.rank)}`;
    this.#placed[entry.rank] = 0;
    return `${key}|${state}`;
  }

  /** A number for the set of placed operations that never returned, with this one if it is such. */
  #lateNumberWith(rank: number): number {
    if (rank < this.#mustCount) return this.#lateNumber;
    const step = `${this.#lateNumber} ${rank}`;
    const known = this.#lateSteps.get(step);
    if (known !== undefined) return known;
    const set = [...this.#late, rank].toSorted((left, right) => left - right).join(" ");
    const number = this.#lateSets.get(set) ?? this.#lateSets.size + 1;
    this.#lateSets.set(set, number);
    this.#lateSteps.set(step, number);
    return number;
  }

  #place(entry: Entry): void {
    unlink(entry);
    unlink(entry.match);
    this.#placed[entry.rank] = 1;
    while (this.#placed[this.#firstOpen] === 1) this.#firstOpen++;
    if (this.#mustCount <= entry.rank) {
      const number = this.#lateNumberWith(entry.rank);
      this.#late.push(entry.rank);
      this.#lateNumbers.push(this.#lateNumber);
      this.#lateNumber = number;
      return;
    }
    this.#mustLeft--;
    this.#highest = Math.max(this.#highest, entry.rank + 1);
  }

  #unplace(entry: Entry): void {
    relink(entry.match);
    relink(entry);
    this.#placed[entry.rank] = 0;
    if (entry.rank < this.#mustCount) this.#mustLeft++;
    else {
      this.#late.pop();
      this.#lateNumber = this.#lateNumbers.pop() ?? 0;
    }
    this.#firstOpen = Math.min(this.#firstOpen, entry.rank);
    while (this.#highest > 0 && this.#placed[this.#highest - 1] === 0) this.#highest--;
  }
}

/** The events in their order, in a ring that begins and ends with a sentinel. */
function linked(byReturn: readonly Operation[]): Entry {
  const events: { at: number; entry: Entry }[] = [];
  const sentinel = {} as Entry;
  for (const [rank, operation] of byReturn.entries()) {
    const links = { previous: sentinel, next: sentinel, match: sentinel };
    const call: Entry = { operation, isCall: true, rank, ...links };
    const back: Entry = { operation, isCall: false, rank, ...links };
    call.match = back;
    events.push({ at: operation.called, entry: call }, { at: operation.returned, entry: back });
  }
  events.sort(
    (left, right) =>
      compare(left.at, right.at) || Number(right.entry.isCall) - Number(left.entry.isCall),
  );
  let last = sentinel;
  for (const { entry } of events) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  last.next = sentinel;
  sentinel.previous = last;
  return sentinel;
}

function compare(left: number, right: number): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function unlink(entry: Entry): void {
  entry.previous.next = entry.next;
  entry.next.previous = entry.previous;
}

function relink(entry: Entry): void {
  entry.previous.next = entry;
  entry.next.previous = entry;
}
