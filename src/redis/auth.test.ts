import { expect, test } from "vitest";
import { encodeUtf8 } from "../base/utf8.ts";
import { AuthLimiter, isPassword } from "./auth.ts";

test.each([
  ["secret", "secret", true],
  ["secret", "Secret", false],
  ["secret", "secre", false],
  ["secret", "secretsecret", false],
  ["secret", "", false],
  ["pässwörd", "pässwörd", true],
  ["a", "aa", false],
])("with the password %j, %j is let in: %j", (password, given, expected) => {
  expect(isPassword(encodeUtf8(given), password)).toBe(expected);
});

test("whoever guesses on has to wait, longer each time, but not for ever", () => {
  const limiter = new AuthLimiter(10);
  for (let count = 0; count < 5; count++) {
    expect(limiter.refusedForMs("a", 0)).toBe(0);
    limiter.failed("a", 0);
  }
  expect(limiter.refusedForMs("a", 0)).toBe(100);
  expect(limiter.refusedForMs("b", 0)).toBe(0);
  expect(limiter.refusedForMs("a", 100)).toBe(0);
  limiter.failed("a", 100);
  expect(limiter.refusedForMs("a", 100)).toBe(200);
  for (let count = 0; count < 50; count++) limiter.failed("a", 1000);
  expect(limiter.refusedForMs("a", 1000)).toBe(10_000);
  limiter.succeeded("a");
  expect(limiter.refusedForMs("a", 1000)).toBe(0);
});

test("only so many who guess are remembered", () => {
  const limiter = new AuthLimiter(10);
  for (let count = 0; count < 6; count++) limiter.failed("first", 0);
  for (let host = 0; host < 10; host++) limiter.failed(`host ${host}`, 0);
  expect(limiter.refusedForMs("first", 0)).toBe(0);
});
