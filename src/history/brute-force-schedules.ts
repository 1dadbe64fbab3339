/**
 * What the classes of schedules mean, word for word: every serial order is tried. Slow, and so
 * obvious that it can judge the rest.
 */

import { inConflict } from "./conflicts.ts";
import { isData, type Schedule, type ScheduledOperation } from "./schedule.ts";

export interface BruteForceAnswer {
  /** The serial orders that are equivalent, each as one word. */
  readonly conflictOrders: readonly string[];
  readonly isViewSerializable: boolean;
  readonly isFinalStateSerializable: boolean;
}

export function bruteForceSchedule(schedule: Schedule): BruteForceAnswer {
  const data = schedule.operations.filter(isData);
  const orders = permutations(schedule.transactions);
  const serial = orders.map((order) => ({ order, operations: serialised(data, order) }));
  const view = viewOf(data);
  const finalState = finalStateOf(data);
  return {
    conflictOrders: serial
      .filter(({ operations }) => sameConflicts(data, operations))
      .map(({ order }) => order.join(" ")),
    isViewSerializable: serial.some(({ operations }) => viewOf(operations) === view),
    isFinalStateSerializable: serial.some(
      ({ operations }) => finalStateOf(operations) === finalState,
    ),
  };
}

function permutations<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}

function serialised(
  data: readonly ScheduledOperation[],
  order: readonly string[],
): readonly ScheduledOperation[] {
  return order.flatMap((one) => data.filter(({ transaction }) => transaction === one));
}

function sameConflicts(
  data: readonly ScheduledOperation[],
  other: readonly ScheduledOperation[],
): boolean {
  const places = new Map(other.map((operation, place) => [operation.index, place]));
  return data.every((first, at) =>
    data
      .slice(at + 1)
      .every(
        (second) =>
          !inConflict(first, second) ||
          (places.get(first.index) ?? 0) < (places.get(second.index) ?? 0),
      ),
  );
}

/** Which write each read found, and which write of each item is the last. */
function viewOf(data: readonly ScheduledOperation[]): string {
  const last = new Map<string, number>();
  const facts: string[] = [];
  for (const { kind, item, index } of data) {
    if (kind === "read") facts.push(`${index} read ${last.get(item) ?? "initial"}`);
    else last.set(item, index);
  }
  for (const [item, index] of last) facts.push(`${item} ends as ${index}`);
  return facts.toSorted().join("; ");
}

/** The terms that the items end with, written out. */
function finalStateOf(data: readonly ScheduledOperation[]): string {
  const items = new Map<string, string>();
  const known = new Map<string, string>();
  for (const { kind, item, transaction, index } of data) {
    const inputs = known.get(transaction) ?? "";
    if (kind === "read") known.set(transaction, `${inputs} ${items.get(item) ?? `${item}0`}`);
    else items.set(item, `f${index}(${inputs})`);
  }
  return [...items]
    .map(([item, term]) => `${item}=${term}`)
    .toSorted()
    .join("; ");
}
