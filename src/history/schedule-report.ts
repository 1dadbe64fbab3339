/** All that there is to say about a schedule, as one value that JSON can carry. */

import {
  type ConflictEdge,
  type ConflictGraph,
  conflictGraph,
  conflictsOf,
  serialOrders,
  shortestCycle,
} from "./conflicts.ts";
import type { Drawing } from "./drawing.ts";
import { type LockRun, type Wait, runLocks } from "./lock-run.ts";
import { type RecoveryClasses, readsFrom, recoveryClasses } from "./recovery-classes.ts";
import {
  formatOperation,
  formatSchedule,
  type Schedule,
  type ScheduledOperation,
  transactionName,
  withoutAborted,
} from "./schedule.ts";
import { finalStateSerialOrder, type SerialSearch, viewSerialOrder } from "./serial-search.ts";
import { type LockingRule, producibleByTwoPhase } from "./two-phase.ts";

/** What can be said of a schedule. */
export interface ScheduleReport {
  readonly schedule: string;
  readonly transactions: readonly string[];
  readonly conflicts: readonly { readonly first: string; readonly second: string }[];
  readonly graph: readonly GraphEdge[];
  readonly conflictSerializable: boolean;
  /** All orders that are conflict-equivalent, up to a number; missing if there is none. */
  readonly serialOrders?: readonly (readonly string[])[];
  /** Whether there are more orders than are listed. */
  readonly serialOrdersCut?: boolean;
  /** A shortest cycle, step by step; missing if there is none. */
  readonly cycle?: readonly CycleStep[];
  readonly viewSerializable: SerialAnswer;
  readonly finalStateSerializable: SerialAnswer;
  readonly readsFrom: readonly { readonly read: string; readonly write: string }[];
  /** Null if no transaction commits or aborts. */
  readonly recovery: RecoveryClasses | null;
  readonly twoPhaseLocking: Readonly<Record<LockingRule, TwoPhaseAnswer>>;
  /** What a lock table would do with it. */
  readonly locking: LockAnswer;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly because: readonly string[];
}

export interface CycleStep {
  readonly transaction: string;
  readonly before: string;
  readonly because: string;
}

export interface SerialAnswer {
  /** Null if it is not known. */
  readonly holds: boolean | null;
  readonly order?: readonly string[];
  readonly reason?: string;
}

export interface TwoPhaseAnswer {
  readonly possible: boolean;
  /** The schedule with its locks and unlocks. */
  readonly locked?: string;
  readonly waiting?: string;
  readonly because?: string;
}

export interface LockAnswer {
  readonly executed: string;
  readonly waits: readonly WaitAnswer[];
  readonly waitsFor: readonly WaitAnswer[];
  readonly deadlock: readonly WaitAnswer[] | null;
  readonly offences: readonly string[];
}

export interface WaitAnswer {
  readonly transaction: string;
  readonly operation: string;
  readonly item: string;
  readonly waitsFor: readonly string[];
}

/** How much of a schedule is said. */
export interface ScheduleOptions {
  readonly serialOrdersMax: number;
}

export const defaultScheduleOptions: ScheduleOptions = { serialOrdersMax: 100 };

/** Judges a schedule: its conflicts, its serial orders, and what locking would have made of it. */
export function reportOnSchedule(
  schedule: Schedule,
  options: ScheduleOptions = defaultScheduleOptions,
): ScheduleReport {
  const committed = withoutAborted(schedule);
  const graph = conflictGraph(committed);
  const cycle = shortestCycle(graph);
  return {
    schedule: formatSchedule(schedule),
    transactions: schedule.transactions.map(transactionName),
    conflicts: conflictsOf(committed).map(({ first, second }) => ({
      first: formatOperation(first),
      second: formatOperation(second),
    })),
    graph: graph.edges.map(edgeAnswer),
    conflictSerializable: cycle === undefined,
    ...(cycle === undefined ? orderAnswers(graph, options) : { cycle: cycle.map(cycleStep) }),
    viewSerializable: serialAnswer(viewSerialOrder(committed)),
    finalStateSerializable: serialAnswer(finalStateSerialOrder(committed)),
    readsFrom: readsFrom(schedule).map(({ read, write }) => ({
      read: formatOperation(read),
      write: formatOperation(write),
    })),
    recovery: recoveryClasses(schedule) ?? null,
    twoPhaseLocking: {
      plain: twoPhaseAnswer(schedule, "plain"),
      strict: twoPhaseAnswer(schedule, "strict"),
      rigorous: twoPhaseAnswer(schedule, "rigorous"),
    },
    locking: lockAnswer(runLocks(schedule)),
  };
}

