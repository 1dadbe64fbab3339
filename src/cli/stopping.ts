/**
 * How a server's process ends: drained by a first signal, at once by a second or by a bug.
 *
 * A hang-up is such a signal where there is a terminal, which was closed then. Elsewhere, as under
 * `nohup` or a supervisor, the server goes on: it has nothing to read anew.
 */

import { isatty } from "node:tty";
import type { Logger } from "pino";
import { messageOf } from "../base/fault.ts";
import { EXIT } from "./command-io.ts";

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
const SIGNAL_EXIT_BASE = 128;
const SIGNAL_NUMBERS = { SIGTERM: 15, SIGINT: 2 } as const;
const STANDARD_STREAMS = [0, 1, 2];

export function stopOnSignals(stop: () => Promise<void>, logger: Logger): void {
  let isStopping = false;
  const begin = (signal: NodeJS.Signals): void => {
    isStopping = true;
    logger.info({ signal }, "stopping; a second signal ends it at once");
    stop().catch((error: unknown) => {
      logger.fatal({ error: messageOf(error) }, "what was served could not be closed cleanly");
      process.exit(EXIT.failed);
    });
  };
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (isStopping) process.exit(SIGNAL_EXIT_BASE + SIGNAL_NUMBERS[signal]);
      begin(signal);
    });
  }
  // Asked now: of a terminal that is gone nobody can tell any more that it was one.
  const hasTerminal = STANDARD_STREAMS.some((stream) => isatty(stream));
  process.on("SIGHUP", () => {
    if (isStopping) return;
    if (hasTerminal) begin("SIGHUP");
    else logger.warn("a hang-up changes nothing: settings are read at the start, so restart it");
  });
}

/** A broken invariant ends the process: what it might do next is not known. */
export function stopOnBugs(logger: Logger): void {
  process.on("uncaughtException", (error) => {
    logger.fatal({ error: error.stack }, "a bug in Holdfast: the server ends at once");
    process.exit(EXIT.failed);
  });
}
