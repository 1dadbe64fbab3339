/** Gathers the anomalies of a log of transactions that are not cycles. */

import type { TransactionLog } from "./transaction-log.ts";
import { describeTransaction } from "./transaction-words.ts";
import type { Anomaly, AnomalyName, Fact } from "./verdict.ts";

export interface LogStep {
  readonly node: number;
  readonly because: string;
  readonly fact: Fact;
}

export class LogAnomalies {
  readonly found: Anomaly[] = [];
  readonly #log: TransactionLog;

  constructor(log: TransactionLog) {
    this.#log = log;
  }

  report(name: AnomalyName, parts: readonly LogStep[]): void {
    const steps = parts.map(({ node, because, fact }) => ({
      operation: describeTransaction(this.#log, node),
      because,
      index: node,
      fact,
    }));
    this.found.push({ name, steps });
  }

  fact(kind: "read" | "wrote", key: number, value: number): Fact {
    return { kind, key: this.#log.keys.name(key), value: this.#log.values.name(value) };
  }

  /** That a transaction wrote what the operation says. */
  wrote(operation: number, transaction: number, because: string): LogStep {
    const fact = this.fact("wrote", this.#log.key.at(operation), this.#log.value.at(operation));
    return { node: transaction, because, fact };
  }

  /** Why nothing can be told of a history in which the same is written twice. */
  twinDoubt(first: number): string {
    const value = this.#log.values.name(this.#log.value.at(first));
    const key = this.#log.keys.name(this.#log.key.at(first));
    return `${value} is written to ${key} more than once, so that reads of it cannot be told apart`;
  }
}
