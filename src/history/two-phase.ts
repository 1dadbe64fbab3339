/**
 * Whether two-phase locking lets a schedule through exactly as it stands, and if so, where each
 * lock is taken and let go.
 *
 * A transaction takes a shared lock before it reads, an exclusive one before it writes (or raises
 * its shared one), and lets go of nothing before it has taken all: that is its lock point. Under
 * *strict* locking exclusive locks are kept to its end, under *rigorous* locking all are.
 *
 * Lock points are put as late as the others let them be: a transaction must have let go of an item
 * before another one uses it, and so must have taken all its locks by then. That bound moves the
 * others' bounds in turn, until nothing moves; the schedule is possible iff by then nobody must
 * let go of an item before its own last use of it.
 */

import { must } from "../base/assert.ts";
import { conflictsOf } from "./conflicts.ts";
import {
  formatOperation,
  isData,
  type Schedule,
  type ScheduledOperation,
  transactionName,
} from "./schedule.ts";
import { endIndexes } from "./schedule-ends.ts";

export type LockingRule = "plain" | "strict" | "rigorous";
export type LockMode = "shared" | "exclusive";

export type TwoPhaseVerdict =
  | { readonly possible: true; readonly locks: readonly LockStep[] }
  | {
      readonly possible: false;
      /** The operation that would have had to wait. */
      readonly waiting: ScheduledOperation;
      readonly because: string;
    };

export interface LockStep {
  readonly kind: "lock" | "unlock";
  readonly transaction: string;
  readonly item: string;
  readonly mode: LockMode;
  /** It comes before the operation of this index; the length of the schedule is the end. */
  readonly before: number;
}

export function producibleByTwoPhase(schedule: Schedule, rule: LockingRule): TwoPhaseVerdict {
  return new LockPlan(schedule, rule).verdict();
}

/** One transaction's use of one item in one mode. */
interface Use {
  readonly transaction: string;
  readonly item: string;
  readonly mode: LockMode;
  /** Indexes of operations. */
  readonly first: number;
  readonly last: number;
  readonly lastOperation: ScheduledOperation;
}

/** `holder` must have let go of the item before `wanter` may take it. */
interface Handover {
  readonly holder: Use;
  readonly wanter: Use;
  /** The operation of the wanter that needs it. */
  readonly wanted: ScheduledOperation;
}

/** Why a lock point cannot be later. */
interface Bound {
  readonly at: number;
  readonly handover: Handover | undefined;
}

class LockPlan {
  readonly #schedule: Schedule;
  readonly #rule: LockingRule;
  readonly #uses: readonly Use[];
  readonly #handovers: readonly Handover[];
  readonly #ends: ReadonlyMap<string, number>;
  readonly #points = new Map<string, Bound>();
  /** Moments from one operation to the next. */
  readonly #scale: number;

  constructor(schedule: Schedule, rule: LockingRule) {
    this.#scale = 4 * (schedule.transactions.length + 2);
    this.#schedule = schedule;
    this.#rule = rule;
    this.#ends = endsOf(schedule);
    this.#uses = usesOf(schedule);
    this.#handovers = this.#findHandovers();
    for (const transaction of schedule.transactions) {
      const firsts = this.#uses.filter((use) => use.transaction === transaction);
      const at = Math.max(-1, ...firsts.map(({ first }) => first * this.#scale - 1));
      this.#points.set(transaction, { at, handover: undefined });
    }
  }

  verdict(): TwoPhaseVerdict {
    for (let changes = true; changes;) {
      changes = false;
      for (const handover of this.#handovers) {
        const impossible = this.#refute(handover);
        if (impossible !== undefined) return impossible;
        changes = this.#tighten(handover) || changes;
      }
    }
    return { possible: true, locks: this.#locks() };
  }

  #findHandovers(): readonly Handover[] {
    const named = new Map(this.#uses.map((use) => [nameOf(use), use]));
    const find = (operation: ScheduledOperation): Use =>
      must(named.get(nameOf({ ...operation, mode: modeOf(operation) })), "every use is listed");
    return conflictsOf(this.#schedule).map(({ first, second }) => ({
      holder: find(first),
      wanter: find(second),
      wanted: second,
    }));
  }

  /** The latest moment at which the item can be taken. */
  #takenAt(use: Use): number {
    return Math.min(use.first * this.#scale - 1, this.#pointOf(use.transaction).at);
  }

  /** Until when the holder needs the item by itself. */
  #neededUntil(use: Use): number {
    const isKept =
      this.#rule === "rigorous" || (this.#rule === "strict" && use.mode === "exclusive");
    const end = this.#ends.get(use.transaction) ?? use.last;
    return isKept ? Math.max(use.last, end) : this.#lastUse(use);
  }

