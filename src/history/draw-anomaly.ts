/** Anomalies as drawings: the operations of the proof, and between them the reasons. */

import type { Drawing } from "./drawing.ts";
import { type Anomaly, explain } from "./verdict.ts";
import type { CheckReport } from "./workloads.ts";

const DRAWN_MAX = 20;

/** The proof of an anomaly as a graph. */
export function drawAnomaly(anomaly: Anomaly): Drawing {
  const { name, steps } = anomaly;
  const isCycle = steps.every(({ fact }) => fact.kind === "precedes");
  return {
    title: anomaly.also === undefined ? name : `${name} (${anomaly.also})`,
    nodes: steps.map(({ operation }, at) => ({ id: String(at), label: operation })),
    edges: steps.flatMap(({ fact, because }, at) => {
      const next = (at + 1) % steps.length;
      if (!isCycle && next === 0) return [];
      const label = fact.kind === "precedes" ? labelOf(fact) : because;
      return [{ from: String(at), to: String(next), label, isMarked: isCycle }];
    }),
  };
}

/** The anomalies side by side in one drawing. */
export function drawReport(title: string, { anomalies }: CheckReport): Drawing {
  const drawings = anomalies.slice(0, DRAWN_MAX).map(drawAnomaly);
  return {
    title: `${title}: ${drawings.map((drawing) => drawing.title).join(", ") || "no anomalies"}`,
    nodes: drawings.flatMap(({ nodes }, at) =>
      nodes.map(({ id, label }) => ({ id: `${at}.${id}`, label })),
    ),
    edges: drawings.flatMap(({ edges }, at) =>
      edges.map((edge) => ({ ...edge, from: `${at}.${edge.from}`, to: `${at}.${edge.to}` })),
    ),
  };
}

export function describeCheck(file: string, report: CheckReport): string {
  const { verdict, reason, workload, operationCount, levels } = report;
  const lines = [`${file}: ${verdict} (${workload}, ${operationCount} operations)`];
  if (reason !== undefined) lines.push(`  ${reason}`);
  if (levels !== undefined && report.anomalies.length > 0) {
    lines.push(`  nothing contradicts: ${levels.join(", ") || "no level of isolation"}`);
  }
  for (const [name, count] of Object.entries(report.counts)) lines.push(`  ${name}: ${count}`);
  return [...lines, ...report.anomalies.map((anomaly) => `\n${explain(anomaly)}`)].join("\n");
}

function labelOf({ relation, key }: { readonly relation: string; readonly key?: string }): string {
  return key === undefined ? relation : `${relation} ${key}`;
}