/** The conflict graph, with a shortest cycle marked. */
export function drawSchedule(schedule: Schedule): Drawing {
  const graph = conflictGraph(withoutAborted(schedule));
  const cycle = new Set(shortestCycle(graph));
  return {
    title: formatSchedule(schedule),
    nodes: graph.transactions.map((id) => ({ id, label: transactionName(id) })),
    edges: graph.edges.map((edge) => ({
      from: edge.from,
      to: edge.to,
      label: edge.conflicts
        .map(({ first, second }) => `${formatOperation(first)} ${formatOperation(second)}`)
        .join(", "),
      isMarked: cycle.has(edge),
    })),
  };
}

/** The waits-for graph at the end of the run, with a deadlock marked. */
export function drawWaits(schedule: Schedule): Drawing {
  const { waitsFor, deadlock } = runLocks(schedule);
  const inCircle = new Set(deadlock?.map(({ transaction }) => transaction));
  return {
    title: `waits-for graph of ${formatSchedule(schedule)}`,
    nodes: schedule.transactions.map((id) => ({ id, label: transactionName(id) })),
    edges: waitsFor.flatMap((wait) =>
      wait.waitsFor.map((to) => ({
        from: wait.transaction,
        to,
        label: formatOperation(wait.operation),
        isMarked: inCircle.has(wait.transaction) && inCircle.has(to),
      })),
    ),
  };
}

function orderAnswers(
  graph: ConflictGraph,
  { serialOrdersMax }: ScheduleOptions,
): Pick<ScheduleReport, "serialOrders" | "serialOrdersCut"> {
  const orders = serialOrders(graph, serialOrdersMax + 1);
  return {
    serialOrders: orders.slice(0, serialOrdersMax).map((order) => order.map(transactionName)),
    serialOrdersCut: serialOrdersMax < orders.length,
  };
}

function edgeAnswer({ from, to, conflicts }: ConflictEdge): GraphEdge {
  return {
    from: transactionName(from),
    to: transactionName(to),
    because: conflicts.map(
      ({ first, second }) => `${formatOperation(first)} comes before ${formatOperation(second)}`,
    ),
  };
}

function cycleStep(edge: ConflictEdge): CycleStep {
  const { from, to, because } = edgeAnswer(edge);
  return { transaction: from, before: to, because: because[0] ?? "" };
}

function serialAnswer(search: SerialSearch): SerialAnswer {
  switch (search.kind) {
    case "yes":
      return { holds: true, order: search.order.map(transactionName) };
    case "no":
      return { holds: false };
    case "unknown":
      return { holds: null, reason: search.reason };
  }
}

function twoPhaseAnswer(schedule: Schedule, rule: LockingRule): TwoPhaseAnswer {
  const verdict = producibleByTwoPhase(schedule, rule);
  if (!verdict.possible) {
    return { possible: false, waiting: formatOperation(verdict.waiting), because: verdict.because };
  }
  const words: string[] = [];
  for (let before = 0; before <= schedule.operations.length; before++) {
    for (const step of verdict.locks.filter((lock) => lock.before === before)) {
      const kind = step.kind === "unlock" ? "unlock" : (`lock-${step.mode}` as const);
      words.push(formatOperation({ ...step, kind, index: before }));
    }
    const operation = schedule.operations[before];
    if (operation !== undefined && !isLocking(operation)) words.push(formatOperation(operation));
  }
  return { possible: true, locked: words.join(" ") };
}

function isLocking({ kind }: ScheduledOperation): boolean {
  return kind === "lock-shared" || kind === "lock-exclusive" || kind === "unlock";
}

function lockAnswer({ executed, waits, waitsFor, deadlock, offences }: LockRun): LockAnswer {
  return {
    executed: executed.map(formatOperation).join(" "),
    waits: waits.map(waitAnswer),
    waitsFor: waitsFor.map(waitAnswer),
    deadlock: deadlock?.map(waitAnswer) ?? null,
    offences: offences.map(({ operation, offence }) => `${formatOperation(operation)} ${offence}`),
  };
}

function waitAnswer({ transaction, operation, item, waitsFor }: Wait): WaitAnswer {
  return {
    transaction: transactionName(transaction),
    operation: formatOperation(operation),
    item,
    waitsFor: waitsFor.map(transactionName),
  };
}
