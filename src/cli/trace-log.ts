/** What the core tells of itself, for the log: most of it for who wants to see all. */

import type { Logger } from "pino";
import type { Trace } from "../world/world.ts";

const WARNINGS: Readonly<Record<string, string>> = {
  "clock-behind":
    "the clock is behind the time that the store knows; the store goes on from that, which " +
    "deadlines are reckoned by: set the clock right",
};

export function traceTo(logger: Logger): Trace {
  return {
    event: (name, fields) => {
      const warning = WARNINGS[name];
      if (warning === undefined) logger.debug(fields ?? {}, name);
      else logger.warn(fields ?? {}, warning);
    },
  };
}
