import fc from "fast-check";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { isFault } from "./fault.ts";
import { decodeMessagePack } from "./message-pack-reader.ts";
import { encodeMessagePack } from "./message-pack-writer.ts";

const name = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.constantFrom("__proto__", "constructor", "toString", "length", "7", ""),
);

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, undefined, true, false, -0, Number.NaN, Infinity, -Infinity),
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 140n), max: 2n ** 140n }),
  fc.bigInt({ min: -300n, max: 300n }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }),
  fc.date(),
);

const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    leaf,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.array(fc.tuple(name, tie("value")), { maxLength: 5 }).map(fieldsOf),
    fc.array(fc.tuple(leaf, tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 3 }).map((elements) => new Set(elements)),
  ),
})).value;

describe("a value survives the trip", () => {
  test("whatever it is", () => {
    fc.assert(
      fc.property(value, (one) => {
        const bytes = encodeMessagePack(one);
        const decoded = decodeMessagePack(Uint8Array.from([1, ...bytes, 1]), 1, bytes.length);
        // Not `toStrictEqual`, which stumbles over fields named "constructor".
        expect(isDeepStrictEqual(decoded, one)).toBe(true);
        expect(encodeMessagePack(decoded)).toEqual(bytes);
      }),
      { seed: 1, numRuns: 600 },
    );
  });

  test("integers on both sides of every change of length", () => {
    for (const bits of [0, 5, 7, 8, 15, 16, 31, 32, 52]) {
      for (const near of [-1, 0, 1]) {
        for (const sign of [-1, 1]) checkTrip(sign * (2 ** bits + near));
      }
    }
    checkTrip(Number.MAX_SAFE_INTEGER);
    checkTrip(Number.MIN_SAFE_INTEGER);
    checkTrip(2 ** 53);
    checkTrip(-(2 ** 63));
  });

  test("bigints on both sides of every change of length", () => {
    for (let bits = 0n; bits <= 136n; bits++) {
      for (const near of [-1n, 0n, 1n]) {
        checkTrip(2n ** bits + near);
        checkTrip(-(2n ** bits) - near);
      }
    }
  });

  test("dates on both sides of every change of length", () => {
    const seconds = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 34 - 1, 2 ** 34, -1, -(2 ** 32), 8.64e12];
    for (const second of seconds) {
      for (const ms of [0, 1, 999]) {
        const date = new Date(1000 * second - ms);
        checkTrip(date);
      }
    }
  });

  test("strings, bytes and arrays on both sides of every change of length", () => {
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const text = "x".repeat(length);
      expect(decodeMessagePack(encodeMessagePack(text)) === text).toBe(true);
      const bytes = encodeMessagePack(new Uint8Array(length));
      expect(decodeMessagePack(bytes)).toHaveProperty("length", length);
      const array = Array.from({ length }, (_, index) => index);
      expect(String(decodeMessagePack(encodeMessagePack(array))) === String(array)).toBe(true);
      const fields = Object.fromEntries(array.map((index) => [`f${index}`, index]));
      const decoded = decodeMessagePack(encodeMessagePack(fields));
      expect(JSON.stringify(decoded) === JSON.stringify(fields)).toBe(true);
    }
  });

  test("at every place where the buffer has to grow", () => {
    const kinds = ["text", 1, 70_000, -(2 ** 40), 1.5, 2n ** 70n, new Date(1), new Date(1000)];
    const others = [Uint8Array.of(1, 2, 3), undefined, new Map([[1, 2]]), new Set([1]), { a: 1 }];
    for (const one of [...kinds, ...others]) {
      for (let padding = 1000; padding < 1024; padding++) {
        encodeMessagePack(new Uint8Array(70_000)); // After this the writer begins small.
        checkTrip(["x".repeat(padding), one]);
      }
    }
  });

  test("a field named __proto__ reaches no prototype", () => {
    const bytes = encodeMessagePack(JSON.parse('{"__proto__":{"admin":true}}'));
    const decoded = decodeMessagePack(bytes) as Record<string, unknown>;
    expect(Object.keys(decoded)).toEqual(["__proto__"]);
    expect(decoded["admin"]).toBeUndefined();
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  });

  test("objects without a prototype, holes and buffers come back as the plain kind", () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(decodeMessagePack(encodeMessagePack(bare))).toStrictEqual({ a: 1 });
    const holes: unknown[] = [];
    holes[2] = 1;
    expect(decodeMessagePack(encodeMessagePack(holes))).toStrictEqual([undefined, undefined, 1]);
    const bytes = decodeMessagePack(Buffer.from(encodeMessagePack(Buffer.from("ab"))));
    expect(bytes).toStrictEqual(Uint8Array.of(97, 98));
  });

  test("the same object in two places is no cycle", () => {
    const shared = { a: 1 };
    expect(decodeMessagePack(encodeMessagePack([shared, shared]))).toEqual([shared, shared]);
  });
});

