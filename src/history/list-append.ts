/**
 * Judges histories of transactions that append to lists and read them.
 *
 * A list shows all that was ever appended to it, in order; so each read tells the versions before
 * it, and the longest reads tell the order of all versions of a key. From it follow who read whom,
 * who overwrote whom and who read what somebody else overwrote. Elements must be appended once.
 *
 * An append of a transaction whose outcome is unknown counts if somebody read it. An acknowledged
 * append that nobody read comes after all that was read of its key.
 */

import { type Narrator, cycleAnomaly } from "./cycle-anomaly.ts";
import { findCycles } from "./cycle-search.ts";
import { EdgeList } from "./edge-list.ts";
import { type EdgeSink, EvidenceOf } from "./evidence.ts";
import type { IsolationLevel } from "./isolation.ts";
import { ListAppendOrder } from "./list-append-order.ts";
import { ListAppendReads } from "./list-append-reads.ts";
import { LogAnomalies } from "./log-anomalies.ts";
import { NOTHING } from "./names.ts";
import { RW, WR, WW } from "./relation.ts";
import { APPEND, FAIL, type TransactionLog } from "./transaction-log.ts";
import { reportOn, type TransactionReport } from "./transaction-report.ts";
import { LogNarrator, describeOperation, listText } from "./transaction-words.ts";
import type { Fact } from "./verdict.ts";

const NONE = -1;

/** Of the readers of a whole list and the unread appends to it, so many pairs are related. */
const UNREAD_PAIRS_MAX = 1 << 20;

/** Judges transactions that append to lists and read them. */
export function checkListAppend(
  log: TransactionLog,
  isolation: IsolationLevel = "strict-serializable",
): TransactionReport {
  return new ListAppendCheck(log).run(isolation);
}

class ListAppendCheck {
  readonly #log: TransactionLog;
  readonly #reads: ListAppendReads;
  readonly #order: ListAppendOrder;
  readonly #narrator: Narrator;
  readonly #anomalies: LogAnomalies;
  /** Of each key, the appends that took place and were never read. */
  readonly #unread = new Map<number, number[]>();
  readonly #isIncompatible: ReadonlySet<number>;
  /** A key with more pairs of readers and unread appends than were looked at. */
  #cutKey: number | undefined;

  constructor(log: TransactionLog) {
    this.#log = log;
    this.#reads = new ListAppendReads(log);
    this.#order = new ListAppendOrder(log, this.#reads);
    this.#narrator = new LogNarrator(log);
    this.#anomalies = new LogAnomalies(log);
    this.#isIncompatible = new Set(this.#order.incompatible);
    this.#collectUnread();
  }

