/**
 * The logs of one register of etcd, as Jepsen printed them:
 *
 *     INFO  jepsen.util - 3	:invoke	:cas	[3 0]
 *     INFO  jepsen.util - 3	:fail	:cas	[3 0]
 *
 * A write or a cas that timed out may have happened. A cas that failed was refused, which says
 * that the register did not hold what was expected; a read that failed says nothing.
 */

import { Fault } from "../base/fault.ts";
import { parseEdn } from "./edn.ts";
import type { HistoryEvent } from "./history-events.ts";

const LINE = /^INFO\s+jepsen\.util - (\S+)\s+:(invoke|ok|fail|info)\s+:(\S+)\s+(.*)\r?$/;

function isEtcdLog(line: string): boolean {
  return /^INFO\s+jepsen\.util/.test(line);
}

/** The event of a line, or undefined for lines about other things. */
export function readEtcdLine(line: string, number: number): HistoryEvent | undefined {
  if (line.trim() === "") return undefined;
  const parts = LINE.exec(line);
  if (parts === null) {
    if (isEtcdLog(line)) return undefined;
    throw new Fault(
      "ERR_FORMAT",
      `cannot read line ${number}: it is not a line of such a log: ${line}`,
    );
  }
  const [, process = "", type, name = "", rest = ""] = parts;
  const value = parseEdn(rest);
  const event = { process, name, value, key: undefined };
  if (type === "fail" && name === "cas") return { ...event, type: "ok", value: false };
  if (type === "ok" && name !== "read") return { ...event, type, value: true };
  return { ...event, type: type as HistoryEvent["type"] };
}
