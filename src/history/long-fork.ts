/**
 * Finds long forks: two readers of the same keys, each written once, of which one saw the first
 * write and not the second, and the other the second and not the first.
 */

import { groupedBy } from "./grouped-by.ts";
import { NOTHING } from "./names.ts";
import { OK, READ_VALUE, type TransactionLog } from "./transaction-log.ts";
import { describeTransaction } from "./transaction-words.ts";
import type { Anomaly } from "./verdict.ts";

interface Reader {
  readonly transaction: number;
  readonly keys: string;
  readonly seen: ReadonlySet<number>;
}

export function longForks(log: TransactionLog): readonly Anomaly[] {
  const anomalies: Anomaly[] = [];
  for (const group of groupedBy(readersOf(log), ({ keys }) => keys).values()) {
    const bySize = group.toSorted((left, right) => left.seen.size - right.seen.size);
    for (const [at, larger] of bySize.entries()) {
      const smaller = bySize[at - 1];
      if (smaller === undefined) continue;
      const only = [...smaller.seen].find((key) => !larger.seen.has(key));
      const other = [...larger.seen].find((key) => !smaller.seen.has(key));
      if (only === undefined || other === undefined) continue;
      anomalies.push({
        name: "long-fork",
        steps: [step(log, smaller, only, other), step(log, larger, other, only)],
      });
    }
  }
  return anomalies;
}

function readersOf(log: TransactionLog): readonly Reader[] {
  const readers: Reader[] = [];
  for (let transaction = 0; transaction < log.transactionCount; transaction++) {
    if (log.status.at(transaction) !== OK) continue;
    const keys: number[] = [];
    const seen = new Set<number>();
    for (let at = log.operationStart.at(transaction); at < log.operationEnd(transaction); at++) {
      if (log.kind.at(at) !== READ_VALUE) continue;
      keys.push(log.key.at(at));
      if (log.value.at(at) !== NOTHING) seen.add(log.key.at(at));
    }
    if (keys.length < 2) continue;
    const name = keys.toSorted((left, right) => left - right).join(" ");
    readers.push({ transaction, keys: name, seen });
  }
  return readers;
}

function step(
  log: TransactionLog,
  { transaction }: Reader,
  seen: number,
  unseen: number,
): Anomaly["steps"][number] {
  return {
    operation: describeTransaction(log, transaction),
    because: `it saw the write of ${log.keys.name(seen)} and not that of ${log.keys.name(unseen)}`,
    index: transaction,
    fact: { kind: "said" },
  };
}
