/**
 * What a command may do to the terminal it was typed at: print one result, remark on the way,
 * show progress, choose the exit code. Commands get it handed in, so that tests can run them
 * without a process.
 *
 * It guarantees that
 *
 *  1. standard output holds the result alone: text for a person, or with `--json` one JSON value;
 *  2. everything else goes to standard error, and with `--quiet` only errors do; a reader that goes
 *     away interrupts the command, and is no error to be told of;
 *  3. no colour is printed where none was asked for: not to a file, nor under `NO_COLOR`.
 */

import type { Progress } from "./progress.ts";

/**
 * 0 it is as asked, 1 it failed, 2 it was asked wrongly, 3 it works, with something amiss, 4 a
 * checker cannot tell.
 */
export const EXIT = { ok: 0, failed: 1, usage: 2, degraded: 3, unknown: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

export interface CommandIo {
  /** Whether `--json` was given. Commands seldom need to know: see `result`. */
  readonly json: boolean;
  readonly quiet: boolean;
  /** Aborted when the user interrupts (SIGINT, SIGTERM), or reads no more of what is printed. */
  readonly signal: AbortSignal;

  /**
   * Prints the command's result: `text` for a person, `value` with `--json`, where a bigint is
   * written as a string and bytes as base64. Call it once, or once per item with `--json` meaning
   * one value a line.
   */
  result(value: unknown, text: () => string): void;
  /** A remark for a person: one line on standard error, none with `--quiet`. */
  note(text: string): void;
  /** Begins to report long work. */
  progress(work: ProgressedWork): Progress;
  /** The text in a style where the terminal can show it, the plain text elsewhere. */
  style(style: Style, text: string): string;
  /** What the process ends with unless the command throws; 0 if it is never called. */
  setExitCode(code: ExitCode): void;
  /** The bytes of a file, or of standard input for `-`. */
  readInput(path: string): Promise<Uint8Array>;
}

export interface ProgressedWork {
  /** What is being done, as a participle: `verifying`. */
  readonly title: string;
  /** How much there is, or undefined where nobody knows. */
  readonly total: number | undefined;
  /** `bytes` are shown in KiB and MiB; anything else is a plural noun: `operations`. */
  readonly unit: string;
  /** How much was done before this began, as of work that is resumed; 0 if left out. */
  readonly doneBefore?: number;
}

/** The command line was wrong: the process ends with 2; the message says what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
