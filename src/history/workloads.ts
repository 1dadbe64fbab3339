/**
 * The workloads whose histories can be checked, by name. Each takes events one by one and in the
 * end gives a report that JSON can carry.
 */

import type { RecordedTransaction } from "../base/recorded-events.ts";
import { Fault } from "../base/fault.ts";
import { checkBank } from "./bank.ts";
import { impossibleCounts } from "./counter-bounds.ts";
import { groupedBy } from "./grouped-by.ts";
import type { HistoryEvent } from "./history-events.ts";
import type { HistorySink } from "./history-reader.ts";
import type { IsolationLevel } from "./isolation.ts";
import type { Json } from "./json.ts";
import { checkLinearizable } from "./linearizability.ts";
import { checkListAppend } from "./list-append.ts";
import { longForks } from "./long-fork.ts";
import type { Model } from "./model.ts";
import { models } from "./models.ts";
import { OperationPairing, splitValue } from "./operations-of-events.ts";
import { reportOnRecorded } from "./recorded-check.ts";
import { checkRegisters } from "./rw-register.ts";
import { checkSet } from "./set-history.ts";
import type { TransactionLog } from "./transaction-log.ts";
import { type Findings, reportOn, type TransactionReport } from "./transaction-report.ts";
import { type Contents, TransactionPairing } from "./transactions-of-events.ts";
import type { Anomaly, Verdict } from "./verdict.ts";

/** What a history is held against. */
export interface CheckOptions {
  readonly isolation: IsolationLevel;
  /** What a register holds, or a counter shows, at first. */
  readonly initial: Json;
  /** What all accounts of a bank hold together; undefined: what the first read finds. */
  readonly total: number | undefined;
  readonly allowsNegative: boolean;
  /** Whether values are pairs of a key and the value proper. */
  readonly keyed: boolean;
  /** Steps of a search for a linearization. */
  readonly stepsMax: number;
  /** Of records: versions up to this one were there before. */
  readonly initialLsn: number;
  /** Of records: whether every transaction that wrote was recorded. */
  readonly everyWriter: boolean;
}

/** What is in force when nobody says anything. */
export const defaultCheckOptions: CheckOptions = {
  isolation: "strict-serializable",
  initial: null,
  total: undefined,
  allowsNegative: false,
  keyed: false,
  stepsMax: 20_000_000,
  initialLsn: 0,
  everyWriter: true,
};

/** What was found in a history. */
export interface CheckReport {
  readonly workload: string;
  readonly verdict: Verdict["kind"];
  /** Why it is unknown. */
  readonly reason?: string;
  /** What was found, with proofs; also what the wanted level of isolation allows. */
  readonly anomalies: readonly Anomaly[];
  readonly counts: Readonly<Record<string, number>>;
  /** The strongest levels of isolation that nothing found contradicts. */
  readonly levels?: readonly IsolationLevel[];
  readonly operationCount: number;
}

/** A check that is under way: it is given the events one by one. */
export interface WorkloadCheck extends HistorySink {
  /** Call it once, after the last event. */
  finish(): CheckReport;
}

/** All that `startCheck` knows. */
export const workloadNames: readonly string[] = [
  "list-append",
  "rw-register",
  "long-fork",
  "bank",
  "set",
  "recorded",
  ...Object.keys(models),
];

/** Begins the check of a history of this workload. */
export function startCheck(workload: string, options: CheckOptions): WorkloadCheck {
  switch (workload) {
    case "list-append":
      return new TransactionsCheck(workload, "lists", (log) =>
        checkListAppend(log, options.isolation),
      );
    case "rw-register":
      return new TransactionsCheck(workload, "registers", (log) =>
        checkRegisters(log, options.isolation),
      );
    case "long-fork":
      return new TransactionsCheck(workload, "registers", (log) => reportOnForks(log, options));
    case "bank":
      return new EventsCheck(workload, (events) =>
        reportOn(checkBank(events, options), options.isolation),
      );
    case "recorded":
      return new RecordsCheck(options);
    case "set":
      return new EventsCheck(workload, (events) => reportOnSet(events, options));
    default: {
      const model = Object.hasOwn(models, workload) ? models[workload] : undefined;
      if (model !== undefined) return new ObjectsCheck(model(options.initial), options);
      throw new Fault(
        "ERR_ARGUMENT",
        `cannot check "${workload}": the workloads are ${workloadNames.join(", ")}`,
      );
    }
  }
}

function reportOnForks(log: TransactionLog, { isolation }: CheckOptions): TransactionReport {
  const forks = longForks(log);
  const report = checkRegisters(log, isolation);
  if (forks.length === 0) return report;
  const { transactionCount } = log;
  const doubts = report.verdict.kind === "unknown" ? [report.verdict.reason] : [];
  const anomalies = [...forks, ...report.anomalies];
  return reportOn({ anomalies, transactionCount, doubts }, isolation);
}

