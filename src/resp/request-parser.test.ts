import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromLatin1 } from "../base/bytes.ts";
import { COMPLETE, EMPTY, INCOMPLETE, MALFORMED, RequestParser } from "./request-parser.ts";

/** What the parser says of a stream that comes in these pieces: requests, then what is left. */
function parse(pieces: readonly string[], stranger = false, bulkBytesMax = 1 << 20): string[] {
  const parser = new RequestParser({ bulkBytesMax, stranger });
  const said: string[] = [];
  let held = "";
  for (const piece of pieces) {
    // New bytes lie elsewhere each time, as in a buffer that was moved.
    const padding = "#".repeat(said.length % 3);
    parser.moved(padding.length);
    held = padding + held + piece;
    const bytes = fromLatin1(held);
    let at = padding.length;
    for (;;) {
      const state = parser.parse(bytes, at, bytes.length);
      if (state === INCOMPLETE) break;
      if (state === MALFORMED) return [...said, parser.reason];
      at = parser.end;
      if (state === EMPTY) continue;
      expect(state).toBe(COMPLETE);
      const { request } = parser;
      const words = Array.from({ length: request.count }, (_, index) => request.own().text(index));
      said.push(JSON.stringify(words));
    }
    held = held.slice(at);
    parser.moved(-at);
  }
  return held === "" ? said : [...said, "..."];
}

/** However the stream is cut, the parser must say the same. */
function checkParse(
  name: string,
  input: string,
  expected: readonly string[],
  stranger = false,
): void {
  test(name, () => {
    expect(parse([input], stranger)).toEqual(expected);
    expect(parse(input.split(""), stranger)).toEqual(expected);
    for (let cut = 1; cut < input.length; cut++) {
      expect(parse([input.slice(0, cut), input.slice(cut)], stranger)).toEqual(expected);
    }
  });
}

describe("multibulk", () => {
  checkParse("one request", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", ['["GET","k"]']);
  checkParse("a pipeline", "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$1\r\nx\r\n", [
    '["PING"]',
    '["GET",""]',
    '["x"]',
  ]);
  checkParse("bytes that look like the protocol", "*2\r\n$6\r\n$3\r\n*1\r\n$2\r\n\r\n\r\n", [
    '["$3\\r\\n*1","\\r\\n"]',
  ]);
  checkParse(
    "empty and negative counts need no answer",
    "*0\r\n*-1\r\n*-10\r\n\r\n*1\r\n$1\r\na\r\n",
    ['["a"]'],
  );
  checkParse("a count that is no number", "*x\r\n", ["Protocol error: invalid multibulk length"]);
  checkParse("a count with a leading zero", "*01\r\n", [
    "Protocol error: invalid multibulk length",
  ]);
  checkParse("a count without digits", "*\r\n", ["Protocol error: invalid multibulk length"]);
  checkParse("a count out of range", "*3000000000\r\n", [
    "Protocol error: invalid multibulk length",
  ]);
  checkParse("a count that does not end", `*${"1".repeat(40)}`, [
    "Protocol error: invalid multibulk length",
  ]);
  checkParse("another type in place of a string", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", [
    "Protocol error: expected '$', got 'f'",
  ]);
  checkParse("a negative length", "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", [
    "Protocol error: invalid bulk length",
  ]);
  checkParse("a length out of range", "*2\r\n$3\r\nGET\r\n$2000000000\r\n", [
    "Protocol error: invalid bulk length",
  ]);
  checkParse("a length that is no number", "*2\r\n$3\r\nGET\r\n$blabla\r\n", [
    "Protocol error: invalid bulk length",
  ]);
  checkParse("what comes before an error is served", "*1\r\n$4\r\nPING\r\n*1\r\n+OK\r\n", [
    '["PING"]',
    "Protocol error: expected '$', got '+'",
  ]);
});

