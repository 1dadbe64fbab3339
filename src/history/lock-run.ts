/**
 * Runs a schedule against a lock table: who gets a lock, who waits for whom, and whether they end
 * up waiting in a circle.
 *
 * A schedule that says its locks is taken at its word; in any other, each operation asks for its
 * lock and all are kept to the end, as strict two-phase locking does. The operations of a
 * transaction that waits are put off until it gets on. Nobody is aborted: a deadlock stays.
 */

import { isData, type Schedule, type ScheduledOperation } from "./schedule.ts";
import type { LockMode } from "./two-phase.ts";

export interface Wait {
  readonly transaction: string;
  readonly item: string;
  readonly mode: LockMode;
  /** The operation that asked. */
  readonly operation: ScheduledOperation;
  readonly waitsFor: readonly string[];
}

export interface LockRun {
  /** The operations in the order in which they were carried out. */
  readonly executed: readonly ScheduledOperation[];
  /** Every time somebody had to wait. */
  readonly waits: readonly Wait[];
  /** Who waits at the end, and for whom. */
  readonly waitsFor: readonly Wait[];
  /** A circle of the waits-for graph, or undefined. */
  readonly deadlock: readonly Wait[] | undefined;
  /** Operations that its locks do not cover, and locks taken after one was let go. */
  readonly offences: readonly {
    readonly operation: ScheduledOperation;
    readonly offence: string;
  }[];
}

export function runLocks(schedule: Schedule): LockRun {
  return new LockTable(schedule).run();
}

interface Held {
  readonly transaction: string;
  readonly item: string;
  mode: LockMode;
}

interface Request {
  readonly transaction: string;
  readonly item: string;
  readonly mode: LockMode;
  readonly operation: ScheduledOperation;
}

class LockTable {
  readonly #operations: readonly ScheduledOperation[];
  readonly #saysLocks: boolean;
  readonly #lastOf: ReadonlyMap<string, number>;
  readonly #held: Held[] = [];
  readonly #queue: Request[] = [];
  readonly #putOff = new Map<string, ScheduledOperation[]>();
  readonly #shrinking = new Set<string>();
  readonly #executed: ScheduledOperation[] = [];
  readonly #waits: Wait[] = [];
  readonly #offences: { operation: ScheduledOperation; offence: string }[] = [];
  #deadlock: readonly Wait[] | undefined;

  constructor({ operations }: Schedule) {
    this.#operations = operations;
    this.#saysLocks = operations.some(({ kind }) => modeAsked(kind) !== undefined);
    this.#lastOf = new Map(operations.map(({ transaction, index }) => [transaction, index]));
  }

  run(): LockRun {
    for (const operation of this.#operations) {
      const waiting = this.#putOff.get(operation.transaction);
      if (waiting === undefined) this.#perform(operation);
      else waiting.push(operation);
    }
    const waitsFor = this.#queue.map((request) => this.#waitOf(request));
    return {
      executed: this.#executed,
      waits: this.#waits,
      waitsFor,
      deadlock: this.#deadlock,
      offences: this.#offences,
    };
  }

  #perform(operation: ScheduledOperation): void {
    const request = this.#requestOf(operation);
    if (request !== undefined && !this.#acquire(request)) return;
    this.#finish(operation);
  }

  #requestOf(operation: ScheduledOperation): Request | undefined {
    const { kind, transaction, item } = operation;
    const asked = modeAsked(kind);
    if (asked !== undefined) {
      if (this.#shrinking.has(transaction)) this.#offend(operation, "locks after it unlocked");
      return { transaction, item, mode: asked, operation };
    }
    if (this.#saysLocks || !isData(operation)) return undefined;
    return { transaction, item, mode: kind === "read" ? "shared" : "exclusive", operation };
  }

  #acquire(request: Request): boolean {
    if (this.#blockers(request).length === 0) {
      this.#grant(request);
      return true;
    }
    this.#queue.push(request);
    this.#putOff.set(request.transaction, []);
    this.#waits.push(this.#waitOf(request));
    this.#deadlock ??= this.#findCircle(request.transaction);
    return false;
  }