describe("bytes", () => {
  test.each<[string, unknown]>([
    ["c0", null],
    ["c2", false],
    ["c3", true],
    ["00", 0],
    ["7f", 127],
    ["cc 80", 128],
    ["cd 01 00", 256],
    ["ce 00 01 00 00", 65_536],
    ["cf 00 00 00 01 00 00 00 00", 2 ** 32],
    ["ff", -1],
    ["e0", -32],
    ["d0 df", -33],
    ["d1 ff 7f", -129],
    ["d2 ff ff 7f ff", -32_769],
    ["d3 ff ff ff ff 7f ff ff ff", -(2 ** 31) - 1],
    ["cb 3f f8 00 00 00 00 00 00", 1.5],
    ["cb 80 00 00 00 00 00 00 00", -0],
    ["a2 68 69", "hi"],
    ["c4 02 01 02", Uint8Array.of(1, 2)],
    ["92 01 a1 61", [1, "a"]],
    ["81 a1 61 01", { a: 1 }],
    ["d4 00 00", undefined],
    ["d4 01 05", 5n],
    ["d5 01 ff 00", -256n],
    ["c7 03 01 01 00 00", 65_536n],
    ["d6 ff 00 00 00 01", new Date(1000)],
    ["d7 ff 00 3d 09 00 00 00 00 01", new Date(1001)],
    ["c7 0c ff 3b 8b 87 c0 ff ff ff ff ff ff ff ff", new Date(-1)],
    ["c9 00 00 00 03 02 92 01 02", new Map([[1, 2]])],
    ["c9 00 00 00 02 03 91 01", new Set([1])],
  ])("%s", (expected, one) => {
    expect(hex(encodeMessagePack(one))).toBe(expected);
    expect(decodeMessagePack(unhex(expected))).toStrictEqual(one);
  });

  test("leave the room that was asked for", () => {
    expect(hex(encodeMessagePack(true, 3))).toBe("00 00 00 c3");
  });

  test("longer forms than needed are read, floats of 32 bits are not", () => {
    expect(decodeMessagePack(unhex("cd 00 01"))).toBe(1);
    expect(decodeMessagePack(unhex("d9 01 61"))).toBe("a");
    expect(codeOf(() => decodeMessagePack(unhex("ca 3f 80 00 00")))).toBe("ERR_CORRUPT");
  });
});

describe("refusals name the path", () => {
  class Seat {
    readonly row = 1;
  }
  const cycle: Record<string, unknown> = { a: [{}] };
  cycle["b"] = [{ back: cycle }];
  let deep: unknown = 1;
  for (let level = 0; level < 129; level++) deep = [deep];

  test.each<[string, unknown]>([
    ["value is a function", () => 1],
    ["value is a symbol", Symbol("x")],
    ["value.a[1].b is a function", { a: [0, { b: () => 1 }] }],
    ["value.seat is a Seat, not a plain object", { seat: new Seat() }],
    ["value[0] is a Promise", [Promise.resolve()]],
    ["value is a Float64Array", new Float64Array(1)],
    ["value is a RegExp", /x/],
    ["value.b[0].back contains itself", cycle],
    ["[0][0] lies deeper than 128 levels", deep],
    ["value has a symbol as a key", { [Symbol("x")]: 1 }],
    ["value.when is an invalid date", { when: new Date(Number.NaN) }],
    ["value[0] has half a surrogate pair", ["\ud800"]],
    ["value.\ud800 has half a surrogate pair", { "\ud800": 1 }],
    [
      "value.values()[1] is a symbol",
      new Map<number, unknown>([
        [0, 0],
        [1, Symbol("x")],
      ]),
    ],
    ["value.keys()[0] is a symbol", new Map([[Symbol("x"), 1]])],
    ["value.values()[0].x is a symbol", new Set([{ x: Symbol("x") }])],
    ["value is a bigint of more than 1 MiB", 1n << 8_388_608n],
  ])("%s", (message, one) => {
    expect(() => encodeMessagePack(one)).toThrow(message);
    expect(codeOf(() => encodeMessagePack(one))).toBe("ERR_ARGUMENT");
  });

  test("and leave the writer as it was", () => {
    expect(() => encodeMessagePack([cycle])).toThrow("contains itself");
    checkTrip([1, { a: 2 }]);
  });

  test("the deepest that passes", () => {
    let one: unknown = 1;
    for (let level = 0; level < 128; level++) one = level % 2 === 0 ? [one] : new Set([one]);
    checkTrip(one);
  });

  test("a getter may encode too", () => {
    const inner: string[] = [];
    const outer = {
      a: 1,
      get b() {
        inner.push(hex(encodeMessagePack("inner")));
        return 2;
      },
    };
    expect(decodeMessagePack(encodeMessagePack(outer))).toEqual({ a: 1, b: 2 });
    expect(inner).toEqual([hex(encodeMessagePack("inner"))]);
  });
});

