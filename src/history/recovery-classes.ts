/**
 * How far a schedule can be recovered from aborts. Each class is within the one before it:
 *
 *     recoverable   who read from another commits after it
 *     cascadeless   nobody reads what is not committed
 *     strict        nobody reads or overwrites what is not committed
 *     rigorous      nor overwrites what an unfinished transaction has read
 */

import { commitIndexes, endIndexes } from "./schedule-ends.ts";
import {
  formatOperation,
  isData,
  type Schedule,
  type ScheduledOperation,
  transactionName,
} from "./schedule.ts";

export interface ClassVerdict {
  readonly holds: boolean;
  /** What contradicts it, where it does not hold. */
  readonly because: string | undefined;
}

export interface RecoveryClasses {
  readonly recoverable: ClassVerdict;
  readonly cascadeless: ClassVerdict;
  readonly strict: ClassVerdict;
  readonly rigorous: ClassVerdict;
}

/** Undefined if no transaction commits or aborts: then the question has no answer. */
export function recoveryClasses(schedule: Schedule): RecoveryClasses | undefined {
  if (endIndexes(schedule).size === 0) return undefined;
  return {
    recoverable: verdict(unrecoverable(schedule)),
    cascadeless: verdict(cascading(schedule)),
    strict: verdict(unstrict(schedule)),
    rigorous: verdict(unstrict(schedule) ?? unrigorous(schedule)),
  };
}

function verdict(because: string | undefined): ClassVerdict {
  return { holds: because === undefined, because };
}

export interface ReadFrom {
  readonly read: ScheduledOperation;
  readonly write: ScheduledOperation;
}

/** Which reads found what another transaction wrote and had not taken back by an abort. */
export function readsFrom({ operations }: Schedule): readonly ReadFrom[] {
  const pairs: ReadFrom[] = [];
  const writes: ScheduledOperation[] = [];
  for (const operation of operations) {
    if (operation.kind === "abort") {
      remove(writes, ({ transaction }) => transaction === operation.transaction);
    } else if (operation.kind === "read") {
      for (const write of foundBy(operation, writes)) {
        if (write.transaction !== operation.transaction) pairs.push({ read: operation, write });
      }
    } else if (isData(operation)) writes.push(operation);
  }
  return pairs;
}

/** What made the value that is read: the last write, and every increment of it since. */
function foundBy(
  read: ScheduledOperation,
  writes: readonly ScheduledOperation[],
): readonly ScheduledOperation[] {
  const ofItem = writes.filter(({ item }) => item === read.item).toReversed();
  const end = ofItem.findIndex(({ kind }) => kind === "write");
  return end < 0 ? ofItem : ofItem.slice(0, end + 1);
}

function remove<Item>(items: Item[], isGone: (item: Item) => boolean): void {
  const kept = items.filter((item) => !isGone(item));
  items.splice(0, items.length, ...kept);
}

function unrecoverable(schedule: Schedule): string | undefined {
  const commits = commitIndexes(schedule);
  for (const { read, write } of readsFrom(schedule)) {
    const reader = commits.get(read.transaction);
    const writer = commits.get(write.transaction) ?? Infinity;
    if (reader === undefined || writer < reader) continue;
    const names = [read, write].map(({ transaction }) => transactionName(transaction));
    return (
      `${formatOperation(read)} read from ${formatOperation(write)}, ` +
      `and ${names[0]} commits before ${names[1]} does`
    );
  }
  return undefined;
}

function cascading(schedule: Schedule): string | undefined {
  const commits = commitIndexes(schedule);
  const pair = readsFrom(schedule).find(
    ({ read, write }) => read.index < (commits.get(write.transaction) ?? Infinity),
  );
  if (pair === undefined) return undefined;
  const writer = transactionName(pair.write.transaction);
  const [read, write] = [formatOperation(pair.read), formatOperation(pair.write)];
  return `${read} read from ${write} before ${writer} committed`;
}

function unstrict(schedule: Schedule): string | undefined {
  return tooEarly(
    schedule,
    (first) => first.kind !== "read",
    () => true,
  );
}

function unrigorous(schedule: Schedule): string | undefined {
  return tooEarly(
    schedule,
    (first) => first.kind === "read",
    (second) => second.kind !== "read",
  );
}

/** A later operation on an item whose earlier transaction has not ended in between. */
function tooEarly(
  schedule: Schedule,
  isFirst: (operation: ScheduledOperation) => boolean,
  isSecond: (operation: ScheduledOperation) => boolean,
): string | undefined {
  const ends = endIndexes(schedule);
  const data = schedule.operations.filter(isData);
  for (const [at, second] of data.entries()) {
    if (!isSecond(second)) continue;
    const first = data
      .slice(0, at)
      .find(
        (one) =>
          isFirst(one) &&
          one.item === second.item &&
          one.transaction !== second.transaction &&
          second.index < (ends.get(one.transaction) ?? Infinity),
      );
    if (first === undefined) continue;
    const name = transactionName(first.transaction);
    return `${formatOperation(second)} follows ${formatOperation(first)} before ${name} has ended`;
  }
  return undefined;
}
