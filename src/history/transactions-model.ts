/**
 * A whole database of registers as one object, whose operations are transactions: its history is
 * linearizable iff the transactions are strictly serializable. It finds the serial order that
 * proves a history good where the order of versions is not known.
 *
 * States share what they have in common: each knows what its last transaction changed, and the
 * state before; every so many steps a full copy is kept. The name of a state is a sum over what
 * its keys hold, of 64 bits, so that two orders of the same writes meet again.
 */

import type { Model } from "./model.ts";
import type { Operation } from "./operation-history.ts";
import { NOTHING } from "./names.ts";
import { FAIL, INFO, READ_VALUE, type TransactionLog, WRITE } from "./transaction-log.ts";

interface State {
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly changes: ReadonlyMap<number, number>;
  /** Undefined for a full copy. */
  readonly before: State | undefined;
  readonly depth: number;
}

const DEPTH_MAX = 32;
const EMPTY: State = { name: "", high: 0, low: 0, changes: new Map(), before: undefined, depth: 0 };

/** The transactions that took place or may have, as operations. */
export function operationsOfLog(log: TransactionLog): readonly Operation[] {
  const { began, ended } = log.timeline;
  const operations: Operation[] = [];
  for (let index = 0; index < log.transactionCount; index++) {
    const status = log.status.at(index);
    if (status === FAIL) continue;
    operations.push({
      index,
      process: "",
      key: "",
      name: "transaction",
      input: index,
      output: status === INFO ? undefined : null,
      called: began[index] as number,
      returned: status === INFO ? Infinity : (ended[index] as number),
    });
  }
  return operations;
}

/** `keepsSessions`: whatever their times, the transactions of a session come in its order. */
export function transactionsModel(log: TransactionLog, keepsSessions = false): Model {
  const states = new Map<string, State>([[EMPTY.name, EMPTY]]);
  return {
    name: "transactions",
    initial: EMPTY.name,
    operations: ["transaction"],
    partitions: false,
    step: (name, { index }) => {
      const state = states.get(name) ?? EMPTY;
      const next = perform(log, index, state, keepsSessions);
      if (next === undefined) return undefined;
      if (!states.has(next.name)) states.set(next.name, next);
      return next.name;
    },
    isRead: () => false,
    isUnneeded: () => false,
  };
}

function perform(
  log: TransactionLog,
  transaction: number,
  state: State,
  keepsSessions: boolean,
): State | undefined {
  const end = log.operationEnd(transaction);
  let changes: Map<number, number> | undefined;
  if (keepsSessions) {
    // A session is one key more, which holds when the last of its transactions began.
    const { began, session } = log.timeline;
    const key = log.keys.names.length + (session[transaction] as number);
    const moment = began[transaction] as number;
    const last = find(state, key);
    // What never ended may come after what its session did next.
    if (moment < last && log.status.at(transaction) !== INFO) return undefined;
    changes = new Map([[key, Math.max(moment, last)]]);
  }
  for (let at = log.operationStart.at(transaction); at < end; at++) {
    const key = log.key.at(at);
    const kind = log.kind.at(at);
    if (kind === WRITE) {
      changes ??= new Map();
      changes.set(key, log.value.at(at));
    } else if (kind === READ_VALUE && log.status.at(transaction) !== INFO) {
      if ((changes?.get(key) ?? find(state, key)) !== log.value.at(at)) return undefined;
    }
  }
  return changes === undefined ? state : changed(state, changes);
}

function find(state: State, key: number): number {
  for (let at: State | undefined = state; at !== undefined; at = at.before) {
    const value = at.changes.get(key);
    if (value !== undefined) return value;
  }
  return NOTHING;
}

function changed(state: State, changes: ReadonlyMap<number, number>): State {
  let { high, low } = state;
  for (const [key, value] of changes) {
    const before = find(state, key);
    high = (high - mixed(key, before, 0x2c1b3c6d) + mixed(key, value, 0x2c1b3c6d)) | 0;
    low = (low - mixed(key, before, 0x297a2d39) + mixed(key, value, 0x297a2d39)) | 0;
  }
  const name = `${high} ${low}`;
  if (state.depth < DEPTH_MAX) {
    return { name, high, low, changes, before: state, depth: state.depth + 1 };
  }
  const whole = new Map<number, number>();
  const chain: State[] = [];
  for (let at: State | undefined = state; at !== undefined; at = at.before) chain.push(at);
  for (const { changes: earlier } of chain.toReversed()) {
    for (const [key, value] of earlier) whole.set(key, value);
  }
  for (const [key, value] of changes) whole.set(key, value);
  return { name, high, low, changes: whole, before: undefined, depth: 0 };
}

function mixed(key: number, value: number, seed: number): number {
  if (value === NOTHING) return 0;
  let hash = Math.imul(key + 1, 0x85ebca6b) ^ Math.imul(value + seed, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), seed | 1);
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4eb2f);
  return hash ^ (hash >>> 16);
}
