/**
 * Judges histories of transactions that read and write registers, where every value is written at
 * most once to a key.
 *
 * The order of versions is only partly known (`register-order.ts`), so what is found is wrong for
 * certain, and a history is called valid only if an order was found that explains every read: a
 * serial one, in real time or in that of the sessions if nothing more was promised; else it is
 * unknown. Levels below serializable have no other proof than that.
 */

import { type Narrator, cycleAnomaly } from "./cycle-anomaly.ts";
import { type Cycle, findCycles } from "./cycle-search.ts";
import { EdgeList } from "./edge-list.ts";
import { type EdgeSink, EvidenceOf } from "./evidence.ts";
import { groupedBy } from "./grouped-by.ts";
import { forbids, type IsolationLevel } from "./isolation.ts";
import { type Linearization, linearize } from "./linearize.ts";
import { LogAnomalies } from "./log-anomalies.ts";
import { NOTHING } from "./names.ts";
import { type ExternalRead, RegisterOrder } from "./register-order.ts";
import { RW, WR, WW } from "./relation.ts";
import { NEVER } from "./timeline.ts";
import { operationsOfLog, transactionsModel } from "./transactions-model.ts";
import type { TransactionLog } from "./transaction-log.ts";
import { reportOn, type TransactionReport } from "./transaction-report.ts";
import { LogNarrator, describeOperation } from "./transaction-words.ts";

const NONE = -1;
const SEARCH_STEPS_MAX = 5_000_000;
const ORDER_SHOWN_MAX = 8;

/** Judges transactions that write registers and read them. */
export function checkRegisters(
  log: TransactionLog,
  isolation: IsolationLevel = "strict-serializable",
): TransactionReport {
  return new RegisterCheck(log).run(isolation);
}

class RegisterCheck {
  readonly #log: TransactionLog;
  readonly #order: RegisterOrder;
  readonly #narrator: Narrator;
  readonly #anomalies: LogAnomalies;
  readonly #doubts: string[] = [];

  constructor(log: TransactionLog) {
    this.#log = log;
    this.#order = new RegisterOrder(log);
    this.#narrator = new LogNarrator(log);
    this.#anomalies = new LogAnomalies(log);
  }

