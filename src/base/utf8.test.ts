import fc from "fast-check";
import { expect, test } from "vitest";
import { isFault } from "./fault.ts";
import { decodeUtf8, encodeUtf8, tryWriteAscii, utf8Length, writeUtf8 } from "./utf8.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
);

test("encodes as the platform does, and back", () => {
  fc.assert(
    fc.property(text, (value) => {
      const bytes = encodeUtf8(value);
      expect(bytes).toEqual(new TextEncoder().encode(value));
      expect(utf8Length(value)).toBe(bytes.length);
      expect(decodeUtf8(bytes)).toBe(value);
    }),
    { seed: 1 },
  );
});

test("writes ASCII at once, and leaves what is not to the other way", () => {
  const target = new Uint8Array(4);
  expect(tryWriteAscii("\0a\x7f", target, 1)).toBe(true);
  expect([...target]).toEqual([0, 0, 0x61, 0x7f]);
  expect(tryWriteAscii("a\x80", target, 0)).toBe(false);
});

test("every code point makes the trip", () => {
  for (let point = 0; point <= 0x10_ffff; point += point < 0x3000 ? 1 : 97) {
    if (0xd800 <= point && point <= 0xdfff) continue;
    const value = String.fromCodePoint(point);
    expect(decodeUtf8(encodeUtf8(value))).toBe(value);
  }
});

test("long rows of ASCII beside other characters", () => {
  for (const length of [7, 8, 9, 2049, 5000]) {
    const value = `${"a".repeat(length)}é${"b".repeat(length)}😀`;
    expect(decodeUtf8(encodeUtf8(value))).toBe(value);
  }
});

test("writes and reads in the middle of a buffer", () => {
  const target = new Uint8Array(12).fill(0xff);
  expect(writeUtf8("é€", target, 3)).toBe(8);
  expect(decodeUtf8(target, 3, 5)).toBe("é€");
  expect([...target.subarray(0, 3), ...target.subarray(8)]).toEqual(Array(7).fill(0xff));
});

test.each(["\ud800", "a\udc00b", "\ud83d", "\ude00\ud83d"])("refuses to encode %j", (value) => {
  expect(catchFault(() => encodeUtf8(value))).toBe("ERR_ARGUMENT");
  expect(catchFault(() => writeUtf8(value, new Uint8Array(20), 0))).toBe("ERR_ARGUMENT");
});

test("refuses exactly what a strict decoder refuses", () => {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const byte = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0x9f, 0xa0),
  );
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 6 }), (values) => {
      const bytes = Uint8Array.from(values);
      let expected: string | undefined;
      try {
        expected = strict.decode(bytes);
      } catch {
        expect(catchFault(() => decodeUtf8(bytes))).toBe("ERR_CORRUPT");
        return;
      }
      expect(decodeUtf8(bytes)).toBe(expected);
    }),
    { seed: 1, numRuns: 3000 },
  );
});

test("a character that is cut off by the end of the range is refused", () => {
  const bytes = encodeUtf8("😀");
  for (const length of [1, 2, 3]) {
    expect(catchFault(() => decodeUtf8(bytes, 0, length))).toBe("ERR_CORRUPT");
  }
});

function catchFault(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
  return "nothing";
}
