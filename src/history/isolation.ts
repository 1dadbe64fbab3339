/**
 * The levels of isolation, and which anomalies each forbids. After Adya's thesis, and after
 * Cerone and Gotsman for snapshot isolation: a history is possible under it unless a cycle has no
 * two read-write dependencies in a row.
 *
 * The strong-session levels add the order of each session, the strong ones that of real time.
 */

import type { Anomaly, AnomalyName, CycleName, CycleOrder } from "./verdict.ts";

/** What can be promised of concurrent transactions. */
export type IsolationLevel =
  | "read-uncommitted"
  | "read-committed"
  | "repeatable-read"
  | "snapshot-isolation"
  | "serializable"
  | "strong-session-snapshot-isolation"
  | "strong-session-serializable"
  | "strong-snapshot-isolation"
  | "strict-serializable";

interface Definition {
  /** The levels that follow from this one. */
  readonly implies: readonly IsolationLevel[];
  readonly cycles: readonly CycleName[];
  readonly orders: readonly CycleOrder[];
  readonly others: readonly AnomalyName[];
}

const ALWAYS_WRONG = [
  "duplicate-elements",
  "phantom-value",
  "duplicate-version",
  "wrong-value",
  "negative-balance",
  "lost-element",
  "impossible-count",
] as const;
const UNCOMMITTED = [...ALWAYS_WRONG, "G1a", "G1b", "incompatible-order"] as const;
const UNREPEATABLE = [...UNCOMMITTED, "internal", "lost-update"] as const;
const OFF_SNAPSHOT = [...UNREPEATABLE, "wrong-total", "long-fork"] as const;
const OFF_SERIAL = [...OFF_SNAPSHOT, "not-serializable"] as const;
const OFF_SESSION = [...OFF_SERIAL, "not-serializable-process"] as const;
const OFF_REAL_TIME = [...OFF_SESSION, "not-linearizable"] as const;

const SNAPSHOT_CYCLES = ["G0", "G1c", "G-single", "G-nonadjacent"] as const;
const ALL_CYCLES = [...SNAPSHOT_CYCLES, "G2-item", "G2"] as const;

const DEFINITIONS = {
  "read-uncommitted": { implies: [], cycles: ["G0"], orders: [""], others: ALWAYS_WRONG },
  "read-committed": {
    implies: ["read-uncommitted"],
    cycles: ["G0", "G1c"],
    orders: [""],
    others: UNCOMMITTED,
  },
  "repeatable-read": {
    implies: ["read-committed"],
    cycles: ["G0", "G1c", "G-single", "G-nonadjacent", "G2-item"],
    orders: [""],
    others: UNREPEATABLE,
  },
  "snapshot-isolation": {
    implies: ["read-committed"],
    cycles: SNAPSHOT_CYCLES,
    orders: [""],
    others: OFF_SNAPSHOT,
  },
  serializable: {
    implies: ["repeatable-read", "snapshot-isolation"],
    cycles: ALL_CYCLES,
    orders: [""],
    others: OFF_SERIAL,
  },
  "strong-session-snapshot-isolation": {
    implies: ["snapshot-isolation"],
    cycles: SNAPSHOT_CYCLES,
    orders: ["", "-process"],
    others: OFF_SNAPSHOT,
  },
  "strong-session-serializable": {
    implies: ["serializable", "strong-session-snapshot-isolation"],
    cycles: ALL_CYCLES,
    orders: ["", "-process"],
    others: OFF_SESSION,
  },
  "strong-snapshot-isolation": {
    implies: ["strong-session-snapshot-isolation"],
    cycles: SNAPSHOT_CYCLES,
    orders: ["", "-process", "-realtime"],
    others: OFF_SNAPSHOT,
  },
  "strict-serializable": {
    implies: ["strong-session-serializable", "strong-snapshot-isolation"],
    cycles: ALL_CYCLES,
    orders: ["", "-process", "-realtime"],
    others: OFF_REAL_TIME,
  },
} as const satisfies Record<IsolationLevel, Definition>;

/** All levels, by name. */
export const isolationLevels: readonly IsolationLevel[] = Object.keys(
  DEFINITIONS,
) as IsolationLevel[];

export function isIsolationLevel(name: string): name is IsolationLevel {
  return Object.hasOwn(DEFINITIONS, name);
}

/** Whether the level rules the anomaly out. */
export function forbids(level: IsolationLevel, anomaly: Anomaly): boolean {
  const definition: Definition = DEFINITIONS[level];
  if (definition.others.includes(anomaly.name)) return true;
  // Repeatable read promises nothing about ranges.
  if (level === "repeatable-read" && anomaly.throughRange === true) return false;
  return definition.cycles.some((cycle) =>
    definition.orders.some((order) => anomaly.name === `${cycle}${order}`),
  );
}

/** The levels that none of the anomalies contradicts, without those that another one implies. */
export function strongestLevels(anomalies: readonly Anomaly[]): readonly IsolationLevel[] {
  const possible = isolationLevels.filter(
    (level) => !anomalies.some((anomaly) => forbids(level, anomaly)),
  );
  const implied = new Set(possible.flatMap((level) => [...impliedBy(level)]));
  return possible.filter((level) => !implied.has(level));
}

function impliedBy(level: IsolationLevel): readonly IsolationLevel[] {
  const direct: readonly IsolationLevel[] = DEFINITIONS[level].implies;
  return [...direct, ...direct.flatMap((weaker) => [...impliedBy(weaker)])];
}