  #grant({ transaction, item, mode }: Request): void {
    const own = this.#held.find((one) => one.transaction === transaction && one.item === item);
    if (own === undefined) this.#held.push({ transaction, item, mode });
    else if (mode === "exclusive") own.mode = mode;
  }

  /** Those who hold the item in a way that excludes the request, or asked for it before. */
  #blockers(request: Request): readonly string[] {
    const own = this.#held.find(
      ({ transaction, item }) => transaction === request.transaction && item === request.item,
    );
    if (own !== undefined && (own.mode === "exclusive" || request.mode === "shared")) return [];
    const place = this.#queue.indexOf(request);
    const before = place < 0 ? this.#queue : this.#queue.slice(0, place);
    // Who holds the item already and wants more of it need not queue: it would block itself.
    const others = own === undefined ? [...this.#held, ...before] : this.#held;
    const names = others
      .filter(
        (one) =>
          one.item === request.item &&
          one.transaction !== request.transaction &&
          (one.mode === "exclusive" || request.mode === "exclusive"),
      )
      .map(({ transaction }) => transaction);
    return [...new Set(names)];
  }

  #finish(operation: ScheduledOperation): void {
    const { kind, transaction, item, index } = operation;
    this.#executed.push(operation);
    if (kind === "unlock") {
      this.#shrinking.add(transaction);
      if (!this.#release((one) => one.transaction === transaction && one.item === item)) {
        this.#offend(operation, "unlocks what it has not locked");
      }
      return;
    }
    if (this.#saysLocks && isData(operation)) this.#checkCover(operation);
    const isEnd = kind === "commit" || kind === "abort" || this.#lastOf.get(transaction) === index;
    if (isEnd) this.#release((one) => one.transaction === transaction);
  }

  #checkCover(operation: ScheduledOperation): void {
    const { transaction, item, kind } = operation;
    const own = this.#held.find((one) => one.transaction === transaction && one.item === item);
    if (own === undefined) this.#offend(operation, "has no lock on the item");
    else if (own.mode === "shared" && kind !== "read") {
      this.#offend(operation, "has only a shared lock on the item");
    }
  }

  #release(isReleased: (held: Held) => boolean): boolean {
    const kept = this.#held.filter((one) => !isReleased(one));
    const releases = kept.length < this.#held.length;
    this.#held.splice(0, this.#held.length, ...kept);
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.#grant(next);
      const putOff = this.#putOff.get(next.transaction) ?? [];
      this.#putOff.delete(next.transaction);
      this.#finish(next.operation);
      for (const operation of putOff) {
        const waiting = this.#putOff.get(operation.transaction);
        if (waiting === undefined) this.#perform(operation);
        else waiting.push(operation);
      }
    }
    return releases;
  }

  #next(): Request | undefined {
    return this.#queue.find((request) => this.#blockers(request).length === 0);
  }

  #waitOf(request: Request): Wait {
    return { ...request, waitsFor: this.#blockers(request) };
  }

  #findCircle(start: string): readonly Wait[] | undefined {
    const waits = new Map(
      this.#queue.map((request) => [request.transaction, this.#waitOf(request)]),
    );
    const search = (path: readonly Wait[]): readonly Wait[] | undefined => {
      for (const next of path.at(-1)?.waitsFor ?? []) {
        if (next === start) return path;
        const wait = waits.get(next);
        if (wait === undefined || path.includes(wait)) continue;
        const circle = search([...path, wait]);
        if (circle !== undefined) return circle;
      }
      return undefined;
    };
    const first = waits.get(start);
    return first === undefined ? undefined : search([first]);
  }

  #offend(operation: ScheduledOperation, offence: string): void {
    this.#offences.push({ operation, offence });
  }
}

function modeAsked(kind: ScheduledOperation["kind"]): LockMode | undefined {
  if (kind === "lock-shared") return "shared";
  return kind === "lock-exclusive" ? "exclusive" : undefined;
}
