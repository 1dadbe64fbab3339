/**
 * Holds the proof of a cycle in a record of transactions against the record, without any of what
 * the checker worked out: each step is looked up in what its transactions say they read and wrote.
 */

import type { RecordedOperation, RecordedTransaction } from "../base/recorded-events.ts";
import type { Anomaly, Fact, ProofStep } from "./verdict.ts";

type Precedes = Fact & { readonly kind: "precedes" };

/**
 * Why the proof does not hold, in a sentence for each step; empty if it does. Steps of commits
 * that were not recorded, and steps that claim nothing beyond words, are not looked up.
 */
export function refuteRecordedProof(
  record: readonly RecordedTransaction[],
  { steps }: Anomaly,
): readonly string[] {
  return steps.flatMap((step, at) => {
    const next = steps[(at + 1) % steps.length] as ProofStep;
    const first = record[step.index];
    const second = record[next.index];
    if (step.fact.kind !== "precedes" || first === undefined || second === undefined) return [];
    const refuted = refuteOrder(first, second, step.fact);
    return refuted === undefined ? [] : [`step ${at + 1}: ${refuted}`];
  });
}

function refuteOrder(
  first: RecordedTransaction,
  second: RecordedTransaction,
  fact: Precedes,
): string | undefined {
  const { relation, key = "" } = fact;
  const before = lsnOf(fact.before);
  const after = lsnOf(fact.after);
  if (first.status === "fail" || second.status === "fail") return "an aborted one precedes nothing";
  switch (relation) {
    case "session":
      return first.session === second.session && first.began < second.began
        ? undefined
        : "they are not of one session in that order";
    case "real-time":
      return (first.ended ?? Infinity) < second.began ? undefined : "the first had not ended";
    case "wr":
      if (!wrote(first, key, after)) return "the first did not write it";
      // An absence does not say which removal it came from.
      return saw(second, key, after) || sawAbsence(second, key)
        ? undefined
        : "the second did not read it";
    case "ww":
      if (!wrote(first, key, before) || !wrote(second, key, after))
        return "they did not write both";
      return before < after ? undefined : "the versions are the other way round";
    case "rw":
    case "rw-range":
      if (!wrote(second, key, after)) return "the second did not write it";
      if (after <= before) return "the versions are the other way round";
      return saw(first, key, before) || sawAbsence(first, key)
        ? undefined
        : "the first did not read it";
  }
}

/** The number in "version 7"; the initial state is 0. */
function lsnOf(version: string | undefined): number {
  return version === undefined ? 0 : Number(version.replace("version ", ""));
}

function wrote(
  { lsn, operations, status }: RecordedTransaction,
  key: string,
  version: number,
): boolean {
  const isThere = lsn === version || (lsn === undefined && status !== "fail");
  return isThere && operations.some((operation) => writes(operation, key));
}

function writes(operation: RecordedOperation, key: string): boolean {
  switch (operation.kind) {
    case "write":
    case "remove":
      return operation.key === key;
    case "remove-range":
      return operation.start <= key && (operation.end === undefined || key < operation.end);
    case "read":
    case "scan":
      return false;
  }
}

function saw({ operations }: RecordedTransaction, key: string, version: number): boolean {
  return operations.some((operation) => {
    if (operation.kind === "read") return operation.key === key && operation.version === version;
    if (operation.kind !== "scan") return false;
    return operation.found.some((entry) => entry.key === key && entry.version === version);
  });
}

function sawAbsence({ operations }: RecordedTransaction, key: string): boolean {
  return operations.some((operation) => {
    if (operation.kind === "read") return operation.key === key && operation.version === undefined;
    if (operation.kind !== "scan") return false;
    const inRange = operation.start <= key && (operation.end === undefined || key < operation.end);
    return inRange && !operation.found.some((entry) => entry.key === key);
  });
}
