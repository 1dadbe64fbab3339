import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isFault } from "../base/fault.ts";
import {
  deadlineOf,
  decodeCounter,
  encodeCounter,
  isCounter,
  type ValueCodec,
  ValueFormat,
} from "./value-codec.ts";

const jsonCodec: ValueCodec = {
  tag: 16,
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as unknown,
};

const values: readonly unknown[] = [
  Uint8Array.of(),
  Uint8Array.of(1, 2, 3),
  0n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 63n,
  5,
  "text",
  null,
  false,
  { a: [1, new Date(5)] },
];

describe("a row survives the trip", () => {
  const format = new ValueFormat();

  test.each(values.map((value) => [value]))("%s", (value) => {
    for (const deadlineMs of [undefined, 0, 1_700_000_000_000, Number.MAX_SAFE_INTEGER]) {
      const row = format.encode(value, deadlineMs);
      const padded = Uint8Array.from([9, ...row, 9]);
      expect(format.decode(padded, 1, row.length)).toStrictEqual(value);
      expect(deadlineOf(padded, 1, row.length)).toBe(deadlineMs);
    }
  });

  test("and shares no memory with the row", () => {
    const row = Buffer.from(format.encode(Uint8Array.of(7)));
    const value = format.decode(row);
    row.fill(0);
    expect(value).toEqual(Uint8Array.of(7));
  });
});

describe("bytes", () => {
  test.each<[string, unknown, number | undefined]>([
    ["00 00 07", Uint8Array.of(7), undefined],
    ["00 01 02 01 00 00 00 00 00 00 07", Uint8Array.of(7), 258],
    ["01 00 ff ff ff ff ff ff ff ff", -1n, undefined],
    ["02 00 05", 5, undefined],
    ["02 00 81 a1 61 01", { a: 1 }, undefined],
    ["02 01 01 00 00 00 00 00 00 00 c0", null, 1],
    ["02 00 c7 09 01 00 80 00 00 00 00 00 00 00", 2n ** 63n, undefined],
  ])("%s", (expected, value, deadlineMs) => {
    expect(hex(new ValueFormat().encode(value, deadlineMs))).toBe(expected);
  });
});

describe("counters", () => {
  test("are bigints of 64 bits, however they were written", () => {
    const format = new ValueFormat();
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const row = encodeCounter(value, 3);
        expect(format.encode(value, 3)).toEqual(row);
        expect(isCounter(row, 0, row.length)).toBe(true);
        expect(decodeCounter(row, 0, row.length)).toBe(value);
      }),
      { seed: 1 },
    );
    const larger = format.encode(2n ** 63n);
    expect(isCounter(larger, 0, larger.length)).toBe(false);
    expect(codeOf(() => decodeCounter(larger, 0, larger.length))).toBe("ERR_CORRUPT");
  });
});

describe("codecs", () => {
  test("another codec takes what is neither bytes nor counter", () => {
    const format = new ValueFormat(jsonCodec);
    for (const value of [5, "text", { a: 1 }, Uint8Array.of(1), 7n]) {
      expect(format.decode(format.encode(value, 9))).toEqual(value);
    }
    expect(hex(format.encode(1)).slice(0, 5)).toBe("10 00");
    expect(hex(format.encode(1n)).slice(0, 5)).toBe("01 00");
  });

  test("rows of the codecs before it stay readable", () => {
    const structured = new ValueFormat().encode({ a: 1 });
    expect(new ValueFormat(jsonCodec).decode(structured)).toEqual({ a: 1 });
    const json = new ValueFormat(jsonCodec).encode({ a: 1 });
    expect(new ValueFormat(undefined, [jsonCodec]).decode(json)).toEqual({ a: 1 });
    expect(codeOf(() => new ValueFormat().decode(json))).toBe("ERR_FORMAT");
  });

  test.each([2, 15, 256, 16.5, Number.NaN])("the tag %s is refused", (tag) => {
    expect(codeOf(() => new ValueFormat({ ...jsonCodec, tag }))).toBe("ERR_ARGUMENT");
  });

  test("two codecs of one tag are refused", () => {
    expect(codeOf(() => new ValueFormat(jsonCodec, [{ ...jsonCodec }]))).toBe("ERR_ARGUMENT");
  });

  test("a codec that returns no bytes, or cannot read its own, is reported", () => {
    const bad = { ...jsonCodec, encode: () => "x" as unknown as Uint8Array };
    expect(codeOf(() => new ValueFormat(bad).encode(1))).toBe("ERR_ARGUMENT");
    expect(codeOf(() => new ValueFormat(jsonCodec).decode(Uint8Array.of(16, 0, 1)))).toBe(
      "ERR_CORRUPT",
    );
  });
});

describe("refusals", () => {
  const format = new ValueFormat();

  test("undefined is no value, and a deadline is a time", () => {
    expect(codeOf(() => format.encode(undefined))).toBe("ERR_ARGUMENT");
    for (const deadlineMs of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      expect(codeOf(() => format.encode(1, deadlineMs))).toBe("ERR_ARGUMENT");
    }
  });

  test("every truncation and flipped bit is refused or makes another value", () => {
    const allowed = ["nothing", "ERR_CORRUPT", "ERR_FORMAT"];
    for (const value of values) {
      const row = format.encode(value, 1_700_000_000_000);
      for (let length = 0; length < row.length; length++) {
        expect(allowed).toContain(codeOf(() => format.decode(row, 0, length)));
        expect(allowed).toContain(codeOf(() => deadlineOf(row, 0, length)));
      }
      for (let bit = 0; bit < 8 * row.length; bit++) {
        const flipped = row.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(allowed).toContain(codeOf(() => format.decode(flipped)));
        expect(allowed).toContain(codeOf(() => deadlineOf(flipped, 0, flipped.length)));
      }
    }
  });

  test.each([
    "",
    "02",
    "00 01 00",
    "00 02",
    "01 00 00",
    "01 00 00 00 00 00 00 00 00 00 00",
    "02 00",
  ])("%s is no row", (text) => {
    const row = Uint8Array.from(text === "" ? [] : text.split(" "), (digits) =>
      Number.parseInt(digits, 16),
    );
    expect(codeOf(() => format.decode(row))).toBe("ERR_CORRUPT");
  });
});

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
  return "nothing";
}
