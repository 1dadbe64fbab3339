/** Reads the events of histories from maps such as `{:process 0, :type :ok, :f :read, ...}`. */

import { Fault } from "../base/fault.ts";
import type { HistoryEvent } from "./history-events.ts";
import { isObject, type Json } from "./json.ts";

export function eventOf(parsed: Json, number: number): HistoryEvent {
  if (!isObject(parsed)) throw malformed(number, "it is not a map");
  const { process, type, f, value, key } = parsed;
  if (process === undefined) throw malformed(number, 'it has no "process"');
  if (typeof f !== "string") throw malformed(number, 'it has no "f"');
  if (type !== "invoke" && type !== "ok" && type !== "fail" && type !== "info") {
    throw malformed(number, 'its "type" is not invoke, ok, fail or info');
  }
  return { process, type, name: f, value: value ?? null, key };
}

function malformed(number: number, reason: string): Fault {
  return new Fault("ERR_FORMAT", `cannot read event ${number}: ${reason}`, { number });
}
