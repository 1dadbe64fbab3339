/** The settings of an array that a server runs, as the array takes them. */

import { defaultRaidOptions, type RaidOptions } from "../raid/options.ts";
import type { Settings } from "./settings-table.ts";

const MS_PER_SECOND = 1_000;

export type RaidSettings = Pick<
  Settings,
  "raid-rate-min" | "raid-rate-max" | "raid-stall-timeout" | "raid-read-errors"
>;

export function raidOptionsOf(settings: RaidSettings): Partial<RaidOptions> {
  return {
    stallMs: settings["raid-stall-timeout"] * MS_PER_SECOND,
    readErrorsMax: settings["raid-read-errors"],
    background: {
      ...defaultRaidOptions.background,
      bytesPerSecondMin: settings["raid-rate-min"],
      bytesPerSecondMax: settings["raid-rate-max"],
    },
  };
}
