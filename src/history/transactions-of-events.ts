/**
 * Turns events into a log of transactions. The value of a transaction is a list of operations:
 * `["append", key, element]`, `["w", key, value]`, `["r", key, what was read]`.
 *
 * A log is of lists or of registers, and what does not belong to it is refused: whoever judges it
 * would not look at it. A list that was never appended to may be read as nil.
 */

import { Fault } from "../base/fault.ts";
import type { HistoryEvent } from "./history-events.ts";
import { isArray, type Json } from "./json.ts";
import { FAIL, INFO, OK, TransactionLog } from "./transaction-log.ts";

export type Contents = "lists" | "registers";

export class TransactionPairing {
  readonly log: TransactionLog = new TransactionLog();
  readonly #contents: Contents;
  readonly #called = new Map<Json, Json>();
  #number = 0;

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  add({ process, type, value }: HistoryEvent): void {
    this.#number++;
    if (process === "nemesis") return;
    if (type === "invoke") {
      // A process that begins anew has given up what it began before.
      if (this.log.isOpen(process))
        this.#complete(process, INFO, this.#called.get(process) ?? null);
      this.log.begin(process);
      this.#called.set(process, value);
    } else if (type === "ok") this.#complete(process, OK, value);
    else {
      const called = this.#called.get(process) ?? value;
      this.#complete(process, type === "fail" ? FAIL : INFO, called);
    }
  }

  /** Call it once, after the last event. */
  finish(): TransactionLog {
    for (const process of this.log.openSessions) {
      this.#complete(process, INFO, this.#called.get(process) ?? null);
    }
    return this.log;
  }

  #complete(process: Json, status: number, value: Json): void {
    this.log.complete(process, status);
    this.#called.delete(process);
    if (!isArray(value)) throw this.#malformed(value);
    for (const operation of value) this.#operation(operation, status);
  }

  #operation(operation: Json, status: number): void {
    if (!isArray(operation)) throw this.#malformed(operation);
    const [name, key, value = null] = operation;
    if (key === undefined) throw this.#malformed(operation);
    switch (typeof name === "string" ? name : "") {
      case "append":
        if (this.#contents !== "lists" || value === null) throw this.#malformed(operation);
        this.log.append(key, value);
        break;
      case "w":
      case "write":
        if (this.#contents !== "registers" || value === null) throw this.#malformed(operation);
        this.log.write(key, value);
        break;
      case "r":
      case "read":
        if (status !== OK) this.log.readUnknown(key);
        else if (this.#contents === "registers") this.log.readValue(key, value);
        else if (isArray(value) || value === null) this.log.readList(key, value ?? []);
        else throw this.#malformed(operation);
        break;
      default:
        throw this.#malformed(operation);
    }
  }

  #malformed(value: Json): Fault {
    const shown = JSON.stringify(value).slice(0, 80);
    const operations =
      this.#contents === "lists"
        ? '["append", key, element] and ["r", key, elements]'
        : '["w", key, value] and ["r", key, value]';
    return new Fault(
      "ERR_FORMAT",
      `cannot read event ${this.#number}: ${shown} is no transaction of ${this.#contents}: ` +
        `give a list of ${operations}; only reads may be of null`,
      { number: this.#number },
    );
  }
}
