/** Where the transactions of a schedule end. */

import type { OperationKind, Schedule } from "./schedule.ts";

/** The index of the commit or abort of each transaction that has one. */
export function endIndexes(schedule: Schedule): ReadonlyMap<string, number> {
  return indexesOf(schedule, ["commit", "abort"]);
}

export function commitIndexes(schedule: Schedule): ReadonlyMap<string, number> {
  return indexesOf(schedule, ["commit"]);
}

function indexesOf(
  schedule: Schedule,
  kinds: readonly OperationKind[],
): ReadonlyMap<string, number> {
  return new Map(
    schedule.operations
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ transaction, index }) => [transaction, index]),
  );
}