describe("a client that has not said who it is", () => {
  checkParse(
    "may send ten arguments",
    `*10\r\n${"$1\r\na\r\n".repeat(10)}`,
    [JSON.stringify("a".repeat(10).split(""))],
    true,
  );
  checkParse(
    "may not send more",
    "*11\r\n",
    ["Protocol error: unauthenticated multibulk length"],
    true,
  );
  checkParse(
    "may not send long ones",
    "*2\r\n$4\r\nAUTH\r\n$16385\r\n",
    ["Protocol error: unauthenticated bulk length"],
    true,
  );
});

describe("inline", () => {
  checkParse("words", "SET  k  v \r\nPING\n", ['["SET","k","v"]', '["PING"]']);
  checkParse("other blanks lead a word but do not end it", "SET\tk\v2 \vv\f \r\n", [
    '["SET","k\\u000b2","v\\f"]',
  ]);
  checkParse("empty lines", "\r\n\n  \r\nPING\r\n", ['["PING"]']);
  checkParse("quotes", `SET "a b" 'c d' ""\r\n`, ['["SET","a b","c d",""]']);
  checkParse("escapes", `ECHO "\\x41\\n\\"\\q\\\\" 'it\\'s\\n'\r\n`, [
    '["ECHO","A\\n\\"q\\\\","it\'s\\\\n"]',
  ]);
  checkParse("an open quote", `SET "k v\r\n`, ["Protocol error: unbalanced quotes in request"]);
  checkParse("a word after a quote", `SET "k"v\r\n`, [
    "Protocol error: unbalanced quotes in request",
  ]);
  checkParse("a zero byte ends the line", "PING\0 x\r\n", ['["PING"]']);

  test("a line that does not end", () => {
    const long = "a".repeat(64 * 1024);
    expect(parse([long])).toEqual(["..."]);
    expect(parse([long, "a"])).toEqual(["Protocol error: too big inline request"]);
    expect(parse([`${long}a\r\n`])).toEqual(["Protocol error: too big inline request"]);
  });
});

test("more arguments than at first expected", () => {
  const words = Array.from({ length: 1000 }, (_, index) => `w${index}`);
  const input = `*1000\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
  expect(parse([input])).toEqual([JSON.stringify(words)]);
  expect(parse([input.slice(0, 5000), input.slice(5000)])).toEqual([JSON.stringify(words)]);
});

test("announcing much costs nothing", () => {
  const parser = new RequestParser({ bulkBytesMax: 1 << 29, stranger: false });
  const input = fromLatin1("*2147483647\r\n$536870912\r\n");
  expect(parser.parse(input, 0, input.length)).toBe(INCOMPLETE);
  expect(parser.request.at.length).toBeLessThan(100);
});

test("any requests cut anywhere come out as they went in", () => {
  const word = fc.string({ unit: "binary-ascii", maxLength: 8 });
  const requests = fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { maxLength: 5 });
  fc.assert(
    fc.property(requests, fc.array(fc.nat(200), { maxLength: 6 }), (sent, cuts) => {
      const input = sent
        .map((words) => {
          const bulks = words.map((text) => `$${text.length}\r\n${text}\r\n`);
          return `*${words.length}\r\n${bulks.join("")}`;
        })
        .join("");
      const ends = [0, ...cuts.toSorted((a, b) => a - b), input.length];
      const pieces = ends.slice(1).map((end, index) => input.slice(ends[index], end));
      expect(parse(pieces)).toEqual(sent.map((words) => JSON.stringify(words)));
    }),
    { seed: 7, numRuns: 300 },
  );
});

test("garbage never breaks it, and is judged the same however it is cut", () => {
  const garbage = fc.array(
    fc.constantFrom("*", "$", "1", "2", "-", "0", "\r\n", "\r", "\n", "GET", '"', " ", "\0", "ÿ"),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(garbage, (parts) => {
      const input = parts.join("");
      expect(parse(input.split(""))).toEqual(parse([input]));
    }),
    { seed: 7, numRuns: 1000 },
  );
});
