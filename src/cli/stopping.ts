/** How a server's process ends: drained by a first signal, at once by a second or by a bug. */

import type { Logger } from "pino";
import { messageOf } from "../base/fault.ts";
import { EXIT } from "./command-io.ts";

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
const SIGNAL_EXIT_BASE = 128;
const SIGNAL_NUMBERS = { SIGTERM: 15, SIGINT: 2 } as const;

export function stopOnSignals(stop: () => Promise<void>, logger: Logger): void {
  let isStopping = false;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (isStopping) process.exit(SIGNAL_EXIT_BASE + SIGNAL_NUMBERS[signal]);
      isStopping = true;
      logger.info({ signal }, "stopping; a second signal ends it at once");
      stop().catch((error: unknown) => {
        logger.fatal({ error: messageOf(error) }, "what was served could not be closed cleanly");
        process.exit(EXIT.failed);
      });
    });
  }
}

/** A broken invariant ends the process: what it might do next is not known. */
export function stopOnBugs(logger: Logger): void {
  process.on("uncaughtException", (error) => {
    logger.fatal({ error: error.stack }, "a bug in Holdfast: the server ends at once");
    process.exit(EXIT.failed);
  });
}
