/** `CommandIo` on a real process: its standard streams, its environment, its signals. */

import { readFile } from "node:fs/promises";
import { Fault } from "../base/fault.ts";
import { paint, wantsColour } from "./colour.ts";
import {
  type CommandIo,
  EXIT,
  type ExitCode,
  type ProgressedWork,
  type Style,
  UsageError,
} from "./command-io.ts";
import { type Progress, ProgressReport, silentProgress } from "./progress.ts";

const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;

export interface GlobalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

export class ProcessIo implements CommandIo {
  readonly #options: () => GlobalOptions;
  readonly #interruption = new AbortController();
  #hearsSignals = false;
  /** Whether somebody still reads what is printed: `holdfast sim | head` soon does not. */
  #isRead = true;
  #exitCode: ExitCode = EXIT.ok;

  /** The options are asked for late: they are known once the command line is parsed. */
  constructor(options: () => GlobalOptions) {
    this.#options = options;
    process.stdout.on("error", (error) => this.#printingFailed(error));
    // Of what could not be printed there, nobody can be told.
    process.stderr.on("error", (error) => this.#readerMayBeGone(error));
  }

  get json(): boolean {
    return this.#options().json;
  }

  get quiet(): boolean {
    return this.#options().quiet;
  }

  /** Only who asks for the signal takes over what Ctrl-C does; a second one ends all the same. */
  get signal(): AbortSignal {
    if (!this.#hearsSignals) {
      this.#hearsSignals = true;
      for (const signal of STOP_SIGNALS) process.once(signal, () => this.#interrupt());
    }
    return this.#interruption.signal;
  }

  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  result(value: unknown, text: () => string): void {
    const printed = this.json ? toJson(value) : text();
    process.stdout.write(printed.endsWith("\n") ? printed : `${printed}\n`);
  }

  note(text: string): void {
    if (!this.quiet) process.stderr.write(`${text}\n`);
  }

  progress(work: ProgressedWork): Progress {
    if (this.quiet) return silentProgress;
    return new ProgressReport(work, {
      rewritable: process.stderr.isTTY,
      nowMs: () => performance.now(),
      write: (text) => process.stderr.write(text),
    });
  }

  style(style: Style, text: string): string {
    return paint(wantsColour(process.stdout.isTTY), style, text);
  }

  setExitCode(code: ExitCode): void {
    this.#exitCode = code;
  }

  async readInput(path: string): Promise<Uint8Array> {
    if (path !== "-") return await readFile(path);
    const chunks: Uint8Array[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  }

  /** Tells of a failure and says with what the process should end. */
  fail(error: unknown): ExitCode {
    const code = error instanceof UsageError ? EXIT.usage : EXIT.failed;
    if (!this.#isRead) return code;
    if (this.json) {
      process.stdout.write(`${toJson({ error: describeError(error) })}\n`);
    } else {
      const name = paint(wantsColour(process.stderr.isTTY), "red", "holdfast:");
      process.stderr.write(`${name} ${errorText(error)}\n`);
    }
    return code;
  }

  #interrupt(): void {
    this.#interruption.abort(new Fault("ERR_ABORTED", "interrupted"));
  }

  #printingFailed(error: Error): void {
    if (this.#readerMayBeGone(error)) return;
    this.#interrupt();
    this.#exitCode = EXIT.failed;
    // The command may have come to its end before.
    process.exitCode = EXIT.failed;
    process.stderr.write(`holdfast: the result cannot be printed: ${error.message}\n`);
  }

  /** Whether the pipe was closed at its other end, or the terminal. */
  #readerMayBeGone(error: Error): boolean {
    const isGone = "code" in error && (error.code === "EPIPE" || error.code === "EIO");
    if (!isGone) return false;
    this.#isRead = false;
    this.#interrupt();
    return true;
  }
}

export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === "bigint") return String(item);
    if (item instanceof Uint8Array) return Buffer.from(item).toString("base64");
    return item;
  });
}

function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof Fault) {
    return { code: error.code, message: error.message, details: error.details };
  }
  return { code: error instanceof UsageError ? "usage" : "failed", message: errorText(error) };
}

/** A fault's message says all there is to say; of what nobody foresaw the stack is wanted too. */
function errorText(error: unknown): string {
  if (error instanceof Fault) return `${error.message} (${error.code})`;
  if (error instanceof UsageError || isSystemError(error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}
