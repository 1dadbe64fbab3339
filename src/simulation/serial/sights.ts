/** What a set of runs must have come across, or it showed less than it seems to. */

import type { ClientSight } from "./client.ts";
import type { RecorderSight } from "./recorder.ts";

export type Sight =
  | ClientSight
  | RecorderSight
  | "wound"
  | "torn-tail-cut"
  | "checkpoint-raced-commit"
  | "ring-wrapped"
  | "unknown-outcome"
  | "unacknowledged-commit-lost"
  | "store-failed"
  | "fenced"
  | "disk-full"
  | "room-again"
  | "opened-full"
  | "clock-behind";

/** Those that even a short set of seeds reaches. */
export const EXPECTED_SIGHTS: readonly Sight[] = [
  "wound",
  "lock-wait",
  "page-fault-in-transaction",
  "torn-tail-cut",
  "checkpoint-raced-commit",
  "ring-wrapped",
  "unknown-outcome",
  "unacknowledged-commit-lost",
  "store-failed",
  "fenced",
  "timeout",
  "stopped-by-signal",
  "retried",
  "snapshot",
  "rolled-back",
  "disk-full",
  "room-again",
  "opened-full",
  "clock-behind",
];