function reportOnSet(events: readonly HistoryEvent[], options: CheckOptions): TransactionReport {
  const pairing = new OperationPairing({ reads: ["read"], keyed: options.keyed });
  const failed = new Map<string, Set<string>>();
  for (const event of events) {
    pairing.add(event);
    if (event.type !== "fail" || event.name !== "add") continue;
    const { key, value } = splitValue(event, options.keyed);
    failed.set(key, (failed.get(key) ?? new Set()).add(JSON.stringify(value)));
  }
  const operations = pairing.finish();
  const byKey = groupedBy(operations, ({ key }) => key);
  if (byKey.size === 0) byKey.set("", []);
  const found = [...byKey].map(([key, some]) => checkSet(some, failed.get(key) ?? new Set()));
  const findings: Findings = {
    anomalies: found.flatMap(({ anomalies }) => anomalies),
    doubts: [...new Set(found.flatMap(({ doubts }) => doubts))],
    transactionCount: operations.length,
  };
  return reportOn(findings, options.isolation);
}

function fromTransactions(workload: string, report: TransactionReport): CheckReport {
  const { verdict, anomalies, counts, levels, transactionCount } = report;
  return {
    workload,
    verdict: verdict.kind,
    ...(verdict.kind === "unknown" ? { reason: verdict.reason } : {}),
    anomalies,
    counts,
    levels,
    operationCount: transactionCount,
  };
}

function noRecords(workload: string): never {
  throw new Fault(
    "ERR_ARGUMENT",
    `cannot check a record of transactions as ${workload}: use --workload recorded`,
  );
}

class TransactionsCheck implements WorkloadCheck {
  readonly #workload: string;
  readonly #judge: (log: TransactionLog) => TransactionReport;
  readonly #pairing: TransactionPairing;

  constructor(
    workload: string,
    contents: Contents,
    judge: (log: TransactionLog) => TransactionReport,
  ) {
    this.#workload = workload;
    this.#judge = judge;
    this.#pairing = new TransactionPairing(contents);
  }

  event(event: HistoryEvent): void {
    this.#pairing.add(event);
  }

  recorded(): void {
    noRecords(this.#workload);
  }

  finish(): CheckReport {
    return fromTransactions(this.#workload, this.#judge(this.#pairing.finish()));
  }
}

class EventsCheck implements WorkloadCheck {
  readonly #workload: string;
  readonly #judge: (events: readonly HistoryEvent[]) => TransactionReport;
  readonly #events: HistoryEvent[] = [];

  constructor(workload: string, judge: (events: readonly HistoryEvent[]) => TransactionReport) {
    this.#workload = workload;
    this.#judge = judge;
  }

  event(event: HistoryEvent): void {
    this.#events.push(event);
  }

  recorded(): void {
    noRecords(this.#workload);
  }

  finish(): CheckReport {
    return fromTransactions(this.#workload, this.#judge(this.#events));
  }
}

class RecordsCheck implements WorkloadCheck {
  readonly #options: CheckOptions;
  readonly #transactions: RecordedTransaction[] = [];

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  event(): void {
    throw new Fault("ERR_ARGUMENT", "cannot check events as a record: name their workload");
  }

  recorded(transaction: RecordedTransaction): void {
    this.#transactions.push(transaction);
  }

  finish(): CheckReport {
    return fromTransactions("recorded", reportOnRecorded(this.#transactions, this.#options));
  }
}

class ObjectsCheck implements WorkloadCheck {
  readonly #model: Model;
  readonly #options: CheckOptions;
  readonly #pairing: OperationPairing;

  constructor(model: Model, options: CheckOptions) {
    this.#model = model;
    this.#options = options;
    this.#pairing = new OperationPairing({
      reads: ["read", "get", "contains"],
      keyed: options.keyed,
    });
  }

  event(event: HistoryEvent): void {
    this.#pairing.add(event);
  }

  recorded(): void {
    noRecords(this.#model.name);
  }

  finish(): CheckReport {
    const operations = this.#pairing.finish();
    const workload = this.#model.name;
    const stranger = operations.find(({ name }) => !this.#model.operations.includes(name));
    if (stranger !== undefined) {
      throw new Fault(
        "ERR_FORMAT",
        `cannot check "${stranger.name}": a ${workload} knows ${this.#model.operations.join(", ")}`,
      );
    }
    const { initial, stepsMax } = this.#options;
    const early =
      workload === "counter" && !this.#options.keyed
        ? impossibleCounts(operations, typeof initial === "number" ? initial : 0)
        : [];
    const operationCount = operations.length;
    if (early.length > 0) {
      const counts = { "impossible-count": early.length };
      return { workload, verdict: "invalid", anomalies: early.slice(0, 8), counts, operationCount };
    }
    const { verdict } = checkLinearizable(operations, this.#model, { stepsMax });
    const anomalies = verdict.kind === "invalid" ? verdict.anomalies : [];
    const counts: Record<string, number> = {};
    if (anomalies.length > 0) counts["not-linearizable"] = anomalies.length;
    return {
      workload,
      verdict: verdict.kind,
      ...(verdict.kind === "unknown" ? { reason: verdict.reason } : {}),
      anomalies,
      counts,
      operationCount,
    };
  }
}
