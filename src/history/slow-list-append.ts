/**
 * A second checker of list-append histories, slow and obvious, to hold the fast one against: it
 * tries every order of the transactions, and asks whether one of them, in real time or not,
 * explains every read.
 */

import { APPEND, FAIL, INFO, OK, READ_LIST, type TransactionLog } from "./transaction-log.ts";

/** Whether a serial order explains all reads, with transactions of unknown outcome in it or not. */
export function hasSerialOrder(log: TransactionLog, inRealTime: boolean): boolean {
  const perhaps = statusIs(log, INFO);
  // An unknown one that took place after all that is known changes no read, so any subset is one.
  for (let chosen = 0; chosen < 2 ** perhaps.length; chosen++) {
    const some = perhaps.filter((_, at) => (chosen >> at) % 2 === 1);
    if (extend(log, [...statusIs(log, OK), ...some], new Map(), inRealTime)) return true;
  }
  return false;
}

function statusIs(log: TransactionLog, status: number): readonly number[] {
  const found: number[] = [];
  for (let node = 0; node < log.transactionCount; node++) {
    if (log.status.at(node) === status && status !== FAIL) found.push(node);
  }
  return found;
}

function extend(
  log: TransactionLog,
  left: readonly number[],
  lists: ReadonlyMap<number, readonly number[]>,
  inRealTime: boolean,
): boolean {
  if (left.length === 0) return true;
  const { began, ended } = log.timeline;
  return left.some((node) => {
    const others = left.filter((one) => one !== node);
    const isBarred = others.some((other) => (ended[other] as number) < (began[node] as number));
    if (inRealTime && isBarred) return false;
    const after = perform(log, node, lists);
    return after !== undefined && extend(log, others, after, inRealTime);
  });
}

function perform(
  log: TransactionLog,
  node: number,
  before: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, readonly number[]> | undefined {
  const lists = new Map(before);
  for (let at = log.operationStart.at(node); at < log.operationEnd(node); at++) {
    const key = log.key.at(at);
    const list = lists.get(key) ?? [];
    const value = log.value.at(at);
    if (log.kind.at(at) === APPEND) lists.set(key, [...list, value]);
    else if (log.kind.at(at) === READ_LIST) {
      const found = log.elements.values.subarray(value, value + log.length.at(at));
      if (found.length !== list.length || !list.every((one, index) => one === found[index])) {
        return undefined;
      }
    }
  }
  return lists;
}
