import { expect, test } from "vitest";
import { ERROR } from "./protocol.ts";
import { encodeReply } from "./replies.ts";
import { refused } from "./request.ts";

/** Of the header of a chunk, the number of the error and the length of the message. */
const BEFORE_MESSAGE = 26;

test("a message that is too long ends with a whole character", () => {
  const to = { cookieHigh: 1, cookieLow: 2, at: 0 };
  for (const before of ["", "a", "ab", "abc"]) {
    const message = before + "\u{1f4be}".repeat(300);
    const bytes = encodeReply(to, refused(ERROR.io, message), true);
    const told = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(BEFORE_MESSAGE));
    expect(message.startsWith(told)).toBe(true);
    expect(told.length).toBeGreaterThan(500);
  }
});
