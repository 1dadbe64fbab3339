import fc from "fast-check";
import { expect, test } from "vitest";
import { fromLatin1, latin1 } from "../base/bytes.ts";
import { Glob } from "./glob.ts";

function matches(pattern: string, text: string): boolean {
  return new Glob(fromLatin1(pattern)).matches(fromLatin1(`#${text}#`), 1, text.length);
}

/** What it means, for patterns of letters, stars and question marks, without any cleverness. */
function matchesPlainly(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const rest = pattern.slice(1);
  if (pattern.startsWith("*")) {
    return matchesPlainly(rest, text) || (text !== "" && matchesPlainly(pattern, text.slice(1)));
  }
  if (text === "") return false;
  const isTaken = pattern.startsWith("?") || pattern[0] === text[0];
  return isTaken && matchesPlainly(rest, text.slice(1));
}

test("stars and question marks mean what they mean", () => {
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 7 });
  const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (one, other) => {
      expect(matches(one, other)).toBe(matchesPlainly(one, other));
    }),
    { seed: 7, numRuns: 3000 },
  );
});

test("no pattern takes longer than its length times that of the text", () => {
  const text = "a".repeat(5000);
  expect(matches(`${"a*".repeat(500)}b`, text)).toBe(false);
  expect(matches(`${"*a".repeat(500)}*`, text)).toBe(true);
  expect(matches(`${"*[a-c]?".repeat(300)}b`, text)).toBe(false);
});

test.each([
  ["user:*", "user:"],
  ["user", "user"],
  ["us[e]r", "us"],
  ["*", ""],
  ["\\*a?", "*a"],
  ["", ""],
])("what matches %j begins with %j", (pattern, prefix) => {
  expect(latin1(new Glob(fromLatin1(pattern)).prefix)).toBe(prefix);
});

test("any bytes are a pattern", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 12 }),
      fc.uint8Array({ maxLength: 12 }),
      (one, other) => {
        const glob = new Glob(one);
        const found = glob.matches(other, 0, other.length);
        if (found) expect(latin1(other).startsWith(latin1(glob.prefix))).toBe(true);
      },
    ),
    { seed: 7, numRuns: 1000 },
  );
});
