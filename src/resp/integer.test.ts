import { expect, test } from "vitest";
import { fromLatin1 } from "../base/bytes.ts";
import { parseInt64, parseInteger } from "./integer.ts";

function both(text: string): [number, bigint | undefined] {
  const bytes = fromLatin1(`#${text}#`);
  return [parseInteger(bytes, 1, text.length), parseInt64(bytes, 1, text.length)];
}

test.each([
  ["0", 0n],
  ["7", 7n],
  ["-7", -7n],
  ["123456789012345", 123456789012345n],
  ["1234567890123456", 1234567890123456n],
  ["9007199254740993", 9007199254740993n],
  ["9223372036854775807", 9223372036854775807n],
  ["-9223372036854775808", -9223372036854775808n],
])("%s is an integer", (text, value) => {
  expect(both(text)).toEqual([Number(value), value]);
});

test.each([
  "",
  "-",
  "-0",
  "00",
  "01",
  "-01",
  "+1",
  " 1",
  "1 ",
  "1.0",
  "1e3",
  "0x10",
  "a",
  "12345678901234567a",
  "9223372036854775808",
  "-9223372036854775809",
  "99999999999999999999999",
])("%j is none", (text) => {
  expect(both(text)).toEqual([Number.NaN, undefined]);
});