  run(isolation: IsolationLevel): TransactionReport {
    const { transactionCount } = this.#log;
    const [twin] = this.#order.twins;
    if (twin !== undefined) {
      const doubts = [this.#anomalies.twinDoubt(twin[0])];
      return reportOn({ anomalies: [], transactionCount, doubts }, isolation);
    }
    this.#reportInternal();
    this.#reportOrders();
    this.#reportReversed();
    this.#reportStrangeElements();
    this.#reportReads();
    const edges = new EdgeList();
    this.#emit(edges);
    const found = findCycles(edges, this.#log.transactionCount, this.#log.timeline);
    const doubts = found.complete ? [] : ["the search for cycles of each kind was cut short"];
    if (this.#cutKey !== undefined) {
      const key = this.#log.keys.name(this.#cutKey);
      doubts.push(`${key} has too many appends that nobody read; let more reads of it follow them`);
    }
    if (found.cycles.length > 0) {
      const evidence = new EvidenceOf(found.cycles);
      this.#emit(evidence);
      for (const cycle of found.cycles) {
        this.#anomalies.found.push(cycleAnomaly(cycle, evidence, this.#narrator));
      }
    }
    return reportOn({ anomalies: this.#anomalies.found, transactionCount, doubts }, isolation);
  }

  #collectUnread(): void {
    const { kind, key } = this.#log;
    for (let at = 0; at < kind.length; at++) {
      if (kind.at(at) !== APPEND || this.#order.position[at] !== NONE) continue;
      if (!this.#order.tookPlace(at)) continue;
      const unread = this.#unread.get(key.at(at));
      if (unread === undefined) this.#unread.set(key.at(at), [at]);
      else unread.push(at);
    }
  }

  #emit(sink: EdgeSink): void {
    this.#emitOverwrites(sink);
    this.#emitReads(sink);
    this.#emitUnread(sink);
  }

  #emitOverwrites(sink: EdgeSink): void {
    const { start } = this.#order;
    const keyCount = this.#log.keys.names.length;
    for (let key = 0; key < keyCount; key++) {
      const end = start[key + 1] as number;
      let before = NONE;
      for (let position = start[key] as number; position < end; position++) {
        const after = this.#writerAt(position);
        if (after === NONE) continue;
        if (before !== NONE) {
          this.#emitBetween(sink, before, after, WW, key);
        }
        before = after;
      }
    }
  }

  #emitBetween(sink: EdgeSink, before: number, after: number, relation: number, key: number): void {
    const { value } = this.#log;
    const from = this.#transactionOf(before);
    const to = this.#transactionOf(after);
    sink.add(from, to, relation, key, value.at(before), value.at(after));
  }

  #emitReads(sink: EdgeSink): void {
    const { reader, key, length } = this.#reads;
    for (let row = 0; row < reader.length; row++) {
      if (this.#isIncompatible.size > 0 && this.#isIncompatible.has(row)) continue;
      const of = key.at(row);
      const node = reader.at(row);
      const next = (this.#order.start[of] as number) + length.at(row);
      const source = length.at(row) === 0 ? NONE : this.#writerAt(next - 1);
      const before = this.#lastValue(row);
      if (source !== NONE) sink.add(this.#transactionOf(source), node, WR, of, before, before);
      const overwriter = this.#firstWriterFrom(next, of);
      if (overwriter === NONE) continue;
      const after = this.#log.value.at(overwriter);
      sink.add(node, this.#transactionOf(overwriter), RW, of, before, after);
    }
  }

  /** What was appended and never read comes after the whole list, and after its readers. */
  #emitUnread(sink: EdgeSink): void {
    if (this.#unread.size === 0) return;
    const wholeReaders = new Map<number, number[]>();
    const { reader, key, length, longestLength } = this.#reads;
    for (let row = 0; row < reader.length; row++) {
      const of = key.at(row);
      if (length.at(row) !== longestLength[of] || !this.#unread.has(of)) continue;
      const rows = wholeReaders.get(of);
      if (rows === undefined) wholeReaders.set(of, [row]);
      else rows.push(row);
    }
    for (const [of, operations] of this.#unread) {
      const last = this.#lastWriter(of);
      const readers = wholeReaders.get(of) ?? [];
      // The latest readers and the earliest appends are the likeliest to contradict each other.
      const rows = readers.slice(-Math.max(1, Math.floor(UNREAD_PAIRS_MAX / operations.length)));
      if (rows.length < readers.length) this.#cutKey = of;
      for (const operation of operations) {
        if (last !== NONE) this.#emitBetween(sink, last, operation, WW, of);
        const to = this.#transactionOf(operation);
        const after = this.#log.value.at(operation);
        for (const row of rows) sink.add(reader.at(row), to, RW, of, this.#lastValue(row), after);
      }
    }
  }

  #lastWriter(key: number): number {
    const start = this.#order.start[key] as number;
    for (let at = (this.#order.start[key + 1] as number) - 1; start <= at; at--) {
      if (this.#writerAt(at) !== NONE) return this.#writerAt(at);
    }
    return NONE;
  }

  #firstWriterFrom(position: number, key: number): number {
    const end = this.#order.start[key + 1] as number;
    for (let at = position; at < end; at++)
      if (this.#writerAt(at) !== NONE) return this.#writerAt(at);
    return NONE;
  }

  /** The operation that appended what stands at a position, unless it was aborted. */
  #writerAt(position: number): number {
    const operation = this.#order.writer[position] as number;
    if (operation === NONE || !this.#order.tookPlace(operation)) return NONE;
    return operation;
  }

  #lastValue(row: number): number {
    const length = this.#reads.length.at(row);
    return length === 0 ? NOTHING : this.#log.elements.at(this.#reads.start.at(row) + length - 1);
  }

  #transactionOf(operation: number): number {
    return this.#reads.transactionOf[operation] as number;
  }

  #reportInternal(): void {
    for (const at of this.#reads.internal) {
      const because = `"${describeOperation(this.#log, at)}" is not what it had read and appended`;
      this.#anomalies.report("internal", [
        { node: this.#transactionOf(at), because, fact: this.#readFact(at) },
      ]);
    }
  }

  #reportOrders(): void {
    const { duplicates, incompatible } = this.#order;
    for (const position of duplicates) {
      const operation = this.#order.writer[position] as number;
      const key = this.#log.key.at(operation);
      const name = this.#log.values.name(this.#log.value.at(operation));
      const because = `it read ${name} twice in ${this.#log.keys.name(key)}`;
      const node = this.#reads.longestReader[key] as number;
      const fact = this.#anomalies.fact("read", key, this.#log.value.at(operation));
      this.#anomalies.report("duplicate-elements", [{ node, because, fact }]);
    }
    for (const row of incompatible) {
      const key = this.#reads.key.at(row);
      const { longestStart, longestLength, longestReader } = this.#reads;
      const one = { start: this.#reads.start.at(row), length: this.#reads.length.at(row) };
      const two = { start: longestStart[key] as number, length: longestLength[key] as number };
      this.#anomalies.report("incompatible-order", [
        { node: this.#reads.reader.at(row), ...this.#sawList(key, one) },
        { node: longestReader[key] as number, ...this.#sawList(key, two) },
      ]);
    }
  }

  /** Elements of one transaction stand in the order in which it appended them. */
  #reportReversed(): void {
    const { writer } = this.#order;
    for (let position = 1; position < writer.length; position++) {
      const first = writer[position - 1] as number;
      const second = writer[position] as number;
      if (first === NONE || second === NONE || first <= second) continue;
      const node = this.#transactionOf(second);
      const key = this.#log.key.at(second);
      if (this.#transactionOf(first) !== node || this.#log.key.at(first) !== key) continue;
      const reader = this.#reads.longestReader[key] as number;
      const list = {
        start: this.#reads.longestStart[key] as number,
        length: this.#reads.longestLength[key] as number,
      };
      this.#anomalies.report("incompatible-order", [
        { node: reader, ...this.#sawList(key, list) },
        this.#anomalies.wrote(second, node, "it appended these two the other way round"),
      ]);
    }
  }

  #sawList(
    key: number,
    { start, length }: { readonly start: number; readonly length: number },
  ): { readonly because: string; readonly fact: Fact } {
    const because = `it read ${listText(this.#log, start, length)} in ${this.#log.keys.name(key)}`;
    const last = length === 0 ? NOTHING : this.#log.elements.at(start + length - 1);
    return { because, fact: this.#anomalies.fact("read", key, last) };
  }

  /** Elements of the longest lists, and of those that do not fit, that nobody can have appended. */
  #reportStrangeElements(): void {
    const { start, writer } = this.#order;
    const keyCount = this.#log.keys.names.length;
    for (let key = 0; key < keyCount; key++) {
      const end = start[key + 1] as number;
      for (let position = start[key] as number; position < end; position++) {
        const operation = writer[position] as number;
        if (operation !== NONE && this.#order.tookPlace(operation)) continue;
        const reader = this.#reads.longestReader[key] as number;
        this.#reportStrange(reader, key, this.#order.element(key, position), operation);
      }
    }
    for (const row of this.#order.incompatible) {
      const key = this.#reads.key.at(row);
      const first = this.#reads.start.at(row);
      for (let at = first; at < first + this.#reads.length.at(row); at++) {
        const element = this.#log.elements.at(at);
        const operation = this.#order.table.find(key, element);
        const isAborted = operation !== NONE && this.#isAborted(operation);
        if (operation !== NONE && !isAborted) continue;
        this.#reportStrange(this.#reads.reader.at(row), key, element, operation);
      }
    }
  }

  #isAborted(operation: number): boolean {
    return this.#log.status.at(this.#transactionOf(operation)) === FAIL;
  }

  #reportStrange(reader: number, key: number, element: number, operation: number): void {
    const name = this.#log.values.name(element);
    const because = `it read ${name} in ${this.#log.keys.name(key)}`;
    const read = { node: reader, because, fact: this.#anomalies.fact("read", key, element) };
    if (operation === NONE) {
      this.#anomalies.report("phantom-value", [
        { ...read, because: `${because}, which nobody appended` },
      ]);
    } else {
      this.#anomalies.report("G1a", [
        read,
        this.#anomalies.wrote(operation, this.#transactionOf(operation), "it was aborted"),
      ]);
    }
  }

  /** Reads of what another transaction then replaced, and updates that ignore each other. */
  #reportReads(): void {
    const { reader, key, length, replaces, isIntermediate } = this.#reads;
    const updater = new Map<number, number>();
    const positionCount = this.#order.writer.length;
    for (let row = 0; row < reader.length; row++) {
      if (this.#isIncompatible.has(row)) continue;
      const of = key.at(row);
      const next = (this.#order.start[of] as number) + length.at(row);
      const last = length.at(row) === 0 ? NONE : (this.#order.writer[next - 1] as number);
      if (last !== NONE) this.#reportLast(row, last, isIntermediate[last] === 1);
      if (replaces.at(row) === 0) continue;
      const slot = of * (positionCount + 1) + next;
      const other = updater.get(slot);
      if (other === undefined) updater.set(slot, row);
      else this.#reportLostUpdate(other, row);
    }
  }

  #reportLast(row: number, writer: number, isIntermediate: boolean): void {
    const node = this.#reads.reader.at(row);
    const key = this.#reads.key.at(row);
    const name = this.#log.values.name(this.#log.value.at(writer));
    const because = `it read ${name} as the last of ${this.#log.keys.name(key)}`;
    const fact = this.#anomalies.fact("read", key, this.#log.value.at(writer));
    if (this.#transactionOf(writer) === node) {
      this.#anomalies.report("internal", [
        { node, because: `${because} before it appended it`, fact },
      ]);
    } else if (isIntermediate) {
      const wrote = this.#anomalies.wrote(
        writer,
        this.#transactionOf(writer),
        "it appended more to the same list",
      );
      this.#anomalies.report("G1b", [{ node, because, fact }, wrote]);
    }
  }

  #reportLostUpdate(first: number, second: number): void {
    const steps = [first, second].map((row) => {
      const key = this.#reads.key.at(row);
      const last = this.#lastValue(row);
      const seen = this.#narrator.version(key, last) ?? "the empty list";
      const because = `it read ${this.#log.keys.name(key)} up to ${seen} and appended to it`;
      return {
        node: this.#reads.reader.at(row),
        because,
        fact: this.#anomalies.fact("read", key, last),
      };
    });
    this.#anomalies.report("lost-update", steps);
  }

  #readFact(at: number): Fact {
    const length = this.#log.length.at(at);
    const last =
      length === 0 ? NOTHING : this.#log.elements.at(this.#log.value.at(at) + length - 1);
    return this.#anomalies.fact("read", this.#log.key.at(at), last);
  }
}
