/** The sentence above a report: when, on what and how much was measured. */

import { cpus } from "node:os";
import type { BenchOptions } from "./options.ts";

export function describeRun({ rounds, scale }: BenchOptions): string {
  const [cpu] = cpus();
  const cores = `${cpus().length} cores (${cpu?.model ?? "unknown"})`;
  const machine = `${cores}, Node ${process.versions.node}`;
  const amount = scale === 1 ? "the whole run" : `a quick run, with ${scale} of the work`;
  const day = new Date().toISOString().slice(0, "2026-01-01".length);
  return `Measured on ${day} on ${machine}: ${amount}, the median of ${rounds} (min..max).`;
}
