/**
 * The log of a server: one JSON object a line for machines, one readable line on a terminal. Both
 * go to standard error, at once, so that the last line before a crash is there to be read.
 */

import { pino, type DestinationStream, type Logger } from "pino";
import { paint, wantsColour } from "./colour.ts";
import type { Style } from "./command-io.ts";
import type { Settings } from "./settings-table.ts";

const STANDARD_ERROR = 2;
const LEVELS: Readonly<Record<number, string>> = {
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};
/** Fields that every line has; a person needs only the rest. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set(["level", "time", "msg", "pid"]);

export interface LogOptions {
  readonly level: Settings["log-level"];
  readonly quiet: boolean;
}

export function createLogger({ level, quiet }: LogOptions): Logger {
  const destination = process.stderr.isTTY
    ? terminalDestination(wantsColour(true))
    : pino.destination({ fd: STANDARD_ERROR, sync: true });
  return pino(
    {
      level: quiet ? "error" : level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
}

function terminalDestination(colour: boolean): DestinationStream {
  return { write: (line) => process.stderr.write(`${formatLogLine(line, colour)}\n`) };
}

/** `12:00:01.250 warn  disk is slow  path=/data latencyMs=900`. */
export function formatLogLine(line: string, colour: boolean): string {
  const record = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const level = LEVELS[Number(record["level"])] ?? "info";
  const time = String(record["time"]).slice("2026-01-01T".length, -1);
  const fields = Object.entries(record)
    .filter(([name]) => !KNOWN_FIELDS.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const text = [String(record["msg"]), ...fields].join("  ");
  const painted = paint(colour, levelStyle(level), level.padEnd(5));
  return `${paint(colour, "dim", time)} ${painted} ${text}`;
}

function levelStyle(level: string): Style {
  switch (level) {
    case "error":
    case "fatal":
      return "red";
    case "warn":
      return "yellow";
    case "debug":
      return "dim";
    default:
      return "green";
  }
}
