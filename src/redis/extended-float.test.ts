import { expect, test } from "vitest";
import { addExtended, formatExtended, parseExtended } from "./extended-float.ts";

function sum(left: string, right: string): string {
  const [one, other] = [parseExtended(left), parseExtended(right)];
  if (one === undefined || other === undefined) return "no number";
  if (one === "infinite" || other === "infinite") return "infinite";
  const added = addExtended(one, other);
  return added === undefined ? "too large" : formatExtended(added);
}

// What redis-server 7.0.15 answers to the same sums on x86-64.
test.each([
  ["0.1", "0.2", "0.3"],
  ["10.50", "0.1", "10.6"],
  ["5.0e3", "2.0e2", "5200"],
  ["3", "-3", "0"],
  ["0", "-128.31638", "-128.31637999999999999"],
  ["1", "0.00000000000000001", "1.00000000000000001"],
  ["1", "0.000000000000000001", "1"],
  ["0", "5e-20", "0"],
  ["0", "-5e-20", "0"],
  ["16", "0x1p-1", "16.5"],
  [".5", "5.", "5.5"],
  ["18446744073709551615", "1", "18446744073709551616"],
  ["18446744073709551617", "0", "18446744073709551616"],
])("%s + %s = %s", (left, right, expected) => {
  expect(sum(left, right)).toBe(expected);
});

test.each([
  "",
  ".",
  "e5",
  "1e",
  " 1",
  "1 ",
  "abc",
  "0x",
  "0xp1",
  "1e-5000",
  "1e99999",
  "--1",
  "1.2.3",
])("%j is no number", (text) => {
  expect(parseExtended(text)).toBeUndefined();
});

test("digits and an exponent may make up for each other, as far as the text goes", () => {
  const one = parseExtended("1");
  expect(parseExtended(`1${"0".repeat(5000)}e-5000`)).toEqual(one);
  expect(parseExtended(`.${"0".repeat(5000)}1e5001`)).toEqual(one);
  expect(parseExtended(`.${"0".repeat(5100)}1e10000`)).toEqual(parseExtended("1e4899"));
  expect(parseExtended(`1${"0".repeat(5100)}e-10050`)).toEqual(parseExtended("1e-4950"));
  expect(parseExtended(`0x1${"0".repeat(5000)}p-20000`)).toEqual(one);
  expect(parseExtended(`0x.${"0".repeat(5000)}1p36000`)).toEqual(parseExtended("0x1p15996"));
});

test("a number is at most 5119 characters long", () => {
  expect(parseExtended("1".padStart(5119, "0"))).toEqual(parseExtended("1"));
  expect(parseExtended("1".padStart(5120, "0"))).toBeUndefined();
});

test("what is too large is said to be", () => {
  expect(sum("1.18e4932", "1.18e4932")).toBe("too large");
  expect(sum("inf", "1")).toBe("infinite");
});
