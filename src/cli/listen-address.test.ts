import { expect, test } from "vitest";
import { UsageError } from "./command-io.ts";
import { isLoopback, requirePasswordBeyondLoopback } from "./listen-address.ts";

test.each([
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["::ffff:10.0.0.1", false],
  ["localhost.example", false],
  ["my-machine", false],
  ["", false],
])("%o is loopback: %o", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test("only loopback is served without a password", () => {
  expect(() => requirePasswordBeyondLoopback("0.0.0.0", undefined)).toThrow(UsageError);
  expect(() => requirePasswordBeyondLoopback("0.0.0.0", "secret")).not.toThrow();
  expect(() => requirePasswordBeyondLoopback("127.0.0.1", undefined)).not.toThrow();
});
