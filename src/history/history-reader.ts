/**
 * Reads histories, whatever their format, chunk by chunk:
 *
 *  - logs of etcd as Jepsen printed them (`INFO  jepsen.util - 0	:invoke	:read	nil`),
 *  - Jepsen's EDN (`{:process 0, :type :invoke, :f :txn, :value [...]}`), a map a line or a vector,
 *  - the same as JSON, a map a line or an array,
 *  - records of transactions (`base/recorded-events.ts`), one a line.
 *
 * The format is seen from the beginning.
 */

import { Fault } from "../base/fault.ts";
import { type RecordedTransaction, readRecorded } from "../base/recorded-events.ts";
import { parseEdn } from "./edn.ts";
import { readEtcdLine } from "./etcd-log.ts";
import { eventOf } from "./event-reader.ts";
import { FormSplitter } from "./form-splitter.ts";
import type { HistoryEvent } from "./history-events.ts";
import { isObject, type Json, parseJson } from "./json.ts";

/** Takes what a reader finds. */
export interface HistorySink {
  event(event: HistoryEvent): void;
  recorded(transaction: RecordedTransaction): void;
}

/** Reads histories in any of the known formats, piece by piece. */
export class HistoryReader {
  readonly #sink: HistorySink;
  readonly #splitter = new FormSplitter();
  #kind: "unknown" | "etcd" | "edn" | "json" = "unknown";
  /** What came before the format was seen, or the line that is not yet whole. */
  #rest = "";
  #number = 0;

  constructor(sink: HistorySink) {
    this.#sink = sink;
  }

  push(chunk: string): void {
    if (this.#kind === "etcd") this.#pushLines(chunk);
    else if (this.#kind === "unknown") this.#detect(chunk);
    else this.#pushForms(chunk);
  }

  /** Call it once, after the last chunk. */
  finish(): void {
    if (this.#kind === "etcd") this.#pushLines("\n");
    else this.#splitter.finish();
    if (this.#number > 0) return;
    throw new Fault("ERR_FORMAT", "cannot find a history: there is no entry of any format known");
  }

  #detect(chunk: string): void {
    this.#rest += chunk;
    const text = this.#rest;
    const first = /\{\s*(\S)/.exec(text)?.[1];
    if (/^INFO\s+jepsen\.util.*\r?\n/m.test(text)) this.#kind = "etcd";
    else if (first !== undefined) this.#kind = first === '"' ? "json" : "edn";
    else return;
    this.#rest = "";
    this.push(text);
  }

  #pushLines(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#number++;
      const event = readEtcdLine(line, this.#number);
      if (event !== undefined) this.#sink.event(event);
    }
  }

  #pushForms(chunk: string): void {
    for (const form of this.#splitter.push(chunk)) {
      this.#number++;
      const parsed = this.#parse(form);
      if (isObject(parsed) && parsed["operations"] !== undefined) {
        this.#sink.recorded(readRecorded(parsed, form));
      } else this.#sink.event(eventOf(parsed, this.#number));
    }
  }

  #parse(form: string): Json {
    if (this.#kind === "edn") return parseEdn(form);
    try {
      return parseJson(form);
    } catch (cause) {
      const message = `cannot read entry ${this.#number}: it is not JSON: ${form.slice(0, 80)}`;
      throw new Fault("ERR_FORMAT", message, { number: this.#number }, cause);
    }
  }
}
