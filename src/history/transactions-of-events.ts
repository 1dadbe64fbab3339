/**
 * Turns events into a log of transactions. The value of a transaction is a list of operations:
 * `["append", key, element]`, `["w", key, value]`, `["r", key, what was read]`.
 */

import { Fault } from "../base/fault.ts";
import type { HistoryEvent } from "./history-events.ts";
import { isArray, type Json } from "./json.ts";
import { FAIL, INFO, OK, TransactionLog } from "./transaction-log.ts";

export class TransactionPairing {
  readonly log: TransactionLog = new TransactionLog();
  readonly #called = new Map<Json, Json>();
  #number = 0;

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
        this.log.append(key, value);
        break;
      case "w":
      case "write":
        this.log.write(key, value);
        break;
      case "r":
      case "read":
        if (status !== OK) this.log.readUnknown(key);
        else if (isArray(value)) this.log.readList(key, value);
        else this.log.readValue(key, value);
        break;
      default:
        throw this.#malformed(operation);
    }
  }

  #malformed(value: Json): Fault {
    const shown = JSON.stringify(value).slice(0, 80);
    return new Fault(
      "ERR_FORMAT",
      `cannot read event ${this.#number}: ${shown} is no transaction: give a list of ` +
        `["append", key, element], ["w", key, value] and ["r", key, value]`,
      { number: this.#number },
    );
  }
}