describe("hostile bytes", () => {
  const samples = [
    [1, -70_000, 2 ** 40, 1.5, "text", Uint8Array.of(1, 2, 3), null, undefined, true],
    { a: [1n, -(2n ** 70n)], b: { c: new Date(1) } },
    new Map<unknown, unknown>([["k", new Set([1, "two"])]]),
  ].map((sample) => encodeMessagePack(sample));

  test("every truncation is refused", () => {
    for (const bytes of samples) {
      for (let length = 0; length < bytes.length; length++) {
        expect(codeOf(() => decodeMessagePack(bytes, 0, length))).toBe("ERR_CORRUPT");
      }
    }
  });

  test("every flipped bit is refused or makes another value", () => {
    for (const bytes of samples) {
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(["nothing", "ERR_CORRUPT"]).toContain(codeOf(() => decodeMessagePack(flipped)));
      }
    }
  });

  test("any bytes", () => {
    const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0xc0, max: 0xdf }));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 30 }), (bytes) => {
        const code = codeOf(() => decodeMessagePack(Uint8Array.from(bytes)));
        expect(["nothing", "ERR_CORRUPT"]).toContain(code);
      }),
      { seed: 2, numRuns: 5000 },
    );
  });

  test.each([
    "", // Nothing at all.
    "c0 c0", // Something after the end.
    "dd ff ff ff ff", // Claims of length.
    "df ff ff ff ff",
    "df 7f ff ff ff 00",
    "db ff ff ff ff 61",
    "c6 ff ff ff ff 00",
    "c9 ff ff ff ff 02 90",
    "cf 00 20 00 00 00 00 00 00", // 2^53
    "81 01 01", // A field named 1.
    "d4 00 01",
    "c7 00 01", // A bigint without bytes.
    "c7 01 02 01", // A map that is no array.
    "c7 02 02 91 01", // A map of a key alone.
    "c7 03 03 91 01 01", // A set with something after it.
    "c7 01 03 91 01", // A set whose array goes beyond it.
    "d4 7f 00",
    "d6 fe 00 00 00 00",
    "d5 ff 00 00", // A date of two bytes.
    "d7 ff 00 00 00 04 00 00 00 00", // A nanosecond.
    "d7 ff ff ff ff fc 00 00 00 00", // More than a second of nanoseconds.
    "c7 0c ff 00 00 00 00 7f ff ff ff ff ff ff ff",
    "c1",
  ])("%s", (text) => {
    expect(codeOf(() => decodeMessagePack(unhex(text)))).toBe("ERR_CORRUPT");
  });

  test("bottomless nesting", () => {
    const arrays = new Uint8Array(1_000_000).fill(0x91);
    expect(codeOf(() => decodeMessagePack(arrays))).toBe("ERR_CORRUPT");
  });
});

function checkTrip(one: unknown): void {
  expect(decodeMessagePack(encodeMessagePack(one))).toStrictEqual(one);
}

/** As `Object.fromEntries`, and a `__proto__` becomes a field of its own there too. */
function fieldsOf(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../gu) === null ? [] : text.split(" "), (digits) =>
    Number.parseInt(digits, 16),
  );
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
  return "nothing";
}
