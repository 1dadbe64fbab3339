/** Transactions of a log in a line of words, and as the narrator of cycles. */

import type { Narrator } from "./cycle-anomaly.ts";
import {
  APPEND,
  FAIL,
  INFO,
  READ_LIST,
  READ_UNKNOWN,
  READ_VALUE,
  type TransactionLog,
} from "./transaction-log.ts";
import { NOTHING } from "./names.ts";

const OPERATIONS_SHOWN_MAX = 12;
const ELEMENTS_SHOWN_MAX = 16;

export class LogNarrator implements Narrator {
  readonly #log: TransactionLog;

  constructor(log: TransactionLog) {
    this.#log = log;
  }

  name(node: number): string {
    return `T${node}`;
  }

  operation(node: number): string {
    return describeTransaction(this.#log, node);
  }

  index(node: number): number {
    return node;
  }

  key(key: number): string {
    return this.#log.keys.name(key);
  }

  version(_key: number, version: number): string | undefined {
    return version === NOTHING ? undefined : this.#log.values.name(version);
  }

  session(node: number): string {
    return this.#log.sessionName(node);
  }
}

export function describeTransaction(log: TransactionLog, transaction: number): string {
  const start = log.operationStart.at(transaction);
  const end = log.operationEnd(transaction);
  const shown: string[] = [];
  for (let at = start; at < end && shown.length < OPERATIONS_SHOWN_MAX; at++) {
    shown.push(describeOperation(log, at));
  }
  if (shown.length < end - start) shown.push("...");
  const status = log.status.at(transaction);
  const suffix = status === FAIL ? " aborted" : status === INFO ? " outcome unknown" : "";
  return `T${transaction} [${shown.join(", ")}]${suffix}`;
}

export function describeOperation(log: TransactionLog, at: number): string {
  const key = log.keys.name(log.key.at(at));
  switch (log.kind.at(at)) {
    case READ_LIST:
      return `read ${key} ${listText(log, log.value.at(at), log.length.at(at))}`;
    case READ_UNKNOWN:
      return `read ${key} ?`;
    case READ_VALUE:
      return `read ${key} ${log.values.name(log.value.at(at))}`;
    case APPEND:
      return `append ${log.values.name(log.value.at(at))} to ${key}`;
    default:
      return `write ${log.values.name(log.value.at(at))} to ${key}`;
  }
}

/** The last elements, which are those that matter, of a list that may be long. */
export function listText(log: TransactionLog, start: number, length: number): string {
  const hidden = Math.max(0, length - ELEMENTS_SHOWN_MAX);
  const names: string[] = hidden > 0 ? ["..."] : [];
  for (let at = start + hidden; at < start + length; at++) {
    names.push(log.values.name(log.elements.at(at)));
  }
  return `[${names.join(" ")}]`;
}
