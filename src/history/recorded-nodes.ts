/**
 * Decides which recorded transactions took place, and gives every commit that somebody saw a node
 * of the graph.
 *
 *  - `ok` took place, `fail` did not.
 *  - `info` took place if a transaction that did read one of its versions. If its log position is
 *    unknown, it is given that of versions nobody else wrote, where only it can have.
 *  - A version that nobody recorded gets a node without a transaction.
 */

import type { RecordedOperation, RecordedTransaction } from "../base/recorded-events.ts";
import { groupedBy } from "./grouped-by.ts";

export interface RecordedNode {
  /** Undefined: a commit that was seen and not recorded. */
  readonly transaction: RecordedTransaction | undefined;
  /** Its place in the record, or -1. */
  readonly index: number;
  readonly lsn: number | undefined;
}

export interface RecordedNodes {
  readonly nodes: readonly RecordedNode[];
  /** Pairs that wrote and claim one position. */
  readonly clashes: readonly (readonly [RecordedNode, RecordedNode])[];
  /** Writers, acknowledged or perhaps committed, whose position remained unknown. */
  readonly unplaced: readonly RecordedTransaction[];
  /** Those of which no write was seen, so that they may have been committed and may not. */
  readonly doubtful: readonly RecordedTransaction[];
}

export function recordedNodes(transactions: readonly RecordedTransaction[]): RecordedNodes {
  return new Census(transactions).run();
}

/** The versions of others that it read, as pairs of key and position. */
export function* versionsRead(transaction: RecordedTransaction): Generator<{
  readonly key: string;
  readonly version: number;
  readonly value?: string | undefined;
}> {
  for (const operation of transaction.operations) {
    if (operation.kind === "read") {
      const { key, version, value } = operation;
      if (version !== undefined && version !== 0) yield { key, version, value };
    } else if (operation.kind === "scan") {
      for (const entry of operation.found) if (entry.version !== 0) yield entry;
    }
  }
}

export function isWrite({ kind }: RecordedOperation): boolean {
  return kind !== "read" && kind !== "scan";
}

export function wroteKey(transaction: RecordedTransaction, key: string): boolean {
  return transaction.operations.some((operation) => {
    switch (operation.kind) {
      case "write":
      case "remove":
        return operation.key === key;
      case "remove-range":
        return inRange(operation, key);
      case "read":
      case "scan":
        return false;
    }
  });
}

/** Whether others can have found this value, if it is known, as what the transaction wrote. */
export function mayHaveWritten(
  transaction: RecordedTransaction,
  key: string,
  value: string | undefined,
): boolean {
  const last = transaction.operations.findLast(
    (operation) => "key" in operation && operation.key === key && isWrite(operation),
  );
  if (last?.kind !== "write") return false;
  return value === undefined || last.value === undefined || last.value === value;
}

export function inRange(
  range: { readonly start: string; readonly end: string | undefined },
  key: string,
): boolean {
  return range.start <= key && (range.end === undefined || key < range.end);
}

class Census {
  readonly #transactions: readonly RecordedTransaction[];
  readonly #nodes: RecordedNode[] = [];
  readonly #byLsn = new Map<number, RecordedNode>();
  readonly #clashes: (readonly [RecordedNode, RecordedNode])[] = [];
  /** `info` with a position, waiting to be seen. */
  readonly #unseen: Map<number, { transaction: RecordedTransaction; index: number }[]>;
  /** Writers without a position, waiting to be given one. */
  readonly #unplaced = new Map<RecordedTransaction, number>();
  /** Keys and values of versions that no node wrote, by position. */
  readonly #orphans = new Map<number, Map<string, string | undefined>>();

  constructor(transactions: readonly RecordedTransaction[]) {
    this.#transactions = transactions;
    const perhaps = [...transactions.entries()]
      .filter(([, { status, lsn }]) => status === "info" && lsn !== undefined)
      .map(([index, transaction]) => ({ index, transaction }));
    this.#unseen = groupedBy(perhaps, ({ transaction }) => transaction.lsn ?? 0);
  }

  run(): RecordedNodes {
    for (const [index, transaction] of this.#transactions.entries()) {
      const writes = transaction.operations.some(isWrite);
      if (transaction.status === "fail") continue;
      if (transaction.lsn === undefined && writes) this.#unplaced.set(transaction, index);
      else if (transaction.status === "ok") this.#place(transaction, index, transaction.lsn);
    }
    this.#follow(0);
    this.#placeOrphans();
    const unplaced = [...this.#unplaced.keys()];
    for (const lsn of [...this.#orphans.keys()].toSorted((left, right) => left - right)) {
      this.#nodes.push({ transaction: undefined, index: -1, lsn });
    }
    const unseen = [...this.#unseen.values()].flat().map(({ transaction }) => transaction);
    const doubtful = [...unseen, ...unplaced];
    return { nodes: this.#nodes, clashes: this.#clashes, unplaced, doubtful };
  }

  #place(transaction: RecordedTransaction, index: number, lsn: number | undefined): void {
    const node = { transaction, index, lsn };
    this.#nodes.push(node);
    if (lsn === undefined || !transaction.operations.some(isWrite)) return;
    const other = this.#byLsn.get(lsn);
    if (other === undefined) this.#byLsn.set(lsn, node);
    else this.#clashes.push([other, node]);
  }

  /** Looks at what the nodes from `first` on have read, and at what is placed because of it. */
  #follow(first: number): void {
    for (let at = first; at < this.#nodes.length; at++) {
      const reader = this.#nodes[at]?.transaction;
      if (reader === undefined) continue;
      for (const { key, version, value } of versionsRead(reader)) this.#find(key, version, value);
    }
  }

  #find(key: string, version: number, value: string | undefined): void {
    const known = this.#byLsn.get(version)?.transaction;
    if (known !== undefined && wroteKey(known, key)) return;
    const waiting = this.#unseen.get(version) ?? [];
    const seen = waiting.find(({ transaction }) => wroteKey(transaction, key));
    if (seen === undefined) {
      const entries = this.#orphans.get(version) ?? new Map<string, string | undefined>();
      this.#orphans.set(version, entries.set(key, value));
      return;
    }
    waiting.splice(waiting.indexOf(seen), 1);
    this.#place(seen.transaction, seen.index, version);
  }

  #placeOrphans(): void {
    for (let placed = true; placed;) {
      placed = false;
      for (const [lsn, entries] of this.#orphans) {
        const candidates = [...this.#unplaced].filter(([transaction]) =>
          [...entries].every(([key, value]) => mayHaveWritten(transaction, key, value)),
        );
        const [only, ...others] = candidates;
        if (only === undefined || others.length > 0) continue;
        this.#orphans.delete(lsn);
        this.#unplaced.delete(only[0]);
        const first = this.#nodes.length;
        this.#place(only[0], only[1], lsn);
        this.#follow(first);
        placed = true;
      }
    }
  }
}
