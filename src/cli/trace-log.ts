/** What the core tells of itself, for the log, where somebody wants to see all of it. */

import type { Logger } from "pino";
import type { Trace } from "../world/world.ts";

export function traceTo(logger: Logger): Trace {
  return { event: (name, fields) => logger.debug(fields ?? {}, name) };
}
