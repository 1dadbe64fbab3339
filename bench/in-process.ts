/** Runs a script of the benchmark in a process of its own and reads the line that it prints. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";

export type Figures = Readonly<Record<string, number>>;

export async function measureInProcess(script: URL, args: readonly string[]): Promise<Figures> {
  const all = ["--import", "tsx", script.pathname, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, all);
  return JSON.parse(stdout) as Figures;
}

/** As above for a script that kills itself with SIGKILL after it has printed its line. */
export async function measureUntilKilled(script: URL, args: readonly string[]): Promise<Figures> {
  const all = ["--import", "tsx", script.pathname, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, all).catch((error: unknown) => {
    if (wasKilled(error)) return error;
    throw error;
  });
  return JSON.parse(stdout) as Figures;
}

function wasKilled(error: unknown): error is { readonly stdout: string } {
  return error instanceof Error && "signal" in error && error.signal === "SIGKILL";
}

/** Prints what this process has measured. */
export function printFigures(figures: Figures): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
