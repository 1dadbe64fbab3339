/**
 * Conflicts: pairs of operations of different transactions on one item whose order matters.
 *
 *              read  write  increment
 *     read      -      x        x
 *     write     x      x        x
 *     increment x      x        -        (decrements are increments by other amounts)
 */

import { isData, type OperationKind, type Schedule, type ScheduledOperation } from "./schedule.ts";

export interface Conflict {
  readonly first: ScheduledOperation;
  readonly second: ScheduledOperation;
}

export interface ConflictEdge {
  readonly from: string;
  readonly to: string;
  readonly conflicts: readonly Conflict[];
}

export interface ConflictGraph {
  readonly transactions: readonly string[];
  readonly edges: readonly ConflictEdge[];
}

export function conflictsOf({ operations }: Schedule): readonly Conflict[] {
  const data = operations.filter(isData);
  return data.flatMap((first, at) =>
    data
      .slice(at + 1)
      .filter((second) => inConflict(first, second))
      .map((second) => ({ first, second })),
  );
}

export function inConflict(first: ScheduledOperation, second: ScheduledOperation): boolean {
  if (first.transaction === second.transaction || first.item !== second.item) return false;
  return !commute(first.kind, second.kind);
}

function commute(first: OperationKind, second: OperationKind): boolean {
  if (first === "read" || second === "read") return first === second;
  return first !== "write" && second !== "write";
}

export function conflictGraph(schedule: Schedule): ConflictGraph {
  const edges = new Map<string, { from: string; to: string; conflicts: Conflict[] }>();
  for (const conflict of conflictsOf(schedule)) {
    const from = conflict.first.transaction;
    const to = conflict.second.transaction;
    const name = JSON.stringify([from, to]);
    const edge = edges.get(name) ?? { from, to, conflicts: [] };
    edges.set(name, edge);
    edge.conflicts.push(conflict);
  }
  return { transactions: schedule.transactions, edges: [...edges.values()] };
}

/** Orders of all transactions that agree with every edge, at most `countMax` of them. */
export function serialOrders(
  graph: ConflictGraph,
  countMax: number,
): readonly (readonly string[])[] {
  const orders: (readonly string[])[] = [];
  const extend = (order: readonly string[]): void => {
    if (orders.length === countMax) return;
    if (order.length === graph.transactions.length) {
      orders.push(order);
      return;
    }
    for (const next of graph.transactions) {
      if (order.includes(next)) continue;
      const isReady = graph.edges.every(({ from, to }) => to !== next || order.includes(from));
      if (isReady) extend([...order, next]);
    }
  };
  extend([]);
  return orders;
}

/** A shortest cycle, as its edges in order, or undefined if there is none. */
export function shortestCycle(graph: ConflictGraph): readonly ConflictEdge[] | undefined {
  const leaving = new Map(
    graph.transactions.map((one) => [one, graph.edges.filter(({ from }) => from === one)]),
  );
  let best: readonly ConflictEdge[] | undefined;
  for (const start of graph.transactions) {
    const found = shortestReturn(start, leaving);
    if (found !== undefined && (best === undefined || found.length < best.length)) best = found;
  }
  return best;
}

function shortestReturn(
  start: string,
  leaving: ReadonlyMap<string, readonly ConflictEdge[]>,
): readonly ConflictEdge[] | undefined {
  const cameBy = new Map<string, readonly ConflictEdge[]>([[start, []]]);
  const queue = [start];
  for (const node of queue) {
    const path = cameBy.get(node) ?? [];
    for (const edge of leaving.get(node) ?? []) {
      if (edge.to === start) return [...path, edge];
      if (cameBy.has(edge.to)) continue;
      cameBy.set(edge.to, [...path, edge]);
      queue.push(edge.to);
    }
  }
  return undefined;
}
