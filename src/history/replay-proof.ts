/**
 * Holds the proof of an anomaly against the raw history, without any of what the checkers worked
 * out: each step is looked up in the operations that its transactions say they did. It is how
 * tests know that proofs prove something, and how anyone can who does not trust the checkers.
 *
 * Of what it cannot look up (that a version came next, where no read shows it) it checks what can
 * be seen: that the one wrote it and the other did not see it.
 */

import { FAIL, INFO, READ_LIST, READ_VALUE, type TransactionLog } from "./transaction-log.ts";
import type { Anomaly, Fact, ProofStep } from "./verdict.ts";

/** Why the proof does not hold, in a sentence for each step; empty if it does. */
export function refuteProof(log: TransactionLog, anomaly: Anomaly): readonly string[] {
  const { name, steps } = anomaly;
  if (steps.length === 0) return ["it has no steps"];
  const isCycle = steps.some(({ fact }) => fact.kind === "precedes");
  const wrong = steps.flatMap((step, at) => {
    const next = steps[(at + 1) % steps.length] as ProofStep;
    const refuted = new StepReplay(log, step, next).refute();
    return refuted === undefined ? [] : [`step ${at + 1}: ${refuted}`];
  });
  if (isCycle) {
    const named = nameOfCycle(steps);
    if (!name.startsWith(named)) wrong.push(`the cycle is a ${named}, not a ${name}`);
  }
  return wrong;
}

class StepReplay {
  readonly #log: TransactionLog;
  readonly #step: ProofStep;
  readonly #next: ProofStep;

  constructor(log: TransactionLog, step: ProofStep, next: ProofStep) {
    this.#log = log;
    this.#step = step;
    this.#next = next;
  }

  refute(): string | undefined {
    const { fact, index } = this.#step;
    switch (fact.kind) {
      case "said":
        return undefined;
      case "read":
        return this.#hasRead(index, fact) ? undefined : `it did not read ${fact.value}`;
      case "wrote":
        return this.#hasWritten(index, fact.key, fact.value)
          ? undefined
          : `it did not write ${fact.value}`;
      case "precedes":
        return this.#refuteOrder(index, this.#next.index, fact);
    }
  }

  #refuteOrder(
    first: number,
    second: number,
    { relation, key = "", before, after }: Fact & { readonly kind: "precedes" },
  ): string | undefined {
    const { began, ended, session } = this.#log.timeline;
    if (this.#log.status.at(first) === FAIL || this.#log.status.at(second) === FAIL) {
      return "an aborted transaction precedes nothing";
    }
    switch (relation) {
      case "session":
        return session[first] === session[second] && (began[first] ?? 0) < (began[second] ?? 0)
          ? undefined
          : "they are not of one session in that order";
      case "real-time":
        if (this.#log.status.at(first) === INFO) return "it is not known to have ended";
        return (ended[first] ?? 0) < (began[second] ?? 0) ? undefined : "the first had not ended";
      case "wr":
        if (after === undefined || !this.#hasWritten(first, key, after))
          return "the first did not write it";
        return this.#hasSeen(second, key, after) ? undefined : "the second did not read it";
      case "ww":
        if (before === undefined || !this.#hasWritten(first, key, before))
          return "the first did not write it";
        if (after === undefined || !this.#hasWritten(second, key, after))
          return "the second did not write it";
        return this.#contradicts(key, before, after)
          ? "a read shows the opposite order"
          : undefined;
      case "rw":
      case "rw-range":
        if (after === undefined || !this.#hasWritten(second, key, after))
          return "the second did not write it";
        return this.#lastSeen(first, key, before, after)
          ? undefined
          : "the first did not read the one without the other";
    }
  }

  #hasRead(
    transaction: number,
    { key, value }: { readonly key: string; readonly value: string },
  ): boolean {
    return value === "nil" || this.#hasSeen(transaction, key, value);
  }

  /** Whether a read of the transaction found the value, in a list anywhere. */
  #hasSeen(transaction: number, key: string, value: string): boolean {
    return this.#reads(transaction, key).some((found) => found.includes(value));
  }

  /** Whether a read found the one value as the newest, but for its own, and not the other. */
  #lastSeen(transaction: number, key: string, value: string | undefined, unseen: string): boolean {
    return this.#reads(transaction, key).some((found) => {
      if (found.includes(unseen)) return false;
      const others = found.filter(
        (one) => one === value || !this.#hasWritten(transaction, key, one),
      );
      return others.at(-1) === value;
    });
  }

  /** Whether a committed read shows the two in the opposite order. */
  #contradicts(key: string, before: string, after: string): boolean {
    for (let node = 0; node < this.#log.transactionCount; node++) {
      if (this.#log.status.at(node) === FAIL) continue;
      for (const found of this.#reads(node, key)) {
        const first = found.indexOf(before);
        const second = found.indexOf(after);
        if (0 <= second && second < first) return true;
      }
    }
    return false;
  }

  #reads(transaction: number, key: string): readonly (readonly string[])[] {
    const log = this.#log;
    const found: (readonly string[])[] = [];
    for (let at = log.operationStart.at(transaction); at < log.operationEnd(transaction); at++) {
      if (log.keys.name(log.key.at(at)) !== key) continue;
      const value = log.value.at(at);
      if (log.kind.at(at) === READ_VALUE) {
        const name = log.values.name(value);
        found.push(name === "nil" ? [] : [name]);
      } else if (log.kind.at(at) === READ_LIST) {
        const elements = log.elements.values.subarray(value, value + log.length.at(at));
        found.push(Array.from(elements, (element) => log.values.name(element)));
      }
    }
    return found;
  }

  #hasWritten(transaction: number, key: string, value: string): boolean {
    const log = this.#log;
    for (let at = log.operationStart.at(transaction); at < log.operationEnd(transaction); at++) {
      const kind = log.kind.at(at);
      if (kind === READ_LIST || kind === READ_VALUE) continue;
      if (log.keys.name(log.key.at(at)) === key && log.values.name(log.value.at(at)) === value) {
        return true;
      }
    }
    return false;
  }
}

/** The name again from the relations, counted as Adya does. */
function nameOfCycle(steps: readonly ProofStep[]): string {
  const relations = steps.map(({ fact }) => (fact.kind === "precedes" ? fact.relation : "said"));
  const isAnti = relations.map((relation) => relation === "rw" || relation === "rw-range");
  const count = isAnti.filter(Boolean).length;
  if (count === 0) return relations.includes("wr") ? "G1c" : "G0";
  if (count === 1) return "G-single";
  const adjacent = isAnti.some((anti, at) => anti && isAnti[(at + 1) % isAnti.length] === true);
  return adjacent ? "G2" : "G-nonadjacent";
}
