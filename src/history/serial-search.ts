/**
 * View- and final-state serializability: both ask for a serial order with the same meaning, and
 * both are NP-complete. The search puts the transactions in order one by one, gives up an order
 * when a read in it differs, and tries no set of transactions twice that leaves the same state.
 *
 * The meaning is that of Herbrand: a written value is a term over all that its transaction had
 * read before. View equivalence compares what every read found and what remains in the end;
 * final-state equivalence only what remains, however it came about.
 */

import { isData, type Schedule, type ScheduledOperation } from "./schedule.ts";

export type SerialSearch =
  | { readonly kind: "yes"; readonly order: readonly string[] }
  | { readonly kind: "no" }
  | { readonly kind: "unknown"; readonly reason: string };

const STEPS_MAX = 200_000;

export function viewSerialOrder(schedule: Schedule): SerialSearch {
  return new Orders(schedule, true).search();
}

export function finalStateSerialOrder(schedule: Schedule): SerialSearch {
  return new Orders(schedule, false).search();
}

/** The terms that items hold; an item that is missing holds its initial value. */
type State = ReadonlyMap<string, string>;

class Orders {
  readonly #transactions: readonly string[];
  readonly #programs: ReadonlyMap<string, readonly ScheduledOperation[]>;
  readonly #comparesReads: boolean;
  readonly #terms = new TermNumbers();
  /** What the reads of each transaction found in the schedule. */
  readonly #found: ReadonlyMap<string, string>;
  readonly #final: string;
  readonly #hasIncrements: boolean;
  readonly #failed = new Set<string>();
  #stepsLeft = STEPS_MAX;

  constructor(schedule: Schedule, comparesReads: boolean) {
    const data = schedule.operations.filter(isData);
    this.#transactions = schedule.transactions;
    this.#programs = new Map(
      schedule.transactions.map((one) => [
        one,
        data.filter(({ transaction }) => transaction === one),
      ]),
    );
    this.#comparesReads = comparesReads;
    this.#hasIncrements = data.some(({ kind }) => kind === "increment" || kind === "decrement");
    const { state, found } = this.#run(data, new Map());
    this.#found = found;
    this.#final = stateText(state);
  }

  search(): SerialSearch {
    if (this.#hasIncrements) {
      return { kind: "unknown", reason: "it is not defined for increments and decrements" };
    }
    const order = this.#extend([], new Map());
    if (order !== undefined) return { kind: "yes", order };
    if (this.#stepsLeft > 0) return { kind: "no" };
    return { kind: "unknown", reason: `the search took more than ${STEPS_MAX} steps` };
  }

  #extend(order: readonly string[], state: State): readonly string[] | undefined {
    if (order.length === this.#transactions.length) {
      return stateText(state) === this.#final ? order : undefined;
    }
    const configuration = JSON.stringify([order.toSorted(), stateText(state)]);
    if (this.#failed.has(configuration)) return undefined;
    for (const next of this.#transactions) {
      if (order.includes(next)) continue;
      if (this.#stepsLeft-- <= 0) return undefined;
      const after = this.#run(this.#programs.get(next) ?? [], state);
      if (this.#comparesReads && !this.#sameReads(after.found)) continue;
      const whole = this.#extend([...order, next], after.state);
      if (whole !== undefined) return whole;
    }
    this.#failed.add(configuration);
    return undefined;
  }

  #sameReads(found: ReadonlyMap<string, string>): boolean {
    return [...found].every(([read, term]) => this.#found.get(read) === term);
  }

  #run(
    operations: readonly ScheduledOperation[],
    before: State,
  ): { readonly state: State; readonly found: ReadonlyMap<string, string> } {
    const state = new Map(before);
    const found = new Map<string, string>();
    const known = new Map<string, string[]>();
    const counts = new Map<string, number>();
    for (const { kind, transaction, item } of operations) {
      const inputs = known.get(transaction) ?? [];
      known.set(transaction, inputs);
      const count = counts.get(transaction) ?? 0;
      counts.set(transaction, count + 1);
      const name = JSON.stringify([transaction, count]);
      if (kind === "read") {
        const term = this.#source(state, item);
        inputs.push(term);
        found.set(name, term);
      } else state.set(item, this.#written(name, inputs));
    }
    return { state, found };
  }

  #source(state: State, item: string): string {
    return state.get(item) ?? this.#terms.number(JSON.stringify(["initial", item]));
  }

  /** For views it matters who wrote, and not from what. */
  #written(name: string, inputs: readonly string[]): string {
    return this.#terms.number(this.#comparesReads ? name : JSON.stringify([name, inputs]));
  }
}

/** Short names for terms, which would else grow with every step. */
class TermNumbers {
  readonly #numbers = new Map<string, string>();

  number(term: string): string {
    const known = this.#numbers.get(term);
    if (known !== undefined) return known;
    const number = `t${this.#numbers.size}`;
    this.#numbers.set(term, number);
    return number;
  }
}

function stateText(state: State): string {
  return JSON.stringify([...state].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