  /** A lock is one, whatever its mode: it is let go after the last use in any. */
  #lastUse({ transaction, item }: Use): number {
    const uses = this.#uses.filter((use) => use.transaction === transaction && use.item === item);
    return Math.max(...uses.map(({ last }) => last));
  }

  #refute(handover: Handover): TwoPhaseVerdict | undefined {
    const { holder, wanter, wanted } = handover;
    const until = this.#neededUntil(holder);
    if (until * this.#scale + 1 < this.#takenAt(wanter)) return undefined;
    const name = transactionName(holder.transaction);
    const item = holder.item;
    const isKept = this.#lastUse(holder) < until;
    const last = this.#schedule.operations[this.#lastUse(holder)] ?? holder.lastOperation;
    const reason = isKept
      ? `${name} keeps its lock on ${item} until it ends`
      : `${name} still uses ${item} in ${formatOperation(last)}`;
    const bound = this.#pointOf(wanter.transaction);
    if (wanter.first <= until || bound.handover === undefined) {
      return { possible: false, waiting: wanted, because: reason };
    }
    // The wanter must take the item early, to let go of another one in time: it cannot.
    const { wanted: waiting } = bound.handover;
    const other = transactionName(wanter.transaction);
    const because =
      `${other} holds ${waiting.item} and cannot let go of it before it has locked ${item} ` +
      `for ${formatOperation(wanted)}, and ${reason}`;
    return { possible: false, waiting, because };
  }

  /** The holder's lock point comes before the wanter takes the item. */
  #tighten(handover: Handover): boolean {
    const { holder, wanter } = handover;
    // One moment before it is taken it is let go, and one before that is the lock point.
    const latest = this.#takenAt(wanter) - 2;
    if (this.#pointOf(holder.transaction).at <= latest) return false;
    this.#points.set(holder.transaction, { at: latest, handover });
    return true;
  }

  #pointOf(transaction: string): Bound {
    return must(this.#points.get(transaction), "every transaction has a lock point");
  }

  #locks(): readonly LockStep[] {
    const steps: (LockStep & { readonly at: number })[] = [];
    const add = (kind: "lock" | "unlock", { transaction, item, mode }: Use, at: number): void => {
      steps.push({ kind, transaction, item, mode, before: Math.ceil(at / this.#scale), at });
    };
    for (const use of this.#uses) {
      add("lock", use, this.#takenAt(use));
      if (use.mode === "shared" && this.#isRaised(use)) continue;
      const until = this.#neededUntil(use) * this.#scale + 1;
      add("unlock", use, Math.max(until, this.#pointOf(use.transaction).at + 1));
    }
    return steps
      .toSorted((left, right) => left.at - right.at)
      .map(({ kind, transaction, item, mode, before }) => ({
        kind,
        transaction,
        item,
        mode,
        before: Math.max(0, before),
      }));
  }

  #isRaised({ transaction, item }: Use): boolean {
    return this.#uses.some(
      (use) => use.transaction === transaction && use.item === item && use.mode === "exclusive",
    );
  }
}

function modeOf({ kind }: ScheduledOperation): LockMode {
  return kind === "read" ? "shared" : "exclusive";
}

function nameOf(use: {
  readonly transaction: string;
  readonly item: string;
  readonly mode: LockMode;
}): string {
  return JSON.stringify([use.transaction, use.item, use.mode]);
}

function usesOf({ operations }: Schedule): readonly Use[] {
  const uses = new Map<string, Use>();
  for (const operation of operations.filter(isData)) {
    const { transaction, item, index } = operation;
    const mode = modeOf(operation);
    const name = nameOf({ transaction, item, mode });
    const first = uses.get(name)?.first ?? index;
    uses.set(name, { transaction, item, mode, first, last: index, lastOperation: operation });
  }
  return [...uses.values()];
}

/** Where each transaction ends; one that does not say so ends right after its last operation. */
function endsOf(schedule: Schedule): ReadonlyMap<string, number> {
  const lasts = new Map(schedule.operations.map(({ transaction, index }) => [transaction, index]));
  return new Map([...lasts, ...endIndexes(schedule)]);
}
