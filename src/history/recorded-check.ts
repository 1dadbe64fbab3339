/**
 * Judges recorded runs of the store itself. Versions are log positions, so the dependency graph is
 * exact: nothing is guessed but which of several absences an absent key was, where that is not
 * recorded.
 *
 * The run is valid if the transactions could have run one after the other, in an order that agrees
 * with what each read, with the order of the log for each key, and with real time.
 */

import type { RecordedTransaction } from "../base/recorded-events.ts";
import { type Narrator, cycleAnomaly } from "./cycle-anomaly.ts";
import { findCycles } from "./cycle-search.ts";
import { EdgeList } from "./edge-list.ts";
import { EvidenceOf } from "./evidence.ts";
import { groupedBy } from "./grouped-by.ts";
import type { IsolationLevel } from "./isolation.ts";
import { RecordedReads, type ResolvedRead } from "./recorded-reads.ts";
import { type RecordedNode, mayHaveWritten, recordedNodes, wroteKey } from "./recorded-nodes.ts";
import { describeRecorded, nameRecorded } from "./recorded-words.ts";
import { type Version, versionTable } from "./recorded-versions.ts";
import { NEVER, NO_SESSION, type Timeline } from "./timeline.ts";
import { reportOn, type TransactionReport } from "./transaction-report.ts";
import type { Anomaly, AnomalyName, Verdict } from "./verdict.ts";

/** What a record is held against. */
export interface RecordedOptions {
  readonly isolation: IsolationLevel;
  /** Versions up to this one were there before the record began. */
  readonly initialLsn: number;
  /** Whether every transaction that wrote was recorded, and not only a sample of them. */
  readonly everyWriter: boolean;
}

export const defaultRecordedOptions: RecordedOptions = {
  isolation: "strict-serializable",
  initialLsn: 0,
  everyWriter: true,
};

/** Judges what a store recorded of its own transactions. */
export function checkRecorded(
  transactions: readonly RecordedTransaction[],
  options: Partial<RecordedOptions> = {},
): Verdict {
  return reportOnRecorded(transactions, options).verdict;
}

/** As `checkRecorded`, with all that was found. */
export function reportOnRecorded(
  transactions: readonly RecordedTransaction[],
  options: Partial<RecordedOptions> = {},
): TransactionReport {
  return new RecordedCheck(transactions, { ...defaultRecordedOptions, ...options }).run();
}

class RecordedCheck {
  readonly #transactions: readonly RecordedTransaction[];
  readonly #options: RecordedOptions;
  readonly #anomalies: Anomaly[] = [];
  readonly #doubts: string[] = [];

  constructor(transactions: readonly RecordedTransaction[], options: RecordedOptions) {
    this.#transactions = transactions;
    this.#options = options;
  }

  run(): TransactionReport {
    const { nodes, clashes, unplaced, doubtful } = recordedNodes(this.#transactions);
    const table = versionTable(nodes);
    const reads = new RecordedReads(nodes, table, doubtful);

    for (const [first, second] of clashes) this.#reportClash(first, second);
    for (const { id, status } of unplaced) {
      if (status !== "ok") continue;
      this.#doubts.push(`transaction ${id} was acknowledged and its log position is not recorded`);
    }
    for (const { node, kind, because } of reads.troubles) {
      this.#report(kind, [{ node: nodes[node] as RecordedNode, because }]);
    }
    this.#reportStrangeVersions(nodes, reads.reads, unplaced);
    this.#reportLostUpdates(nodes, reads.reads);
    this.#reportCycles(nodes, reads, table.keys, table.versions);
    const { isolation } = this.#options;
    const transactionCount = this.#transactions.length;
    const anomalies = this.#anomalies;
    return reportOn({ anomalies, transactionCount, doubts: this.#doubts }, isolation);
  }

  #reportClash(first: RecordedNode, second: RecordedNode): void {
    const because = `it was committed at log position ${first.lsn}, as the other was`;
    this.#report("duplicate-version", [
      { node: first, because },
      { node: second, because },
    ]);
  }

