import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes, equalBytes } from "../base/bytes.ts";
import { isFault } from "../base/fault.ts";
import {
  decodeTuple,
  encodeKey,
  encodeTuple,
  type Key,
  type KeyPart,
  tupleRange,
} from "./tuple.ts";
import { Uuid } from "./uuid.ts";

const integers = fc.oneof(
  fc.bigInt({ min: -300n, max: 300n }),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc
    .tuple(fc.integer({ min: 0, max: 72 }), fc.integer({ min: -1, max: 1 }), fc.boolean())
    .map(([bytes, near, negative]) => {
      const value = 2n ** BigInt(8 * bytes) + BigInt(near);
      return negative ? -value : value;
    }),
);

const leaf: fc.Arbitrary<KeyPart> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true }).map((value) => (value === 0 ? 0 : value)),
  fc.integer({ min: -5, max: 5 }).map((value) => (value === 0 ? 0 : value)),
  integers,
  fc.string({ unit: "grapheme", maxLength: 4 }),
  fc
    .array(fc.constantFrom("\0", "\u0001", "a", "\uffff", "😀"), { maxLength: 4 })
    .map((letters) => letters.join("")),
  fc.array(fc.constantFrom(0, 1, 254, 255), { maxLength: 4 }).map((byte) => Uint8Array.from(byte)),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => new Uuid(bytes)),
);

const anyPart = fc.letrec<{ part: KeyPart }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    leaf,
    fc.array(tie("part"), { maxLength: 3 }),
  ),
})).part;
const tuple = fc.array(anyPart, { maxLength: 4 });

