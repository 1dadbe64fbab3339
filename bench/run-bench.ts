/**
 * What the benchmarks' commands have in common: they keep their data in a directory of their own,
 * measure part after part, print the report, and write it into its page if they are asked to.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeRun } from "./describe-run.ts";
import type { BenchOptions } from "./options.ts";
import { renderMarkdown, type Section } from "./report.ts";

export interface BenchCommand {
  readonly quick: boolean;
  readonly large: boolean;
  readonly write: boolean;
  readonly rounds: string;
  readonly directory: string;
  readonly parts: readonly string[];
  /** The page of docs/ that the report is written into. */
  readonly page: string;
  readonly measure: (part: string, options: BenchOptions) => Promise<readonly Section[]>;
}

const QUICK_SCALE = 0.1;
const MARK = "<!-- measured -->";

export async function runBench(command: BenchCommand): Promise<void> {
  const directory = mkdtempSync(join(command.directory, "holdfast-bench-"));
  const options: BenchOptions = {
    directory,
    rounds: Number(command.rounds),
    scale: command.quick ? QUICK_SCALE : 1,
    large: command.large,
    say: (text) => console.error(text),
  };
  try {
    const sections: Section[] = [];
    for (const part of command.parts) sections.push(...(await command.measure(part, options)));
    const report = `${describeRun(options)}\n\n${renderMarkdown(sections)}`;
    console.log(report);
    if (command.write) writeReport(command.page, report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The page's own text stays; what was measured is replaced. */
function writeReport(page: string, report: string): void {
  const path = fileURLToPath(new URL(`../docs/${page}`, import.meta.url));
  const [text = ""] = readFileSync(path, "utf8").split(MARK);
  writeFileSync(path, `${text}${MARK}\n\n${report}`);
}
