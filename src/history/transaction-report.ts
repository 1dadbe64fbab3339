/**
 * From what was found in a history of transactions to a verdict about it. What is found is kept
 * apart from what was promised: a cycle that closes only in real time is an anomaly, and no fault
 * of a database that promised no more than serializability.
 */

import { groupedBy } from "./grouped-by.ts";
import { forbids, type IsolationLevel, strongestLevels } from "./isolation.ts";
import type { Anomaly, Verdict } from "./verdict.ts";

/** What was found in a history of transactions. */
export interface TransactionReport {
  readonly verdict: Verdict;
  /** All that was found, also what the wanted level allows. */
  readonly anomalies: readonly Anomaly[];
  /** How many of each name there were; `anomalies` holds the shortest few of them. */
  readonly counts: Readonly<Record<string, number>>;
  /** The strongest levels that nothing found contradicts. */
  readonly levels: readonly IsolationLevel[];
  readonly transactionCount: number;
}

export interface Findings {
  readonly anomalies: readonly Anomaly[];
  readonly transactionCount: number;
  /** Why something may have been missed; empty if nothing can have been. */
  readonly doubts: readonly string[];
}

/** So many anomalies of one name are kept, the shortest. */
const KEPT_PER_NAME_MAX = 8;

export function reportOn(findings: Findings, wanted: IsolationLevel): TransactionReport {
  const { transactionCount, doubts } = findings;
  const byName = groupedBy(findings.anomalies, ({ name }) => name);
  const kept = [...byName.values()].flatMap((group) =>
    group
      .toSorted((left, right) => left.steps.length - right.steps.length)
      .slice(0, KEPT_PER_NAME_MAX),
  );
  const counts = Object.fromEntries([...byName].map(([name, group]) => [name, group.length]));
  const verdict = verdictOn(findings.anomalies, kept, wanted, doubts);
  const levels = strongestLevels(findings.anomalies);
  return { verdict, anomalies: kept, counts, levels, transactionCount };
}

function verdictOn(
  all: readonly Anomaly[],
  kept: readonly Anomaly[],
  wanted: IsolationLevel,
  doubts: readonly string[],
): Verdict {
  if (all.some((anomaly) => forbids(wanted, anomaly))) {
    return { kind: "invalid", anomalies: kept.filter((anomaly) => forbids(wanted, anomaly)) };
  }
  if (doubts.length > 0) return { kind: "unknown", reason: doubts.join("; ") };
  return { kind: "valid" };
}
