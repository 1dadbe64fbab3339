/**
 * Where the lines of a log go. A server does not end for want of its log: lines that cannot be
 * written, as on a disk that is full, are counted, and are told of with the next one that can.
 */

import { writeSync } from "node:fs";
import type { DestinationStream } from "pino";

/** A reader that is slow is waited for, but no longer than this for one line. */
const PAUSE_MS = 5;
const PAUSES_MAX = 20;

export interface LogSink {
  /** Throws if it cannot write all of it. */
  readonly write: (text: string) => void;
  /** The line as it is written, without its end. */
  readonly format: (line: string) => string;
  /** What stands for lines that were lost: a line as a logger makes it. */
  readonly lossOf: (lineCount: number) => string;
}

export class LogDestination implements DestinationStream {
  readonly #sink: LogSink;
  #lostCount = 0;

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  write(line: string): void {
    const { format, lossOf, write } = this.#sink;
    // A line may have been cut off, so that the next begins anew.
    const lost = this.#lostCount === 0 ? "" : `\n${format(lossOf(this.#lostCount))}\n`;
    try {
      write(`${lost}${format(line.trimEnd())}\n`);
      this.#lostCount = 0;
    } catch {
      this.#lostCount++;
    }
  }
}

/** Writes to a file, a pipe or a terminal that the process was given. */
export function writeAll(descriptor: number, text: string): void {
  let rest: Uint8Array = Buffer.from(text);
  let pauseCount = 0;
  while (0 < rest.length) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if (!isFullPipe(error) || PAUSES_MAX <= ++pauseCount) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}

function isFullPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
