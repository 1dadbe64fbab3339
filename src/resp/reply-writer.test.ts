import fc from "fast-check";
import { expect, test } from "vitest";
import { fromLatin1, latin1 } from "../base/bytes.ts";
import { describeReply, ReplyReader } from "./reply-reader.ts";
import { type Protocol, ReplyWriter } from "./reply-writer.ts";

function written(write: (writer: ReplyWriter) => void, protocol: Protocol = 2): string {
  const writer = new ReplyWriter(1 << 20);
  writer.protocol = protocol;
  write(writer);
  writer.keep();
  return latin1(writer.take(writer.keptPosition));
}

test.each<[string, (writer: ReplyWriter) => void, string, string]>([
  ["ok", (w) => w.ok(), "+OK\r\n", "+OK\r\n"],
  ["status", (w) => w.status("PONG"), "+PONG\r\n", "+PONG\r\n"],
  ["error", (w) => w.error("ERR no"), "-ERR no\r\n", "-ERR no\r\n"],
  ["an error keeps to its line", (w) => w.error("a\r\n+b"), "-a  +b\r\n", "-a  +b\r\n"],
  ["bulk", (w) => w.bulk(fromLatin1("xabcx"), 1, 3), "$3\r\nabc\r\n", "$3\r\nabc\r\n"],
  ["empty bulk", (w) => w.bulkText(""), "$0\r\n\r\n", "$0\r\n\r\n"],
  ["bulk with line ends", (w) => w.bulkText("\r\n"), "$2\r\n\r\n\r\n", "$2\r\n\r\n\r\n"],
  ["nil", (w) => w.nil(), "$-1\r\n", "_\r\n"],
  ["nil array", (w) => w.nilArray(), "*-1\r\n", "_\r\n"],
  ["array", (w) => w.array(12), "*12\r\n", "*12\r\n"],
  ["map", (w) => w.map(3), "*6\r\n", "%3\r\n"],
  ["set", (w) => w.set(3), "*3\r\n", "~3\r\n"],
  ["verbatim", (w) => w.verbatim("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
])("%s", (_, write, resp2, resp3) => {
  expect(written(write, 2)).toBe(resp2);
  expect(written(write, 3)).toBe(resp3);
});

test.each([0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1, -1, -10, -(2 ** 31), -(2 ** 40)])(
  "integer %d",
  (value) => {
    expect(written((writer) => writer.integer(value))).toBe(`:${value}\r\n`);
    expect(written((writer) => writer.integer(BigInt(value)))).toBe(`:${value}\r\n`);
  },
);

test("what is rewound never leaves, what is kept always does", () => {
  type Action = ["write" | "abandon", number] | ["take" | "recycle", 0];
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.tuple(fc.constantFrom("write" as const, "abandon" as const), fc.nat(3000)),
    fc.tuple(fc.constantFrom("take" as const, "recycle" as const), fc.constant(0 as const)),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const writer = new ReplyWriter(1 << 30);
      const taken: Uint8Array[] = [];
      let expected = "";
      let sent = "";
      for (const [kind, size] of actions) {
        const text = String.fromCharCode(97 + (size % 26)).repeat(size);
        if (kind === "write") {
          writer.bulkText(text);
          writer.keep();
          expected += `$${size}\r\n${text}\r\n`;
        } else if (kind === "abandon") {
          writer.bulkText(text);
          expect(writer.writtenBytes).toBe(`$${size}\r\n${text}\r\n`.length);
          writer.rewind();
        } else if (kind === "take") {
          taken.push(writer.take(writer.keptPosition));
        } else {
          // Until here nobody may touch what was taken.
          sent += taken.map((bytes) => latin1(bytes)).join("");
          taken.length = 0;
          writer.recycle();
        }
        expect(writer.keptPosition).toBe(expected.length);
      }
      taken.push(writer.take(writer.keptPosition));
      sent += taken.map((bytes) => latin1(bytes)).join("");
      expect(sent).toBe(expected);
    }),
    { seed: 7, numRuns: 200 },
  );
});

test("what was kept and not sent can be cut off", () => {
  const writer = new ReplyWriter(1 << 20);
  writer.status("a");
  writer.keep();
  const position = writer.keptPosition;
  writer.status("b");
  writer.keep();
  writer.cut(position);
  writer.status("c");
  writer.keep();
  expect(latin1(writer.take(writer.keptPosition))).toBe("+a\r\n+c\r\n");
});

test("a stream that is too long stops growing", () => {
  const writer = new ReplyWriter(5000);
  for (let count = 0; count < 1000; count++) writer.bulkText("x".repeat(100));
  expect(writer.overflowed).toBe(true);
  writer.keep();
  expect(writer.unsentBytes).toBeLessThanOrEqual(5000);
});

test("what is written can be read back, cut anywhere", () => {
  const writer = new ReplyWriter(1 << 20);
  writer.protocol = 3;
  writer.map(2);
  writer.bulkText("k");
  writer.array(2);
  writer.nil();
  writer.integer(-5);
  writer.bulkText("s");
  writer.set(1);
  writer.verbatim("v");
  writer.error("ERR e");
  writer.keep();
  const bytes = writer.take(writer.keptPosition);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new ReplyReader();
    reader.push(bytes.subarray(0, cut));
    const replies = [reader.next(), reader.next()].filter((reply) => reply !== undefined);
    reader.push(bytes.subarray(cut));
    while (replies.length < 2) {
      const reply = reader.next();
      if (reply === undefined) break;
      replies.push(reply);
    }
    expect(replies.map((reply) => describeReply(reply))).toEqual([
      '{"k": [(nil), (integer) -5], "s": ~[(text) "v"]}',
      "(error) ERR e",
    ]);
    expect(reader.restBytes).toBe(0);
  }
});
