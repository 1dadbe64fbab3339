/** Turns a cycle into an anomaly: a proof with a sentence for each step. */

import { must } from "../base/assert.ts";
import type { Cycle } from "./cycle-search.ts";
import type { Evidence, EvidenceOf } from "./evidence.ts";
import { ANY_RW, REAL_TIME, RW_RANGE, SESSION, WR, WW, relationName } from "./relation.ts";
import type { Anomaly, Fact, ProofStep } from "./verdict.ts";

/** How a checker speaks of its transactions. */
export interface Narrator {
  /** A short name: `T12`. */
  name(node: number): string;
  /** The name and what it did. */
  operation(node: number): string;
  /** The number of the transaction in the raw history. */
  index(node: number): number;
  key(key: number): string;
  /** Undefined: the initial version. */
  version(key: number, version: number): string | undefined;
  session(node: number): string;
}

export function cycleAnomaly(cycle: Cycle, evidence: EvidenceOf, narrator: Narrator): Anomaly {
  const also = commonName(cycle);
  return {
    name: `${cycle.name}${cycle.order}`,
    ...(also === undefined ? {} : { also }),
    ...(cycle.relations.includes(RW_RANGE) ? { throughRange: true as const } : {}),
    steps: cycle.nodes.map((from, index) => {
      const to = cycle.nodes[(index + 1) % cycle.nodes.length] as number;
      const relation = cycle.relations[index] as number;
      return step(from, to, relation, evidence.get(from, to, relation), narrator);
    }),
  };
}

function step(
  from: number,
  to: number,
  relation: number,
  evidence: Evidence | undefined,
  narrator: Narrator,
): ProofStep {
  const operation = narrator.operation(from);
  const index = narrator.index(from);
  const first = narrator.name(from);
  const second = narrator.name(to);
  if (relation >= SESSION) {
    const because =
      relation === REAL_TIME
        ? `${first} had ended when ${second} began`
        : `${first} came before ${second} in session ${narrator.session(from)}`;
    return { operation, because, index, fact: orderFact(relation) };
  }
  const { key, before, after } = must(evidence, "every dependency was found for a reason");
  const keyName = narrator.key(key);
  const old = narrator.version(key, before);
  const young = narrator.version(key, after);
  const because = dependency(relation, first, second, keyName, old, young);
  const fact: Fact = {
    kind: "precedes",
    relation: relationName(relation),
    key: keyName,
    before: old,
    after: young,
  };
  return { operation, because, index, fact };
}

function orderFact(relation: number): Fact {
  return { kind: "precedes", relation: relationName(relation) };
}

function dependency(
  relation: number,
  first: string,
  second: string,
  key: string,
  before: string | undefined,
  after: string | undefined,
): string {
  const old = before ?? "the initial state";
  switch (relation) {
    case WW:
      return `${second} wrote ${String(after)} to ${key}, which follows ${old} written by ${first}`;
    case WR:
      return `${second} read ${old} of ${key}, written by ${first}`;
    case RW_RANGE:
      return (
        `${first} looked through a range and saw ${old} of ${key}, ` +
        `not the ${String(after)} that ${second} wrote`
      );
    default:
      return `${first} read ${old} of ${key}, not the ${String(after)} that ${second} wrote`;
  }
}

function commonName({ name, relations }: Cycle): string | undefined {
  if (relations.includes(RW_RANGE)) return "phantom";
  const antiCount = relations.filter((relation) => (relation & ANY_RW) !== 0).length;
  if (name === "G-single" && relations.length === 2) {
    if (relations.includes(REAL_TIME)) return "stale read";
    if (relations.includes(WR)) return "read skew";
  }
  if (name === "G2-item" && antiCount === relations.length) {
    return antiCount === 2 ? "write skew" : undefined;
  }
  return undefined;
}
