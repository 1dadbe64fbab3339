/**
 * The events of a history as the formats give them: a process invokes something, and later it is
 * ok, failed, or nobody knows.
 */

import type { Json } from "./json.ts";

/** A line of a history: a process calls something, or hears what became of it. */
export interface HistoryEvent {
  readonly process: Json;
  readonly type: "invoke" | "ok" | "fail" | "info";
  readonly name: string;
  readonly value: Json;
  /** The object it is about, where the format says so by itself. */
  readonly key: Json | undefined;
}