  /** Versions that nobody can have written, among those that no recorded transaction wrote. */
  #reportStrangeVersions(
    nodes: readonly RecordedNode[],
    reads: readonly ResolvedRead[],
    unplaced: readonly RecordedTransaction[],
  ): void {
    const { initialLsn, everyWriter } = this.#options;
    const positions = new Set(
      nodes.filter(({ transaction }) => transaction !== undefined).map(({ lsn }) => lsn),
    );
    for (const { node, key, first, versions, value, found } of reads) {
      const version = versions[first];
      if (!found || version === undefined || nodes[version.writer]?.transaction !== undefined)
        continue;
      // One of several whose position is unknown wrote it, and it cannot be told which.
      if (unplaced.some((writer) => mayHaveWritten(writer, key, value))) continue;
      const { lsn } = version;
      const reader = {
        node: nodes[node] as RecordedNode,
        because: `it read version ${lsn} of "${key}"`,
      };
      const aborted = this.#abortedWriter(key, lsn, value);
      if (aborted !== undefined) {
        const because = `it wrote "${key}" and was aborted`;
        this.#report("G1a", [reader, { node: aborted, because }]);
      } else if (positions.has(lsn) || (everyWriter && initialLsn < lsn)) {
        const because = `it read version ${lsn} of "${key}", which nobody wrote`;
        this.#report("phantom-value", [{ ...reader, because }]);
      }
    }
  }

  #abortedWriter(key: string, lsn: number, value: string | undefined): RecordedNode | undefined {
    const index = this.#transactions.findIndex(
      (transaction) =>
        transaction.status === "fail" &&
        wroteKey(transaction, key) &&
        (transaction.lsn === lsn || wroteValue(transaction, key, value)),
    );
    const transaction = this.#transactions[index];
    return transaction === undefined ? undefined : { transaction, index, lsn };
  }

  #reportLostUpdates(nodes: readonly RecordedNode[], reads: readonly ResolvedRead[]): void {
    const updates = reads.filter(({ node, key, first, last }) => {
      const writer = nodes[node]?.transaction;
      return first === last && writer !== undefined && wroteKey(writer, key);
    });
    const sameVersion = groupedBy(updates, ({ key, first }) => `${first} ${key}`);
    for (const group of sameVersion.values()) {
      const [one] = group;
      const two = group.find(({ node }) => node !== one?.node);
      if (one === undefined || two === undefined) continue;
      const lsn = one.versions[one.first]?.lsn ?? 0;
      const because = `it read version ${lsn} of "${one.key}" and replaced it`;
      const steps = [one, two].map(({ node }) => ({ node: nodes[node] as RecordedNode, because }));
      this.#report("lost-update", steps);
    }
  }

  #reportCycles(
    nodes: readonly RecordedNode[],
    reads: RecordedReads,
    keys: readonly string[],
    versions: ReadonlyMap<string, readonly Version[]>,
  ): void {
    const edges = new EdgeList();
    reads.emit(edges);
    const { cycles, complete } = findCycles(edges, nodes.length, timelineOf(nodes));
    if (!complete) this.#doubts.push("the search for cycles of each kind was cut short");
    if (cycles.length === 0) return;
    const evidence = new EvidenceOf(cycles);
    reads.emit(evidence);
    const narrator = new RecordedNarrator(nodes, keys, versions);
    for (const cycle of cycles) this.#anomalies.push(cycleAnomaly(cycle, evidence, narrator));
  }

  #report(
    name: AnomalyName,
    parts: readonly { readonly node: RecordedNode; readonly because: string }[],
  ): void {
    const steps = parts.map(({ node, because }) => ({
      operation: describeRecorded(node),
      because,
      index: node.index,
      fact: { kind: "said" as const },
    }));
    this.#anomalies.push({ name, steps });
  }
}

class RecordedNarrator implements Narrator {
  readonly #nodes: readonly RecordedNode[];
  readonly #keys: readonly string[];
  readonly #versions: ReadonlyMap<string, readonly Version[]>;

  constructor(
    nodes: readonly RecordedNode[],
    keys: readonly string[],
    versions: ReadonlyMap<string, readonly Version[]>,
  ) {
    this.#nodes = nodes;
    this.#keys = keys;
    this.#versions = versions;
  }

  name(node: number): string {
    return nameRecorded(this.#nodes[node] as RecordedNode);
  }

  operation(node: number): string {
    return describeRecorded(this.#nodes[node] as RecordedNode);
  }

  index(node: number): number {
    return (this.#nodes[node] as RecordedNode).index;
  }

  key(key: number): string {
    return this.#keys[key] as string;
  }

  version(key: number, version: number): string | undefined {
    const found = this.#versions.get(this.key(key))?.[version];
    return found === undefined || found.lsn === 0 ? undefined : `version ${found.lsn}`;
  }

  session(node: number): string {
    return this.#nodes[node]?.transaction?.session ?? "none";
  }
}

function wroteValue(
  transaction: RecordedTransaction,
  key: string,
  value: string | undefined,
): boolean {
  if (value === undefined) return false;
  return transaction.operations.some(
    (operation) => operation.kind === "write" && operation.key === key && operation.value === value,
  );
}

/** Numbers the moments. Of those at one time, begins come first: only a clear order counts. */
function timelineOf(nodes: readonly RecordedNode[]): Timeline {
  const began = new Int32Array(nodes.length).fill(-1);
  const ended = new Int32Array(nodes.length).fill(NEVER);
  const session = new Int32Array(nodes.length).fill(NO_SESSION);
  const sessions = new Map<string, number>();
  const moments: { readonly at: number; readonly node: number; readonly isEnd: boolean }[] = [];
  for (const [node, { transaction }] of nodes.entries()) {
    if (transaction === undefined) continue;
    const number = sessions.get(transaction.session) ?? sessions.size;
    sessions.set(transaction.session, number);
    session[node] = number;
    moments.push({ at: transaction.began, node, isEnd: false });
    const { ended: end } = transaction;
    if (end !== undefined) moments.push({ at: end, node, isEnd: true });
  }
  moments.sort((left, right) => left.at - right.at || Number(left.isEnd) - Number(right.isEnd));
  for (const [moment, { node, isEnd }] of moments.entries()) {
    (isEnd ? ended : began)[node] = moment;
  }
  return { began, ended, session, momentCount: moments.length };
}
