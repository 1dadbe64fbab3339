/**
 * Judges histories of a bank: transfers move money between accounts, and every read of all
 * accounts must find the same total, with no account below zero.
 */

import type { HistoryEvent } from "./history-events.ts";
import { isObject, type Json } from "./json.ts";
import type { Findings } from "./transaction-report.ts";
import type { Anomaly, AnomalyName } from "./verdict.ts";

export interface BankOptions {
  /** What all accounts hold together; undefined: what the first read found. */
  readonly total: number | undefined;
  readonly allowsNegative: boolean;
}

export function checkBank(events: readonly HistoryEvent[], options: BankOptions): Findings {
  const anomalies: Anomaly[] = [];
  let { total } = options;
  let transactionCount = 0;
  for (const [index, { type, name, value, process }] of events.entries()) {
    if (type === "ok") transactionCount++;
    if (type !== "ok" || name !== "read") continue;
    const operation = `process ${text(process)}: read ${text(value)}`;
    const report = (anomaly: AnomalyName, because: string): void => {
      const fact = { kind: "read", key: "accounts", value: text(value) } as const;
      anomalies.push({ name: anomaly, steps: [{ operation, because, index, fact }] });
    };
    const balances = balancesOf(value);
    if (balances === undefined) {
      report("phantom-value", "an account holds no number");
      continue;
    }
    const sum = balances.reduce((left, right) => left + right, 0);
    total ??= sum;
    if (sum !== total) report("wrong-total", `the accounts hold ${sum} together, not ${total}`);
    const lowest = Math.min(...balances);
    if (lowest < 0 && !options.allowsNegative)
      report("negative-balance", `an account holds ${lowest}`);
  }
  const doubts = total === undefined ? ["no read of the accounts succeeded"] : [];
  return { anomalies, transactionCount, doubts };
}

function balancesOf(value: Json): readonly number[] | undefined {
  if (!isObject(value)) return undefined;
  const balances = Object.values(value);
  return balances.every((balance) => typeof balance === "number") ? balances : undefined;
}

function text(value: Json): string {
  return JSON.stringify(value);
}
