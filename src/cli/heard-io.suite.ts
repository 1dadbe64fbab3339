/** The surroundings of a command in a test, which keep what it says. */

import { readFileSync } from "node:fs";
import { Command } from "commander";
import type { CommandIo, ExitCode } from "./command-io.ts";
import { silentProgress } from "./progress.ts";

export class HeardIo implements CommandIo {
  readonly json = false;
  readonly quiet = true;
  readonly signal: AbortSignal = new AbortController().signal;
  readonly values: unknown[] = [];
  readonly notes: string[] = [];
  /** All that was printed for people, a line each. */
  text = "";
  exitCode: ExitCode = 0;

  result(value: unknown, describeIt: () => string): void {
    this.values.push(value);
    this.text += `${describeIt()}\n`;
  }

  note(text: string): void {
    this.notes.push(text);
  }

  progress(): typeof silentProgress {
    return silentProgress;
  }

  style(_style: unknown, text: string): string {
    return text;
  }

  setExitCode(code: ExitCode): void {
    this.exitCode = code;
  }

  readInput(path: string): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(readFileSync(path)));
  }
}

/** Runs commands that are added to a program of their own. Rejects as they would. */
export async function hear(
  words: readonly string[],
  ...added: readonly ((program: Command, io: CommandIo) => void)[]
): Promise<HeardIo> {
  const io = new HeardIo();
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const add of added) add(program, io);
  await program.parseAsync(words, { from: "user" });
  return io;
}
