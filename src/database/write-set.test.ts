import fc from "fast-check";
import { expect, test } from "vitest";
import { fromLatin1, latin1 } from "../base/bytes.ts";
import { completeSettings } from "./settings.ts";
import { WriteSet } from "./write-set.ts";

// A body that waits for a page is abandoned and run again: its batch must not be used up then.
test("the writes are the same each time they are gone through", () => {
  const set = new WriteSet(completeSettings());
  set.put(fromLatin1("a"), 1, Uint8Array.of(1), 1, undefined);
  set.remove(fromLatin1("b"), 1);
  expect([...set]).toHaveLength(2);
  expect([...set]).toHaveLength(2);
});

test("it holds the last word for each key, in the order in which they were first written", () => {
  const call = fc.record({
    key: fc.nat(40).map((number) => fromLatin1(`key ${number}`)),
    row: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
  });
  const set = new WriteSet(completeSettings());
  fc.assert(
    fc.property(fc.array(call, { maxLength: 120 }), (calls) => {
      const model = new Map<string, readonly number[] | undefined>();
      for (const { key, row } of calls) {
        model.set(latin1(key), row === undefined ? undefined : [...row]);
        if (row === undefined) set.remove(key, key.length);
        else set.put(key, key.length, row, row.length, undefined);
      }
      const found = [...set].map((write) => [
        latin1(write.key),
        write.kind === "put" ? [...write.row] : undefined,
      ]);
      expect(found).toEqual([...model]);
      expect(set.count).toBe(model.size);
      for (const name of ["key 0", "key 39", "key 41"]) {
        const write = set.find(fromLatin1(name), name.length);
        expect(write !== undefined).toBe(model.has(name));
      }
      set.clear(true);
    }),
    { seed: 1, numRuns: 60 },
  );
});
