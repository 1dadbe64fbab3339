/** What a node says of itself to whoever watches it: is it alive, may it be used, what ails it. */

import type { DiskArrayStatus } from "../arrays/disk-array.ts";

export type NodeState =
  /** The store is being opened: its log is replayed. */
  | "starting"
  /** Requests are served. */
  | "ready"
  /** It was told to stop and finishes what was begun. */
  | "draining"
  /** The store has failed; nothing is acknowledged any more. */
  | "failed";

export interface NodeStatus {
  readonly state: NodeState;
  /** Why it is not ready, for a person. */
  readonly reason: string | undefined;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly dataDirectory: string;
  readonly host: string;
  readonly port: number | undefined;
  /** The array that the data is on, if it is on one. */
  readonly array: DiskArrayStatus | undefined;
  /** Figures by their metric's name. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A figure that is read when it is asked for. */
export interface Figure {
  /** With its base unit, and `_total` for what only grows: `holdfast_log_bytes_total`. */
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge";
  readonly read: () => number;
}
