import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, concatBytes, equalBytes, fromLatin1 } from "../base/bytes.ts";
import { KeyOrder } from "./key-order.ts";
import { encodeWrite, PUT, WRITE_HEADER_BYTES } from "./write-set.ts";

interface Write {
  readonly key: Uint8Array;
  readonly tag: number;
}

/** Sorted as they should be: by key, and of each key only the last. */
function expectedOf(keys: readonly Uint8Array[]): Write[] {
  const writes = keys.map((key, tag) => ({ key, tag }));
  const sorted = writes.toSorted(
    (left, right) => compareBytes(left.key, right.key) || left.tag - right.tag,
  );
  return sorted.filter((write, index) => {
    const next = sorted[index + 1];
    return next === undefined || !equalBytes(write.key, next.key);
  });
}

function sortedOf(keys: readonly Uint8Array[]): Write[] {
  const sizes = keys.map((key) => WRITE_HEADER_BYTES + key.length);
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  const order = new KeyOrder(bytes);
  const tags = new Map<number, number>();
  // Twice, because nothing may be left of the first time.
  for (let round = 0; round < 2; round++) {
    order.clear();
    let at = 0;
    keys.forEach((key, tag) => {
      const position = at;
      tags.set(position, tag);
      at = encodeWrite(bytes, at, PUT, key, 0, key.length, 0);
      bytes.set(key, at - key.length);
      order.add(position);
    });
    order.sort();
  }
  return Array.from({ length: order.count }, (_, index) => {
    return { key: order.key(index), tag: tags.get(order.position(index)) ?? -1 };
  });
}

const few = fc.uint8Array({ maxLength: 3 }).map((bytes) => bytes.map((byte) => byte & 3));
const any = fc.uint8Array({ maxLength: 20 });
const numbered = fc
  .integer({ min: 0, max: 300 })
  .map((number) => fromLatin1(`key:${String(number).padStart(12, "0")}`));
const nested = fc.integer({ min: 0, max: 40 }).map((length) => new Uint8Array(length));
const long = fc
  .tuple(few, few)
  .map(([left, right]) => concatBytes([left, new Uint8Array(30).fill(7), right]));

test.each([
  ["any bytes", any],
  ["few bytes", few],
  ["numbers", numbered],
  ["keys that begin others", nested],
  ["long keys that differ at the ends", long],
  ["all of these", fc.oneof(any, few, numbered, nested, long)],
])("%s come in order, each key once, and the last of it", (_, key) => {
  const keys = fc.array(key, { size: "max", maxLength: 400 });
  fc.assert(
    fc.property(keys, (written) => {
      expect(sortedOf(written)).toEqual(expectedOf(written));
    }),
    { seed: 1, numRuns: 60 },
  );
});
