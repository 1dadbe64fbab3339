/**
 * The log of a server: one JSON object a line for machines, one readable line on a terminal. Both
 * go to standard error, at once, so that the last line before a crash is there to be read.
 */

import { type Logger, pino } from "pino";
import { paint, wantsColour } from "./colour.ts";
import type { Style } from "./command-io.ts";
import { LogDestination, writeAll } from "./log-destination.ts";
import type { Settings } from "./settings-table.ts";

const STANDARD_ERROR = 2;
const WARN = 40;
const LEVELS: Readonly<Record<number, string>> = {
  20: "debug",
  30: "info",
  [WARN]: "warn",
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
  const isTerminal = process.stderr.isTTY;
  const colour = wantsColour(isTerminal);
  const destination = new LogDestination({
    write: (text) => writeAll(STANDARD_ERROR, text),
    format: (line) => (isTerminal ? formatLogLine(line, colour) : line),
    lossOf,
  });
  return pino(
    {
      level: quiet ? "error" : level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
}

function lossOf(lines: number): string {
  const time = new Date().toISOString();
  const msg = "lines of the log before this one could not be written";
  return JSON.stringify({ level: WARN, time, pid: process.pid, lines, msg });
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
