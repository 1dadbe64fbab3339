/**
 * Schedules as textbooks write them: the operations of several transactions in one order.
 *
 *     r1(x) w2(x) c1 a2          reads, writes, commits, aborts
 *     R1[x], W2[x]; read1(x)     other hands
 *     r_alice(x)                 transactions with names
 *     inc1(x) dec2(x)            increments and decrements, which commute with each other
 *     sl1(x) xl2(x) u1(x)        locks: shared, exclusive; unlock
 *     b1                         begins, which change nothing
 */

export type OperationKind =
  | "read"
  | "write"
  | "increment"
  | "decrement"
  | "begin"
  | "commit"
  | "abort"
  | "lock-shared"
  | "lock-exclusive"
  | "unlock";

/** A read, a write, or the end of a transaction. */
export interface ScheduledOperation {
  /** Its place in the schedule, from 0. */
  readonly index: number;
  readonly kind: OperationKind;
  readonly transaction: string;
  /** Empty for those that are about the transaction as a whole. */
  readonly item: string;
}

/** Operations of some transactions, in the order in which they ran. */
export interface Schedule {
  readonly operations: readonly ScheduledOperation[];
  /** In the order of their first operations. */
  readonly transactions: readonly string[];
}

export function scheduleOf(operations: readonly ScheduledOperation[]): Schedule {
  return {
    operations,
    transactions: [...new Set(operations.map(({ transaction }) => transaction))],
  };
}

const SHORT: Readonly<Record<OperationKind, string>> = {
  read: "r",
  write: "w",
  increment: "inc",
  decrement: "dec",
  begin: "b",
  commit: "c",
  abort: "a",
  "lock-shared": "sl",
  "lock-exclusive": "xl",
  unlock: "u",
};

export function formatOperation({ kind, transaction, item }: ScheduledOperation): string {
  const name = /^\d+$/.test(transaction) ? transaction : `_${transaction}`;
  return `${SHORT[kind]}${name}${item === "" ? "" : `(${item})`}`;
}

/** The schedule as it is written: `r1(x) w2(x) c1 c2`. */
export function formatSchedule({ operations }: Schedule): string {
  return operations.map(formatOperation).join(" ");
}

/** `T1`, or the name that it has. */
export function transactionName(transaction: string): string {
  return /^\d+$/.test(transaction) ? `T${transaction}` : transaction;
}

export function isData({ kind }: ScheduledOperation): boolean {
  return kind === "read" || kind === "write" || kind === "increment" || kind === "decrement";
}

/** What remains without the transactions that abort: it is what serializability is about. */
export function withoutAborted({ operations }: Schedule): Schedule {
  const aborted = new Set(
    operations.filter(({ kind }) => kind === "abort").map(({ transaction }) => transaction),
  );
  return scheduleOf(operations.filter(({ transaction }) => !aborted.has(transaction)));
}