describe("order", () => {
  test("the bytes of two tuples compare as the tuples", () => {
    fc.assert(
      fc.property(tuple, tuple, (left, right) => {
        const bytes = compareBytes(encodeTuple(left), encodeTuple(right));
        expect(Math.sign(bytes)).toBe(compareTuples(left, right));
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test("also when they are alike but for their ends", () => {
    fc.assert(
      fc.property(tuple, tuple, tuple, (shared, left, right) => {
        const bytes = compareBytes(
          encodeTuple([...shared, ...left]),
          encodeTuple([...shared, ...right]),
        );
        expect(Math.sign(bytes)).toBe(compareTuples(left, right));
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  test("integers around every change of length", () => {
    const values = [0n];
    for (let bytes = 0; bytes <= 20; bytes++) {
      for (const near of [-1n, 0n, 1n]) values.push(2n ** BigInt(8 * bytes) + near);
    }
    const all = [...new Set(values.flatMap((value) => [value, -value]))];
    all.sort((left, right) => (left < right ? -1 : 1));
    const encoded = all.map((value) => encodeTuple([value]));
    for (let index = 1; index < encoded.length; index++) {
      const [left, right] = [encoded[index - 1], encoded[index]];
      expect(compareBytes(left ?? fail(), right ?? fail())).toBeLessThan(0);
    }
  });

  test("numbers by value, from one infinity to the other", () => {
    const all = [-Infinity, -1e300, -2, -1, -0.5, -5e-324, 0, 5e-324, 0.5, 1, 2, 1e300, Infinity];
    const encoded = all.map((value) => encodeTuple([value]));
    for (let index = 1; index < encoded.length; index++) {
      const [left, right] = [encoded[index - 1], encoded[index]];
      expect(compareBytes(left ?? fail(), right ?? fail())).toBeLessThan(0);
    }
  });
});

describe("bytes", () => {
  test("a tuple survives the trip, and no other has its bytes", () => {
    fc.assert(
      fc.property(tuple, (parts) => {
        const padded = Uint8Array.from([9, 9, ...encodeTuple(parts), 9]);
        const decoded = decodeTuple(padded, 2, padded.length - 3);
        expect(decoded).toEqual(parts);
        expect(compareTuples(decoded, parts)).toBe(0); // UUIDs too, whose bytes are private.
      }),
      { seed: 3, numRuns: 2000 },
    );
  });

  test.each<[string, Key]>([
    ["02 61 00", "a"],
    ["01 00 ff 01 00", Uint8Array.of(0, 1)],
    ["", []],
    ["00 05 00 ff 00", [null, [null]]],
    ["02 73 68 6f 77 00 21 c0 1c 00 00 00 00 00 00 02 6c 65 66 74 00", ["show", 7, "left"]],
    ["02 46 c3 94 4f 00 ff 62 61 72 00", ["F\u00d4O\u0000bar"]],
    ["05 02 66 6f 6f 00 ff 62 61 72 00 00 ff 05 00 00", [["foo\u0000bar", null, []]]],
    ["11 ab 4b 93", [-5551212n]],
    ["14 15 01 15 ff 16 01 00", [0n, 1n, 255n, 256n]],
    ["1d 09 01 00 00 00 00 00 00 00 00", [2n ** 64n]],
    ["0b f6 fe ff ff ff ff ff ff ff ff", [-(2n ** 64n)]],
    ["21 bf f0 00 00 00 00 00 00 21 40 0f ff ff ff ff ff ff", [1, -1]],
    ["26 27", [false, true]],
    [
      "30 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff",
      [Uuid.parse("00112233-4455-6677-8899-AABBCCDDEEFF")],
    ],
  ])("%s", (expected, key) => {
    expect(hex(encodeKey(key))).toBe(expected);
  });

  test("-0 is stored as 0", () => {
    expect(encodeTuple([-0])).toEqual(encodeTuple([0]));
    expect(decodeTuple(encodeTuple([-0]))).toEqual([0]);
  });

  test("what is decoded is the caller's own", () => {
    const bytes = Buffer.from(encodeTuple([Uint8Array.of(7), new Uuid(new Uint8Array(16))]));
    const parts = decodeTuple(bytes);
    bytes.fill(1);
    expect(compareTuples(parts, [Uint8Array.of(7), new Uuid(new Uint8Array(16))])).toBe(0);
  });
});

describe("ranges", () => {
  test("hold the tuples that begin with the parts of the prefix, and no others", () => {
    fc.assert(
      fc.property(tuple, tuple, tuple, (prefix, more, other) => {
        const { start, end } = tupleRange(prefix);
        const isInside = (parts: readonly KeyPart[]): boolean => {
          const bytes = encodeTuple(parts);
          return compareBytes(start, bytes) <= 0 && compareBytes(bytes, end) < 0;
        };
        expect(isInside(prefix)).toBe(true);
        expect(isInside([...prefix, ...more])).toBe(true);
        const begins =
          prefix.length <= other.length &&
          compareTuples(other.slice(0, prefix.length), prefix) === 0;
        expect(isInside(other)).toBe(begins);
      }),
      { seed: 4, numRuns: 2000 },
    );
  });

  test("do not cut a string", () => {
    const { start, end } = tupleRange(["a"]);
    for (const parts of [["ab"], ["a\0"], ["b"], [["a"]]]) {
      const bytes = encodeTuple(parts);
      expect(compareBytes(start, bytes) <= 0 && compareBytes(bytes, end) < 0).toBe(false);
    }
  });
});

describe("refusals", () => {
  test.each<[string, readonly unknown[]]>([
    ["NaN", [Number.NaN]],
    ["half a surrogate pair", ["\ud800"]],
    ["undefined", [undefined]],
    ["an object", [{}]],
    ["a date", [new Date(0)]],
    ["a symbol", [Symbol("x")]],
    ["a function", [() => 1]],
    ["an integer of 256 bytes", [2n ** 2040n]],
    ["something bad deep inside", [[["a", [Number.NaN]]]]],
    ["a cycle", cyclic()],
  ])("%s", (_name, parts) => {
    expect(codeOf(() => encodeTuple(parts as readonly KeyPart[]))).toBe("ERR_ARGUMENT");
  });

  test("a key that is none", () => {
    const keys: readonly unknown[] = [undefined, null, 5, {}, true];
    for (const key of keys) {
      expect(codeOf(() => encodeKey(key as Key))).toBe("ERR_ARGUMENT");
    }
  });

  test("the longest integer passes", () => {
    for (const value of [2n ** 2040n - 1n, 1n - 2n ** 2040n]) {
      expect(decodeTuple(encodeTuple([value]))).toEqual([value]);
    }
  });

  test("a long row of zeros takes linear time", () => {
    const zeros = new Uint8Array(1 << 20);
    const [decoded] = decodeTuple(encodeTuple([zeros]));
    expect(decoded instanceof Uint8Array && equalBytes(decoded, zeros)).toBe(true);
  });
});

describe("hostile bytes", () => {
  test("every truncation is refused or is a shorter tuple", () => {
    fc.assert(
      fc.property(tuple, (parts) => {
        const bytes = encodeTuple(parts);
        for (let length = 0; length < bytes.length; length++) checkHostile(bytes.slice(0, length));
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  test("every flipped bit", () => {
    const bytes = encodeTuple(["a\0b", [1n, null, [2 ** 70]], -(2n ** 70n), true, 1.5]);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      checkHostile(flipped);
    }
  });

  test("any bytes", () => {
    const byte = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0, 1, 2, 5, 0x0b, 0x0c, 0x14, 0x1c, 0x1d, 0x21, 0x26, 0x30, 0xff),
    );
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), (bytes) => {
        checkHostile(Uint8Array.from(bytes));
      }),
      { seed: 6, numRuns: 5000 },
    );
  });

  test("bottomless nesting", () => {
    expect(codeOf(() => decodeTuple(new Uint8Array(1_000_000).fill(5)))).toBe("ERR_CORRUPT");
  });

  test.each([
    "15 00", // A leading zero.
    "16 00 01",
    "13 ff",
    "1d 08 01 02 03 04 05 06 07 08", // Fits a short form.
    "1d ff 01",
    "0b 00 fe",
    "21 7f ff ff ff ff ff ff ff", // -0
    "21 ff f8 00 00 00 00 00 00", // NaN
    "02 c0 80 00",
    "02 ed a0 80 00", // Half a surrogate pair.
    "03",
    "ff",
  ])("%s is no tuple", (text) => {
    const bytes = Uint8Array.from(text.split(" "), (digits) => Number.parseInt(digits, 16));
    expect(codeOf(() => decodeTuple(bytes))).toBe("ERR_CORRUPT");
  });
});

test("a UUID reads and writes its usual form", () => {
  const uuid = Uuid.parse("F81D4FAE-7dec-11d0-a765-00a0c91e6bf6");
  expect(uuid.toString()).toBe("f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
  expect(new Uuid(uuid.toBytes())).toEqual(uuid);
  expect(JSON.stringify({ uuid })).toBe('{"uuid":"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}');
  expect(codeOf(() => Uuid.parse("f81d4fae7dec11d0a76500a0c91e6bf6"))).toBe("ERR_ARGUMENT");
  expect(codeOf(() => new Uuid(new Uint8Array(15)))).toBe("ERR_ARGUMENT");
});

/** Either refused as corrupt, or the very bytes of what it decodes to. */
function checkHostile(bytes: Uint8Array): void {
  let parts: readonly KeyPart[];
  try {
    parts = decodeTuple(bytes);
  } catch (error) {
    expect(isFault(error, "ERR_CORRUPT")).toBe(true);
    return;
  }
  expect(encodeTuple(parts)).toEqual(bytes);
}

function compareTuples(left: readonly KeyPart[], right: readonly KeyPart[]): number {
  for (const [index, one] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = compareParts(one, other);
    if (order !== 0) return order;
  }
  return Math.sign(left.length - right.length);
}

function compareParts(left: KeyPart, right: KeyPart): number {
  const ranks = rank(left) - rank(right);
  if (ranks !== 0) return Math.sign(ranks);
  if (left instanceof Uuid && right instanceof Uuid) {
    return Math.sign(compareBytes(left.toBytes(), right.toBytes()));
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    return Math.sign(compareBytes(left, right));
  }
  if (typeof left === "string" && typeof right === "string") {
    return compareTuples(pointsOf(left), pointsOf(right));
  }
  if (Array.isArray(left) && Array.isArray(right)) return compareTuples(left, right);
  if (left === null || right === null || left === right) return 0;
  return left < right ? -1 : 1;
}

function pointsOf(text: string): readonly number[] {
  return Array.from(text, (letter) => letter.codePointAt(0) ?? 0);
}

function rank(part: KeyPart): number {
  if (part === null) return 0;
  if (part instanceof Uint8Array) return 1;
  if (typeof part === "string") return 2;
  if (Array.isArray(part)) return 3;
  if (typeof part === "bigint") return 4;
  if (typeof part === "number") return 5;
  if (part === false) return 6;
  return part === true ? 7 : 8;
}

function cyclic(): readonly unknown[] {
  const parts: unknown[] = [];
  parts.push(parts);
  return parts;
}

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

function fail(): never {
  throw new Error("the test is wrong");
}
