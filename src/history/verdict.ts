/**
 * What a checker says of a history. An anomaly carries its own proof, since a verdict that cannot
 * be followed by hand will not be believed; and a history that cannot be judged is not called good.
 */

import type { RelationName } from "./relation.ts";

/** What a checker says. A history that cannot be judged is not called valid. */
export type Verdict =
  | { readonly kind: "valid" }
  | { readonly kind: "invalid"; readonly anomalies: readonly Anomaly[] }
  | { readonly kind: "unknown"; readonly reason: string };

export type CycleName = "G0" | "G1c" | "G-single" | "G-nonadjacent" | "G2-item" | "G2";

/** The plain cycle, or one that closes only with an order of sessions or of real time. */
export type CycleOrder = "" | "-process" | "-realtime";

/** The names of the literature: Adya's, and those of the checkers after him. */
export type AnomalyName =
  | `${CycleName}${CycleOrder}`
  /** Read a write of a transaction that was aborted. */
  | "G1a"
  /** Read a write that its transaction overwrote before it ended. */
  | "G1b"
  /** Two transactions read the same version of a key, and both replaced it. */
  | "lost-update"
  /** A transaction did not see its own writes, or saw a key change between two of its reads. */
  | "internal"
  /** The same element twice in one list. */
  | "duplicate-elements"
  /** A value that nobody wrote. */
  | "phantom-value"
  /** Two reads of a list of which neither begins with the other. */
  | "incompatible-order"
  /** Two transactions claim one position of the log. */
  | "duplicate-version"
  /** A version was read with another value than was written. */
  | "wrong-value"
  /** Money appeared or vanished. */
  | "wrong-total"
  | "negative-balance"
  /** Something acknowledged was not there for a read that began later. */
  | "lost-element"
  /** A read that no number of the adds that might have happened can explain. */
  | "impossible-count"
  /** Two readers saw two writes in opposite orders. */
  | "long-fork"
  /** No order within the intervals of the operations explains what they returned. */
  | "not-linearizable"
  /** No order at all does. */
  | "not-serializable"
  /** None does that keeps the order of each session. */
  | "not-serializable-process";

/** Something that the promised isolation rules out, with its proof. */
export interface Anomaly {
  readonly name: AnomalyName;
  /** A second, more common name, where there is one: stale read, write skew. */
  readonly also?: string;
  /** A range that was read is part of it, and not only keys. */
  readonly throughRange?: true;
  /** The operations of the cycle, each with the reason why it comes before the next. */
  readonly steps: readonly ProofStep[];
}

/** One operation of a proof, and why it comes before the next. */
export interface ProofStep {
  readonly operation: string;
  readonly because: string;
  /** The number of the transaction or operation in the history, for those who replay the proof. */
  readonly index: number;
  readonly fact: Fact;
}

/** What a step claims, in a form that `replay-proof.ts` can look up in the raw history. */
export type Fact =
  /** This transaction and that of the next step are in this relation. */
  | {
      readonly kind: "precedes";
      readonly relation: RelationName;
      readonly key?: string;
      /** What was read or overwritten, and what replaced it; undefined is the initial state. */
      readonly before?: string | undefined;
      readonly after?: string | undefined;
    }
  /** This transaction read this. */
  | { readonly kind: "read"; readonly key: string; readonly value: string }
  /** This transaction wrote this. */
  | { readonly kind: "wrote"; readonly key: string; readonly value: string }
  /** Nothing beyond the words. */
  | { readonly kind: "said" };

/** The proof as lines that a person can follow. */
export function explain(anomaly: Anomaly): string {
  const lines = anomaly.steps.map(
    ({ operation, because }, index) => `  ${index + 1}. ${operation}, because ${because}`,
  );
  const also = anomaly.also === undefined ? "" : ` (${anomaly.also})`;
  const cyclic = anomaly.steps.some(({ fact }) => fact.kind === "precedes");
  const end = cyclic ? ["  ... which closes the cycle: contradiction."] : [];
  return [`${anomaly.name}${also}:`, ...lines, ...end].join("\n");
}