  run(isolation: IsolationLevel): TransactionReport {
    const { transactionCount } = this.#log;
    const [twin] = this.#order.twins;
    if (twin === undefined) this.#judge(isolation);
    else this.#doubts.push(this.#anomalies.twinDoubt(twin[0]));
    const findings = { anomalies: this.#anomalies.found, transactionCount, doubts: this.#doubts };
    return reportOn(findings, isolation);
  }

  #judge(isolation: IsolationLevel): void {
    this.#reportInternal();
    for (const read of this.#order.reads) this.#reportStrange(read);
    this.#reportLostUpdates();
    const known = (sink: EdgeSink): void => this.#emit(sink);
    const plain = this.#findCycles(known);
    this.#keep(plain, known);
    if (plain.length > 0) {
      this.#searchWeaker(isolation);
      return;
    }
    // Orders of writes that only real time tells make cycles that only real time closes.
    const timed = (sink: EdgeSink): void => {
      this.#emit(sink);
      this.#emitTimed(sink);
    };
    const late = this.#findCycles(timed).map((cycle) => ({
      ...cycle,
      order: "-realtime" as const,
    }));
    this.#keep(late, timed);
    if (this.#anomalies.found.length === 0) this.#searchOrder();
    this.#searchWeaker(isolation);
  }

  #findCycles(emit: (sink: EdgeSink) => void): readonly Cycle[] {
    const edges = new EdgeList();
    emit(edges);
    const found = findCycles(edges, this.#log.transactionCount, this.#log.timeline);
    if (!found.complete) this.#doubts.push("the search for cycles of each kind was cut short");
    return found.cycles;
  }

  #keep(cycles: readonly Cycle[], emit: (sink: EdgeSink) => void): void {
    if (cycles.length === 0) return;
    const evidence = new EvidenceOf(cycles);
    emit(evidence);
    for (const cycle of cycles) {
      this.#anomalies.found.push(cycleAnomaly(cycle, evidence, this.#narrator));
    }
  }

  /** Where the level allows all that was found, a serial order of another kind proves it. */
  #searchWeaker(isolation: IsolationLevel): void {
    const { found } = this.#anomalies;
    if (found.length === 0 || found.some((one) => forbids(isolation, one))) return;
    const keepsSessions = isolation.startsWith("strong-session");
    const isSerial = isolation.endsWith("serializable");
    const order = isolation === "strong-snapshot-isolation" ? undefined : this.#timeless(false);
    const last = order?.kind === "valid" && keepsSessions ? this.#timeless(true) : order;
    if (last?.kind === "valid") return;
    if (last?.kind === "unknown") this.#doubtOrder();
    else if (last === undefined || !isSerial) {
      this.#doubts.push(`what is known of the order of versions does not prove ${isolation}`);
    } else {
      const within = last === order ? "in whatever time" : "in the order of their sessions";
      const because = `no order of the transactions, ${within}, lets it be next`;
      const name = last === order ? "not-serializable" : "not-serializable-process";
      this.#anomalies.report(name, [
        { node: last.stuck.index, because, fact: { kind: "said" as const } },
      ]);
    }
  }

  #timeless(keepsSessions: boolean): Linearization {
    const operations = operationsOfLog(this.#log).map((operation) => ({
      ...operation,
      called: 0,
      returned: operation.returned === Infinity ? Infinity : 1,
    }));
    const budget = { stepsLeft: SEARCH_STEPS_MAX };
    return linearize(operations, transactionsModel(this.#log, keepsSessions), budget);
  }

  #doubtOrder(): void {
    this.#doubts.push(`no order of the transactions was found within ${SEARCH_STEPS_MAX} steps`);
  }

  /** A serial order explains all; where there is none within the bound, nothing is known. */
  #searchOrder(): void {
    const budget = { stepsLeft: SEARCH_STEPS_MAX };
    const found = linearize(operationsOfLog(this.#log), transactionsModel(this.#log), budget);
    if (found.kind === "valid") return;
    if (found.kind === "unknown") {
      this.#doubtOrder();
      return;
    }
    const placed = found.order.slice(-ORDER_SHOWN_MAX).map(({ index }) => ({
      node: index,
      because: "it can come next",
      fact: { kind: "said" as const },
    }));
    const because =
      "it had ended before any other began that is left, and no order lets it be next";
    const stuck = { node: found.stuck.index, because, fact: { kind: "said" as const } };
    this.#anomalies.report("not-linearizable", [...placed, stuck]);
  }

  #emit(sink: EdgeSink): void {
    const { value } = this.#log;
    // What a transaction read of its own future is wrong by itself and orders nothing.
    const reads = this.#order.reads.filter(
      ({ reader, writer }) => writer === NONE || this.#nodeOf(writer) !== reader,
    );
    const readersOf = groupedBy(reads, ({ key, writer }) => `${key} ${writer}`);
    for (const { reader, key, writer } of reads) {
      if (writer === NONE || !this.#order.tookPlace(writer)) continue;
      sink.add(this.#nodeOf(writer), reader, WR, key, value.at(writer), value.at(writer));
    }
    for (const { key, before, after } of this.#order.successions()) {
      const old = before === NONE ? NOTHING : value.at(before);
      const young = value.at(after);
      const to = this.#nodeOf(after);
      if (before !== NONE) sink.add(this.#nodeOf(before), to, WW, key, old, young);
      for (const { reader, value: read } of readersOf.get(`${key} ${before}`) ?? []) {
        // A value that nobody wrote is not the initial one.
        if (read === old) sink.add(reader, to, RW, key, old, young);
      }
    }
  }

  /** Reads of a value before the writes that began when the write of it had ended. */
  #emitTimed(sink: EdgeSink): void {
    const { value, timeline } = this.#log;
    const readersOf = groupedBy(this.#order.reads, ({ writer }) => writer);
    for (const [key, writes] of this.#order.finalWrites) {
      const inOrder = writes
        .filter((write) => this.#order.tookPlace(write))
        .toSorted((left, right) => this.#beganOf(left) - this.#beganOf(right));
      for (const [at, before] of inOrder.entries()) {
        const ended = timeline.ended[this.#nodeOf(before)] as number;
        const readers = readersOf.get(before) ?? [];
        if (ended === NEVER || readers.length === 0) continue;
        let firstEnd = NEVER;
        for (const after of inOrder.slice(at + 1)) {
          const began = this.#beganOf(after);
          if (began < ended) continue;
          if (firstEnd < began) break;
          const node = this.#nodeOf(after);
          firstEnd = Math.min(firstEnd, timeline.ended[node] as number);
          for (const { reader } of readers) {
            sink.add(reader, node, RW, key, value.at(before), value.at(after));
          }
        }
      }
    }
  }

  #beganOf(operation: number): number {
    return this.#log.timeline.began[this.#nodeOf(operation)] as number;
  }

  #nodeOf(operation: number): number {
    return this.#order.transactionOf[operation] as number;
  }

  #reportInternal(): void {
    for (const at of this.#order.internal) {
      const because = `"${describeOperation(this.#log, at)}" is not what it had read or written`;
      const fact = this.#anomalies.fact("read", this.#log.key.at(at), this.#log.value.at(at));
      this.#anomalies.report("internal", [{ node: this.#nodeOf(at), because, fact }]);
    }
  }

  #reportStrange({ reader, key, value, writer }: ExternalRead): void {
    if (value === NOTHING) return;
    const name = this.#log.values.name(value);
    const because = `it read ${name} of ${this.#log.keys.name(key)}`;
    const read = { node: reader, because, fact: this.#anomalies.fact("read", key, value) };
    if (writer === NONE) {
      this.#anomalies.report("phantom-value", [
        { ...read, because: `${because}, which nobody wrote` },
      ]);
      return;
    }
    const node = this.#nodeOf(writer);
    if (node === reader) {
      const early = `${because} before it wrote it`;
      this.#anomalies.report("internal", [{ ...read, because: early }]);
    } else if (this.#order.isAborted(writer)) {
      const wrote = this.#anomalies.wrote(writer, node, "it was aborted");
      this.#anomalies.report("G1a", [read, wrote]);
    } else if (this.#order.isIntermediate(writer)) {
      const wrote = this.#anomalies.wrote(writer, node, "it wrote another value to it later");
      this.#anomalies.report("G1b", [read, wrote]);
    }
  }

  #reportLostUpdates(): void {
    const writersOf = new Map<number, ReadonlySet<number>>();
    for (const [key, writes] of this.#order.finalWrites) {
      writersOf.set(key, new Set(writes.map((write) => this.#nodeOf(write))));
    }
    const updates = this.#order.reads.filter(({ reader, key, value, writer }) => {
      return writersOf.get(key)?.has(reader) === true && (writer !== NONE || value === NOTHING);
    });
    for (const group of groupedBy(updates, ({ key, writer }) => `${key} ${writer}`).values()) {
      const [one, two] = group;
      if (one === undefined || two === undefined) continue;
      const steps = [one, two].map(({ reader, key, value }) => {
        const read = `it read ${this.#log.values.name(value)} of ${this.#log.keys.name(key)}`;
        const fact = this.#anomalies.fact("read", key, value);
        return { node: reader, because: `${read} and replaced it`, fact };
      });
      this.#anomalies.report("lost-update", steps);
    }
  }
}
