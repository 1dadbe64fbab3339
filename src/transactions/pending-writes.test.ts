import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBytes, hashBytes } from "../base/bytes.ts";
import { PendingWrites } from "./pending-writes.ts";

const key = fc.uint8Array({ minLength: 0, maxLength: 3, max: 3 });
const write = fc.record({
  key,
  value: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
});
const change = fc.oneof(
  { weight: 12, arbitrary: write },
  { weight: 1, arbitrary: fc.constantFrom("mark" as const, "back" as const, "clear" as const) },
);

test("pending writes hold what a list of them would", () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 80, size: "max" }),
      key,
      key,
      (changes, one, other) => {
        const writes = new PendingWrites({ bytes: new Uint8Array(300), at: 100, lengthBytes: 100 });
        let list: { key: Uint8Array; value: Uint8Array | undefined }[] = [];
        let mark = { count: 0, lengthBytes: 0 };
        for (const each of changes) {
          if (each === "mark") mark = { count: writes.count, lengthBytes: writes.lengthBytes };
          else if (each === "back") {
            writes.rollBackTo(mark.count, mark.lengthBytes);
            list = list.slice(0, mark.count);
          } else if (each === "clear") {
            writes.clear();
            list = [];
            mark = { count: 0, lengthBytes: 0 };
          } else {
            add(writes, each.key, each.value);
            list.push(each);
          }
          mark = mark.count > list.length ? { count: 0, lengthBytes: 0 } : mark;
        }
        expect(writes.count).toBe(list.length);
        for (const each of list) {
          const newest = list.findLast((later) => compareBytes(later.key, each.key) === 0);
          expect(find(writes, each.key)).toEqual(newest?.value ?? "removed");
        }
        expect(find(writes, Uint8Array.of(9))).toBe("not written");
        const [start, end] = compareBytes(one, other) <= 0 ? [one, other] : [other, one];
        const within = list
          .filter(({ key: found }, index) => {
            const isNewest = !list.slice(index + 1).some((later) => equal(later.key, found));
            return isNewest && compareBytes(start, found) <= 0 && compareBytes(found, end) < 0;
          })
          .toSorted((left, right) => compareBytes(left.key, right.key));
        const found = writes.inRange(start, end).map((each) => ({
          key: each.key.slice(),
          value: each.isPut
            ? writes.bytes.slice(each.valueAt, each.valueAt + each.valueBytes)
            : undefined,
        }));
        expect(found).toEqual(within.map(({ key: name, value }) => ({ key: name, value })));
      },
    ),
    { seed: 4, numRuns: 300 },
  );
});

test("the region that was given is used, and nothing around it", () => {
  const bytes = new Uint8Array(60).fill(7);
  const writes = new PendingWrites({ bytes, at: 20, lengthBytes: 20 });
  add(writes, Uint8Array.of(1), new Uint8Array(11));
  expect(writes.bytes).toBe(bytes);
  add(writes, Uint8Array.of(2), new Uint8Array(1));
  expect(writes.bytes).not.toBe(bytes);
  expect(find(writes, Uint8Array.of(1))).toEqual(new Uint8Array(11));
  expect([...bytes.subarray(0, 20), ...bytes.subarray(40)].every((byte) => byte === 7)).toBe(true);
});

function add(writes: PendingWrites, name: Uint8Array, value: Uint8Array | undefined): void {
  const hash = hashBytes(name, 0, name.length);
  if (value === undefined) writes.addRemove(hash, name, 0, name.length);
  else {
    const at = writes.addPut(hash, name, 0, name.length, value.length);
    writes.bytes.set(value, at);
  }
}

function find(writes: PendingWrites, name: Uint8Array): Uint8Array | string {
  const found = writes.find(hashBytes(name, 0, name.length), name, 0, name.length);
  if (found === 0) return "not written";
  if (found < 0) return "removed";
  return writes.bytes.slice(writes.foundValueAt, writes.foundValueAt + writes.foundValueBytes);
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return compareBytes(left, right) === 0;
}
