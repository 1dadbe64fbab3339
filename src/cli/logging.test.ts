import { expect, test } from "vitest";
import { formatLogLine } from "./logging.ts";

const line = JSON.stringify({
  level: 40,
  time: "2026-01-01T12:00:01.250Z",
  pid: 7,
  path: "/data",
  latencyMs: 900,
  msg: "the disk is slow",
});

test("a terminal gets time, level, message and fields", () => {
  expect(formatLogLine(line, false)).toBe(
    "12:00:01.250 warn  the disk is slow  path=/data  latencyMs=900",
  );
});

test("colour is added where it is wanted, and only there", () => {
  expect(formatLogLine(line, true)).toContain("\u001b[");
  expect(formatLogLine(line, false)).not.toContain("\u001b[");
});
