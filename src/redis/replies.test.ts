import { expect, test } from "vitest";
import { Fault } from "../base/fault.ts";
import { errorReply } from "./replies.ts";

test.each([
  ["valueBytesMax", "value-bytes-max"],
  ["transactionBytesMax", "transaction-bytes-max"],
  ["locksPerTransactionMax", "locks-per-transaction-max"],
  ["logBytes", "log"],
  ["cacheBytes", "cache"],
])("a limit that the library calls %s is called %s", (setting, word) => {
  const fault = new Fault("ERR_LIMIT", `it is over "${setting}": raise it`, { setting, max: 3 });
  expect(errorReply(fault)).toBe(`ERR it is over "${word}": raise it`);
});

test("a key that is called as a setting stays as it is", () => {
  const fault = new Fault("ERR_ABORTED", 'gave way for the key "cacheBytes"', { key: 1 });
  expect(errorReply(fault)).toBe('ABORTED gave way for the key "cacheBytes"');
});

test("how long a command waits is a setting of the server", () => {
  const message = 'Waited for the key "timeoutMs": raise "timeoutMs"';
  const fault = new Fault("ERR_TIMEOUT", message, { setting: "timeoutMs" });
  const told = 'TIMEOUT Waited for the key "timeoutMs": raise "lock-timeout-ms"';
  expect(errorReply(fault)).toBe(told);
});
